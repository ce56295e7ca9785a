"""Which messages end incarnations: remembered, so that one message cannot spend a restart budget."""

from collections.abc import Hashable
from typing import Any

from levibotd.kernel.events import trace_of

DEADLY = 2
_REMEMBERED = 1024


def same_trace(message: Any) -> Hashable:
    """
    Two messages are the same when type and trace are; without a trace, only the very object is.

    So a message that is told again from a log, as another object, is known again. Wrong for an
    actor that gets several messages of one type about one trace: there, use `itself`.
    """
    trace = trace_of(message)
    return itself(message) if trace is None else (type(message), trace)


def itself(message: Any) -> Hashable:
    """Only the very object is the same message."""
    return (type(message), id(message))


class Suspects:
    """Messages that ended an incarnation of one actor, and how many each."""

    def __init__(self) -> None:
        # The message is kept beside its count: its id must not be given to another object meanwhile.
        self.blamed: dict[Hashable, tuple[int, Any]] = {}

    def blame(self, key: Hashable, message: Any) -> int:
        """It ended one more incarnation. Returns how many by now."""
        count = self.blamed.pop(key, (0, None))[0] + 1
        if len(self.blamed) >= _REMEMBERED:
            del self.blamed[next(iter(self.blamed))]
        self.blamed[key] = (count, message)
        return count

    def is_deadly(self, key: Hashable) -> bool:
        return self.blamed.get(key, (0, None))[0] >= DEADLY

    def acquit(self, key: Hashable) -> None:
        """It was handled after all."""
        self.blamed.pop(key, None)

    def release(self, key: Hashable) -> None:
        """Requeued by hand: it may be tried once more, and is deadly again at the next crash."""
        if key in self.blamed:
            self.blamed[key] = (DEADLY - 1, self.blamed[key][1])
