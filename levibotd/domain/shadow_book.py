"""
The shadow book: which calls are being followed, traded or not, as a fold over records.

A call is taken up when its reading is committed, and let go when both of its outcomes are. What the
market made of it since is no part of the book: that is reckoned anew from the bars, which do not
change. So a crash at any moment loses nothing, and an outcome that is written is not written again.
"""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import asdict, astuple, replace

from levibotd.domain.leg_read import LegRead
from levibotd.domain.lifecycle import calls_meant
from levibotd.domain.outcomes import (
    AS_FOLLOWED,
    AS_POSTED,
    PLACEBO,
    ShadowOutcome,
    has_unknown_text,
    is_witnessed,
    knew_later,
)
from levibotd.domain.posted_stops import note_stops
from levibotd.domain.posts.lifetime import written_lifetime_s
from levibotd.domain.posts.weights import written_weights
from levibotd.domain.records import Logged, Record, RiskTicket, SignalExpired, SignalIngest, SignalScored
from levibotd.domain.remembering import remember
from levibotd.domain.signal import NO_TRADE, CallKey, Kind, Reading, Symbol, TraceId, call_key
from levibotd.domain.stills import in_pieces, still
from levibotd.domain.trade_plan import TradePlan

LATENCY_S = 1.0  # From what reaches us to what could be done about it, for entries and announced exits alike.
OPEN_MAX = 10_000  # A thousand a day for a week and a day, the longest that a call is followed: some 60 MiB.
PAST_MAX = 20_000  # Calls that are over, and are to be compared with the same trade at random times.
PLACEBOS = 2
POSTS_KEPT = 4096  # Between their arrival and their reading.
STOPS_FOR_MEDIAN = 10
UNKNOWN = "unknown"
TOO_MANY = "too_many"

_BOTH = (AS_POSTED, AS_FOLLOWED)


class ShadowCall(Struct, kw_only=True, gc=False, omit_defaults=True):
    """
    One call that is followed, and all that the log says of it.

    `heard_at` is when its text existed for us: witnessed posts as received, others when the text was known.
    `fate` is set where nothing can be followed.
    """

    key: CallKey
    trace: TraceId
    channel: str
    symbol: Symbol
    leg: LegRead
    posted_at: float
    heard_at: float
    p_call: float
    witnessed: bool
    contaminated: bool = False
    fate: str | None = None  # unknown | too_many
    median_stop: float | None = None  # Of the channel, before this call.
    lifetime_s: float | None = None  # Of its entries, as the post itself says.
    tp_weights: tuple[float, ...] = ()  # Of its targets, nearest first, likewise.
    announced_at: float | None = None  # Its channel said it is over.
    expired: bool = False  # We would have come too late.
    plan: TradePlan | None = None  # Of the ticket, where there is one.
    done: tuple[str, ...] = ()  # Ledgers whose outcome is written.

    @property
    def decided_at(self) -> float:
        """Nothing fills before."""
        return self.heard_at + LATENCY_S

    def packed(self) -> "PastCall":
        """What the same trade at other times takes; how we would have followed it is not asked any more."""
        kept = (
            self.trace, self.channel, self.symbol, astuple(self.leg), self.posted_at, self.p_call, self.median_stop
        )  # fmt: skip
        return PastCall(self.heard_at, self.done.count(PLACEBO), msgspec.msgpack.encode(kept))


class PastCall(Struct, frozen=True, array_like=True, gc=False):
    """
    A call that is over, with its placebos told so far.

    There are many and each is looked at twice in three weeks, so it is kept as bytes: a fifth of what its parts take.
    """

    heard_at: float
    placebos: int
    kept: bytes

    @property
    def decided_at(self) -> float:
        return self.heard_at + LATENCY_S

    def unpacked(self, key: CallKey) -> ShadowCall:
        """The call that was packed."""
        trace, channel, symbol, leg, posted_at, p_call, median_stop = msgspec.msgpack.decode(self.kept)
        return ShadowCall(
            key=key,
            trace=trace,
            channel=channel,
            symbol=symbol,
            # What a later version adds to a leg has a default.
            leg=msgspec.convert(dict(zip(LegRead.__struct_fields__, leg, strict=False)), LegRead),
            posted_at=posted_at,
            heard_at=self.heard_at,
            p_call=p_call,
            witnessed=True,
            median_stop=median_stop,
            done=(*_BOTH, *[PLACEBO] * self.placebos),
        )


class ShadowBook(Struct, kw_only=True):
    """
    The open calls of all channels, oldest first. Folded with every commit; read it, never write to it.

    Two books that saw the same records are equal; a snapshot as bytes plus the records after it is as good as all.
    """

    account: str = "paper"
    calls: dict[CallKey, ShadowCall] = field(default_factory=dict)
    taken_up: int = 0  # Ever; so that a reader sees whether there is something new.
    announced: int = 0
    posts: dict[TraceId, SignalIngest] = field(default_factory=dict)
    stops: dict[str, list[float]] = field(default_factory=dict)
    past: dict[CallKey, PastCall] = field(default_factory=dict)  # Over, witnessed, and not compared for good.
    forgotten: int = 0  # Of these, so many went before they were compared: there were too many.
    not_followed: int = 0  # Calls that met too many open ones.

    @staticmethod
    def concerns(kind: type[Record]) -> bool:
        """Does a record of this type change anything here?"""
        return kind in _RULES

    def apply(self, logged: Logged) -> None:
        """Fold one committed record in. Never raises."""
        rule = _RULES.get(type(logged.entry.record))
        if rule is not None:
            rule(self, logged.entry.record, logged)

    def copy(self) -> "ShadowBook":
        """The same as of now, for another thread."""
        return still(self)

    def to_bytes(self) -> bytes:
        return bytes(in_pieces(self))

    @classmethod
    def from_bytes(cls, snapshot: bytes) -> "ShadowBook":
        """Raises msgspec.DecodeError when these bytes are no snapshot of this version."""
        try:
            return msgspec.msgpack.decode(snapshot, type=cls)
        except msgspec.ValidationError:
            return cls._from_whole(snapshot)

    # Before, calls that are over were kept as they are.
    @classmethod
    def _from_whole(cls, snapshot: bytes) -> "ShadowBook":
        book = msgspec.msgpack.decode(snapshot, type=_WithWholePast)
        past = {key: call.packed() for key, call in book.past.items()}
        return cls(**{**asdict(book), "past": past})

    def median_stop(self, channel: str) -> float | None:
        """Median distance of the stops this channel has posted, as share of the entry; None below ten of them."""
        distances = self.stops.get(channel, ())
        return median(distances) if len(distances) >= STOPS_FOR_MEDIAN else None


