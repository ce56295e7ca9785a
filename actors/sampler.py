"""SamplerActor: the gauges that nobody's message moves."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.messages import Message

LAG_PROBE_S = 0.1


class SamplerActor(Actor[Message]):
    """
    Every `interval_s` call `sample`, and in between measure how late the loop wakes.

    A restart loses nothing: gauges are taken anew.
    """

    def __init__(
        self,
        *,
        sample: Callable[[], None],
        on_lag: Callable[[float], None],
        clock: Clock,
        interval_s: float,
    ) -> None:
        self._sample = sample
        self._on_lag = on_lag
        self._clock = clock
        self._interval_s = interval_s

    def sources(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._watch,)

    async def receive(self, message: Message) -> None:
        """Nobody tells the sampler anything."""

    async def _watch(self) -> None:
        while True:
            self._sample()
            before = self._clock.monotonic()
            await self._clock.sleep(LAG_PROBE_S)
            self._on_lag(max(self._clock.monotonic() - before - LAG_PROBE_S, 0.0))
            await self._clock.sleep(self._interval_s - LAG_PROBE_S)
