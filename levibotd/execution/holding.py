"""What holding would have made: bought at the beginning, sold at the end, after costs. The plainest baseline."""

from collections.abc import Iterable
from statistics import fmean

from levibotd.domain.rounding import six_digits
from levibotd.domain.signal import Symbol
from levibotd.ports.market import Market

COSTS = 0.0014  # Taker fee and half the spread, both ways.


def held_pct(market: Market, symbol: Symbol, *, since: float, until: float) -> float | None:
    """Percent gained from the first bar after `since` to the last before `until`; of a delisted coin to its last."""
    first = market.bars(symbol, since=since, until=until, limit=1)
    interval_s = market.bar_interval_s(symbol)
    if not first or interval_s is None:
        return None
    last = market.closed_bars(symbol, interval_s=interval_s, until=until, limit=1)
    if not last or last[-1].ts < first[0].ts or first[0].open <= 0:
        return None
    return six_digits(100.0 * (last[-1].close / first[0].open * (1 - COSTS) - 1))


def equal_weight_pct(market: Market, symbols: Iterable[Symbol], *, since: float, until: float) -> float | None:
    """The same amount in each of them; None where none has a price."""
    found = [held_pct(market, symbol, since=since, until=until) for symbol in sorted(set(symbols))]
    known = [one for one in found if one is not None]
    return six_digits(fmean(known)) if known else None
