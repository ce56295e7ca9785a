"""
How a call ends: splits over targets, where the stop moves, when unfilled entries are over.

A stop is only ever tightened.
"""

import re
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from levibotd.domain.book import Call
from levibotd.domain.order_records import PositionClosed
from levibotd.domain.orders import CLOSE, ENTRY, STOP, TARGET, Order
from levibotd.domain.signal import Side
from levibotd.domain.steps import plain, stop_price

Split = str | tuple[float, ...]

EVEN = "even"
NO_MOVER = "none"
BREAKEVEN = "breakeven"
MOVING_TARGET = "moving-target"
MOVING_TWO_TARGET = "moving-two-target"

TRAILING = "trailing"
TRAIL_STEPS = 10

MOVER_PATTERN = (
    r"none|(?P<kind>breakeven)(?:-tp(?P<after>[1-9])|-(?P<breakeven>[0-9]{1,2}(?:\.[0-9]+)?)%)?|moving-target|"
    r"moving-two-target|(?P<kind_>trailing)(?:-(?P<trailing>[0-9]{1,2}(?:\.[0-9]+)?)%)?"
)
_MOVER = re.compile(MOVER_PATTERN)
_SHARE = Decimal("1e-8")  # Shares have eight digits; the last one takes what is missing to 1.
_FIRST_ONLY = {"one": 1, "two": 2, "three": 3}
_REASONS = {STOP: "stop", TARGET: "target", CLOSE: "close"}


def split(name: Split, count: int) -> tuple[Decimal, ...]:
    """
    Shares of `count` legs, first one first; they sum to exactly 1.

    Named ones are even, one | two | three (only the first legs, evenly), fifty-on-first, decreasing
    and increasing (each leg half, or twice, the one before). A tuple gives weights of its own; legs
    beyond it get nothing.
    """
    assert count > 0, "nothing to split over"
    weights = _weights(name, count)
    whole = sum(weights)
    shares = [(weight / whole).quantize(_SHARE) for weight in weights]
    last = max(i for i, weight in enumerate(weights) if weight > 0)
    shares[last] += 1 - sum(shares)
    return tuple(shares)


def breakeven(call: Call, *, fee: Decimal, tick: Decimal) -> Decimal | None:
    """The stop at which what is open ends without loss, fees of both sides included; None while flat."""
    entry = call.entry_price
    if entry is None:
        return None
    sign = call.side.sign
    return stop_price(entry * (1 + sign * fee) / (1 - sign * fee), side=call.side, tick=tick)


class Mover(Struct, frozen=True, kw_only=True):
    """
    What moves a stop. `after` is how many targets must have filled, `share` a move of the price instead.

    Of a trailing one `share` is the distance it keeps; None: that of the planned stop.
    """

    kind: str
    after: int = 1
    share: Decimal | None = None

    @property
    def looks_at_prices(self) -> bool:
        return self.kind == TRAILING or (self.kind == BREAKEVEN and self.share is not None)


@lru_cache(maxsize=64)
def mover_of(name: str) -> Mover:
    """
    Read a mover as settings name it. Raises ValueError for what is none.

    none, breakeven (also breakeven-tp2 and breakeven-1.5%), moving-target, moving-two-target, trailing (also
    trailing-2%).
    """
    found = _MOVER.fullmatch(name)
    if found is None:
        raise ValueError(f"no mover: {name!r}")
    kind, after, share = found["kind"] or found["kind_"], found["after"], found["breakeven"] or found["trailing"]
    if share is not None and not Decimal(share):
        raise ValueError(f"a mover that keeps no distance: {name!r}")
    return Mover(
        kind=kind or name,
        after=int(after) if after else 2 if name == MOVING_TWO_TARGET else 1,
        share=Decimal(share) / 100 if share else None,
    )


def moved_stop(
    call: Call, orders: tuple[Order, ...], *, mover: str, fee: Decimal, tick: Decimal, best: Decimal | None = None
) -> Decimal | None:
    """
    Where the stop belongs now; None where it stands well already. A stop is only ever tightened.

    breakeven: the fee-adjusted entry, after the first target, the k-th, or once the price has gone p %.
    moving-target: after the first to breakeven, after the k-th to target k-1. moving-two-target: the same, one
    target later. trailing: a share of the price behind `best`, the best that has traded since the first fill.
    """
    ruling = mover_of(mover)
    level = _wanted_stop(call, ruling, hit=targets_hit(call, orders), fee=fee, tick=tick, best=best)
    if level is None or (level - call.stop) * call.side.sign <= 0:
        return None
    return level


