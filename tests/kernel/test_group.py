"""Restarts, pauses, order and escalation of one group, against a model that knows no asyncio."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.kernel.actor import Actor
from levibotd.kernel.backoff import Backoff, Budget
from levibotd.kernel.clock import Clock
from levibotd.kernel.events import Event, Exit, GaveUp, Recovered, SafeMode
from levibotd.kernel.group import Job, Supervisor
from levibotd.kernel.leaf import Node, Stopping
from levibotd.kernel.mailbox import Box, Ref
from levibotd.kernel.status import State
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.kernel.tree import ONE_FOR_ALL, ONE_FOR_ONE, REST_FOR_ONE, Strategy
from levibotd.kernel.virtual_time import run_virtual
from tests.kernel.planted import expect_caught

PERIOD_S = 10.0
NAMES = ("a", "b", "c")
Line = tuple[str, str, float]


@dataclass(frozen=True)
class Script:
    """Crashes of one group: after each gap (s), that child is told to fail if it is up. Then comes a stop."""

    strategy: Strategy
    intensity: int
    crashes: tuple[tuple[float, int], ...]
    stop_after_s: float


# No gap coincides with a pause: what happens at the very same time has no order to check.
GAPS_S = st.sampled_from([0.07, 0.07, 0.31, 2.03, 11.3, 41.7])
SCRIPTS = st.builds(
    Script,
    strategy=st.sampled_from([ONE_FOR_ONE, REST_FOR_ONE, ONE_FOR_ALL]),
    intensity=st.integers(1, 6),
    crashes=st.lists(st.tuples(GAPS_S, st.integers(0, 2)), min_size=1, max_size=10).map(tuple),
    stop_after_s=st.sampled_from([0.01, 0.5, 50.0]),
)


# --- The model --------------------------------------------------------------------------------


class Model:
    """What must happen, by the book."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.log: list[Line] = []
        self.up: dict[int, float] = {}
        self.spent: list[float] = []
        self.failures = [0, 0, 0]
        self.due: list[tuple[float, list[int]]] = []
        self.gave_up = False

    def run(self) -> list[Line]:
        at = 0.0
        self._start(at, [0, 1, 2])
        for gap_s, child in self.script.crashes:
            at += gap_s
            self._pass(at)
            if child in self.up and not self.gave_up:
                self._crash(at, child)
        at += self.script.stop_after_s
        self._pass(at)
        self._stop(at, sorted(self.up, reverse=True))
        return self.log

    def _pass(self, now: float) -> None:
        for at, children in sorted(self.due):
            if at <= now:
                self.due.remove((at, children))
                self._start(at, children)

    def _start(self, at: float, children: Sequence[int]) -> None:
        for child in children:
            self.up[child] = at
            self.log.append(("up", NAMES[child], round(at, 3)))

    def _stop(self, at: float, children: Sequence[int]) -> None:
        for child in children:
            if child in self.up:
                del self.up[child]
                self.log.append(("down", NAMES[child], round(at, 3)))

    def _crash(self, at: float, child: int) -> None:
        healthy_for_s = at - self.up[child]
        first = {ONE_FOR_ALL: 0, REST_FOR_ONE: child, ONE_FOR_ONE: child}[self.script.strategy]
        affected = [child] if self.script.strategy is ONE_FOR_ONE else list(range(first, 3))
        self._stop(at, [child])
        self._stop(at, affected[::-1])
        overlapping = [job for job in self.due if set(job[1]) & set(affected)]
        again = sorted({*affected, *(one for _, job in overlapping for one in job)})
        self.due = [job for job in self.due if job not in overlapping]
        self.spent = [spent for spent in self.spent if spent > at - PERIOD_S]
        if len(self.spent) >= self.script.intensity:
            self.gave_up, self.due = True, []
            self._stop(at, sorted(self.up, reverse=True))
            return
        self.spent.append(at)
        self.failures[child] = 1 if healthy_for_s >= 30 else self.failures[child] + 1
        pause_s = 0.0 if self.failures[child] == 1 else min(30.0, 0.2 * 2 ** (self.failures[child] - 2))
        if pause_s:
            self.due.append((at + pause_s, again))
        else:
            self._start(at, again)


