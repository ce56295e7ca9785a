"""
What the committed log says, folded once and read by all.

There is one fold in a process. The logger moves it on with each commit, before it answers whoever
asked; everybody else only reads. So an actor that has its commit sees it, a restart needs no
replay, and what HTTP shows is what would survive a power cut.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from levibotd.domain.acts import ActBook
from levibotd.domain.cards.book import CardBook
from levibotd.domain.climate.record import ClimateRecord
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderFill, OrderFilled, OrderIntent, OrderPartialFill, PositionClosed
from levibotd.domain.outcomes import knew_later
from levibotd.domain.records import (
    AutoRouteDryrun,
    AutoRouteExecuted,
    AutoRouteSkipped,
    DayAnchor,
    Entry,
    Logged,
    Record,
    SignalExpired,
    SignalIngest,
    SignalRejected,
    SignalScored,
)
from levibotd.domain.shadow_book import ShadowBook
from levibotd.domain.signal import TraceId

T_contra = TypeVar("T_contra", contravariant=True)

Watcher = Callable[[Sequence[Logged]], None]
Concerns = Callable[[type[Record]], bool]


class Fold(Protocol[T_contra]):
    """What is made of records alone. It looks at no other fold, and never raises."""

    def concerns(self, kind: type[Record], /) -> bool: ...

    def apply(self, one: T_contra, /) -> None: ...


class _Kept(Struct, frozen=True, array_like=True):
    """All folds as bytes; those beside the ledger by name, so that one may be missing or new."""

    ledger: bytes
    others: dict[str, bytes]


class _Concerned(Struct, frozen=True):
    """Whom records of one type concern: folds, in their order, and watchers, by their places."""

    of_entry: tuple[Callable[[Entry], None], ...]
    of_logged: tuple[Callable[[Logged], None], ...]
    watchers: tuple[int, ...]


class CommittedState:
    """The ledger as of the last committed record, the folds beside it, and who else wants to know of commits."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        climate: ClimateRecord | None = None,
        cards: CardBook | None = None,
        shadow: ShadowBook | None = None,
        acts: ActBook | None = None,
    ) -> None:
        self._ledger = ledger
        self.climate = climate or ClimateRecord()
        self.cards = cards or CardBook()
        self.shadow = shadow or ShadowBook()
        self.acts = acts or ActBook()
        self._more: list[Fold[Logged]] = []
        self._watchers: list[tuple[Watcher, Concerns]] = []
        self._concerned: dict[type[Record], _Concerned] = {}  # Of the types that came so far.
        self.last_seq = 0
        self.last_ts: float | None = None

    def ledger(self) -> Ledger:
        """The fold. Read it, never write to it."""
        return self._ledger

    def remembered(self) -> Mapping[str, int]:
        """How many calls there are of what is remembered by count: followed, to be compared, on cards one by one."""
        on_cards = sum(len(channel.calls) for channel in self.cards.channels.values())
        return {
            "followed": len(self.shadow.calls),
            "to_compare": len(self.shadow.past),
            "on_cards": on_cards,
            "heard": len(self.climate.crowd.said),
        }

    def forgotten(self) -> Mapping[str, int]:
        """
        How many calls ever had to make room for others.

        Not followed, not compared, in the sums of their card alone; of those on cards, gone before their end; and not
        known any more to those who copy them.
        """
        return {
            "followed": self.shadow.not_followed,
            "to_compare": self.shadow.forgotten,
            "on_cards": self.cards.summed,
            "without_end": self.cards.lost,
            "heard": self.climate.crowd.forgotten,
        }

    def copy(self) -> "CommittedState":
        """Every fold as of now, watched by nobody: some milliseconds, where their bytes take a hundred."""
        return CommittedState(
            self._ledger.copy(),
            climate=self.climate.copy(),
            cards=self.cards.copy(),
            shadow=self.shadow.copy(),
            acts=self.acts.copy(),
        )

    def to_bytes(self) -> bytes:
        """Every fold, for a snapshot. Of a copy it can be made in another thread: the loop has its turns."""
        others = {"climate": self.climate.to_bytes(), "cards": self.cards.to_bytes(), "shadow": self.shadow.to_bytes()}
        others["acts"] = self.acts.to_bytes()
        return msgspec.msgpack.encode(_Kept(self._ledger.to_bytes(), others))

    @classmethod
    def from_bytes(cls, snapshot: bytes) -> "CommittedState":
        """
        Raises msgspec.DecodeError when these bytes are no snapshot of this version.

        Those that held the ledger alone are read too: the folds beside it then begin with what comes after.
        """
        try:
            kept = msgspec.msgpack.decode(snapshot, type=_Kept)
        except msgspec.ValidationError:
            kept = _Kept(snapshot, {})
        climate, cards, shadow, acts = [kept.others.get(name) for name in ("climate", "cards", "shadow", "acts")]
        return cls(
            Ledger.from_bytes(kept.ledger),
            climate=None if climate is None else ClimateRecord.from_bytes(climate),
            cards=None if cards is None else CardBook.from_bytes(cards),
            shadow=None if shadow is None else ShadowBook.from_bytes(shadow),
            acts=None if acts is None else ActBook.from_bytes(acts),
        )

    def is_decided(self, trace: TraceId) -> bool:
        return self._ledger.decision(trace) is not None

    def add(self, fold: Fold[Logged]) -> None:
        """Have one more fold take in what is committed from now on."""
        self._more.append(fold)
        self._concerned.clear()

    def watch(self, watcher: Watcher, *, concerns: Concerns = lambda _kind: True) -> None:
        """
        Have `watcher` called after each commit, when all folds have the whole of it. It must not raise.

        With those of its records that are of a type that concerns it, and not at all where there is none. What
        `concerns` says of a type is asked once and kept.
        """
        self._watchers.append((watcher, concerns))
        self._concerned.clear()

    def observe(self, committed: Sequence[Logged]) -> None:
        """Take in what was just committed, in order."""
        known = self._concerned
        heard: dict[int, list[Logged]] = {}
        for one in committed:
            entry = one.entry
            kind = type(entry.record)
            # Most records concern few: nobody else is asked.
            concerned = known.get(kind) or self._concerning(kind)
            for apply_entry in concerned.of_entry:
                apply_entry(entry)
            for apply_logged in concerned.of_logged:
                apply_logged(one)
            for place in concerned.watchers:
                if place in heard:
                    heard[place].append(one)
                else:
                    heard[place] = [one]
        if committed:
            last = committed[-1]
            self.last_seq, self.last_ts = last.seq, last.ts
        for place in sorted(heard):
            self._watchers[place][0](heard[place])

    def _concerning(self, kind: type[Record]) -> _Concerned:
        of_entry: list[Fold[Entry]] = [self._ledger, self.cards, self.acts]
        of_logged: list[Fold[Logged]] = [self.climate, self.shadow, *self._more]
        found = self._concerned[kind] = _Concerned(
            tuple([fold.apply for fold in of_entry if fold.concerns(kind)]),
            tuple([fold.apply for fold in of_logged if fold.concerns(kind)]),
            tuple([place for place, (_, concerns) in enumerate(self._watchers) if concerns(kind)]),
        )
        return found


