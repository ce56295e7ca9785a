"""What an actor handled last: a ring of records that costs a tuple each, read only when somebody asks."""

import itertools
from collections import deque
from typing import Any

from levibotd.kernel.events import trace_of
from levibotd.kernel.lane import Ask
from levibotd.kernel.status import TraceRecord

KEPT = 256


class Fallen:
    """Stands where a message ended an incarnation."""

    __slots__ = ("message",)

    def __init__(self, message: Any) -> None:
        self.message = message


class Ring:
    """The last messages of one actor, as `(order, time, item)`. The order is shared by all actors of a system."""

    def __init__(self, order: "itertools.count[int]") -> None:
        self.order = order
        self.kept: deque[tuple[int, float, Any]] = deque(maxlen=KEPT)

    def note_crash(self, message: Any, *, at: float) -> None:
        self.kept.append((next(self.order), at, Fallen(message)))

    def records(self, actor: str) -> list[TraceRecord]:
        """Oldest first."""
        return [
            TraceRecord(
                order=order,
                actor=actor,
                what="crash" if type(item) is Fallen else "in",
                message_type=type_name(item),
                trace=trace_of(message_of(item)),
                at=at,
            )
            for order, at, item in self.kept
        ]


def message_of(item: Any) -> Any:
    """The message itself, as its sender made it."""
    if type(item) is Ask:
        return item.request
    return item.message if type(item) is Fallen else item


def type_name(item: Any) -> str:
    return type(message_of(item)).__name__
