"""
Seeded chaos: random posts and prices, crashes anywhere, lost answers, trips and commands at any moment.

Whatever happens, at most one order has a client id, every order sent was written down before, nothing
opens while something forbids it, every ingested post has one decision, and no cent comes from nowhere.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest

from levibotd.domain.order_records import OrderFill, OrderUnknown, PositionClosed
from levibotd.domain.records import ActorCrash, AutoRouteExecuted
from levibotd.errors import LeviError, OutcomeUnknown, Refused, Unavailable
from levibotd.kernel.errors import ActorCrashed, ActorRestarting
from levibotd.kernel.mailbox import Request
from levibotd.messages import ClosePosition, SetKillSwitch, Switch
from levibotd.ports.market import Bar
from tests.scenarios.bench import BTC, ETH, T0, Life, World, minutes
from tests.scenarios.deaths import killed_in_chaos
from tests.scenarios.laws import expect_laws

SEEDS = 240
DEATHS = 120
GROUPS = 8
END_MINUTE = 16.0
QUIET_MINUTE = 11.0  # From here on nothing new is planted, so that everything can come to its end.


def prices(chance: Random, start: float) -> list[Bar]:
    """A walk with gaps, and rest at the end."""
    rows: list[tuple[float, float, float, float]] = []
    price = start
    for _ in range(12):
        first = price * (1 + chance.choice((0, 0, 0, chance.gauss(0, 0.01))))
        last = first * (1 + chance.gauss(0, 0.012))
        high = max(first, last) * (1 + abs(chance.gauss(0, 0.006)))
        low = min(first, last) * (1 - abs(chance.gauss(0, 0.006)))
        rows.append((round(first, 2), round(high, 2), round(low, 2), round(last, 2)))
        price = last
    end = round(price, 2)
    rows += [(end, end, end, end)] * 5
    return minutes(*rows)


def say(chance: Random, life: Life) -> None:
    coin, price = chance.choice((("BTC", 100.0), ("ETH", 50.0)))
    side, sign = chance.choice((("LONG", 1), ("SHORT", -1)))
    at = [round(price * (1 + sign * share), 2) for share in (0.02, 0.04, -0.03, -0.004, -0.01)]
    entry = chance.choice(("market", f"{min(at[3:])} - {max(at[3:])}", str(at[3])))
    texts = (
        f"{coin}/USDT {side}\nEntry: {entry}\nTargets: {at[0]}, {at[1]}\nStop Loss: {at[2]}",
        "Good morning everyone, have a nice day!",
        "Close all trades now",
        f"Cancel {coin}USDT",
    )
    text = chance.choices(texts, weights=(10, 2, 1, 1))[0]
    life.say(text, channel=chance.choice(("@calls", "@others")))


async def disturb(chance: Random, life: Life) -> None:
    """One thing that goes wrong, or that somebody wants."""
    venue = life.venue
    match chance.randrange(8):
        case 0 | 1:
            life.state.fail_at = life.state.looks + chance.randint(1, 40)
        case 2 | 3:
            error: LeviError = chance.choice((OutcomeUnknown("lost"), Unavailable("down")))
            venue.fail_next(error, accepted=chance.random() < 0.5)
        case 4:
            venue.fail_next(Refused("no", reason="margin"))
        case 5:
            venue.fail_next(OutcomeUnknown("lost"), method="cancel", accepted=chance.random() < 0.5)
        case 6:
            venue.fail_next(Unavailable("down"), method=chance.choice(("order", "snapshot")))
        case _:
            if chance.random() < 0.5:
                await asked(life, SetKillSwitch(tripped=True, by="operator", reason="stop"))
            else:
                on = chance.random() < 0.5
                await asked(life, Switch(on=on, by="operator", reason="chaos"))


# Whoever asks while the actor crashes hears of it, and asks again.
async def asked(life: Life, command: Request[Any]) -> None:
    for _ in range(5):
        try:
            await life.wired.exec_.ask(command, timeout_s=30)
        except (ActorCrashed, ActorRestarting, TimeoutError):
            await life.clock.sleep(1.0)
        else:
            return


async def chaos(life: Life, chance: Random) -> Life:
    end = T0 + 60 * QUIET_MINUTE
    while (now := life.clock.time()) < end:
        await life.until(now + chance.expovariate(1 / 12.0))
        if chance.random() < 0.45:
            say(chance, life)
        else:
            await disturb(chance, life)
    life.state.fail_at = None
    await life.clock.sleep(5.0)  # What was said last is either open by now or never will be.
    await asked(life, ClosePosition(by="operator", reason="the end"))
    await life.minute(END_MINUTE)
    return life


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_laws_hold_in_any_chaos(group: int) -> None:
    seen = Counter[str]()
    for seed in range(group, SEEDS, GROUPS):
        chance = Random(seed)
        world = World({BTC: prices(chance, 100.0), ETH: prices(chance, 50.0)})

        async def run(life: Life, chance: Random = chance) -> Life:
            return await chaos(life, chance)

        try:
            life = world.run(run)
            expect_laws(world, life)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        for kind in (ActorCrash, OrderUnknown, OrderFill, AutoRouteExecuted, PositionClosed):
            seen[kind.__name__] += len(life.of(kind))

    # A chaos in which nothing happens proves nothing.
    assert min(seen.values()) >= 10, seen


async def at_rest(life: Life) -> Life:
    await life.clock.sleep(5.0)
    await asked(life, ClosePosition(by="operator", reason="the end"))
    await life.minute(END_MINUTE + 0.5)
    return life


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_laws_hold_when_a_process_dies_in_the_middle_of_chaos(group: int) -> None:
    for seed in range(1000 + group, 1000 + DEATHS, GROUPS):
        chance = Random(seed)
        world = World({BTC: prices(chance, 100.0), ETH: prices(chance, 50.0)})

        async def run(life: Life, chance: Random = chance) -> Life:
            return await chaos(life, chance)

        world.run(run)
        try:
            killed_in_chaos(world, chance, before=QUIET_MINUTE, living=at_rest, expect=expect_laws)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
