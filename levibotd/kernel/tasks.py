"""
The work of one incarnation beside its handler: keyed tasks, sources and timers.

All of it ends with the incarnation. A handler never awaits the outside world; it starts a
task, and the task tells the actor how it went.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

from levibotd.kernel.errors import MailboxFull
from levibotd.kernel.mailbox import Mailbox

MakeCoro = Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each an incarnation may have."""

    slots: int = 64
    urgent_slots: int = 16
    waiting_max: int = 1024
    timers_max: int = 4096


@dataclass(frozen=True, slots=True)
class Running:
    """One task under way."""

    task: "asyncio.Task[object]"
    urgent: bool
    since: float


class Tasks:
    """
    Keyed tasks: one at a time per key, the others queue for it, urgent ones first.

    Urgent tasks run in slots of their own, so that a close never waits for a hundred entries.
    """

    def __init__(self, owner: str, *, limits: Limits, on_crash: Callable[[BaseException], None]) -> None:
        self.running: dict[Hashable, Running] = {}
        self.sources: list[asyncio.Task[object]] = []
        self.done = 0
        self.on_idle: Callable[[], None] | None = None
        self._owner = owner
        self._limits = limits
        self._on_crash = on_crash
        self._waiting: dict[bool, deque[tuple[Hashable, MakeCoro]]] = {True: deque(), False: deque()}
        self._free = {True: limits.urgent_slots, False: limits.slots}
        self._ended = False

    @property
    def waiting(self) -> int:
        return len(self._waiting[True]) + len(self._waiting[False])

    @property
    def busy(self) -> bool:
        return bool(self.running) or self.waiting > 0

    def has_room(self, *, urgent: bool = False) -> bool:
        return len(self._waiting[urgent]) < self._limits.waiting_max

    def start(self, make_coro: MakeCoro, *, key: Hashable, urgent: bool = False) -> None:
        """Run it as soon as its key and a slot are free. Raises MailboxFull when too many wait."""
        if self._ended:
            return
        if key not in self.running and self._free[urgent] and (urgent or not self._waits_urgently(key)):
            self._run(make_coro, key=key, urgent=urgent)
        elif self.has_room(urgent=urgent):
            self._waiting[urgent].append((key, make_coro))
        else:
            raise MailboxFull(f"tasks of {self._owner}")

    def add_source(self, make_coro: MakeCoro) -> None:
        task = asyncio.create_task(make_coro(), name=f"{self._owner}:source-{len(self.sources)}")
        self.sources.append(task)
        task.add_done_callback(self._judge)

    def end_sources(self) -> None:
        for task in self.sources:
            task.cancel()

    def end(self) -> list["asyncio.Task[object]"]:
        """Cancel everything. Returns what has not ended yet."""
        self._ended = True
        for queue in self._waiting.values():
            queue.clear()
        alive = [one.task for one in self.running.values() if not one.task.done()]
        alive += [task for task in self.sources if not task.done()]
        for task in alive:
            task.cancel()
        return alive

    def _run(self, make_coro: MakeCoro, *, key: Hashable, urgent: bool) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(make_coro(), name=f"{self._owner}:{key}")
        self._free[urgent] -= 1
        self.running[key] = Running(task, urgent, loop.time())
        task.add_done_callback(lambda task: self._release(key, task))

    def _release(self, key: Hashable, task: "asyncio.Task[object]") -> None:
        self._free[self.running.pop(key).urgent] += 1
        self.done += 1
        self._judge(task)
        if not self._ended:
            self._fill(urgent=True)
            self._fill(urgent=False)
        if self.on_idle is not None and not self.busy:
            self.on_idle()

    def _judge(self, task: "asyncio.Task[object]") -> None:
        if task.cancelled():
            # Nobody but `end` and `end_sources` cancels; a cancellation that leaked out of the work is its failure.
            if not self._ended and not task.cancelling():
                self._on_crash(asyncio.CancelledError(f"leaked out of {task.get_name()}"))
        elif (error := task.exception()) is not None and not self._ended:
            self._on_crash(error)

    def _waits_urgently(self, key: Hashable) -> bool:
        return any(key == waiting for waiting, _ in self._waiting[True])

    def _fill(self, *, urgent: bool) -> None:
        queue = self._waiting[urgent]
        passed_over: list[tuple[Hashable, MakeCoro]] = []
        while queue and self._free[urgent]:
            key, make_coro = queue.popleft()
            if key in self.running or (not urgent and self._waits_urgently(key)):
                passed_over.append((key, make_coro))
            else:
                self._run(make_coro, key=key, urgent=urgent)
        queue.extendleft(reversed(passed_over))


class Timer:
    """A message to oneself that is still to come. Cancelling it works until the very moment it is handled."""

    __slots__ = ("_handle", "_timers", "key", "message")

    def __init__(self, timers: "Timers", key: Hashable | None, message: Any) -> None:
        self.key = self if key is None else key
        self.message = message
        self._timers = timers
        self._handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Harmless when it has been handled already."""
        if self._timers.armed.get(self.key) is self:
            del self._timers.armed[self.key]
            if self._handle is not None:
                self._handle.cancel()

    def take(self) -> bool:
        """May its message be handled? Not after it was cancelled or armed anew."""
        if self._timers.armed.get(self.key) is not self:
            return False
        del self._timers.armed[self.key]
        return True

    def run(self, delay_s: float) -> None:
        self._handle = asyncio.get_running_loop().call_later(max(delay_s, 0.0), self._fire)

    def _fire(self) -> None:
        self._timers.mailbox.fired.append(self)
        self._timers.mailbox.wake()


class Timers:
    """The timers of one incarnation, by key."""

    def __init__(self, mailbox: Mailbox, *, limits: Limits) -> None:
        self.mailbox = mailbox
        self.armed: dict[Hashable, Timer] = {}
        self._max = limits.timers_max

    def after(self, delay_s: float, message: Any, *, key: Hashable | None = None) -> Timer:
        """Arm one; it replaces the one with the same key. Raises MailboxFull when there are too many."""
        timer = Timer(self, key, message)
        if (older := self.armed.get(timer.key)) is not None:
            older.cancel()
        if len(self.armed) >= self._max:
            raise MailboxFull(f"timers of {self.mailbox.name}")
        self.armed[timer.key] = timer
        timer.run(delay_s)
        return timer

    def end(self) -> None:
        for timer in list(self.armed.values()):
            timer.cancel()
