"""The event-index port: finding records by what they are about. Derived data: the log alone is the truth."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from levibotd.domain.signal import TraceId
from levibotd.messages import Decision
from levibotd.ports.journal_file import Run


class EventQuery(Struct, frozen=True, kw_only=True):
    """
    Which records: those that meet every condition given. `since` is unix seconds.

    They come in the order of `seq`: the first `limit` behind `cursor`, or with `newest` the last `limit`,
    where `before` is given those below that seq.
    """

    trace_id: TraceId | None = None
    event_type: str | None = None
    symbol: str | None = None
    since: float | None = None
    cursor: int = 0
    limit: int = 100
    newest: bool = False
    before: int | None = None


class EventPage(Struct, frozen=True):
    """Lines of the log as they stand there. `cursor` asks for what follows; None when there was no more."""

    lines: list[bytes]
    cursor: int | None


class EventIndex(Protocol):
    """Where which record stands."""

    def feed(self, runs: Sequence[Run]) -> None:
        """Take note of committed records. Never waits; what it has no room for it reads from the log later."""

    def find(self, query: EventQuery) -> EventPage:
        """Answer from what is indexed by now. Raises Unavailable while the index is made anew."""

    def decision(self, trace: TraceId) -> Decision | None:
        """The terminal decision of a post, None while there is none. Raises Unavailable."""

    async def settled(self) -> None:
        """Return when everything fed so far can be found."""
