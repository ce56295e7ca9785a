"""
Prices for the demo: one-second bars of a few coins, made on the spot.

The price of a second is a pure function of seed, symbol and unix time: the sum of smooth noises of
different lengths in the logarithm of the price. So there is a bar for any second ever, in any
order, the same after a restart, and nothing is stored. Short noises are strong, so that a bracket of
one percent resolves within about half a minute; long ones are weak, so that prices stay believable.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import NamedTuple

from levibotd.domain.signal import Symbol
from levibotd.domain.trading_costs import FEES, half_spread
from levibotd.ports.market import Bar, Instrument, Mark

STABLE_QUOTE = "USDT"

_TABLE = 4096  # A power of two: lattice points are looked up modulo it.
_DAY_S = 86_400
_SAMPLES = 64  # Looks into a longer bar: enough for its range to be plausible.
_CACHED_BARS = 1024

# Length in seconds and strength in the logarithm of the price.
_OCTAVES = (
    (4.0, 0.0025),
    (11.0, 0.0080),
    (29.0, 0.0120),
    (83.0, 0.0090),
    (421.0, 0.0030),
    (3_607.0, 0.0060),
    (21_601.0, 0.0150),
    (86_413.0, 0.0250),
    (604_811.0, 0.0600),
)


class _Coin(NamedTuple):
    base: str
    price: float
    digits: int  # Of the price.
    step: str
    volume_24h: float  # In quote.


_COINS = (
    _Coin("BTC", 64_000.0, 1, "0.00001", 2_400_000_000.0),
    _Coin("ETH", 3_100.0, 2, "0.0001", 1_300_000_000.0),
    _Coin("SOL", 148.0, 3, "0.01", 620_000_000.0),
    _Coin("BNB", 575.0, 2, "0.001", 310_000_000.0),
    _Coin("XRP", 0.58, 5, "0.1", 280_000_000.0),
    _Coin("DOGE", 0.135, 6, "1", 210_000_000.0),
    _Coin("LINK", 14.2, 4, "0.01", 120_000_000.0),
    _Coin("ADA", 0.44, 5, "1", 95_000_000.0),
)


class DemoMarket:
    """A `Market` of invented prices. Bars of the future can be asked for; they will be what they are."""

    def __init__(self, seed: int = 0, *, market: str = "swap") -> None:
        table = Random(f"{seed}|table")
        self._values = tuple(table.uniform(-1.0, 1.0) for _ in range(_TABLE))
        self._walks = {Symbol(coin.base + STABLE_QUOTE): _Walk(coin, seed, self._values) for coin in _COINS}
        self._instruments = {
            symbol: _instrument(symbol, walk.coin, market) for symbol, walk in self._walks.items()
        }
        self._bases = frozenset(coin.base for coin in _COINS)
        self._cache: OrderedDict[tuple[Symbol, int, int], Bar] = OrderedDict()

    @property
    def as_of(self) -> str | None:
        return None

    @property
    def stable_quote(self) -> str:
        return STABLE_QUOTE

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self._walks)

    def symbol(self, base: str, quote: str, at: float | None = None) -> Symbol | None:
        symbol = Symbol(base + quote)
        return symbol if symbol in self._walks else None

    def is_base(self, base: str, at: float) -> bool:
        return base in self._bases

    def instrument(self, symbol: Symbol, at: float | None = None) -> Instrument | None:
        return self._instruments.get(symbol)

    def mark(self, symbol: Symbol, at: float) -> Mark | None:
        walk = self._walks.get(symbol)
        if walk is None:
            return None
        second = math.floor(at)
        return Mark(price=Decimal(repr(walk.price(second))), at=float(second), fresh_until=second + 1.0)

    def bar_interval_s(self, symbol: Symbol) -> float | None:
        return 1.0 if symbol in self._walks else None

    def bars(self, symbol: Symbol, *, since: float, until: float, limit: int = 1000) -> Sequence[Bar]:
        walk = self._walks.get(symbol)
        if walk is None:
            return ()
        first = math.ceil(since)
        return [walk.bar(second) for second in range(first, min(math.ceil(until), first + limit))]

    def closed_bars(self, symbol: Symbol, *, interval_s: float, until: float, limit: int) -> Sequence[Bar]:
        """Longer bars are looked into at 64 points: their range is a little less than their seconds'."""
        walk = self._walks.get(symbol)
        length = int(interval_s)
        if walk is None or length < 1:
            return ()
        last = math.floor(until) // length
        return [self._long_bar(walk, symbol, number * length, length) for number in range(last - limit, last)]

    def volume_24h(self, symbol: Symbol, at: float) -> float | None:
        walk = self._walks.get(symbol)
        return walk.coin.volume_24h if walk is not None else None

    def _long_bar(self, walk: "_Walk", symbol: Symbol, start: int, length: int) -> Bar:
        key = (symbol, start, length)
        bar = self._cache.get(key)
        if bar is None:
            bar = self._cache[key] = walk.long_bar(start, length)
            if len(self._cache) > _CACHED_BARS:
                self._cache.popitem(last=False)
        return bar


