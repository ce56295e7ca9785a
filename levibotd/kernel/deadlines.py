"""When those who ask have waited long enough: one timer for all that wait equally long."""

import asyncio
from collections import deque
from typing import Any

_TIDY_FROM = 64


class Deadlines:
    """
    The asks of one mailbox that may take `timeout_s` each, oldest first.

    Each gets TimeoutError when its time has come and it has no answer. A timer an ask would cost a
    tenth of it, and nearly all of them are cancelled; so the timer of the oldest serves them all.
    """

    __slots__ = ("_asks", "_loop", "_name", "_tidy_at", "_timeout_s")

    def __init__(self, name: str, timeout_s: float) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._asks: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._tidy_at = _TIDY_FROM
        self._loop: asyncio.AbstractEventLoop | None = None  # Where the timer runs; None: it does not.

    def __len__(self) -> int:
        return len(self._asks)

    def add(self, answer: "asyncio.Future[Any]", loop: asyncio.AbstractEventLoop) -> None:
        """Count the time of one ask from now on."""
        asks = self._asks
        while asks and asks[0][1].done():
            asks.popleft()
        asks.append((loop.time() + self._timeout_s, answer))
        if self._loop is not loop:
            self._loop = loop
            loop.call_at(asks[0][0], self._expire, loop)
        elif len(asks) >= self._tidy_at:
            self._tidy()

    # Behind one that hangs, those that have their answers must not pile up.
    def _tidy(self) -> None:
        waiting = [ask for ask in self._asks if not ask[1].done()]
        self._asks.clear()
        self._asks.extend(waiting)
        self._tidy_at = max(_TIDY_FROM, 2 * len(waiting))

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        asks, now = self._asks, loop.time()
        while asks and (asks[0][1].done() or asks[0][0] <= now):
            _, answer = asks.popleft()
            if not answer.done():
                answer.set_exception(TimeoutError(self._name))
        self._loop = loop if asks else None
        if asks:
            loop.call_at(asks[0][0], self._expire, loop)
