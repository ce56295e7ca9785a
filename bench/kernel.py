"""
The kernel's rows: mailboxes, supervision and memory, against `asyncio.Queue` on the same loop.

The deque with a future shows how low one could go without cancellation, supervision and counters;
pykka and xoscar are what one would take instead.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from bench.actors_here import Kernel, child, system
from bench.contenders import Contender, FutureBox, Note, Queues
from bench.measure import Bound, Effort, Figure, Row, at_least, at_most, in_turns, one, ratio, resident_bytes, spread
from bench.peers import peers
from levibotd.kernel.actor import Actor
from levibotd.kernel.mailbox import CONFLATE, DROP_NEWEST, DROP_OLDEST, FAIL, Box, Ref

QUEUE = "asyncio.Queue"
FLOOR = "deque and future"
OURS = "kernel"
QUEUED = 10_000
TOLD = 1_000_000
PEER_SHARE = 0.1  # Peers are ten times slower, and need no more messages to show it.

Scenario = Callable[[Contender, int], float]


class Look(Struct, frozen=True):
    """A control message."""


class Slow(Actor[Note]):
    """Counts what it handles, and how much of it came between the sending of a control message and its turn."""

    def __init__(self) -> None:
        self.handled = 0
        self.sent_at: int | None = None
        self.late: list[int] = []

    async def receive(self, message: Note) -> None:
        await asyncio.sleep(0)
        self.handled += 1

    async def on_control(self, message: object) -> None:
        if self.sent_at is not None:
            self.late.append(self.handled - self.sent_at)
            self.sent_at = None


class Stalled(Actor[Note]):
    """Takes one message and never another."""

    async def receive(self, message: Note) -> None:
        await asyncio.get_running_loop().create_future()


def _versus(
    effort: Effort, scenario: Scenario, count: int, *, gate: Bound, aim: Bound, longer_is_worse: bool = False
) -> list[Figure]:
    sides: dict[str, Callable[[], float]] = {
        OURS: partial(scenario, Kernel(), effort.of(count)),
        QUEUE: partial(scenario, Queues(), effort.of(count)),
        FLOOR: partial(scenario, Queues(FutureBox), effort.of(count)),
    }
    here, absent = peers()
    for name, peer in here.items():
        sides[name] = partial(scenario, peer, effort.of(int(count * PEER_SHARE)))
    costs = in_turns(effort, sides)

    def figure(name: str, gate: Bound | None = None, aim: Bound | None = None) -> Figure:
        compared = ratio(costs, name, QUEUE) if longer_is_worse else ratio(costs, QUEUE, name)
        what = f"{name} / {QUEUE}{'' if longer_is_worse else ', speed'}"
        return Figure(what=what, spread=compared, gate=gate, aim=aim)

    figures = [figure(OURS, gate, aim), figure(FLOOR), *(figure(name) for name in here)]
    figures += [Figure(what=name, absent=why) for name, why in absent.items()]
    return figures


def tell(effort: Effort) -> Sequence[Figure]:
    return _versus(
        effort, lambda side, count: side.tell(count, senders=1), 100_000, gate=at_least(0.70), aim=at_least(1.0)
    )


def fan_in(effort: Effort) -> Sequence[Figure]:
    return _versus(
        effort, lambda side, count: side.tell(count, senders=8), 100_000, gate=at_least(0.70), aim=at_least(1.0)
    )


def pipeline(effort: Effort) -> Sequence[Figure]:
    return _versus(effort, lambda side, count: side.pipeline(count), 20_000, gate=at_least(0.80), aim=at_least(1.2))


def ask(effort: Effort) -> Sequence[Figure]:
    return _versus(
        effort, lambda side, count: side.ask(count), 20_000, gate=at_most(1.8), aim=at_most(1.2), longer_is_worse=True
    )


def six_hops(effort: Effort) -> Sequence[Figure]:
    return _versus(
        effort,
        lambda side, count: side.six_hops(count),
        5_000,
        gate=at_most(1.3),
        aim=at_most(0.9),
        longer_is_worse=True,
    )


def crash(effort: Effort) -> Sequence[Figure]:
    figures = _versus(
        effort, lambda side, count: side.crash(count), 400, gate=at_most(2.0), aim=at_most(1.2), longer_is_worse=True
    )
    waits = [Kernel().crash(effort.of(400)) * 1e3 for _ in range(effort.turns)]
    wait = Figure(what="crash → answer of the next message", spread=spread(waits), unit="ms", gate=at_most(1.0))
    return [*figures, wait]


def control(effort: Effort) -> Sequence[Figure]:
    late = asyncio.run(_control(effort.of(100)))
    return [Figure(what="handlers begun before it is served", spread=one(max(late)), unit="", gate=at_most(1.0))]


async def _control(times: int) -> list[int]:
    slow = Slow()
    queued = child("slow", lambda: slow, box=Box(QUEUED))
    for number in range(QUEUED):
        queued.ref.offer(Note(number, 0.0))
    async with system([queued]):
        while len(slow.late) < times:
            if slow.sent_at is None:
                slow.sent_at = slow.handled
                queued.ref.control(Look())
            queued.ref.offer(Note(0, 0.0))
            await asyncio.sleep(0)
    return slow.late


def memory(effort: Effort) -> Sequence[Figure]:
    grown = asyncio.run(_memory(effort.of(TOLD)))
    return [
        Figure(what=f"{policy}: resident memory after 10⁶ / after 10⁵", spread=one(share), gate=at_most(1.05))
        for policy, share in grown.items()
    ]


async def _memory(count: int) -> Mapping[str, float]:
    boxes = {
        "drop newest": Box(1024, DROP_NEWEST),
        "drop oldest": Box(1024, DROP_OLDEST),
        "conflate": Box(1024, CONFLATE, key=lambda note: note.number % 2000),
        "fail": Box(1024, FAIL),
    }
    children = [child(name, Stalled, box=box) for name, box in boxes.items()]
    async with system(children):
        return {one_.name: _growth(one_.ref, count) for one_ in children}


def _growth(ref: Ref[Any], count: int) -> float:
    for number in range(count // 10):
        ref.offer(Note(number, 0.0))
    before = resident_bytes()
    for number in range(count):
        ref.offer(Note(number, 0.0))
    return resident_bytes() / before


ROWS = (
    Row(name="kernel.tell", floor=QUEUE, measure=tell),
    Row(name="kernel.fan-in", floor=QUEUE, measure=fan_in),
    Row(name="kernel.pipeline", floor=QUEUE, measure=pipeline),
    Row(name="kernel.ask", floor=QUEUE, measure=ask),
    Row(name="kernel.six-hops", floor=QUEUE, measure=six_hops),
    Row(name="kernel.crash", floor="a bare try-loop around asyncio.Queue", measure=crash),
    Row(name="kernel.control", floor=f"{QUEUED:,} queued messages", measure=control),
    Row(name="kernel.memory", floor="the same box at rest", measure=memory),
)
