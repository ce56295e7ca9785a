"""
The process dies behind every single record of a few trades, and another one goes on with what it left.

A first life is lived to its end; its log up to the n-th record is what a process killed right
behind that record leaves behind. Nothing else survives: not the venue, not the channels' cursor.
"""

from decimal import Decimal
from functools import cache
from random import Random

import msgspec
import pytest

from levibotd.domain.order_records import OrderFill, OrderIntent, PositionClosed
from levibotd.domain.records import AutoRouteExecuted, Logged, SignalIngest
from levibotd.journal import TERMINAL
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, config_of, flat, minutes

NAKED_S = 5.0
END_MINUTE = 14
PARTS = 6


def new_world() -> World:
    """A band of two rungs and two targets with a moving stop, a short that is stopped out, a reply, and noise."""
    config = config_of()
    channels = (msgspec.convert({"id": CHANNEL, "stop_mover": "breakeven"}, ChannelConfig),)
    telegram = msgspec.structs.replace(config.telegram, channels=channels)
    world = World(
        {
            BTC: minutes(
                *flat(100.0, 2),
                (100.0, 100.0, 98.5, 99.0),
                (99.0, 99.5, 97.5, 99.0),
                (99.0, 105.5, 99.0, 105.2),
                *flat(105.2, 2),
                (105.2, 105.4, 101.0, 101.0),
                (101.0, 101.0, 97.0, 98.0),
                *flat(98.0, 2),
                (98.0, 98.0, 78.0, 79.0),
                *flat(79.0, 4),
            ),
            ETH: minutes(*flat(50.0, 4), (50.0, 54.0, 49.9, 53.5), *flat(53.5, 10)),
        },
        config=msgspec.structs.replace(config, telegram=telegram),
    )
    world.post("BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95", at=T0 + 10)
    world.post("Good morning everyone, have a nice day!", at=T0 + 20)
    world.post("ETH/USDT SHORT\nEntry: market\nTargets: 47, 45\nStop Loss: 53", at=T0 + 70, channel="@others")
    world.post("BTC/USDT SHORT\nEntry: market\nTargets: 90, 80\nStop Loss: 110", at=T0 + 200, channel="@others")
    world.post("ETH/USDT LONG\nEntry: market\nTargets: 56, 58\nStop Loss: 50", at=T0 + 400)
    world.post("Close this trade now", at=T0 + 520, reply_to=5)
    return world


async def to_the_end(life: Life) -> Life:
    await life.minute(END_MINUTE)
    return life


@cache
def first_life() -> tuple[World, list[Logged]]:
    world = new_world()
    life = world.run(to_the_end)
    assert not life.ledger.calls
    return world, world.records()


def expect_whole(world: World, life: Life) -> None:
    """What must hold after any number of deaths."""
    world.verify()
    records = world.records()
    assert life.operator.getvalue().count("actor_crash") == 0, life.operator.getvalue()
    ingested = [one.entry.trace for one in records if isinstance(one.entry.record, SignalIngest)]
    decided = [one.entry.trace for one in records if one.event_type in TERMINAL]
    assert len(ingested) == 6
    assert sorted(map(str, ingested)) == sorted(map(str, decided))

    cids = [sent.order.cid for sent in world.sent]
    assert len(cids) == len(set(cids)), "a client id was placed twice"
    intents = [one.entry.record.cid for one in records if isinstance(one.entry.record, OrderIntent)]
    assert len(intents) == len(set(intents))
    assert set(cids) <= set(intents), "something was sent that nobody had written down"

    # Everything ran out, and three books say the same.
    ledger = world.fold()
    assert ledger == life.ledger
    assert not ledger.calls
    assert ledger.orphan_fills == 0
    assert life.venue.account.positions == {}
    assert abs(life.venue.account.cash - ledger.cash) <= Decimal("1e-9")
    assert ledger.cash == 10_000 + ledger.realised - ledger.fees
    closed = [one.entry.record for one in records if isinstance(one.entry.record, PositionClosed)]
    assert sum(one.net for one in closed) == ledger.cash - 10_000
    assert len({one.call for one in closed}) == len(closed), "a call was closed twice"
    assert life.naked.look() <= NAKED_S


def test_the_life_that_is_cut_short_is_a_rich_one() -> None:
    world, records = first_life()

    assert len(records) >= 90
    kinds = {one.event_type for one in records}
    wanted = {"ORDER_FILLED", "CANCEL_DONE", "PROTECT", "CONTROL", "SIGNAL_REJECTED"}
    assert wanted <= kinds
    assert len([one for one in records if isinstance(one.entry.record, PositionClosed)]) == 3
    assert len(world.sent) >= 12


@pytest.mark.fault("C13", "E3")
@pytest.mark.parametrize("part", range(PARTS))
def test_a_process_killed_behind_any_record_loses_nothing(part: int) -> None:
    whole, records = first_life()
    for seq in range(1 + part, len(records), PARTS):
        world = whole.after_kill(seq)
        down_s = (0.0, 0.3, 20.0, 90.0)[seq // PARTS % 4]
        try:
            life = world.run(to_the_end, at=records[seq - 1].ts + down_s)
            expect_whole(world, life)
        except AssertionError as error:
            raise AssertionError(f"killed behind {seq} ({records[seq - 1].event_type}), down {down_s} s") from error


@pytest.mark.fault("C13", "E3")
@pytest.mark.parametrize("seed", range(30))
def test_a_process_killed_again_and_again_loses_nothing(seed: int) -> None:
    chance = Random(seed)
    world, records = first_life()
    seq = chance.randrange(1, len(records))
    lives = []
    for _ in range(3):
        at = records[seq - 1].ts + chance.choice((0.0, 0.1, 1.0, 30.0))
        world = world.after_kill(seq)
        lives.append(world.run(to_the_end, at=at))
        records = world.records()
        seq = chance.randint(seq, len(records))

    expect_whole(world, lives[-1])


@pytest.mark.fault("E3")
def test_a_call_ingested_before_the_death_is_followed_after_it() -> None:
    whole, records = first_life()
    ingest = next(one.seq for one in records if isinstance(one.entry.record, SignalIngest))
    world = whole.after_kill(ingest)
    life = world.run(to_the_end, at=records[ingest - 1].ts + 1.0)

    trace = records[ingest - 1].entry.trace
    assert trace is not None
    executed = life.decision(trace)
    assert isinstance(executed, AutoRouteExecuted)
    assert life.of(OrderFill)
