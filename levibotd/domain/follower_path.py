"""One order of events on its way: what was bought and sold so far, and what still waits."""

import math
from copy import copy
from typing import NamedTuple, Protocol

from levibotd.domain.exits import BREAKEVEN, MOVING_TARGET, MOVING_TWO_TARGET

PRICE_MOST = 1e12


class Candle(Protocol):
    """What is looked at in a bar."""

    @property
    def ts(self) -> float: ...
    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def close(self) -> float: ...
    @property
    def interval_s(self) -> float: ...


class Mirrored(NamedTuple):
    """A bar as a long sees it: for a short, prices are mirrored at zero."""

    ts: float
    open: float
    high: float
    low: float
    close: float
    interval_s: float
    end: float

    @classmethod
    def of(cls, bar: Candle, sign: int) -> "Mirrored":
        high, low = (bar.high, bar.low) if sign > 0 else (-bar.low, -bar.high)
        return cls(bar.ts, sign * bar.open, high, low, sign * bar.close, bar.interval_s, bar.ts + bar.interval_s)


class Path:
    """
    Shares of the plan and their mirrored values. `realised` is before fees.

    `carried` is the sum of what was held at each time of funding. A path that is over changes no more.
    """

    def __init__(self, *, lots: int, stop: float) -> None:
        self.pending = tuple(range(lots))
        self.stop = stop
        self.arrived = False  # Has seen an open.
        self.hits = 0  # Targets that have traded.
        self.bought = 0.0
        self.bought_value = 0.0
        self.qty = 0.0
        self.open_value = 0.0  # What was paid for what is open.
        self.sold_value = 0.0
        self.realised = 0.0
        self.fees = 0.0
        self.carried = 0.0
        self.carried_to = 0.0
        self.worst = math.inf
        self.opened_at: float | None = None
        self.close_due = False
        self.over = False
        self.status = "filled"
        self.reason: str | None = None
        self.ended_by: str | None = None
        self.at = 0.0

    def copy(self) -> "Path":
        """Another one from here on: nothing in it is shared that changes."""
        return copy(self)

    def bring(self, number: int, share: float, price: float, *, at: float, fee: float) -> None:
        """An entry has filled."""
        self.pending = tuple([one for one in self.pending if one != number])
        if self.opened_at is None:
            self.opened_at = at
        self.bought += share
        self.bought_value += share * price
        self.qty += share
        self.open_value += share * price
        self.fees += fee
        self.worst = min(self.worst, price)

    def take(self, share: float, price: float, *, fee: float) -> None:
        """A part of what is open, or all of it, is closed."""
        paid = self.open_value if share >= self.qty else self.open_value * share / self.qty
        self.realised += share * price - paid
        self.sold_value += share * price
        self.open_value -= paid
        self.qty = 0.0 if share >= self.qty else self.qty - share
        self.fees += fee

    def miss(self, number: int, why: str, *, at: float) -> None:
        """An entry is gone without a fill."""
        self.pending = tuple([one for one in self.pending if one != number])
        self.reason = self.reason or why
        self.at = at

    def drop(self, why: str, *, at: float) -> None:
        """No entry waits any more."""
        self.pending = ()
        if not self.bought:
            self.reason = why if why != "expired" else self.reason or why
        self.at = at

    def settle_entries(self, *, at: float) -> None:
        """Nothing was bought and nothing waits: it is over."""
        if self.over or self.pending or self.bought:
            return
        status = "cancelled" if self.reason in ("target_traded", "stop_traded") else "unfilled"
        self.end(status, self.reason, at=self.at or at)

    def end(self, status: str, reason: str | None, *, at: float, by: str | None = None) -> None:
        """It is over."""
        self.over, self.status, self.reason, self.at, self.ended_by = True, status, reason, at, by
        self.pending = ()


def is_sound(bar: Candle) -> bool:
    """Can these be prices? Zero, NaN, infinite, absurd or crossed ones cannot."""
    return 0.0 < bar.low <= bar.open <= bar.high < PRICE_MOST and bar.low <= bar.close <= bar.high


def moved_stop(path: Path, aims: tuple[tuple[float, float], ...], *, mover: str, fee: float) -> float:
    """Where a mover wants the stop after the targets that have traded (`exits.moved_stop`); -inf: nowhere yet."""
    behind = 2 if mover == MOVING_TWO_TARGET else 1
    if mover not in (BREAKEVEN, MOVING_TARGET, MOVING_TWO_TARGET) or path.hits < behind or not path.qty:
        return -math.inf
    if mover != BREAKEVEN and path.hits > behind:
        return aims[path.hits - behind - 1][0]
    return path.open_value / path.qty * (1.0 + fee) / (1.0 - fee)
