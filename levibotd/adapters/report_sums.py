"""
The money of a report, added up exactly.

Prices, quantities and fees have as many digits as they have, and no decimal type of a database has room for the sum of
every product of them; here nothing is ever rounded. Runs in the child, a page of rows at a time.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import NamedTuple

from levibotd.ports.reports import ClosedCall, EquityPart, FillsPart

TOP = 5  # Best and worst calls.

_EXACT = Context(prec=60)
_ANCHOR = "DAY_ANCHOR"


class Closed(NamedTuple):
    """One POSITION_CLOSED as it stands in the log, money still as text. `day` counts from 1970."""

    seq: int
    day: int
    call: str
    trace_id: str | None
    channel: str
    symbol: str | None
    side: str
    reason: str
    at: float
    r: float
    pnl: str
    fees: str
    net: str


class Result:
    """What some closed calls came to: `pnl` before fees, `net` after them."""

    def __init__(self) -> None:
        self.closed = self.won = 0
        self.pnl = self.fees = self.net = Decimal(0)
        self.r = 0.0

    def add(self, one: Closed, net: Decimal) -> None:
        self.closed += 1
        self.won += net > 0
        self.pnl = _EXACT.add(self.pnl, Decimal(one.pnl))
        self.fees = _EXACT.add(self.fees, Decimal(one.fees))
        self.net = _EXACT.add(self.net, net)
        self.r += one.r


class ClosedSums:
    """Sums over closed calls: of all, by channel and by day; and which won and lost most."""

    def __init__(self) -> None:
        self.total = Result()
        self.by_channel: defaultdict[str, Result] = defaultdict(Result)
        self.by_day: defaultdict[int, Result] = defaultdict(Result)
        self._best: list[tuple[Decimal, int, Closed]] = []
        self._worst: list[tuple[Decimal, int, Closed]] = []

    def add(self, page: Iterable[Closed]) -> None:
        """Take the next calls, in the order of the log."""
        gains: list[tuple[Decimal, int, Closed]] = []
        for one in page:
            net = Decimal(one.net)
            for sums in (self.total, self.by_channel[one.channel], self.by_day[one.day]):
                sums.add(one, net)
            gains.append((net, -one.seq, one))
        self._best = heapq.nlargest(TOP, [*self._best, *(gain for gain in gains if gain[0] > 0)])
        losses = ((net, -behind, one) for net, behind, one in gains if net < 0)
        self._worst = heapq.nsmallest(TOP, [*self._worst, *losses])

    def best(self) -> tuple[ClosedCall, ...]:
        """Those that won most; of equal ones the earlier."""
        return tuple(_shown(one) for _, _, one in self._best)

    def worst(self) -> tuple[ClosedCall, ...]:
        """Those that lost most; of equal ones the earlier."""
        return tuple(_shown(one) for _, _, one in self._worst)


class FillSums:
    """Fills: what they were worth in quote, and their fees by currency."""

    def __init__(self) -> None:
        self._count = 0
        self._volume = Decimal(0)
        self._fees: defaultdict[str, Decimal] = defaultdict(Decimal)

    def add(self, page: Sequence[tuple[str, str, str, str]]) -> None:
        """Take fills as (quantity, price, fee, fee currency)."""
        self._count += len(page)
        for qty, price, fee, currency in page:
            self._volume = _EXACT.add(self._volume, _EXACT.multiply(Decimal(qty), Decimal(price)))
            self._fees[currency] = _EXACT.add(self._fees[currency], Decimal(fee))

    def part(self) -> FillsPart:
        fees = {currency: money(fee) for currency, fee in sorted(self._fees.items())}
        return FillsPart(count=self._count, volume=money(self._volume), fees=fees)


class EquityPath:
    """Equity from point to point, as the log tells it; a day begins with its anchor where it has one."""

    def __init__(self) -> None:
        self._start: Decimal | None = None
        self._is_anchored = False
        self._peak: Decimal | None = None
        self._last = self._fall = Decimal(0)
        self._share = 0.0

    def add(self, page: Iterable[tuple[str, str]]) -> None:
        """Take points as (equity, event type), in the order of the log."""
        for text, event_type in page:
            last = self._last = Decimal(text)
            if self._start is None or (event_type == _ANCHOR and not self._is_anchored):
                self._start, self._is_anchored = last, event_type == _ANCHOR
            peak = self._peak = last if self._peak is None else max(self._peak, last)
            self._fall = max(self._fall, peak - last)
            if peak > 0:
                self._share = max(self._share, float((peak - last) / peak))

    def part(self) -> EquityPart:
        return EquityPart(
            start=None if self._start is None else money(self._start),
            end=None if self._start is None else money(self._last),
            max_drawdown=money(self._fall),
            max_drawdown_share=round(self._share, 6),
        )


def money(amount: Decimal) -> str:
    """Write money without an exponent, and without zeros that say nothing."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shown(one: Closed) -> ClosedCall:
    return ClosedCall(
        call=one.call, trace_id=one.trace_id, channel=one.channel, symbol=one.symbol, side=one.side,
        net=money(Decimal(one.net)), r=one.r, reason=one.reason, at=one.at,
    )  # fmt: skip
