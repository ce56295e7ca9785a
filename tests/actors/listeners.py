"""What stands around one actor: somebody who listens, and a log that commits at once."""

from collections.abc import Callable
from typing import Any, TypeVar

from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Entry, Record
from levibotd.kernel.actor import Actor
from levibotd.kernel.mailbox import BLOCK, Box, Ref, Rejected
from levibotd.messages import Append, Committed, LoggerMessage

R = TypeVar("R", bound=Record)


class Listener(Actor[Any]):
    """Keeps what it is told."""

    def __init__(self, told: list[Any]) -> None:
        self._told = told

    async def receive(self, message: Any) -> None:
        self._told.append(message)


class InstantLog(Actor[LoggerMessage]):
    """Folds what it gets and answers; refuses when told to."""

    def __init__(self, ledger: Ledger, entries: list[Entry], refuses: Callable[[], bool]) -> None:
        self._ledger = ledger
        self._entries = entries
        self._refuses = refuses

    async def receive(self, message: LoggerMessage) -> Committed | Rejected:
        if self._refuses():
            return Rejected("unwritable: planned")
        if isinstance(message, Append):
            for entry in message.entries:
                self._entries.append(entry)
                self._ledger.apply(entry)
        return Committed(1, len(self._entries))


def box(name: str, capacity: int = 256) -> Ref[Any]:
    return Ref(name, Box(capacity, BLOCK))


def of(entries: list[Entry], kind: type[R]) -> list[R]:
    return [entry.record for entry in entries if isinstance(entry.record, kind)]