class _WithWholePast(Struct, kw_only=True):
    account: str
    calls: dict[CallKey, ShadowCall]
    taken_up: int
    announced: int
    posts: dict[TraceId, SignalIngest]
    stops: dict[str, list[float]]
    past: dict[CallKey, ShadowCall]


def _ingested(book: ShadowBook, record: SignalIngest, logged: Logged) -> None:
    remember(book.posts, logged.entry.trace or record.post.trace, record, limit=POSTS_KEPT)


def _scored(book: ShadowBook, record: SignalScored, logged: Logged) -> None:
    ingest = book.posts.pop(logged.entry.trace, None) if logged.entry.trace is not None else None
    if ingest is None:
        return  # Read before: a second delivery.
    if record.kind in (Kind.CLOSE, Kind.CANCEL):
        _announced(book, ingest, record, logged.ts)
    elif record.kind == Kind.NEW and record.legs and not record.stale and record.label != NO_TRADE:
        for number, leg in enumerate(record.legs):
            _take_up(book, ingest, record, leg, number)
    note_stops(book.stops, record)


def _take_up(book: ShadowBook, ingest: SignalIngest, record: SignalScored, leg: LegRead, number: int) -> None:
    post = ingest.post
    key = call_key(book.account, post.channel, post.message_id, number)
    if key in book.calls:
        return
    witnessed = is_witnessed(ingest)
    fate = UNKNOWN if has_unknown_text(ingest) else TOO_MANY if len(book.calls) >= OPEN_MAX else None
    book.not_followed += fate == TOO_MANY
    book.calls[key] = ShadowCall(
        key=key,
        trace=post.trace,
        channel=post.channel,
        symbol=_symbol_of(leg),
        leg=leg,
        posted_at=post.posted_at,
        heard_at=ingest.received_at if witnessed else post.known_at,
        p_call=record.p_call,
        witnessed=witnessed,
        contaminated=knew_later(record, post.posted_at),
        fate=fate,
        median_stop=book.median_stop(post.channel),
        lifetime_s=written_lifetime_s(post.text),
        tp_weights=written_weights(post.text, leg),
    )
    book.taken_up += 1


def _announced(book: ShadowBook, ingest: SignalIngest, record: SignalScored, committed_at: float) -> None:
    reading = Reading(
        kind=Kind(record.kind), symbols=record.symbols, every_call=record.every_call, change=record.change
    )
    own: Mapping[CallKey, ShadowCall] = {
        key: call for key, call in book.calls.items() if call.channel == ingest.post.channel
    }
    for key in calls_meant(ingest.post, reading, own):
        if own[key].announced_at is None:
            # Never before it was read: what bars said until then stands.
            own[key].announced_at = max(ingest.received_at + LATENCY_S, committed_at)
            book.announced += 1


def _expired(book: ShadowBook, _record: SignalExpired, logged: Logged) -> None:
    for call in _of_trace(book, logged.entry.trace):
        call.expired = True


def _ticket(book: ShadowBook, record: RiskTicket, _logged: Logged) -> None:
    call = book.calls.get(record.call)
    if call is not None and call.plan is None:
        call.plan = record.plan


def _outcome(book: ShadowBook, record: ShadowOutcome, _logged: Logged) -> None:
    if record.ledger == PLACEBO:
        _compared(book, record.call)
        return
    call = book.calls.get(record.call)
    if call is None:
        return
    call.done = (*call.done, record.ledger)
    if all(ledger in call.done for ledger in _BOTH):
        del book.calls[record.call]
        if call.witnessed and not call.contaminated and record.status not in ("unpriced", UNKNOWN):
            book.forgotten += remember(book.past, record.call, call.packed(), limit=PAST_MAX)


def _compared(book: ShadowBook, key: CallKey) -> None:
    past = book.past.get(key)
    if past is None:
        return
    if past.placebos + 1 >= PLACEBOS:
        del book.past[key]
    else:
        book.past[key] = replace(past, placebos=past.placebos + 1)


# The newest are looked at first: what follows a call about its post mostly follows at once.
def _of_trace(book: ShadowBook, trace: TraceId | None) -> Iterator[ShadowCall]:
    found = False
    for call in reversed(book.calls.values()):
        if call.trace == trace:
            found = True
            yield call
        elif found:
            return


def _symbol_of(leg: LegRead) -> Symbol:
    base, _, quote = leg.symbol.partition("/")
    return Symbol(base + ("USDT" if quote in ("", "USD") else quote))


_RULES: Mapping[type[Record], Callable[[ShadowBook, Any, Logged], None]] = {
    SignalIngest: _ingested,
    SignalScored: _scored,
    SignalExpired: _expired,
    RiskTicket: _ticket,
    ShadowOutcome: _outcome,
}
