"""The event-index port: finding records by what they are about. Derived data: the log alone is the truth."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from levibotd.domain.signal import TraceId
from levibotd.messages import Decision
from levibotd.ports.journal_file import Run


class EventQuery(Struct, frozen=True, kw_only=True):
    """
    Which lines of the log: the first `limit` of those that meet every condition given, in the order of `seq`.

    What is None or empty does not restrict; of several `types` any will do; `since` is unix seconds.
    `beyond` is the `seq` of the last line that was seen: those behind it, or before it with `newest_first`.
    """

    trace_id: TraceId | None = None
    types: tuple[str, ...] = ()
    symbol: str | None = None
    since: float | None = None
    beyond: int | None = None
    newest_first: bool = False
    limit: int = 100


class HourCount(Struct, frozen=True, kw_only=True):
    """How many records of one type the hour that begins `at` has."""

    at: float
    event_type: str
    count: int


class EventIndex(Protocol):
    """Where which record stands."""

    def feed(self, runs: Sequence[Run]) -> None:
        """Take note of committed records. Never waits; what it has no room for it reads from the log later."""

    def find(self, query: EventQuery) -> list[bytes]:
        """
        Answer from what is indexed by now: whole lines, line feeds included.

        Never more than the index's own limit. Raises Unavailable while the index is made anew.
        """

    @property
    def indexed_seq(self) -> int:
        """Whatever is committed up to this record can be found by now."""

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        """Answer from everything fed before the call. Raises Unavailable while the index is made anew."""

    async def hours(self, *, since: float, until: float) -> Sequence[HourCount]:
        """
        Count the records of each UTC hour between, in order, by type; hours that these moments cut count whole.

        Costs as much as there are hours, not records. Raises Unavailable while the index is made anew.
        """

    def decision(self, trace: TraceId) -> Decision | None:
        """The terminal decision of a post, None while there is none. Raises Unavailable."""

    async def settled(self) -> None:
        """Return when everything fed so far can be found."""
