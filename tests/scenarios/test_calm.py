"""What the venue leaves untold changes nothing: the log is that of a life which is told of every bar."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.domain.records import KillSwitch
from levibotd.ports.market import Bar
from tests.scenarios.bench import BTC, CHANNEL, ETH, MINUTE_S, T0, Life, World, config_of, flat, minutes

MINUTES = 240  # Midnight comes after 106.
SOL = "SOLUSDT"


def walk(chance: Random, *, stride: float, gaps: float) -> list[Bar]:
    """A price that wanders, in bars of which some are missing, and between which it may jump."""
    found, price = [], 100.0
    for number in range(MINUTES):
        if chance.random() < 0.1:
            price *= 1.0 + chance.gauss(0.0, stride)
        close = round(max(1.0, price * (1.0 + chance.gauss(0.0, stride))), 2)
        first = round(price, 2)
        high = round(max(first, close) * (1.0 + abs(chance.gauss(0.0, stride / 4))), 2)
        low = round(min(first, close) * (1.0 - abs(chance.gauss(0.0, stride / 4))), 2)
        if number < 2 or chance.random() >= gaps:
            found.append(Bar(T0 + MINUTE_S * number, first, high, low, close, 10.0, MINUTE_S))
        price = close
    return minutes(*flat(100.0, 1))[:1] + found


def story(seed: int) -> tuple[World, Callable[[Life], Awaitable[None]]]:
    """Random prices, calls, limits, and a change of the limits on the way."""
    chance = Random(seed)
    stride, gaps = chance.choice([0.0005, 0.002, 0.006]), chance.choice([0.0, 0.0, 0.05])
    bars = {symbol: walk(chance, stride=stride, gaps=gaps) for symbol in (BTC, ETH, SOL)}
    limit, later = (str(chance.choice([0.001, 0.002, 0.004, 0.01])) for _ in range(2))
    more = {"LEVI_RISK__PEAK_LOSS_LIMIT": str(chance.choice([0.001, 0.002, 0.005]))} if chance.random() < 0.5 else {}
    world = World(bars, config=config_of({"LEVI_RISK__DAILY_LOSS_LIMIT": limit, **more}))
    moments = sorted(chance.uniform(0.0, MINUTES - 60.0) for _ in range(6))
    calls = [(chance.choice(["BTC", "ETH", "SOL"]), chance.random() < 0.5) for _ in moments]
    changed = chance.randrange(6) if chance.random() < 0.5 else None

    async def tell(life: Life) -> None:
        for number, (moment, (coin, rises)) in enumerate(zip(moments, calls, strict=True)):
            # Some come at the very boundary of a bar.
            await life.until(T0 + MINUTE_S * (round(moment) if number % 3 == 2 else moment))
            side, targets, stop = ("LONG", "105, 110", 90) if rises else ("SHORT", "95, 90", 110)
            life.say(f"{coin}/USDT {side}\nEntry: market\nTargets: {targets}\nStop Loss: {stop}", channel=CHANNEL)
            if number == changed:
                await life.until(life.clock.time() + 15 * MINUTE_S)  # In the middle of a calm.
                life.wired.rulebook.adopt(config_of({"LEVI_RISK__DAILY_LOSS_LIMIT": later}))
        await life.minute(MINUTES)

    return world, tell


def lived(seed: int, *, restless: bool) -> tuple[list[bytes], int, Life]:
    world, tell = story(seed)

    async def main(life: Life) -> Life:
        await tell(life)
        return life

    life = world.run(main, restless=restless)
    return world.lines(), life.watched.told, life


@settings(max_examples=60)
@given(seed=st.integers(0, 10**9))
def test_every_record_is_that_of_a_life_which_is_told_of_every_bar(seed: int) -> None:
    assert lived(seed, restless=False)[0] == lived(seed, restless=True)[0]


def test_these_stories_have_trips_and_calms() -> None:
    trips, told, all_told = 0, 0, 0
    for seed in range(30):
        _, some, life = lived(seed, restless=False)
        trips += any(record.tripped for record in life.of(KillSwitch))
        told, all_told = told + some, all_told + lived(seed, restless=True)[1]

    assert trips >= 5
    assert told < all_told * 0.8


def test_a_limit_that_is_drawn_in_during_a_calm_trips_at_the_next_bar() -> None:
    # Ten coins, which lose one in quote a minute.
    levels = [100.0 - number / 10 for number in range(61)]
    falling = [(level, level, after, after) for level, after in pairwise(levels)]
    world = World({BTC: minutes(*flat(100.0, 2), *falling)}, config=config_of({"LEVI_RISK__DAILY_LOSS_LIMIT": "0.9"}))

    async def main(life: Life) -> Life:
        await life.until(T0 + 10)
        life.say("BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 80")
        await life.until(T0 + 40 * MINUTE_S + 30)
        life.wired.rulebook.adopt(config_of({"LEVI_RISK__DAILY_LOSS_LIMIT": "0.001"}))
        await life.minute(60)
        return life

    life = world.run(main)

    assert [one.ts for one in life.records if isinstance(one.entry.record, KillSwitch)] == [T0 + 41 * MINUTE_S]
    assert life.watched.told < 50
