"""
The nouns of a trading call: who posted it, what it names, what would be sent.

A post, its edits and everything done because of it share one `TraceId`. Each coin of a
post is a `Leg` with a `CallKey` of its own; an edit changes a call, it never makes another.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import NewType

from msgspec import Struct

TraceId = NewType("TraceId", str)
CallKey = NewType("CallKey", str)
Symbol = NewType("Symbol", str)  # As the venue writes it, without slash: "BTCUSDT".

NO_TRADE = "NO-TRADE"


class Side(StrEnum):
    """Which way a call or an order goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 where a rising price pays, -1 where a falling one does."""
        return 1 if self is Side.BUY else -1


class Kind(StrEnum):
    """What a post is. Only `NEW` opens anything."""

    NEW = "new"
    UPDATE = "update"
    RESULT = "result"
    CLOSE = "close"
    CANCEL = "cancel"
    IDEA = "idea"
    CHATTER = "chatter"
    AMBIGUOUS = "ambiguous"


class Post(Struct, frozen=True, kw_only=True):
    """
    One revision of one channel message, as it reached us. Times are unix seconds.

    `known_at` is when this text existed: `edited_at` where later than `posted_at`.
    """

    channel: str
    message_id: int
    posted_at: float
    text: str
    edited_at: float | None = None
    reply_to: int | None = None
    forwarded_at: float | None = None
    media: str | None = None
    language: str | None = None
    author: str | None = None

    @property
    def known_at(self) -> float:
        if self.edited_at is not None and self.edited_at > self.posted_at:
            return self.edited_at
        return self.posted_at

    @property
    def trace(self) -> TraceId:
        return trace_id(self.channel, self.message_id)


class Leg(Struct, frozen=True, kw_only=True):
    """
    One coin of a call, as written in the post; numbers are the post's own, in `price_unit`.

    `symbol` is BASE/QUOTE, multiplier kept ("1000PEPE/USDT"). None = not written.
    `factor` brings a written price into the quote's unit (1e-8 for satoshi; 10^-k for
    truncated digits): quote price = written price x factor. It is ours, `parse` hides it.
    """

    symbol: str
    side: Side
    quote_inferred: bool = False
    market: str | None = None  # spot | futures
    entry_type: str | None = None  # range | ladder | limit | below | above | stop | market
    entry: tuple[float, ...] = ()
    tps: tuple[float, ...] = ()
    tp_unit: str = "price"  # price | pct | multiple
    sl: float | tuple[float, ...] | None = None  # tuple when sl_kind is pct
    sl_kind: str | None = None  # price | pct | 4h_close | daily_close | weekly_close
    margin: str | None = None  # cross | isolated
    leverage: tuple[float, float] | None = None
    price_unit: str = "quote"  # quote | satoshi | truncated
    factor: Decimal = Decimal(1)
    zone: bool = False  # The band was called a zone: wide ones get a third rung.

    @property
    def base(self) -> str:
        return self.symbol.split("/")[0]

    @property
    def quote(self) -> str | None:
        parts = self.symbol.split("/")
        return parts[1] if len(parts) > 1 else None


class Change(Struct, frozen=True, kw_only=True):
    """
    What an update tells an open call to do, numbers as written. Fields that are not named stay as they are.

    `close_share` is the part to close at market ("close half" is 0.5); `breakeven` moves the stop to the entry.
    """

    stop: float | None = None
    breakeven: bool = False
    targets: tuple[float, ...] = ()
    entry: tuple[float, ...] = ()
    close_share: float | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """
    What understanding made of a text: its kind, the legs that would be sent, and why.

    A close, cancel or update has no legs; `symbols` are the coins it names, `every_call` is "close all",
    `change` is what an update asks for, None where it only reports. `begun` is the text of a post that begins a
    call and leaves it open: a reply may complete it.
    """

    kind: Kind
    legs: tuple[Leg, ...] = ()
    symbols: tuple[str, ...] = ()
    every_call: bool = False
    stale: bool = False
    reasons: tuple[str, ...] = ()
    change: Change | None = None
    begun: str | None = None


class Scored(Struct, frozen=True, kw_only=True):
    """A reading with its probabilities. `probs` has the keys BUY, SELL and NO-TRADE and sums to 1."""

    reading: Reading
    label: str  # BUY | SELL | NO-TRADE
    probs: Mapping[str, float]
    reasons: tuple[str, ...] = ()

    @property
    def p_call(self) -> float:
        return self.probs[self.label]


@lru_cache(maxsize=1024)  # A post asks for it a dozen times on its way.
def trace_id(channel: str, message_id: int) -> TraceId:
    """Derive the id that a post, its edits and all that follows share. Stable across machines."""
    return TraceId(blake2b(f"{channel}|{message_id}".encode(), digest_size=8).hexdigest())


def call_key(account: str, channel: str, message_id: int, leg_no: int) -> CallKey:
    """Name one leg of one post for one account. The revision of the post is no part of it."""
    return CallKey(f"{account}|{channel}|{message_id}|{leg_no}")


def leg_no(call: CallKey) -> int:
    """The place of a call's leg in its post."""
    return int(call.rpartition("|")[2])


def message_of(call: CallKey) -> int:
    """The message id of a call, as it stands in its key. Account and channel may hold any character."""
    return int(call.rsplit("|", 2)[1])
