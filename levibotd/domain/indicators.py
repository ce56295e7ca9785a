"""Indicators of bars."""

from collections.abc import Iterable
from typing import Protocol

ATR_PERIOD = 14


class HighLowClose(Protocol):
    """What an indicator looks at in a bar."""

    @property
    def high(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def close(self) -> float: ...


def atr(bars: Iterable[HighLowClose], *, period: int = ATR_PERIOD) -> float | None:
    """
    Average true range after Wilder, as of the last of `bars` (ascending, all of them closed).

    The first average is the plain mean of the first `period` true ranges, and the first bar only
    gives the close before; so `period` + 1 bars are needed, fewer give None. More bars before the
    last ones change little: after 5 x period of them the start is forgotten to below 1 %.
    """
    before: float | None = None
    average = 0.0
    count = 0
    for bar in bars:
        if before is not None:
            true_range = max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))
            count += 1
            if count <= period:
                average += true_range / period
            else:
                average += (true_range - average) / period
        before = bar.close
    return average if count >= period else None
