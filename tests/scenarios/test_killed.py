"""
The process dies behind every single record of a few trades, and another one goes on with what it left.

A first life is lived to its end; its log up to the n-th record is what a process killed right
behind that record leaves behind. Nothing else survives: not the venue, not the channels' cursor.
"""

from functools import cache
from random import Random

import msgspec
import pytest

from levibotd.domain.order_records import OrderFill, PositionClosed
from levibotd.domain.records import AutoRouteExecuted, Logged, SignalIngest
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, config_of, flat, minutes
from tests.scenarios.deaths import killed_again_and_again, killed_behind, lived, until_minute
from tests.scenarios.laws import expect_calm_laws

PARTS = 6
LIVING = until_minute(14)


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


@cache
def first_life() -> tuple[World, list[Logged]]:
    return lived(new_world(), LIVING)


def expect_whole(world: World, life: Life) -> None:
    expect_calm_laws(world, life, posts=6)


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
    seqs = range(1 + part, len(records), PARTS)
    killed_behind(whole, records, seqs, living=LIVING, expect=expect_whole)


@pytest.mark.fault("C13", "E3")
@pytest.mark.parametrize("seed", range(30))
def test_a_process_killed_again_and_again_loses_nothing(seed: int) -> None:
    world, records = first_life()
    killed_again_and_again(world, records, Random(seed), living=LIVING, expect=expect_whole)


@pytest.mark.fault("E3")
def test_a_call_ingested_before_the_death_is_followed_after_it() -> None:
    whole, records = first_life()
    ingest = next(one.seq for one in records if isinstance(one.entry.record, SignalIngest))
    world = whole.after_kill(ingest)
    life = world.run(LIVING, at=records[ingest - 1].ts + 1.0)

    trace = records[ingest - 1].entry.trace
    assert trace is not None
    executed = life.decision(trace)
    assert isinstance(executed, AutoRouteExecuted)
    assert life.of(OrderFill)
