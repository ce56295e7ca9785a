"""Candles in memory, for tests: what `RecordedMarket` needs, without files."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from levibotd.domain.signal import Symbol
from levibotd.ports.market import Bar


class MemoryCandles:
    """Bars by symbol, sorted. Anything goes: nothing is checked, so bad bars can be told too."""

    def __init__(
        self, bars: Mapping[str, Sequence[Bar]], *, pairs: Mapping[str, tuple[str, str]] | None = None
    ) -> None:
        self._bars = {Symbol(symbol): list(found) for symbol, found in sorted(bars.items())}
        self.pairs = {Symbol(symbol): pair for symbol, pair in (pairs or {}).items()}

    @property
    def symbols(self) -> Sequence[Symbol]:
        return tuple(self._bars)

    def interval_s(self, symbol: Symbol) -> float | None:
        return min((bar.interval_s for bar in self._bars.get(symbol, ())), default=None)

    def before(self, symbol: Symbol, ts: float) -> int:
        return bisect_left([bar.ts for bar in self._bars.get(symbol, ())], ts)

    def read(self, symbol: Symbol, first: int, last: int) -> list[Bar]:
        return self._bars.get(symbol, [])[max(first, 0) : max(last, 0)]


def hourly(start: float, *prices: tuple[float, float, float, float], volume: float = 1.0) -> list[Bar]:
    """Bars of an hour from `start` on, one after the other: open, high, low, close."""
    return [Bar(start + 3600.0 * number, *each, volume, 3600.0) for number, each in enumerate(prices)]
