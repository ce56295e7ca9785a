"""
What a call is priced on: its own market, another one in its place, or the cross of two.

A source names the bars and says how far they are what the call means. Nothing after `at` is looked at,
and a bar counts only once it has ended.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from levibotd.domain.follower_terms import PROXY_FUZZ, Costs
from levibotd.domain.indicators import ATR_PERIOD, atr
from levibotd.domain.leg_read import LegRead
from levibotd.domain.levels import Conditions
from levibotd.domain.signal import Symbol
from levibotd.domain.trade_plan import CLOSES_S
from levibotd.domain.trading_costs import WIDEST_HALF_SPREAD, Fees
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Bar, Market

NO_CANDLES = "no_candles"
QUOTE = "quote"
DELISTED = "delisted"

BARS_AT_ONCE = 250
HOUR_S = 3600.0
_STABLE = frozenset({"USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI", "USD"})
_CROSS_TICK = Decimal("1e-12")
_SAME_INSTANT_S = 1e-5

# Public fees without discounts, the same for every channel.
FOLLOWER_FEES: Mapping[tuple[str, str], Fees] = {
    ("binance", "spot"): Fees(Decimal("0.001"), Decimal("0.001")),
    ("binance", "swap"): Fees(Decimal("0.0002"), Decimal("0.0005")),
    ("bybit", "spot"): Fees(Decimal("0.001"), Decimal("0.001")),
    ("bybit", "swap"): Fees(Decimal("0.0002"), Decimal("0.00055")),
}
_KINDS = {"spot": "spot", "futures": "swap"}


class Pricing(Struct, frozen=True, kw_only=True):
    """Whose market this is: its prices, and the fees that go with it."""

    venue: str = "binance"  # binance | bybit
    market: str = "swap"  # spot | swap: what a call that names none is followed on.
    candles: str = "swap"  # spot | swap: of which market the candles are.


class Source(Struct, frozen=True, kw_only=True):
    """The bars a call is followed on. With `divisor` its prices are those of `symbol` over those of `divisor`."""

    symbol: Symbol
    divisor: Symbol | None
    tick: Decimal
    costs: Costs
    proxy: bool

    @property
    def synthetic(self) -> bool:
        return self.divisor is not None

    @property
    def fuzz(self) -> float:
        return PROXY_FUZZ if self.proxy or self.synthetic else 0.0


class EndedBars(NamedTuple):
    """`more`: these are not all."""

    bars: list[Bar]
    more: bool


def source_of(market: Market, leg: LegRead, *, at: float, pricing: Pricing) -> Source | str:
    """What `leg` is priced on as of `at`, or why it cannot be: no_candles, quote, delisted."""
    base, _, quote = leg.symbol.partition("/")
    view = MarketAsOf(market, at=at)
    base, quote = view.base(base), view.quote(quote or None)
    named = leg.market is not None
    # A coin in another coin trades on spot alone, whatever market ours is.
    unnamed = pricing.market if quote in _STABLE else "spot"
    kind = _KINDS.get(leg.market or "", unnamed)
    proxy = named and kind != pricing.candles
    symbol = market.symbol(base, quote, at)
    if symbol is not None and market.mark(symbol, at) is not None:
        return _direct(market, symbol, at=at, kind=kind, venue=pricing.venue, proxy=proxy)
    stable = market.symbol(base, market.stable_quote, at)
    has_stable = stable is not None and market.mark(stable, at) is not None
    if quote in _STABLE:
        if stable is not None and has_stable:
            return _direct(market, stable, at=at, kind=kind, venue=pricing.venue, proxy=True)
        return _why_not(market, symbol or stable)
    divisor = market.symbol(quote, market.stable_quote, at)
    if stable is not None and has_stable and divisor is not None and market.mark(divisor, at) is not None:
        costs = _costs(pricing.venue, kind, WIDEST_HALF_SPREAD)
        return Source(symbol=stable, divisor=divisor, tick=_CROSS_TICK, costs=costs, proxy=proxy)
    return QUOTE if has_stable else _why_not(market, symbol or stable)


def mark_of(market: Market, source: Source, at: float) -> Decimal | None:
    """The price at `at`: the open of the bar that contains it."""
    mark = market.mark(source.symbol, at)
    if mark is None or source.divisor is None:
        return None if mark is None else mark.price
    over = market.mark(source.divisor, at)
    return None if over is None else Decimal(repr(float(mark.price) / float(over.price)))


def conditions_of(
    market: Market, source: Source, leg: LegRead, *, at: float, posted_at: float, median_stop: float | None
) -> Conditions | None:
    """What the market said at the decision; None without a price."""
    mark = mark_of(market, source, at)
    if mark is None:
        return None
    close_s = CLOSES_S.get(leg.sl_kind or "")
    return Conditions(
        mark=mark,
        posted_mark=mark_of(market, source, posted_at) if leg.entry_type == "market" else None,
        atr=_atr(market, source, HOUR_S, at),
        close_atr=None if close_s is None else _atr(market, source, close_s, at),
        channel_median_stop=median_stop,
    )


def ended_bars(market: Market, source: Source, *, since: float, now: float) -> EndedBars:
    """Bars from `since` on that are over by `now`, each with its own length: some of them, where there are many."""
    read = _ended(market, source.symbol, since, now)
    if source.divisor is None or not read.bars:
        return read
    end = read.bars[-1].ts
    over: dict[float, Bar] = {}
    other = _ended(market, source.divisor, since, now)
    while True:
        over.update((bar.ts, bar) for bar in other.bars)
        if not other.more or other.bars[-1].ts >= end:
            break
        other = _ended(market, source.divisor, other.bars[-1].ts + _SAME_INSTANT_S * 2, now)
    return EndedBars(list(_crossed(read.bars, over)), read.more and bool(over))


def _direct(market: Market, symbol: Symbol, *, at: float, kind: str, venue: str, proxy: bool) -> Source:
    instrument = market.instrument(symbol, at)
    assert instrument is not None, f"{symbol} has a price and no instrument"
    costs = _costs(venue, kind, instrument.half_spread)
    return Source(symbol=symbol, divisor=None, tick=instrument.tick, costs=costs, proxy=proxy)


def _costs(venue: str, kind: str, half_spread: Decimal) -> Costs:
    fees = FOLLOWER_FEES[(venue, kind)]
    return Costs(
        maker_fee=float(fees.maker),
        taker_fee=float(fees.taker),
        half_spread=float(half_spread),
        funded=kind == "swap",
    )


# That bars have ended says nothing: a record may have holes. The venue's list does.
def _why_not(market: Market, symbol: Symbol | None) -> str:
    instrument = None if symbol is None else market.instrument(symbol)
    return NO_CANDLES if instrument is None or instrument.tradable else DELISTED


def _atr(market: Market, source: Source, interval_s: float, at: float) -> Decimal | None:
    limit = 5 * ATR_PERIOD
    bars: Sequence[Bar] = market.closed_bars(source.symbol, interval_s=interval_s, until=at, limit=limit)
    if source.divisor is not None:
        over = market.closed_bars(source.divisor, interval_s=interval_s, until=at, limit=limit)
        bars = list(_crossed(bars, {bar.ts: bar for bar in over}))
    average = atr(bars)
    return None if average is None else Decimal(repr(average))


def _ended(market: Market, symbol: Symbol, since: float, now: float) -> EndedBars:
    usual = market.bar_interval_s(symbol)
    if usual is None:
        return EndedBars([], False)
    # No more than there can be: a market may read as many as it is asked for before it leaves out what is later.
    limit = min(BARS_AT_ONCE, int((now - since) / usual) + 2)
    found = list(market.bars(symbol, since=since - _SAME_INSTANT_S, until=now, limit=max(limit, 1)))
    more = len(found) == BARS_AT_ONCE
    if found and not found[0].interval_s:
        found = [bar if bar.interval_s else bar._replace(interval_s=usual) for bar in found]
    while found and found[-1].ts + found[-1].interval_s > now:
        found.pop()
    return EndedBars(found, more and bool(found))


# Of a cross only opens and closes are known: both extremes of a bar need not have been at one moment.
def _crossed(bars: Sequence[Bar], over: Mapping[float, Bar]) -> Iterator[Bar]:
    for bar in bars:
        by = over.get(bar.ts)
        if by is not None and by.open > 0 and by.close > 0:
            first, last = bar.open / by.open, bar.close / by.close
            yield bar._replace(open=first, high=max(first, last), low=min(first, last), close=last)
