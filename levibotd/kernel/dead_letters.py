"""Messages that nobody will handle: kept, bounded, for people to look at and to send again."""

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from levibotd.kernel.events import DeadLetter, trace_of
from levibotd.kernel.lane import Ask


class DeadLetters:
    """
    The last letters of a system, oldest first.

    What a box drops by its own policy is kept apart, so that a flood of it does not push out
    the letters that matter; `counts` counts everything by reason.
    """

    def __init__(self, *, now: Callable[[], float], kept_max: int = 256) -> None:
        self.counts: dict[str, int] = {}
        self._now = now
        self._kept: deque[DeadLetter] = deque(maxlen=kept_max)
        self._dropped: deque[DeadLetter] = deque(maxlen=kept_max // 4)
        self._ids = itertools.count(1)

    def __len__(self) -> int:
        return len(self._kept) + len(self._dropped)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def all(self) -> list[DeadLetter]:
        return sorted([*self._kept, *self._dropped], key=lambda letter: letter.id)

    def add(
        self,
        message: Any,
        *,
        actor: str,
        incarnation: int,
        reason: str,
        error: BaseException | None = None,
        by_policy: bool = False,
    ) -> DeadLetter:
        if type(message) is Ask:
            message = message.request
        letter = DeadLetter(
            id=next(self._ids),
            actor=actor,
            incarnation=incarnation,
            message=message,
            reason=reason,
            error=None if error is None else f"{type(error).__name__}: {error}",
            trace=trace_of(message),
            at=self._now(),
        )
        self.counts[reason] = self.counts.get(reason, 0) + 1
        (self._dropped if by_policy else self._kept).append(letter)
        return letter

    def find(self, letter_id: int) -> DeadLetter | None:
        return next((letter for letter in self.all() if letter.id == letter_id), None)

    def remove(self, letter_id: int) -> None:
        for kept in (self._kept, self._dropped):
            for letter in kept:
                if letter.id == letter_id:
                    kept.remove(letter)
                    return
