"""Which messages end incarnations: remembered, so that one message cannot spend a restart budget."""

from collections.abc import Callable, Hashable
from typing import Any

from levibotd.kernel.events import trace_of
from levibotd.kernel.lane import Ask

DEADLY = 2
_REMEMBERED = 1024


def same_message(message: Any) -> Hashable:
    """
    Two messages are the same when type and trace are; without a trace, only the very object is.

    A message that is told again from a log is another object with the same trace.
    """
    trace = trace_of(message)
    return (type(message), id(message)) if trace is None else (type(message), trace)


class Suspects:
    """Messages that ended an incarnation of one actor, and how many each."""

    def __init__(self, same: Callable[[Any], Hashable]) -> None:
        self._same = same
        # The message is kept beside its count: an id must not be given to another object meanwhile.
        self.blamed: dict[Hashable, tuple[int, Any]] = {}

    def blame(self, item: Any) -> int:
        """It ended one more incarnation. Returns how many by now."""
        key, message = self._known(item)
        count = self.blamed.pop(key, (0, None))[0] + 1
        if len(self.blamed) >= _REMEMBERED:
            del self.blamed[next(iter(self.blamed))]
        self.blamed[key] = (count, message)
        return count

    def is_deadly(self, item: Any) -> bool:
        return self.blamed.get(self._known(item)[0], (0, None))[0] >= DEADLY

    def clear(self, item: Any) -> None:
        """It was handled after all."""
        self.blamed.pop(self._known(item)[0], None)

    def release(self, message: Any) -> None:
        """Requeued by hand: it may be tried once more, and is deadly again at the next crash."""
        key = self._same(message)
        if key in self.blamed:
            self.blamed[key] = (DEADLY - 1, message)

    def _known(self, item: Any) -> tuple[Hashable, Any]:
        message = item.request if type(item) is Ask else item
        return self._same(message), message
