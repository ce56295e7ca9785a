"""
What nobody in the loop can notice: that the loop itself stands still, or that time jumped.

`LoopWatchdog` ends a process whose loop makes no progress, so that a service manager starts it
anew. `JumpWatch` compares the clocks with each other from tick to tick.
"""

import faulthandler
from typing import TextIO

from msgspec import Struct

from levibotd.kernel.clock import Clock

STEP_MIN_S = 1.0


class LoopWatchdog:
    """
    Ends the process when `feed` is not called for `limit_s`: all stacks go to `err`, the exit code is 1.

    The interpreter's own C thread does it, so not even a call that keeps the interpreter lock
    hides. Nothing is flushed or sealed: for the log it is a crash, and what was acknowledged stands.
    `err` must have a descriptor.
    """

    def __init__(self, *, limit_s: float, err: TextIO) -> None:
        self._limit_s = limit_s
        self._err = err

    @property
    def interval_s(self) -> float:
        """How often to feed it."""
        return min(1.0, self._limit_s / 10)

    def feed(self) -> None:
        faulthandler.dump_traceback_later(self._limit_s, exit=True, file=self._err)

    def stop(self) -> None:
        faulthandler.cancel_dump_traceback_later()


class Jump(Struct, frozen=True):
    """
    What happened between two ticks: the wall clock was stepped by `step_s`, nothing ran for `pause_s`.

    Each is zero where it is too little to tell.
    """

    step_s: float
    pause_s: float


class JumpWatch:
    """Call `look` every `interval_s`; it tells when wall time, or time itself, did not go on as it should."""

    def __init__(self, clock: Clock, *, interval_s: float, least_s: float = STEP_MIN_S) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._least_s = least_s
        self._wall, self._mono = clock.time(), clock.monotonic()

    def look(self) -> Jump | None:
        wall, mono = self._clock.time(), self._clock.monotonic()
        passed = mono - self._mono
        step = wall - self._wall - passed
        pause = passed - self._interval_s
        self._wall, self._mono = wall, mono
        if max(abs(step), pause) <= self._least_s:
            return None
        return Jump(step if abs(step) > self._least_s else 0.0, pause if pause > self._least_s else 0.0)
