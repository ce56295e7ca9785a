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
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.errors import Deadlock

T = TypeVar("T")

EPOCH = 1_700_000_000.0
# A packet on the loopback needs no longer; without sockets nothing is waited for.
_IN_FLIGHT_S = 0.001
# Without sockets the system is asked this rarely: only signals can come from there.
_POLL_EVERY = 64
# Turns in a row of our own; then the base class has one, which asks the system and tidies up timers.
_TURNS = 64
_JUMP_MAX_S = 86_400.0  # As far as the base class goes at once.


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

    # Of the base class, in every version of Python that is supported.
    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]  # Of TimerHandle.
    _timer_cancelled_count: int
    _stopping: bool
    _closed: bool
    _debug: bool

    def __init__(self, start: float = EPOCH, *, patience_s: float = 5.0) -> None:
        self._now = start
        self._due_before = start + math.ulp(start)
        self._armed = 0
        self._jumping = _JumpingSelector(self._jump, patience_s=patience_s)
        super().__init__(self._jumping)
        self._clock_resolution = math.ulp(start)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self._closed or self._debug:
            return super().call_soon(callback, *args, context=context)
        handle: _Soon = _new(_Soon)
        handle._context = copy_context() if context is None else context
        handle._loop = self
        handle._callback = callback
        handle._args = args
        handle._cancelled = False
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Timers of one instant fire in the order in which they were armed, whatever other timers there are."""
        if self._closed:
            return super().call_at(when, callback, *args, context=context)
        timer: _Timer
        if self._debug:
            timer = _Timer(when, callback, args, self, context)
        else:
            timer = _new(_Timer)
            timer._context = copy_context() if context is None else context
            timer._loop = self
            timer._callback = callback
            timer._args = args
            timer._cancelled = False
            timer._repr = timer._source_traceback = None
            timer._when = when
        timer.number = self._armed = self._armed + 1
        heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def _run_once(self) -> None:
        """
        As the base class, and in the same order; but while no socket is open the system is not asked each time.

        A turn then costs two thirds, and a replay has half a million of them.
        """
        jumping = self._jumping
        if self._debug or not jumping.has_no_sockets():
            super()._run_once()  # type: ignore[misc]
            return
        ready, timers = self._ready, self._scheduled
        take = ready.popleft
        for _ in range(_TURNS):
            if not ready:
                # Time may only move as long as nothing can come from outside.
                if not (timers and jumping.has_no_sockets()):
                    break
                self._go_to_the_next(timers)
            if timers and timers[0]._when < self._due_before:
                self._take_the_due(timers)
            for _ in range(len(ready)):
                handle: Any = take()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as failure:  # noqa: BLE001 - as the base class: the loop goes on
                        told = f"Exception in callback {handle!r}"
                        self.call_exception_handler({"message": told, "exception": failure, "handle": handle})
            if self._stopping:
                return
        super()._run_once()  # type: ignore[misc]

    def _go_to_the_next(self, timers: list[Any]) -> None:
        while timers and timers[0]._cancelled:
            heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1
        if timers and (left := timers[0]._when - self._now) > 0:
            self._jump(min(left, _JUMP_MAX_S))

    def _take_the_due(self, timers: list[Any]) -> None:
        while timers and timers[0]._when < self._due_before:
            timer = heappop(timers)
            timer._scheduled = False
            self._timer_cancelled_count -= timer._cancelled
            self._ready.append(timer)

    def time(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds
        # The loop runs timers up to one resolution early; one step of the float means: never early.
        self._clock_resolution = math.ulp(self._now)
        self._due_before = self._now + self._clock_resolution

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self.create_future()
        future.set_result(func(*args))
        return future


# Made without its constructor, which asks each time whether anything is debugged: then none of these is made.
class _Soon(asyncio.Handle):
    __slots__ = ()
    _args: Any
    _callback: Any
    _context: Any
    _loop: Any
    _repr = None
    _source_traceback = None


_new = object.__new__


class _Timer(asyncio.TimerHandle):
    # The base class compares the time alone: what came first at one instant then hung on how its heap was piled.
    __slots__ = ("number",)
    _args: Any
    _callback: Any
    _context: Any
    _loop: Any
    _repr: Any
    _source_traceback: Any
    _when: float
    _scheduled: bool
    number: int

    def __lt__(self, other: "_Timer") -> bool:  # type: ignore[override]
        if self._when == other._when:
            return self.number < other.number
        return self._when < other._when


class VirtualClock(LoopClock):
    """The clock of one such loop. It need not look for the loop that runs, which costs a system call each time."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def time(self) -> float:
        return self._loop._now

    def monotonic(self) -> float:
        return self._loop._now

    async def sleep_until(self, unix: float) -> None:
        loop = self._loop
        while loop._now < unix:
            reached = loop.create_future()
            timer = loop.call_at(unix, _reach, reached)
            try:
                await reached
            except BaseException:
                timer.cancel()
                raise


def _reach(moment: "asyncio.Future[None]") -> None:
    if not moment.done():  # Whoever waited may have been cancelled in this very turn.
        moment.set_result(None)


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

    def has_no_sockets(self) -> bool:
        # The loop's own wake-up pipe is always registered.
        return len(self.get_map()) == 1

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        sockets = not self.has_no_sockets()
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
