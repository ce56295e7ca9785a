"""
One supervised group: starts its children in order, begins them anew after a crash, stops them in reverse.

A group is one task that selects over what happens: a stop request, a child's end, an operator's
restart request, a pause that is over. So a stop never waits for a pause. While it rests, with
nothing else to do, the first crash of an actor costs it no turn of the loop: it begins anew where
it ended, in its own task.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from levibotd.kernel.backoff import Backoff, Budget
from levibotd.kernel.cell import GRACE_S, Start
from levibotd.kernel.events import (
    CRASHES,
    FAILURES,
    BackingOff,
    Event,
    Exhausted,
    Exit,
    Failed,
    GaveUp,
    Recovered,
    Restarted,
    SafeMode,
    Shutdown,
    SiblingRestart,
    Started,
)
from levibotd.kernel.leaf import Leaf, Node, Stopping, exit_of
from levibotd.kernel.stacks import stack_of
from levibotd.kernel.status import State, Unstopped
from levibotd.kernel.tree import ONE_FOR_ALL, ONE_FOR_ONE, PERMANENT, TEMPORARY, Group


@dataclass
class Job:
    """Children to be started one after the other."""

    nodes: deque[Node]
    first: bool = False


class Supervisor:
    """A group at work."""

    def __init__(
        self,
        group: Group,
        nodes: Sequence[Node],
        *,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        rng: Random,
        fatal: tuple[type[BaseException], ...] = (),
        stop_order: Sequence[str] = (),
    ) -> None:
        self.group = group
        self.name = group.name
        self.nodes = list(nodes)
        self.state = State.NEW
        self.restarts = 0
        self.task: asyncio.Task[Exit] | None = None
        self.begun_at = 0.0
        self.times_up = 0
        self._now = now
        self._emit = emit
        self._fatal = fatal
        self._stop_order = list(stop_order)
        self._budget = Budget(group.intensity, group.period_s)
        self._backoffs = {node.name: Backoff(rng) for node in nodes}
        self._down: set[str] = set()
        self._jobs: list[Job] = []
        self._due: deque[Job] = deque()
        self._ends: deque[tuple[Node, Exit]] = deque()
        self._wanted: deque[Node] = deque()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._stop: tuple[Stopping, str, bool] | None = None
        self._wake: asyncio.Event = asyncio.Event()
        self._asked = False
        self._resting = False  # Nothing to do, and not woken since.
        self._starting: Job | None = None  # Its first child has begun, and is not known to be up.
        self._start_failed: list[Exit] = []

    # --- As a child of its parent -------------------------------------------------------------

    def begin(self, on_end: Callable[[Node, Exit], None]) -> None:
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun_at = self._now()
        self._asked = False
        self._stop = None
        self._budget.refill()
        self.task = asyncio.create_task(self._run(), name=f"group:{self.name}")
        self.task.add_done_callback(lambda task: None if self._asked else on_end(self, exit_of(task)))

    async def stop(self, stopping: Stopping, *, reason: str, restart: bool = False) -> None:
        if self.task is None or self.task.done():
            return
        self._asked = True
        self._stop = (stopping, reason, restart)
        self._wake.set()
        # Its children keep to the deadline; this is for a group that hangs in a restart.
        await asyncio.wait([self.task], timeout=stopping.left_s + 2 * GRACE_S)
        if not self.task.done():
            stopping.unstopped.append(Unstopped(name=self.name, stack=stack_of(self.task)))
            self.task.cancel()

    def close(self, reason: str, *, failed: bool = False) -> None:
        self.state = State.FAILED if failed else State.STOPPED
        for node in reversed(self.nodes):
            node.close(reason, failed=failed)

    def want_restart(self, node: Node) -> None:
        """An operator wants this child to begin anew; costs no budget."""
        self._wanted.append(node)
        self._wake.set()

    # --- The select ---------------------------------------------------------------------------

    async def _run(self) -> Exit:
        self.state = State.STARTING
        self._down.clear()
        self._ends.clear()
        self._due.append(self._job(list(self.nodes), first=True))
        try:
            while True:
                self._wake.clear()
                if self._stop is not None:
                    stopping, reason, restart = self._stop
                    await self._stop_all(stopping, reason=reason, restart=restart)
                    return SiblingRestart(reason) if restart else Shutdown(reason)
                if self._starting is not None:
                    gave_up = await self._arrival(self._starting)
                elif self._ends:
                    gave_up = await self._ended(*self._ends.popleft())
                elif self._wanted:
                    gave_up = await self._restart(self._wanted.popleft())
                elif self._due:
                    gave_up = await self._advance(self._due.popleft())
                else:
                    self._resting = True
                    await self._wake.wait()
                    self._resting = False
                    continue
                if gave_up is not None:
                    await self._stop_all(self._own_stop(), reason="group gave up", restart=True)
                    return gave_up
        finally:
            self._resting = False
            self._forget_jobs()
            self.state = State.STOPPED

    async def _advance(self, job: Job) -> Exhausted | None:
        self._begin(job)
        return await self._arrival(job)

    # One start at a time: until it is known how it went, nothing but a stop is looked at.
    async def _arrival(self, job: Job) -> Exhausted | None:
        started = job.nodes[0].started
        while not (started.done() or self._start_failed or self._stop is not None):
            self._wake.clear()
            await self._wake.wait()
        self._starting = None
        return self._arrived(job)

    def _arrived(self, job: Job) -> Exhausted | None:
        node = job.nodes[0]
        # It came up and ended in one tick: the end is dealt with like any other.
        if self._start_failed:
            return self._failed(node, self._start_failed[0], job=job)
        if not node.started.done():
            return None  # A stop was asked for meanwhile.
        job.nodes.popleft()
        self._up(node)
        if job.nodes:
            self._due.append(job)
            return None
        self._jobs.remove(job)
        self.state = State.RUNNING
        if job.first and not self.started.done():
            self.started.set_result(None)
        return None

    # Begin the next child of a job.
    def _begin(self, job: Job) -> None:
        node = job.nodes[0]
        self._await_start(job)
        if isinstance(node, Leaf):
            node.begin(self._on_end, again=self._recover_at_once)
        else:
            node.begin(self._on_end)
        node.started.add_done_callback(self._came_up)

    def _await_start(self, job: Job) -> None:
        self._starting = job
        self._start_failed.clear()

    def _on_end(self, node: Node, ended: Exit) -> None:
        if node.started.done():
            self._ends.append((node, ended))
        else:
            self._start_failed.append(ended)
        self._wake.set()

    def _came_up(self, started: "asyncio.Future[None] | Start") -> None:
        job = self._starting
        if job is not None and self._resting and not self._wake.is_set() and job.nodes[0].started is started:
            self._starting = None
            self._arrived(job)
        else:
            self._wake.set()

    def _up(self, node: Node) -> None:
        node.times_up += 1
        if isinstance(node, Leaf) and node.times_up == 1:
            self._emit(Started(actor=node.name))
        elif isinstance(node, Leaf):
            self._emit(Restarted(actor=node.name, incarnation=node.cell.incarnation))
        elif node.times_up > 1:
            self._emit(Recovered(group=node.name))

    async def _ended(self, node: Node, ended: Exit) -> Exhausted | None:
        if not _begins_anew(node, ended):
            abnormal = _is_abnormal(ended)
            self._down.add(node.name)
            node.close("finished" if not abnormal else "crashed", failed=abnormal)
            return None
        return await self._recover(node, ended)

    # What `_recover` does where nobody has to be waited for and no pause is due: `node` lives on in its task.
    def _recover_at_once(self, node: Leaf, ended: Exit) -> bool:
        if not self._resting or self._wake.is_set() or self._jobs or not _begins_anew(node, ended):
            return False
        if not isinstance(ended, Failed) or isinstance(ended.error, self._fatal) or not node.started.done():
            return False
        if self.group.strategy is not ONE_FOR_ONE and len(self._affected(node)) > 1:
            return False
        now, backoff = self._now(), self._backoffs[node.name]
        if backoff.is_due(healthy_for_s=now - node.begun_at) or not self._budget.spend(now):
            return False
        backoff.next_s(healthy_for_s=now - node.begun_at)
        self.restarts += 1
        self._await_start(self._job([node], first=False))
        node.renew(now)
        node.started.add_done_callback(self._came_up)
        return True

    async def _recover(self, node: Node, ended: Exit) -> Exhausted | None:
        affected = self._affected(node)
        for other in reversed(affected):
            if other is not node:
                await self._end_for_good(other, reason=f"{node.name} crashed")
        overlapping = [job for job in self._jobs if any(one in affected for one in job.nodes)]
        again = [one for one in self.nodes if one in affected or any(one in job.nodes for job in overlapping)]
        for job in overlapping:
            self._drop(job)
        return self._failed(node, ended, job=self._job(again, first=not self.started.done()))

    # Who begins anew when `node` has ended, in start order.
    def _affected(self, node: Node) -> list[Node]:
        if self.group.strategy is ONE_FOR_ONE:
            return [node]
        first = 0 if self.group.strategy is ONE_FOR_ALL else self.nodes.index(node)
        return [one for one in self.nodes[first:] if one.name not in self._down]

    # Count one failure of `node` and plan the next try of `job`, whose first child it need not be.
    def _failed(self, node: Node, ended: Exit, *, job: Job) -> Exhausted | None:
        error = ended.error if isinstance(ended, (*CRASHES, Exhausted)) else None
        if isinstance(error, self._fatal) or not self._budget.spend(self._now()):
            if self.group.essential:
                return Exhausted(error)
            self._give_up_on(node, error, job=job)
            return None
        if isinstance(node, Supervisor):
            self._emit(SafeMode(group=node.name, error=error))
        self.restarts += 1
        delay_s = self._backoffs[node.name].next_s(healthy_for_s=self._now() - node.begun_at)
        if delay_s <= 0:
            self._due.append(job)
            return None
        if isinstance(node, Leaf):
            node.cell.state = State.BACKING_OFF
        self._emit(BackingOff(name=node.name, delay_s=delay_s))
        self._timers[id(job)] = asyncio.get_running_loop().call_later(delay_s, self._resume, job)
        return None

    def _resume(self, job: Job) -> None:
        self._timers.pop(id(job), None)
        self._due.append(job)
        self._wake.set()

    def _give_up_on(self, node: Node, error: BaseException | None, *, job: Job) -> None:
        self._down.add(node.name)
        self._budget.refill()
        node.close("gave up", failed=True)
        self._emit(GaveUp(name=node.name, error=error))
        job.nodes.remove(node)
        if job.nodes:
            self._due.append(job)
        else:
            self._drop(job)
            if job.first and not self.started.done():
                self.started.set_result(None)

    async def _restart(self, node: Node) -> Exhausted | None:
        if node.name in self._down or any(node in job.nodes for job in self._jobs):
            return None
        await self._end_for_good(node, reason="operator")
        self._ends = deque(one for one in self._ends if one[0] is not node)
        self._due.append(self._job([node], first=False))
        return None

    # --- Stopping -----------------------------------------------------------------------------

    async def _stop_all(self, stopping: Stopping, *, reason: str, restart: bool) -> None:
        self.state = State.STOPPING
        self._forget_jobs()
        for node in self._in_stop_order():
            await node.stop(stopping, reason=reason, restart=restart)
            if not restart:
                node.close(reason)

    def _in_stop_order(self) -> list[Node]:
        named = {node.name: node for node in self.nodes}
        first = [named[name] for name in self._stop_order]
        return first + [node for node in reversed(self.nodes) if node not in first]

    # End one life of a child before its next: however long it lingers, unless we are stopped ourselves.
    async def _end_for_good(self, node: Node, *, reason: str) -> None:
        await node.stop(self._own_stop(), reason=reason, restart=True)
        if node.task is not None and not node.task.done():
            node.task.add_done_callback(lambda _: self._wake.set())
        while node.task is not None and not node.task.done() and self._stop is None:
            self._wake.clear()
            await self._wake.wait()

    # Children that a restart stops have their own shutdown time each and no common deadline.
    def _own_stop(self) -> Stopping:
        return Stopping(deadline=float("inf"), now=self._now)

    # --- Jobs ---------------------------------------------------------------------------------

    def _job(self, nodes: list[Node], *, first: bool) -> Job:
        job = Job(deque(nodes), first)
        self._jobs.append(job)
        return job

    def _drop(self, job: Job) -> None:
        self._jobs.remove(job)
        if job in self._due:
            self._due.remove(job)
        if (timer := self._timers.pop(id(job), None)) is not None:
            timer.cancel()

    def _forget_jobs(self) -> None:
        for job in list(self._jobs):
            self._drop(job)
        self._starting = None
        self._wanted.clear()


def _is_abnormal(ended: Exit) -> bool:
    return isinstance(ended, FAILURES)


def _begins_anew(node: Node, ended: Exit) -> bool:
    restart = node.cell.child.restart if isinstance(node, Leaf) else PERMANENT
    return restart is PERMANENT or (restart is not TEMPORARY and _is_abnormal(ended))
