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

    async def sleep_until(self, unix: float) -> None:
        """Return once the clock shows `unix` (infinity: never by itself), also when it is stepped meanwhile."""
        loop = asyncio.get_running_loop()
        while (left := unix - self._clock.time()) > 0:
            self._asleep = asleep = loop.create_future()
            timer = None if left == math.inf else loop.call_later(self._clock.nap_s(left), _end, asleep, False)
            try:
                if await asleep:
                    return
            finally:
                self._asleep = None
                if timer is not None:
                    timer.cancel()

    def ring(self) -> None:
        """End the sleep, if there is one."""
        if self._asleep is not None:
            _end(self._asleep, True)


def _end(asleep: "asyncio.Future[bool]", rung: bool) -> None:
    if not asleep.done():
        asleep.set_result(rung)