class Counts:
    """
    What a run did, counted from its records: decisions by reason, orders, fills, drawdown.

    A decision is contaminated when its model knew texts later than its post, or its list of markets is of a later
    day; these stand apart.
    """

    def __init__(self, *, balance: Decimal) -> None:
        self.posts = 0
        self.decisions: Counter[str] = Counter()
        self.contaminated: Counter[str] = Counter()
        self.orders = 0
        self.fills = 0
        self.peak = balance
        self.drawdown = Decimal(0)
        self._realised = balance
        self._contaminated: set[TraceId] = set()
        self._posted_at: dict[TraceId, float] = {}
        self._counts: dict[type[Record], Callable[[Any, TraceId | None], None]] = {
            **dict.fromkeys(_REASONS, self._decided),
            SignalIngest: self._ingested,
            SignalScored: self._scored,
            OrderIntent: self._ordered,
            OrderPartialFill: self._filled,
            OrderFilled: self._filled,
            PositionClosed: self._closed,
            DayAnchor: self._anchored,
        }

    def concerns(self, kind: type[Record]) -> bool:
        """Does a record of this type change anything here?"""
        return kind in self._counts

    def apply(self, logged: Logged) -> None:
        """Count one committed record."""
        record = logged.entry.record
        count = self._counts.get(type(record))
        if count is not None:
            count(record, logged.entry.trace)

    def _ingested(self, record: SignalIngest, trace: TraceId | None) -> None:
        self.posts += 1
        self._posted_at[trace or record.post.trace] = record.post.posted_at

    def _scored(self, record: SignalScored, trace: TraceId | None) -> None:
        if trace is None:
            return
        posted_at = self._posted_at.get(trace)
        if posted_at is not None and knew_later(record, posted_at):
            self._contaminated.add(trace)

    def _ordered(self, _record: OrderIntent, _trace: TraceId | None) -> None:
        self.orders += 1

    def _filled(self, _record: OrderFill, _trace: TraceId | None) -> None:
        self.fills += 1

    def _closed(self, record: PositionClosed, _trace: TraceId | None) -> None:
        self._realised += record.net
        self._equity(self._realised)

    def _anchored(self, record: DayAnchor, _trace: TraceId | None) -> None:
        self._equity(record.equity)

    def _decided(self, record: Record, trace: TraceId | None) -> None:
        reason = reason_of(record)
        if reason is None or trace is None:
            return
        self.decisions[reason] += 1
        self._posted_at.pop(trace, None)
        if trace in self._contaminated:
            self._contaminated.discard(trace)
            self.contaminated[reason] += 1

    def _equity(self, equity: Decimal) -> None:
        self.peak = max(self.peak, equity)
        if self.peak > 0:
            self.drawdown = max(self.drawdown, (self.peak - equity) / self.peak)


_REASONS: Mapping[type[Record], Callable[[Any], str]] = {
    AutoRouteExecuted: lambda record: f"EXECUTED {record.effect}",
    AutoRouteDryrun: lambda _record: "DRYRUN",
    AutoRouteSkipped: lambda record: f"SKIPPED {record.reason}",
    SignalExpired: lambda _record: "EXPIRED",
    SignalRejected: lambda record: f"REJECTED {record.gate}",
}


def reason_of(record: Record) -> str | None:
    """How a terminal decision is counted (`REJECTED confidence`, `SKIPPED kind.chatter` ...); None for others."""
    reason = _REASONS.get(type(record))
    return None if reason is None else reason(record)