# --- The real one -----------------------------------------------------------------------------


class Steady(Random):
    """No jitter."""

    def random(self) -> float:
        return 0.0


class Logging(Actor[object]):
    """Notes when it comes and goes; fails when told anything."""

    def __init__(self, name: str, log: list[Line], clock: Clock, begun: float) -> None:
        self.name, self.log, self.clock, self.begun = name, log, clock, begun

    async def on_start(self) -> None:
        self.log.append(("up", self.name, round(self.clock.monotonic() - self.begun, 3)))

    async def on_stop(self, reason: Exit) -> None:
        self.log.append(("down", self.name, round(self.clock.monotonic() - self.begun, 3)))

    async def receive(self, message: object) -> None:
        raise RuntimeError("told to")


def check(script: Script, system_class: type[System] = System) -> None:
    """Run it and compare every coming and going with the model, to the millisecond."""
    model = Model(script)
    expected = model.run()

    async def main(clock: Clock) -> None:
        log: list[Line] = []
        events: list[Event] = []
        begun = clock.monotonic()
        refs = [Ref[object](name, Box(4)) for name in NAMES]
        children = tuple(Child(ref, partial(Logging, ref.name, log, clock, begun)) for ref in refs)
        group = Group("g", script.strategy, intensity=script.intensity, period_s=PERIOD_S, children=children)
        system = system_class(
            Group("root", intensity=0, children=(group,)), clock=clock, on_event=events.append, rng=Steady()
        )
        await system.start()
        for gap_s, child in script.crashes:
            await clock.sleep(gap_s)
            if system.cells[NAMES[child]].state is State.RUNNING:
                await refs[child].tell(object())
        await clock.sleep(script.stop_after_s)
        await system.stop()
        await clock.sleep(100)
        assert log == expected
        assert any(isinstance(event, GaveUp) for event in events) == model.gave_up
        assert ((await system.wait()) is not None) == model.gave_up

    run_virtual(main)


@settings(max_examples=300, deadline=None)
@given(script=SCRIPTS)
def test_who_restarts_when_in_which_order_and_when_the_group_gives_up(script: Script) -> None:
    check(script)


# --- Planted faults ---------------------------------------------------------------------------


class SpendsOneTooMany(Supervisor):
    def __init__(self, group: Group, nodes: Sequence[Node], **rest: Any) -> None:
        super().__init__(group, nodes, **rest)
        self._budget = Budget(group.intensity + 1, group.period_s)


class NeverForgetsARestart(Supervisor):
    def __init__(self, group: Group, nodes: Sequence[Node], **rest: Any) -> None:
        super().__init__(group, nodes, **rest)
        self._budget = Budget(group.intensity, 1e9)


class RestartsOnlyTheOne(Supervisor):
    def _affected(self, node: Node) -> list[Node]:
        return [node]


class RestartsThoseBefore(Supervisor):
    def _affected(self, node: Node) -> list[Node]:
        return self.nodes if self.group.strategy is REST_FOR_ONE else super()._affected(node)


class StartsBackwards(Supervisor):
    def _job(self, nodes: list[Node], *, first: bool) -> Job:
        return super()._job(nodes if first else nodes[::-1], first=first)


class StopsForwards(Supervisor):
    def _in_stop_order(self) -> list[Node]:
        return self.nodes


class FinishesItsRestartsBeforeItStops(Supervisor):
    async def _stop_all(self, stopping: Stopping, *, reason: str, restart: bool) -> None:
        for job in list(self._jobs):
            for node in job.nodes:
                node.begin(lambda _node, _ended: None)
                up = asyncio.Event()
                node.started.add_done_callback(lambda _, up=up: up.set())  # type: ignore[misc]
                await up.wait()
        await super()._stop_all(stopping, reason=reason, restart=restart)


