"""One order of events on its way: what was bought and sold so far, and what still waits."""

import math
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple, Protocol

from levibotd.domain.exits import BREAKEVEN, NO_MOVER, TRAIL_STEPS, TRAILING, Mover
from levibotd.domain.follower_terms import FUNDING_BAND, Result, Terms
from levibotd.domain.indicators import HighLowClose

PRICE_MOST = 1e12


class Candle(HighLowClose, Protocol):
    """What is looked at in a bar."""

    @property
    def ts(self) -> float: ...
    @property
    def open(self) -> float: ...
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


class Walk(NamedTuple):
    """One order of events inside a bar."""

    fills: int = 1_000  # How many of the entries that were reached come before the first target.
    aims_first: bool = False  # All that is held meets its targets, and then the stop.
    stopped: bool | None = None  # None: as the bar says.
    moved: bool = False  # What is left meets the stop that a target moved, in the same bar.


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
        self.best = -math.inf  # Since the first fill.
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
        self.best = max(self.best, price)

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


def moved_stop(path: Path, aims: tuple[tuple[float, float], ...], *, mover: Mover, fee: float, trail: float) -> float:
    """Where a mover wants the stop now (`exits.moved_stop`); -inf: nowhere. `trail` is a share of the price."""
    if mover.kind == NO_MOVER or not path.qty:
        return -math.inf
    entry = path.open_value / path.qty
    if mover.kind == TRAILING:
        level = path.best - abs(path.best) * trail
        return level if level - path.stop >= abs(path.best) * trail / TRAIL_STEPS else -math.inf
    if mover.kind == BREAKEVEN and mover.share is not None:
        moves = path.best - entry >= float(mover.share) * abs(entry)
    else:
        moves = path.hits >= mover.after
        if moves and mover.kind != BREAKEVEN and path.hits > mover.after:
            return aims[path.hits - mover.after - 1][0]
    return entry * (1.0 + fee) / (1.0 - fee) if moves else -math.inf


def told(paths: Sequence[Path], terms: Terms) -> Result:
    """How the first of these paths ended, between the worst and the best of all."""
    path = paths[0]
    assert path.over, "still on its way"
    planned, sign = terms.planned_loss, terms.side.sign
    lows, highs = [], []
    for one in paths:
        band = FUNDING_BAND * one.carried if terms.costs.funded else 0.0
        net = one.realised - one.fees
        lows.append((net - band) / planned)
        highs.append((net + band) / planned)
    if not path.bought:
        return Result(status=path.status, reason=path.reason, at=path.at, r_low=min(lows), r_high=max(highs))
    net = path.realised - path.fees
    average = path.bought_value / path.bought
    return Result(
        status="filled",
        reason=path.reason,
        at=path.at,
        ended_by=path.ended_by,
        opened_at=path.opened_at,
        entry=average * sign,
        exit=path.sold_value / path.bought * sign,
        filled_share=path.bought,
        r=net / planned,
        r_low=min(lows),
        r_high=max(highs),
        return_pct=100.0 * net / abs(path.bought_value),
        worst_pct=min(0.0, 100.0 * (path.worst - average) / abs(average)),
    )
