"""
Actors crash in the middle of their work, at every point where they look at the ledger, and the trades go on.

A planted error is none of ours, so nobody handles it: the actor ends, its supervisor makes another,
and the log tells that one where to go on.
"""

from collections import Counter

import pytest

from levibotd.domain.records import (
    ActorCrash,
    ActorRestart,
    AutoRouteExecuted,
    DeadLetter,
    SignalRejected,
)
from levibotd.kernel.clock import Clock
from tests.scenarios.bench import BTC, ETH, T0, World, flat, minutes
from tests.scenarios.deaths import until_minute
from tests.scenarios.laws import expect_calm_laws

STEP = 7
LIVING = until_minute(9)


def new_world() -> World:
    world = World(
        {
            BTC: minutes(
                *flat(100.0, 2),
                (100.0, 100.0, 98.5, 99.0),
                (99.0, 99.5, 97.5, 99.0),
                (99.0, 105.5, 99.0, 105.2),
                (105.2, 110.5, 105.0, 110.2),
                *flat(110.0, 4),
            ),
            ETH: minutes(*flat(50.0, 4), (50.0, 54.0, 49.9, 53.5), *flat(53.5, 5)),
        }
    )
    world.post("BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95", at=T0 + 10)
    world.post("ETH/USDT SHORT\nEntry: market\nTargets: 47, 45\nStop Loss: 53", at=T0 + 70)
    world.post("Good morning everyone, have a nice day!", at=T0 + 71)
    return world


def looks_of_a_whole_run() -> int:
    return new_world().run(LIVING).state.looks


def test_a_whole_run_has_many_points_to_crash_at() -> None:
    assert looks_of_a_whole_run() > 100


@pytest.mark.fault("C8")
@pytest.mark.parametrize("offset", range(STEP))
def test_an_actor_that_crashes_at_any_look_into_the_ledger_loses_nothing(offset: int) -> None:
    crashed = Counter[str]()
    for look in range(1 + offset, looks_of_a_whole_run(), STEP):
        world = new_world()
        life = world.run(LIVING, fail_at=look)
        try:
            expect_calm_laws(world, life, posts=3)
        except AssertionError as error:
            raise AssertionError(f"crash at look {look}: {life.of(ActorCrash)}") from error
        crashed.update(record.actor for record in life.of(ActorCrash))
    assert len(crashed) >= 2


@pytest.mark.parametrize("actor", ["exec", "risk", "scorer", "logger"])
def test_an_actor_that_crashes_behind_any_of_its_messages_loses_nothing(actor: str) -> None:
    clean = new_world().run(LIVING, stumbles={actor: []})
    handled = clean.handled[actor]
    for number in range(1, handled + 1, 1 + handled // 40):
        world = new_world()
        life = world.run(LIVING, stumbles={actor: [number]})
        try:
            assert [record.actor for record in life.of(ActorCrash)][:1] == [actor]
            assert actor in [record.actor for record in life.of(ActorRestart)]
            expect_calm_laws(world, life, posts=3)
        except AssertionError as error:
            raise AssertionError(f"{actor} crashed behind its message {number}\n{life.operator.getvalue()}") from error


@pytest.mark.fault("F4")
@pytest.mark.parametrize("actor", ["scorer", "risk"])
async def test_a_post_that_crashes_its_reader_twice_is_quarantined_and_others_flow(clock: Clock, actor: str) -> None:
    world = World({BTC: minutes(*flat(100.0, 6)), ETH: minutes(*flat(50.0, 6))})
    poison = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
    async with world.life(clock, poison={actor: poison}) as life:
        await life.until(T0 + 10)
        bad = life.say(poison)
        good = life.say("ETH/USDT LONG\nEntry: market\nTargets: 52, 54\nStop Loss: 48")
        await life.minute(3)

    decision = life.decision(bad)
    assert isinstance(decision, SignalRejected)
    assert (decision.gate, decision.value) == ("quarantined", actor)
    assert isinstance(life.decision(good), AutoRouteExecuted)
    assert [record.actor for record in life.of(ActorCrash)] == [actor, actor]
    assert [(letter.actor, letter.reason) for letter in life.of(DeadLetter)] == [
        (actor, "crashed"),
        (actor, "quarantined"),
    ]
    assert {sent.order.symbol for sent in world.sent} == {ETH}
    world.verify()
