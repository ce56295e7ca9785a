"""
Buckets that go on when whoever counts for all does not answer: then this daemon counts for itself.

Requests never wait for a store that is known to be silent: it is asked again now and then, by one
request at a time.
"""

from collections.abc import Callable

from levibotd.errors import Unavailable
from levibotd.kernel.clock import Clock
from levibotd.ports.buckets import Buckets

ASK_AGAIN_S = 5.0


class SpareBuckets:
    """`shared` as long as it answers, else `spare`. `on_change` is told why it is spared, and None when it answers."""

    def __init__(
        self, shared: Buckets, *, spare: Buckets, clock: Clock, on_change: Callable[[Unavailable | None], None]
    ) -> None:
        self._shared = shared
        self._spare = spare
        self._clock = clock
        self._on_change = on_change
        self._is_spared = False
        self._again_at = 0.0

    async def take(self, client: str, *, tokens: float = 1.0) -> float:
        now = self._clock.monotonic()
        if self._is_spared:
            if now < self._again_at:
                return await self._spare.take(client, tokens=tokens)
            self._again_at = now + ASK_AGAIN_S  # This request asks; the others do not wait for it.
        try:
            wait_s = await self._shared.take(client, tokens=tokens)
        except Unavailable as error:
            self._again_at = now + ASK_AGAIN_S
            if not self._is_spared:
                self._is_spared = True
                self._on_change(error)
            return await self._spare.take(client, tokens=tokens)
        if self._is_spared:
            self._is_spared = False
            self._on_change(None)
        return wait_s

    async def close(self) -> None:
        await self._shared.close()
        await self._spare.close()
