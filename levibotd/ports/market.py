"""
The market port: prices and instruments, read as of a moment.

Reads are synchronous: an implementation answers from what it holds (recorded candles, the last
snapshot of a feed) and never waits. Nothing after `at` is ever looked at.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from msgspec import Struct

from levibotd.domain.signal import Symbol


class Bar(NamedTuple):
    """
    One candle. `ts` is its open in unix seconds; prices are floats, exact to the venue's tick.

    `interval_s` is its own length where the market mixes several; 0 means `bar_interval_s` of the symbol.
    """

    ts: float
    open: float
    high: float
    low: float
    close: float
    volume: float
    interval_s: float = 0.0


class Mark(Struct, frozen=True):
    """A price and until when it counts as fresh, in unix seconds."""

    price: Decimal
    at: float
    fresh_until: float


class Instrument(Struct, frozen=True, kw_only=True):
    """What a venue allows on one symbol. `filters` says whose numbers these are: venue | default."""

    symbol: Symbol
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    half_spread: Decimal  # Share of the price.
    can_short: bool
    max_leverage: int = 20
    maintenance_margin: Decimal = Decimal("0.005")
    tradable: bool = True
    listed_at: float | None = None  # Trading began; None where the venue does not say.
    filters: str = "venue"

    def listed_for_s(self, at: float) -> float | None:
        """For how long it has been listed; None where the venue does not say, as candles tell no listing."""
        return None if self.listed_at is None or self.filters != "venue" else at - self.listed_at


class MarketList(Struct, frozen=True, kw_only=True):
    """What a venue said it lists on the day `as_of` (YYYY-MM-DD), with its steps and minimums."""

    as_of: str
    instruments: tuple[Instrument, ...]


class Market(Protocol):
    """Prices and instruments of the venue that fills are priced on."""

    @property
    def as_of(self) -> str | None:
        """Date of the market list, None where there is none."""

    @property
    def stable_quote(self) -> str:
        """The account's quote, e.g. USDT."""

    def symbol(self, base: str, quote: str, at: float | None = None) -> Symbol | None:
        """The venue's symbol of an instrument, None when base and quote are not known, or were not at `at`."""

    def is_base(self, base: str, at: float) -> bool:
        """Was this a coin of any instrument that was known at `at`?"""

    def instrument(self, symbol: Symbol, at: float | None = None) -> Instrument | None:
        """
        Filters and fees of a symbol, None when it is not known.

        With `at`: as it was known then, with the spread of then.
        """

    def mark(self, symbol: Symbol, at: float) -> Mark | None:
        """The open of the bar that contains `at`; None without such a bar."""

    def bar_interval_s(self, symbol: Symbol) -> float | None:
        """Length of the finest bars of this symbol."""

    def bars(self, symbol: Symbol, *, since: float, until: float, limit: int = 1000) -> Sequence[Bar]:
        """At most `limit` finest bars with since <= ts < until, ascending."""

    def closed_bars(self, symbol: Symbol, *, interval_s: float, until: float, limit: int) -> Sequence[Bar]:
        """The last `limit` bars of `interval_s` ended by `until`, ascending; made of finer ones where needed."""

    def volume_24h(self, symbol: Symbol, at: float) -> float | None:
        """Quote volume of the 24 h before `at`; None when unknown."""