class NeverPauses(Supervisor):
    def __init__(self, group: Group, nodes: Sequence[Node], **rest: Any) -> None:
        super().__init__(group, nodes, **rest)
        self._backoffs = {node.name: NoPause(Random(1)) for node in nodes}


class NoPause(Backoff):
    def next_s(self, *, healthy_for_s: float) -> float:
        return 0.0


class NeverTrustsAgain(Supervisor):
    def __init__(self, group: Group, nodes: Sequence[Node], **rest: Any) -> None:
        super().__init__(group, nodes, **rest)
        self._backoffs = {node.name: NoTrust(Steady()) for node in nodes}


class NoTrust(Backoff):
    def next_s(self, *, healthy_for_s: float) -> float:
        return super().next_s(healthy_for_s=0.0)


class SaysNothingWhenItGivesUp(System):
    def _root_ended(self, _root: Node, _ended: Exit) -> None:
        assert self._over is not None
        self._over.set()


FAULTS = [
    SpendsOneTooMany,
    NeverForgetsARestart,
    RestartsOnlyTheOne,
    RestartsThoseBefore,
    StartsBackwards,
    StopsForwards,
    FinishesItsRestartsBeforeItStops,
    NeverPauses,
    NeverTrustsAgain,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault: type[Supervisor]) -> None:
    class Faulty(System):
        make_supervisor = fault

    expect_caught(lambda script: check(script, Faulty), SCRIPTS)


def test_a_silent_end_of_the_root_is_caught() -> None:
    expect_caught(lambda script: check(script, SaysNothingWhenItGivesUp), SCRIPTS)


# --- Escalation -------------------------------------------------------------------------------


class Failing(Actor[object]):
    async def receive(self, message: object) -> None:
        raise RuntimeError("told to")


async def test_a_group_without_budget_begins_anew_as_a_whole_after_safe_mode(clock: Clock) -> None:
    events: list[Event] = []
    a, b = Ref[object]("a", Box(4)), Ref[object]("b", Box(4))
    trading = Group("trading", intensity=1, children=(Child(a, Failing), Child(b, Failing)))
    system = System(
        Group("root", intensity=1, period_s=300, children=(trading,)),
        clock=clock,
        on_event=events.append,
        rng=Random(1),
    )
    await system.start()
    for _ in range(2):
        await a.tell(object())
        await clock.sleep(1)

    assert [event for event in events if isinstance(event, SafeMode | GaveUp)] == [
        SafeMode(group="trading", error=system.cells["a"].last_error)
    ]
    assert events.index(Recovered(group="trading")) == len(events) - 1
    assert system.cells["b"].incarnation == 2, "the whole group began anew"
    assert system.all_running()

    for _ in range(2):
        await a.tell(object())
        await clock.sleep(1)

    gave_up = await system.wait()
    assert gave_up is not None
    assert gave_up.name == "root"
    assert not b.offer("late")


async def test_in_a_group_that_is_not_essential_only_the_failed_one_stays_down(clock: Clock) -> None:
    events: list[Event] = []
    a, b = Ref[object]("a", Box(4)), Ref[object]("b", Box(4))
    edge = Group("edge", intensity=2, essential=False, children=(Child(a, Failing), Child(b, Failing)))
    system = System(Group("root", children=(edge,)), clock=clock, on_event=events.append, rng=Random(1))
    await system.start()
    for _ in range(3):
        await a.tell(object())
        await clock.sleep(1)

    assert [event for event in events if isinstance(event, SafeMode | GaveUp)] == [
        GaveUp(name="a", error=system.cells["a"].last_error)
    ]
    assert system.cells["a"].state is State.FAILED
    assert system.cells["b"].state is State.RUNNING
    assert not a.offer("late")
    report = await system.stop()
    assert report.unstopped == ()