class _Walk:
    """The price of one coin at any second."""

    def __init__(self, coin: _Coin, seed: int, values: Sequence[float]) -> None:
        self.coin = coin
        self._values = values
        chance = Random(f"{seed}|{coin.base}")
        # Each octave reads the table from its own place, in its own stride (odd: all of the table).
        self._octaves = tuple(
            (1.0 / length, strength, chance.randrange(_TABLE), chance.randrange(_TABLE) | 1)
            for length, strength in _OCTAVES
        )
        self._wick = chance.randrange(_TABLE)

    def price(self, second: int) -> float:
        values = self._values
        total = 0.0
        for rate, strength, offset, stride in self._octaves:
            x = second * rate
            cell = int(x)
            part = x - cell
            place = cell * stride + offset
            left = values[place & 4095]
            total += strength * (left + (values[(place + stride) & 4095] - left) * part * part * (3.0 - 2.0 * part))
        return round(self.coin.price * math.exp(total), self.coin.digits)

    def bar(self, second: int) -> Bar:
        first, last = self.price(second), self.price(second + 1)
        low, high = (first, last) if first <= last else (last, first)
        # Up to 0.02 % beyond open and close; the volume swings with it.
        wick = abs(self._values[(second * 1103 + self._wick) & 4095])
        digits = self.coin.digits
        return Bar(
            ts=float(second),
            open=first,
            high=max(high, round(high * (1.0 + 0.0002 * wick), digits)),
            low=min(low, round(low * (1.0 - 0.0002 * (1.0 - wick)), digits)),
            close=last,
            volume=round(self.coin.volume_24h / _DAY_S / first * (0.5 + wick), 6),
            interval_s=1.0,
        )

    def long_bar(self, start: int, length: int) -> Bar:
        end = start + length
        prices = [self.price(second) for second in range(start, end, max(1, length // _SAMPLES))]
        prices.append(self.price(end))
        volume = self.coin.volume_24h / _DAY_S * length / prices[0]
        return Bar(float(start), prices[0], max(prices), min(prices), prices[-1], round(volume, 6), float(length))


def _instrument(symbol: Symbol, coin: _Coin, market: str) -> Instrument:
    fees = FEES[market]
    return Instrument(
        symbol=symbol,
        base=coin.base,
        quote=STABLE_QUOTE,
        tick=Decimal(1).scaleb(-coin.digits),
        step=Decimal(coin.step),
        min_qty=Decimal(coin.step),
        max_qty=Decimal(10_000_000),
        min_notional=Decimal(5),
        maker_fee=fees.maker,
        taker_fee=fees.taker,
        half_spread=half_spread(coin.volume_24h),
        can_short=market == "swap",
    )
