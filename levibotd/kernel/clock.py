"""Where time comes from: a port that everything takes as an argument, and its one implementation."""

import asyncio
import time
from asyncio import _get_running_loop
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the core may know about time. Real in the daemon, virtual in replay and tests."""

    def now(self) -> datetime:
        """Wall time, aware, UTC."""

    def time(self) -> float:
        """Wall time in unix seconds. It may step; measure intervals with `monotonic`."""

    def monotonic(self) -> float:
        """Seconds since a point of no meaning. Never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return after at least `seconds`; zero or less gives the loop one turn."""

    async def sleep_until(self, unix: float) -> None:
        """Return once `time() >= unix`, also when the wall clock is stepped meanwhile."""

    def nap_s(self, seconds: float) -> float:
        """How much of `seconds` to sleep at once on the way to a moment: less where the wall clock may be stepped."""


# A wall clock that is set back or forward while we sleep is noticed after this long.
_STEP_NOTICED_S = 60.0


class LoopClock:
    """
    The clock of the running event loop.

    Its wall time is `wall` where given, else the loop's own (`VirtualTimeLoop.wall`), else the system's.
    May be made before the loop runs, and read from worker threads. Once it has seen a loop that goes by
    the system's time it stays with that: to ask which loop runs costs more than to read a clock.
    """

    def __init__(self, *, wall: Callable[[], float] | None = None) -> None:
        self._wall = wall
        self._is_system = False

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        if self._wall is not None:
            return self._wall()
        if self._is_system:
            return time.time()
        wall = getattr(self._running(), "wall", time.time)
        return float(wall())

    def monotonic(self) -> float:
        if self._is_system:
            return time.monotonic()
        loop = self._running()
        return time.monotonic() if loop is None else loop.time()

    def _running(self) -> asyncio.AbstractEventLoop | None:
        loop = _get_running_loop()
        self._is_system = loop is not None and type(loop).time is asyncio.BaseEventLoop.time
        return loop

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    async def sleep_until(self, unix: float) -> None:
        while (left := unix - self.time()) > 0:
            nap_s = self.nap_s(left)
            await asyncio.sleep(nap_s)

    def nap_s(self, seconds: float) -> float:
        steps = self._wall is not None or not hasattr(asyncio.get_running_loop(), "wall")
        return min(seconds, _STEP_NOTICED_S) if steps else seconds
