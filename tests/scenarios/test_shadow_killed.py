"""
The process dies behind every record of a few followed calls, and another one goes on with what it left.

What the market made of a call is nowhere in the log until it is over, so all of it is lost each time; and each
outcome must come all the same, once, and be what it would have been.
"""

from collections import Counter
from functools import cache

import pytest

from levibotd.domain.outcomes import AS_POSTED, ShadowOutcome
from levibotd.domain.records import Logged
from tests.scenarios.bench import BTC, ETH, T0, World, flat, minutes
from tests.scenarios.deaths import until_minute

PARTS = 4
LIVING = until_minute(60)


def new_world() -> World:
    """Calls that reach their targets, are stopped, are closed by their channel, and cannot be priced."""
    world = World(
        {
            BTC: minutes(
                *flat(100.0, 2),
                (100.0, 100.0, 98.5, 99.0),
                (99.0, 99.5, 97.5, 99.0),
                (99.0, 105.5, 99.0, 105.2),
                *flat(105.2, 4),
                (105.2, 111.0, 105.0, 110.5),
                *flat(110.5, 60),
            ),
            ETH: minutes(*flat(50.0, 12), (50.0, 54.0, 49.9, 53.5), *flat(53.5, 60)),
        }
    )
    world.post("BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95", at=T0 + 10)
    world.post("Good morning everyone, have a nice day!", at=T0 + 20)
    world.post("ETH/USDT SHORT\nEntry: market\nTargets: 47, 45\nStop Loss: 53", at=T0 + 70, channel="@others")
    world.post("ETH/USDT LONG\nEntry: market\nTargets: 56, 58\nStop Loss: 48", at=T0 + 90)
    world.post("NOSUCH/USDT LONG\nEntry: market\nTargets: 56, 58\nStop Loss: 48", at=T0 + 100)
    world.post("Close this trade now", at=T0 + 920, reply_to=4)
    return world


@cache
def first_life() -> tuple[World, list[Logged]]:
    world = new_world()
    life = world.run(LIVING, shadowed=True)
    assert not life.state.shadow.calls
    return world, world.records()


def outcomes(records: list[Logged]) -> list[ShadowOutcome]:
    return [one.entry.record for one in records if isinstance(one.entry.record, ShadowOutcome)]


def by_call(records: list[Logged]) -> dict[tuple[str, str], ShadowOutcome]:
    found = outcomes(records)
    assert set(Counter((one.call, one.ledger) for one in found).values()) <= {1}, "an outcome was written twice"
    return {(one.call, one.ledger): one for one in found}


def test_every_call_has_its_outcome_in_both_ledgers() -> None:
    found = by_call(first_life()[1])

    assert {
        (call.rsplit("|", 2)[1], one.status, one.ended_by or one.reason)
        for (call, ledger), one in found.items()
        if ledger == AS_POSTED
    } == {
        ("1", "filled", "target"),
        ("3", "filled", "stop"),
        ("4", "filled", "announced"),
        ("5", "unpriced", "no_candles"),
    }
    assert len(found) == 8


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_behind_any_record_loses_no_outcome_and_writes_none_twice(part: int) -> None:
    world, records = first_life()
    expected = {key: one for key, one in by_call(records).items() if key[1] == AS_POSTED}

    for logged in records[part::PARTS]:
        again = world.after_kill(logged.seq)
        life = again.run(LIVING, at=max(logged.ts, T0) + 0.5, shadowed=True)
        found = by_call(again.records())

        assert not life.state.shadow.calls, logged.seq
        assert {key: one for key, one in found.items() if key[1] == AS_POSTED} == expected, logged.seq
        assert len(found) == 2 * len(expected), logged.seq


@pytest.mark.parametrize("number", range(1, 8))
def test_a_crash_of_the_actor_alone_changes_nothing(number: int) -> None:
    world = new_world()
    life = world.run(LIVING, shadowed=True, stumbles={"shadow": [number]})

    assert by_call(world.records()) == by_call(first_life()[1])
    assert life.handled["shadow"] > number


def test_records_told_twice_to_the_actors_change_nothing() -> None:
    world = new_world()
    world.run(LIVING, shadowed=True, double=("shadow",))

    assert by_call(world.records()) == by_call(first_life()[1])
