"""
Acts and what became known of them: a post that was read as a call and acted on, and the label that somebody gave to
its text afterwards. A fold over committed records.

A label that says otherwise makes the act a wrong one. Each is judged once, and again only when its label is corrected;
the last ACTS_JUDGED of a channel, since its stage was set, tell whether it may stay there.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from levibotd.domain.order_records import EntryArmed, OrderIntent
from levibotd.domain.orders import ENTRY
from levibotd.domain.records import ChannelStage, Entry, Record, RiskTicket
from levibotd.domain.remembering import remember
from levibotd.domain.signal import CallKey, Symbol, TraceId

ACTS_JUDGED = 20  # That a channel is held to, the newest.
ACTS_KEPT = 2 * ACTS_JUDGED  # Of a channel: a label may come late.
CHANNELS_MAX = 1_000
TICKETS_MAX = 1_024  # That nothing was sent for yet.


class ActJudged(Record, frozen=True, kw_only=True):
    """
    A label was given to a text that was acted on. `read` is what it was read as, `label` what somebody says it is.

    `before` is the label by which the act was judged before, where that was another one.
    """

    at: float
    call: CallKey
    channel: str
    digest: str  # Of the text, as DS_APPEND names it.
    read: str  # BUY | SELL
    label: str  # BUY | SELL | NO-TRADE
    wrong: bool
    before: str | None = None


class Act(Struct, frozen=True, kw_only=True, gc=False):
    """One leg that was acted on. `label` is what its text was said to be, None as long as nobody has."""

    call: CallKey
    channel: str
    symbol: Symbol
    side: str
    digest: str
    trace: TraceId | None = None
    label: str | None = None
    counts: bool = False  # Judged since the stage of its channel was set.

    @property
    def wrong(self) -> bool:
        return self.label is not None and self.label != self.side


class Tally(Struct, frozen=True):
    """Of the last acts that were judged: how many, and how many were wrong."""

    judged: int = 0
    wrong: int = 0


class _Book(Struct, kw_only=True):
    tickets: dict[CallKey, Act] = field(default_factory=dict)
    channels: dict[str, dict[CallKey, Act]] = field(default_factory=dict)  # Oldest first.


class ActBook:
    """The last acts of each channel, made from records alone. Bounded; never raises."""

    def __init__(self) -> None:
        self._book = _Book()

    @staticmethod
    def concerns(kind: type[Record]) -> bool:
        """Does a record of this type change anything here?"""
        return kind in _CHANGES

    def apply(self, entry: Entry) -> None:
        """Fold one committed record in. Never raises."""
        change = _CHANGES.get(type(entry.record))
        if change is not None:
            change(self._book, entry, entry.record)

    def digests(self) -> frozenset[str]:
        """The texts whose labels would judge an act."""
        return frozenset(act.digest for acts in self._book.channels.values() for act in acts.values())

    def due(self, labels: Mapping[str, str], *, at: float) -> tuple[Entry, ...]:
        """What these labels, by digest, say that the log does not: once committed and folded in, nothing is left."""
        return tuple(
            Entry(_judged(act, label, at=at), symbol=act.symbol, trace=act.trace)
            for acts in self._book.channels.values()
            for act in acts.values()
            if (label := labels.get(act.digest)) is not None and label != act.label
        )

    def tally(self, *names: str) -> Tally:
        """Of the newest acts under each of a channel's names that were judged since its stage was set."""
        counted: list[Act] = []
        for name in dict.fromkeys(names):
            counted += [act for act in self._book.channels.get(name, {}).values() if act.counts][-ACTS_JUDGED:]
        return Tally(judged=len(counted), wrong=sum(act.wrong for act in counted))

    def copy(self) -> "ActBook":
        """The same book as of now: it can be read in another thread while this one goes on."""
        other = ActBook()
        acts = {name: dict(acts) for name, acts in self._book.channels.items()}
        other._book = _Book(tickets=dict(self._book.tickets), channels=acts)
        return other

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self._book)

    @classmethod
    def from_bytes(cls, snapshot: bytes) -> "ActBook":
        """Raises msgspec.DecodeError when these bytes are no snapshot of this version."""
        book = cls()
        book._book = msgspec.msgpack.decode(snapshot, type=_Book)
        return book

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActBook) and self._book == other._book


def _judged(act: Act, label: str, *, at: float) -> ActJudged:
    return ActJudged(
        at=at,
        call=act.call,
        channel=act.channel,
        digest=act.digest,
        read=act.side,
        label=label,
        wrong=label != act.side,
        before=act.label,
    )


# A plan of later changes nothing of what was read at first.
def _ticketed(book: _Book, entry: Entry, record: RiskTicket) -> None:
    if not record.said or record.revision:
        return
    act = Act(
        call=record.call,
        channel=record.channel,
        symbol=record.plan.symbol,
        side=record.plan.side.value,
        digest=record.said,
        trace=entry.trace,
    )
    remember(book.tickets, record.call, act, limit=TICKETS_MAX)


def _sent(book: _Book, entry: Entry, record: OrderIntent) -> None:
    if record.role == ENTRY:
        _acted(book, record.call)


def _armed(book: _Book, entry: Entry, record: EntryArmed) -> None:
    _acted(book, record.call)


def _acted(book: _Book, call: CallKey) -> None:
    act = book.tickets.pop(call, None)
    if act is None:
        return
    acts = book.channels.get(act.channel)
    if acts is None:
        if len(book.channels) >= CHANNELS_MAX:
            del book.channels[next(iter(book.channels))]
        acts = book.channels[act.channel] = {}
    acts.setdefault(call, act)
    if len(acts) > ACTS_KEPT:
        del acts[next(iter(acts))]


def _told(book: _Book, entry: Entry, record: ActJudged) -> None:
    acts = book.channels.get(record.channel, {})
    act = acts.get(record.call)
    if act is None:
        return
    judged = replace(act, label=record.label)
    # What was held against a channel before it was put where it is, is not held against it again.
    again = act.label is not None and act.wrong == judged.wrong
    acts[record.call] = replace(judged, counts=act.counts if again else True)


def _staged(book: _Book, entry: Entry, record: ChannelStage) -> None:
    names = tuple(book.channels) if record.channel is None else (record.channel, *record.names)
    for name in names:
        acts = book.channels.get(name, {})
        for call, act in acts.items():
            if act.counts:
                acts[call] = replace(act, counts=False)


_CHANGES: Mapping[type[Record], Callable[[_Book, Entry, Any], None]] = {
    RiskTicket: _ticketed,
    OrderIntent: _sent,
    EntryArmed: _armed,
    ActJudged: _told,
    ChannelStage: _staged,
}
