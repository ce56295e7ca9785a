"""
An event loop whose time jumps to the next timer as soon as nothing is ready.

Replay and tests run days in seconds on it, in an order that depends on nothing outside.
Real sockets work: what has arrived is served before time moves. Threads do not: whatever
would go to one runs in place (see `offload`), so that no timer ever overtakes it.
"""

import asyncio
import math
import selectors
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.errors import Deadlock

T = TypeVar("T")

EPOCH = 1_700_000_000.0
# A packet on the loopback needs no longer; without sockets nothing is waited for.
_IN_FLIGHT_S = 0.001
# Without sockets the system is asked this rarely: only signals can come from there.
_POLL_EVERY = 64


def run_virtual(main: Callable[[Clock], Awaitable[T]], *, start: float = EPOCH) -> T:
    """Run `main` to its end on virtual time that begins at `start` (unix seconds). Raises Deadlock."""

    async def run() -> T:
        return await main(VirtualClock(loop))

    loop = VirtualTimeLoop(start)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(run())


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """
    An asyncio loop on which waiting costs nothing.

    `time()` and `wall()` are the same number, unix seconds, so that a timer for 12:00:00 fires at
    exactly that instant. A loop that can never wake again raises Deadlock instead of hanging; while
    sockets are open it first gives a peer outside this process `patience_s` of real time.
    """

    # Of the base class, the same in every version of Python that is supported.
    _ready: deque[Any]
    _scheduled: list[Any]
    _debug: bool

    def __init__(self, start: float = EPOCH, *, patience_s: float = 5.0) -> None:
        self._now = start
        self._jumping = _JumpingSelector(self._jump, patience_s=patience_s)
        super().__init__(self._jumping)
        self._clock_resolution = math.ulp(start)

    def _run_once(self) -> None:
        """
        As in the base class; but nothing is asked that only real time could answer.

        While callbacks are ready and no timer is due, time stands still, and nothing but a look at the sockets
        lies between one turn and the next.
        """
        ready, scheduled = self._ready, self._scheduled
        due = scheduled and scheduled[0]._when < self._now + self._clock_resolution
        if due or not ready or self._debug or self._jumping.is_to_be_asked():
            super()._run_once()  # type: ignore[misc]
            return
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()
        handle = None  # Not to keep alive what it held, as the base class does.

    def time(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds
        # The loop runs timers up to one resolution early; one step of the float means: never early.
        self._clock_resolution = math.ulp(self._now)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self.create_future()
        future.set_result(func(*args))
        return future


class VirtualClock(LoopClock):
    """The clock of one such loop. It need not look for the loop that runs, which costs a system call each time."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def time(self) -> float:
        return self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


def is_virtual(loop: AbstractEventLoop) -> bool:
    """Does time jump on this loop, so that nothing may wait in a thread?"""
    return isinstance(loop, VirtualTimeLoop)


class _JumpingSelector(selectors.DefaultSelector):
    """Serves what has arrived; else moves time on by as much as the loop was ready to wait."""

    def __init__(self, jump: Callable[[float], None], *, patience_s: float) -> None:
        super().__init__()
        self._jump = jump
        self._patience_s = patience_s
        self._unasked = 0
        self._registered = 0

    def is_to_be_asked(self) -> bool:
        """Is it time to look whether something has arrived? Without sockets only signals can, so rarely."""
        if self._unasked < _POLL_EVERY and self._registered == 1:
            self._unasked += 1
            return False
        return True

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._registered += 1
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._registered -= 1
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # The loop's own wake-up pipe is always registered.
        sockets = self._registered > 1
        if timeout is None:
            if not (events := super().select(self._patience_s if sockets else 0)):
                raise Deadlock("nothing is ready and nothing is armed: every task waits for another one")
            return events
        if sockets:
            events = super().select(_IN_FLIGHT_S if timeout > 0 else 0)
        elif self._unasked < _POLL_EVERY:
            self._unasked += 1
            events = []
        else:
            self._unasked = 0
            events = super().select(0)
        if timeout > 0 and not events:
            self._jump(timeout)
        return events
