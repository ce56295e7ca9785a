"""A sleep that somebody else may end."""

import asyncio
import math

from levibotd.kernel.clock import Clock


class Alarm:
    """
    For one sleeper: it sleeps until a moment of the wall clock, or until somebody rings.

    A ring that finds nobody asleep is forgotten. To be woken this way costs a future, where ending a
    cancel scope costs a cancellation.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asleep: asyncio.Future[bool] | None = None
        self._until = math.inf
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_slept_by(self) -> bool:
        """Does somebody sleep? Also between two naps on the way to one moment."""
        asleep = self._asleep
        if asleep is None or not asleep.done():
            return asleep is not None
        return not asleep.cancelled() and not asleep.result() and self._clock.time() < self._until

    async def sleep_until(self, unix: float) -> None:
        """Return once the clock shows `unix` (infinity: never by itself), also when it is stepped meanwhile."""
        self._until = unix
        while (left := self._until - self._clock.time()) > 0:
            self._asleep = asleep = asyncio.get_running_loop().create_future()
            self._arm(asleep, left)
            try:
                if await asleep:
                    return
            finally:
                self._asleep = None
                self._disarm()

    def move(self, unix: float) -> None:
        """Let the sleeper, if there is one, sleep until `unix` instead: what happens meanwhile need not wake it."""
        if self._asleep is None or not self.is_slept_by:
            return
        self._until = unix
        if not self._asleep.done():  # Else it takes its next nap towards that moment.
            self._disarm()
            self._arm(self._asleep, unix - self._clock.time())

    def ring(self) -> None:
        """End the sleep, if there is one."""
        if self._asleep is not None:
            self._until = -math.inf  # Whoever is between two naps takes no other.
            _end(self._asleep, True)

    def _arm(self, asleep: "asyncio.Future[bool]", left_s: float) -> None:
        if left_s != math.inf:
            nap_s = self._clock.nap_s(max(left_s, 0.0))
            self._timer = asyncio.get_running_loop().call_later(nap_s, _end, asleep, False)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _end(asleep: "asyncio.Future[bool]", rung: bool) -> None:
    if not asleep.done():
        asleep.set_result(rung)