def _wanted_stop(
    call: Call, mover: Mover, *, hit: int, fee: Decimal, tick: Decimal, best: Decimal | None
) -> Decimal | None:
    sign, entry = call.side.sign, call.entry_price
    if mover.kind == NO_MOVER or entry is None:
        return None
    if mover.kind == TRAILING:
        return _trailed(call, mover, best=best, tick=tick)
    if mover.kind == BREAKEVEN and mover.share is not None:
        gone = best is not None and (best - entry) * sign >= mover.share * entry
        return breakeven(call, fee=fee, tick=tick) if gone else None
    if hit < mover.after:
        return None
    if mover.kind == BREAKEVEN or hit == mover.after:
        return breakeven(call, fee=fee, tick=tick)
    return stop_price(call.targets[hit - mover.after - 1].price, side=call.side, tick=tick)


# Moved in steps of a tenth of its distance: each bar a tick further would only wear out the venue.
def _trailed(call: Call, mover: Mover, *, best: Decimal | None, tick: Decimal) -> Decimal | None:
    if best is None:
        return None
    planned = sum((rung.price * rung.qty for rung in call.plan.rungs), Decimal(0)) / call.plan.qty
    share = abs(planned - call.plan.stop) / planned if mover.share is None else mover.share
    level = stop_price(best * (1 - call.side.sign * share), side=call.side, tick=tick)
    least = max(tick, best * share / TRAIL_STEPS)
    return level if (level - call.stop) * call.side.sign >= least else None


def targets_hit(call: Call, orders: tuple[Order, ...]) -> int:
    """How many targets, from the first one on, have traded in full."""
    filled = {order.slot for order in orders if order.role == TARGET and order.filled and order.filled >= order.qty}
    hit = 0
    while hit < len(call.targets) and hit in filled:
        hit += 1
    return hit


def entries_over(
    call: Call, orders: tuple[Order, ...], *, now: float, low: Decimal | None = None, high: Decimal | None = None
) -> str | None:
    """
    Why unfilled entries must be cancelled now, None while they may rest.

    `low` and `high` are what has traded since the last look. TP1 or the stop traded before the
    first fill ends them all; TP1 after a partial fill ends those that are left. Where the cancel of
    one was begun, all of them go: what was decided once holds in every life.
    """
    if call.entries_over:
        return call.entries_over
    if now >= call.entry_valid_until:
        return "expired"
    if any(order.role != ENTRY and order.filled for order in orders):
        return "exited"  # A target or the stop has filled: nothing is added to what goes.
    for order in orders:
        if order.role == ENTRY and order.cancelling and order.revision >= call.revision:
            return order.why
    if low is None or high is None:
        return None
    best, worst = (high, low) if call.side is Side.BUY else (low, high)
    sign = call.side.sign
    if call.targets and (best - call.targets[0].price) * sign >= 0:
        return "target_traded"
    if not call.bought and (worst - call.stop) * sign <= 0:
        return "stop_traded"
    return None


def position_closed(call: Call, *, at: float, reason: str | None = None) -> PositionClosed:
    """The record of a call that is flat again. `reason` None: by the order that exited last."""
    assert call.flat, f"{call.key} still holds {call.qty}"
    assert call.sold, f"{call.key} never held anything"
    net = call.realised - call.fees
    return PositionClosed(
        call=call.key,
        channel=call.channel,
        side=call.side,
        qty=plain(call.sold),
        entry=_average(call.bought_value, call.bought),
        exit=_average(call.sold_value, call.sold),
        pnl=plain(call.realised),
        fees=plain(call.fees),
        net=plain(net),
        r=float(f"{net / call.planned_loss:.6g}"),
        reason=reason or _REASONS[call.exit_role or CLOSE],
        opened_at=call.opened_at if call.opened_at is not None else at,
        at=at,
    )


def _weights(name: Split, count: int) -> list[Decimal]:
    if isinstance(name, tuple):
        weights = [Decimal(str(weight)) for weight in name[:count]]
        weights += [Decimal(0)] * (count - len(weights))
    elif name in _FIRST_ONLY:
        weights = [Decimal(i < _FIRST_ONLY[name]) for i in range(count)]
    elif name == "fifty-on-first":
        weights = [Decimal(max(count - 1, 1)), *[Decimal(1)] * (count - 1)]
    elif name == "decreasing":
        weights = [Decimal(2) ** (count - 1 - i) for i in range(count)]
    elif name == "increasing":
        weights = [Decimal(2) ** i for i in range(count)]
    else:
        assert name == EVEN, f"no split: {name!r}"
        weights = [Decimal(1)] * count
    assert sum(weights) > 0, f"a split that gives nothing: {name!r}"
    return weights


# Averages are for reading; twelve digits after the point are more than any tick.
def _average(value: Decimal, qty: Decimal) -> Decimal:
    return plain((value / qty).quantize(Decimal("1e-12")))
