"""
Recorded candles as a market: prices as of any moment, never a later one.

The mark at t is the open of the bar that contains t, fresh until that bar ends. Known at t are the symbols that
the market list says were listed by then (of a list without such dates: all), and those that have a candle by then;
steps and minimums of the latter are defaults, and their instruments say so (`filters = "default"`). Whether shorts
are possible, and the fees, follow the kind of market that is simulated, not the list. The spread follows the traded
volume of the 24 h before.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.signal import Symbol
from levibotd.domain.trading_costs import FEES, USUAL_HALF_SPREAD, half_spread
from levibotd.ports.market import Bar, Instrument, Mark, MarketList

_DAY_S = 86_400.0
_STABLE = frozenset({"USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI", "USD", "PAX"})
# Where a symbol is written in one word, the longest of these that it ends with is its quote.
_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "DAI", "PAX", "USD", "BTC", "ETH", "BNB", "EUR", "TRY")
_TICK_LEAST = -8


class Candles(Protocol):
    """Sorted bars on disk, by symbol and place."""

    @property
    def symbols(self) -> Sequence[Symbol]:
        """All symbols with at least one bar, sorted."""

    @property
    def pairs(self) -> Mapping[Symbol, tuple[str, str]]:
        """Base and quote where they were written apart."""

    def interval_s(self, symbol: Symbol) -> float | None:
        """Length of the finest bars."""

    def before(self, symbol: Symbol, ts: float) -> int:
        """How many bars begin before `ts`."""

    def read(self, symbol: Symbol, first: int, last: int) -> list[Bar]:
        """The bars at places first <= place < last, with their own lengths."""


class Filters(Struct, frozen=True, kw_only=True):
    """Steps and minimums of symbols that no market list names."""

    tick: Decimal
    step: Decimal
    min_qty: Decimal
    min_notional: Decimal
    max_qty: Decimal = Decimal(10**12)


class RecordedMarket:
    """A `Market` over candles and, where there is one, the list of a venue. Of prices it holds one a symbol."""

    def __init__(
        self,
        candles: Candles,
        *,
        listed: MarketList | None = None,
        market: Literal["spot", "swap"] = "swap",
        stable_quote: str = "USDT",
        default_filters: Filters | None = None,
        maker_fee: Decimal | None = None,
        taker_fee: Decimal | None = None,
    ) -> None:
        self._candles = candles
        self._listed = listed
        self._stable_quote = stable_quote
        fees = FEES[market]
        costs = _Costs(
            maker_fee=fees.maker if maker_fee is None else maker_fee,
            taker_fee=fees.taker if taker_fee is None else taker_fee,
            can_short=market == "swap",
            max_leverage=20 if market == "swap" else 1,
        )
        self._by_list = {one.symbol: costs.on(one) for one in (listed.instruments if listed else ())}
        self._by_candles = self._unlisted(costs, default_filters)
        known = (*self._by_candles.values(), *self._by_list.values())
        self._symbols = {(one.base, one.quote): one.symbol for one in known}
        self._base_since = _earliest(known)
        self._marks: dict[Symbol, Mark] = {}  # The one last asked for: the next question is mostly within its bar.

    @property
    def as_of(self) -> str | None:
        return self._listed.as_of if self._listed is not None else None

    @property
    def stable_quote(self) -> str:
        return self._stable_quote

    def symbol(self, base: str, quote: str, at: float | None = None) -> Symbol | None:
        symbol = self._symbols.get((base, quote))
        return symbol if symbol is not None and self._known(symbol, at) is not None else None

    def is_base(self, base: str, at: float) -> bool:
        return self._base_since.get(base, math.inf) <= at

    def instrument(self, symbol: Symbol, at: float | None = None) -> Instrument | None:
        """Without `at`: as it is known at the end, with the usual spread."""
        found = self._known(symbol, at)
        if found is None or at is None:
            return found
        return replace(found, half_spread=half_spread(self._stable_volume(found, at)))

    def mark(self, symbol: Symbol, at: float) -> Mark | None:
        known = self._marks.get(symbol)
        if known is not None and known.at <= at < known.fresh_until:
            return known
        bar = self._bar_at(symbol, at)
        if bar is None:
            return None
        mark = Mark(price=Decimal(repr(bar.open)), at=bar.ts, fresh_until=bar.ts + bar.interval_s)
        self._marks[symbol] = mark
        return mark

    def bar_interval_s(self, symbol: Symbol) -> float | None:
        return self._candles.interval_s(symbol)

    def bars(self, symbol: Symbol, *, since: float, until: float, limit: int = 1000) -> Sequence[Bar]:
        first = self._candles.before(symbol, since)
        found = self._candles.read(symbol, first, first + limit)
        if found and found[-1].ts >= until:
            return [bar for bar in found if bar.ts < until]
        return found

    def closed_bars(self, symbol: Symbol, *, interval_s: float, until: float, limit: int) -> Sequence[Bar]:
        """Longer bars are put together from what there is of shorter ones; longer than asked for do not help."""
        finest = self._candles.interval_s(symbol)
        if finest is None or finest > interval_s or limit < 1:
            return ()
        last = self._candles.before(symbol, until)
        # One bar more than asked for, which may begin in its middle and is cut off below.
        first = last - (limit + 1) * math.ceil(interval_s / finest) - 1
        found: list[Bar] = []
        for bar in self._candles.read(symbol, first, last):
            start = math.floor(bar.ts / interval_s) * interval_s
            if start + interval_s > until or bar.interval_s > interval_s:
                continue
            if found and found[-1].ts == start:
                found[-1] = _joined(found[-1], bar)
            elif bar.interval_s == interval_s and bar.ts == start:
                found.append(bar)
            else:
                found.append(bar._replace(ts=start, interval_s=interval_s))
        return found[-limit:]

    def volume_24h(self, symbol: Symbol, at: float) -> float | None:
        first = self._candles.before(symbol, at - _DAY_S)
        found = self._candles.read(symbol, first, self._candles.before(symbol, at))
        closed = [bar.volume * bar.close for bar in found if bar.ts + bar.interval_s <= at]
        return math.fsum(closed) if closed else None

    def _bar_at(self, symbol: Symbol, at: float) -> Bar | None:
        place = self._candles.before(symbol, math.nextafter(at, math.inf))
        found = self._candles.read(symbol, place - 1, place)
        return found[0] if found and at < found[0].ts + found[0].interval_s else None

    def _stable_volume(self, instrument: Instrument, at: float) -> float | None:
        volume = self.volume_24h(instrument.symbol, at)
        if volume is None or instrument.quote in _STABLE:
            return volume
        cross = self.mark(Symbol(instrument.quote + self._stable_quote), at)
        return volume * float(cross.price) if cross is not None else None

    # A listing that was yet to come tells nothing: before it, what candles there are say all.
    def _known(self, symbol: Symbol, at: float | None) -> Instrument | None:
        for instruments in (self._by_list, self._by_candles):
            found = instruments.get(symbol)
            if found is not None and (at is None or found.listed_at is None or found.listed_at <= at):
                return found
        return None

    def _unlisted(self, costs: "_Costs", default_filters: Filters | None) -> dict[Symbol, Instrument]:
        known = {}
        for symbol in self._candles.symbols:
            listed = self._by_list.get(symbol)
            if listed is None or listed.listed_at is not None:
                base, quote = self._candles.pairs.get(symbol) or _split(symbol)
                filters = default_filters or self._derived(symbol, quote)
                since = next((bar.ts for bar in self._candles.read(symbol, 0, 1)), math.inf)
                known[symbol] = costs.on(_of_candles(symbol, base, quote, filters, since))
        return known

    # Six significant digits of the first price ever seen; quantities worth about a cent (of other quotes: far less).
    def _derived(self, symbol: Symbol, quote: str) -> Filters:
        magnitude = math.floor(math.log10(self._candles.read(symbol, 0, 1)[0].open))
        stable = quote in _STABLE
        step = Decimal(f"{Decimal(1).scaleb(-magnitude - (2 if stable else 6)):f}")
        return Filters(
            tick=Decimal(1).scaleb(max(_TICK_LEAST, magnitude - 5)),
            step=step,
            min_qty=step,
            min_notional=Decimal(5) if stable else Decimal("0.0001"),
        )


class _Costs(Struct, frozen=True, kw_only=True):
    """What the kind of market decides, whoever lists the symbol."""

    maker_fee: Decimal
    taker_fee: Decimal
    can_short: bool
    max_leverage: int

    def on(self, instrument: Instrument) -> Instrument:
        return replace(
            instrument,
            maker_fee=self.maker_fee,
            taker_fee=self.taker_fee,
            can_short=self.can_short,
            max_leverage=self.max_leverage,
        )


def _earliest(instruments: Iterable[Instrument]) -> dict[str, float]:
    since: dict[str, float] = {}
    for one in instruments:
        listed_at = -math.inf if one.listed_at is None else one.listed_at
        since[one.base] = min(listed_at, since.get(one.base, math.inf))
    return since


def _of_candles(symbol: Symbol, base: str, quote: str, filters: Filters, since: float) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=filters.tick,
        step=filters.step,
        min_qty=filters.min_qty,
        max_qty=filters.max_qty,
        min_notional=filters.min_notional,
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        half_spread=USUAL_HALF_SPREAD,
        can_short=False,
        listed_at=since,
        filters="default",
    )


def _split(symbol: Symbol) -> tuple[str, str]:
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and len(symbol) > len(quote)), "")
    return (symbol.removesuffix(quote), quote) if quote else (symbol, "")


def _joined(bar: Bar, later: Bar) -> Bar:
    return bar._replace(
        high=max(bar.high, later.high),
        low=min(bar.low, later.low),
        close=later.close,
        volume=bar.volume + later.volume,
    )
