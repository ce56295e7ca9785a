"""One actor in its group: how a life of it begins and ends, and the clock of a stop that all phases share."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Protocol

from levibotd.kernel.cell import GRACE_S, Cell, Start
from levibotd.kernel.control import Stop
from levibotd.kernel.events import Exit, Failed, Killed
from levibotd.kernel.stacks import stack_of
from levibotd.kernel.status import Unstopped
from levibotd.kernel.tree import Child


@dataclass
class Stopping:
    """One stop of a system, shared by all its phases: each gets what the ones before left of the time."""

    deadline: float
    now: Callable[[], float]
    unstopped: list[Unstopped] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    waiting_for: "Leaf | None" = None
    patient_with: frozenset[str] | None = None  # Once in a hurry: only with these.

    @property
    def left_s(self) -> float:
        return max(0.0, self.deadline - self.now())

    def time_for(self, child: Child) -> float:
        hurried = self.patient_with is not None and child.name not in self.patient_with
        return 0.0 if hurried else min(child.shutdown_s, self.left_s)

    def hurry(self, keep: frozenset[str]) -> None:
        self.patient_with = keep
        if self.waiting_for is not None and self.waiting_for.name not in keep:
            self.waiting_for.cell.kill()


class Node(Protocol):
    """What a group supervises: an actor or another group."""

    name: str
    task: "asyncio.Task[Exit] | None"
    begun_at: float
    times_up: int

    @property
    def started(self) -> "asyncio.Future[None] | Start":
        """Set when this life of it is up."""

    def begin(self, on_end: Callable[["Node", Exit], None]) -> None:
        """Start one life of it. `started` is set when it is up; `on_end` tells how it ended, unless `stop` was used."""

    async def stop(self, stopping: Stopping, *, reason: str, restart: bool = False) -> None:
        """End its life and wait for that, within the time left."""

    def close(self, reason: str, *, failed: bool = False) -> None:
        """It never comes back: mail goes to the dead letters."""


class Leaf:
    """An actor in its group."""

    def __init__(self, cell: Cell, *, now: Callable[[], float]) -> None:
        self.cell = cell
        self.name = cell.name
        self.started = Start()
        self.task: asyncio.Task[Exit] | None = None
        self.begun_at = 0.0
        self.times_up = 0
        self._now = now
        self._asked = False

    def begin(
        self, on_end: Callable[[Node, Exit], None], *, again: "Callable[[Leaf, Exit], bool] | None" = None
    ) -> None:
        """As for any node; `again` may `renew` it when a life ended, and says so: the next follows in the same task."""
        self.renew(self._now())
        self._asked = False
        self.task = asyncio.create_task(self._live(again), name=self.name)
        self.task.add_done_callback(lambda task: None if self._asked else on_end(self, exit_of(task)))

    def renew(self, now: float) -> None:
        """What comes from `now` on is its next life."""
        self.started = Start()
        self.begun_at = now

    # A life that left something behind in its task (a cancellation, a context variable) is the last one there.
    async def _live(self, again: "Callable[[Leaf, Exit], bool] | None") -> Exit:
        task, context = self.task, copy_context()
        while True:
            ended = await self.cell.live(self.started)
            if self._asked or again is None or task is None or task.cancelling() or copy_context() != context:
                return ended
            if not again(self, ended):
                return ended

    async def stop(self, stopping: Stopping, *, reason: str, restart: bool = False) -> None:
        task = self.task
        if task is None or task.done():
            return
        self._asked = True
        self.cell.mailbox.put_control(Stop(reason, drain=self.cell.child.drain and not restart, restart=restart))
        stopping.waiting_for = self
        await asyncio.wait([task], timeout=stopping.time_for(self.cell.child))
        stopping.waiting_for = None
        if not task.done():
            stopping.killed.append(self.name)
            task.cancel()
            # The last of the time is spent on cancelling, also when nothing is left of it.
            await asyncio.wait([task], timeout=min(GRACE_S, max(stopping.left_s, 0.1)))
        if not task.done():
            stopping.unstopped.append(Unstopped(name=self.name, stack=stack_of(task)))

    def close(self, reason: str, *, failed: bool = False) -> None:
        if not self.cell.mailbox.closed:
            self.cell.close(reason, failed=failed)


def exit_of(task: "asyncio.Task[Exit]") -> Exit:
    """How a finished life ended; one cancelled before its first step was killed."""
    if task.cancelled():
        return Killed()
    error = task.exception()
    return task.result() if error is None else Failed(error)
