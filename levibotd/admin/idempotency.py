"""Same key, same answer: what a POST with an Idempotency-Key was answered, kept for a day."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from levibotd.admin.problems import Malformed

KEY_HEADER = "Idempotency-Key"
KEY_MAX = 255
KEPT_S = 24 * 3600.0
ANSWERS_MAX = 4096

A = TypeVar("A")


class Answers(Generic[A]):
    """
    Answers by key, bounded in number; the oldest go first.

    A repetition that arrives while the first is still being answered waits for it. What fails by
    itself (`keep` says no) is not kept: the client may try again under the same key. A restart forgets
    all; actors recognise what they have done already by its ids.
    """

    def __init__(self, *, answers_max: int = ANSWERS_MAX) -> None:
        self._answers_max = answers_max
        self._kept: OrderedDict[str, tuple[float, A]] = OrderedDict()
        self._running: dict[str, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def once(
        self, key: str, answer: Callable[[], Awaitable[A]], *, keep: Callable[[A], bool], now: float
    ) -> tuple[A, bool]:
        """Return the answer under `key` and whether it had been given before, making it at most once at a time."""
        while (running := self._running.get(key)) is not None:
            await asyncio.wait((running,))
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] <= KEPT_S:
            return kept[1], True
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[key] = done
        try:
            made = await answer()
            if keep(made):
                self._remember(key, made, now)
            return made, False
        finally:
            del self._running[key]
            done.set_result(None)

    def _remember(self, key: str, answer: A, now: float) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (now, answer)
        if len(self._kept) > self._answers_max:
            self._kept.popitem(last=False)


def checked_key(key: str | None) -> str | None:
    """Raises Malformed unless `key` is absent or short printable text."""
    if key is not None and not (0 < len(key) <= KEY_MAX and key.isascii() and key.isprintable()):
        raise Malformed(f"{KEY_HEADER}: expected 1 to {KEY_MAX} printable characters")
    return key
