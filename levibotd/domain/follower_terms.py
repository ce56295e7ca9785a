"""
What a follower follows: entries, targets, a stop and costs, from what a leg says and what the market said then.

`as_posted` are the terms of the canonical follower, version 1: the same for every channel, never tuned, and
without refusals. `as_planned` are those of a plan of ours. Levels are made of Decimals, on the venue's
ticks, and only then become floats.
"""

from decimal import Decimal

from msgspec import Struct

from levibotd.domain.exits import EVEN, NO_MOVER, split
from levibotd.domain.levels import (
    DISASTER_ATRS,
    DISASTER_SHARE,
    Conditions,
    Level,
    Wanted,
    average_price,
    chase_cap,
    chase_start,
    entry_levels,
    entry_prices,
    first_distance,
    imputed_distance,
    target_level,
    worst_price,
)
from levibotd.domain.signal import Side
from levibotd.domain.sizing import STOP_SLIP as PLANNED_SLIP
from levibotd.domain.sizing import STOP_SLIP_ATRS
from levibotd.domain.steps import stop_price, target_price
from levibotd.domain.trade_plan import CLOSES_S, TradePlan

ENTRY_VALID_S = 86_400.0
HORIZON_S = 7 * 86_400.0  # From the first fill; what is open then is closed.
FUNDING_EVERY_S = 28_800.0
FUNDING_BAND = 0.0003  # Of the value held, each time, either way, where rates are not known.
STOP_SLIP = 0.0005
RANGE_SLIP = 0.1
MAINTENANCE = 0.005
ENTRY_WAIT_BARS = 2  # An order that takes at once and meets no bar within these has no price.
SETTLE_AFTER_S = 3600.0  # A feed may be late; where no bar comes for so long after the end, there is none.
AIMS_MAX = 5
NO_STOP_ATRS = Decimal("2.5")
STOP_DISTANCE_MOST = Decimal("0.9")  # An imputed stop of a long stays above zero.
PROXY_FUZZ = 0.003


class Lot(Struct, frozen=True, kw_only=True):
    """One entry: it rests at `price` (limit), takes at once up to it (ioc), or once `trigger` was passed (trigger)."""

    style: str
    price: float
    share: float
    trigger: float = 0.0


class Aim(Struct, frozen=True, kw_only=True):
    """One target: `share` of the position at `price`."""

    price: float
    share: float


class Costs(Struct, frozen=True, kw_only=True):
    """Shares of the price. `funded`: holding costs, or pays, at rates that nobody here knows."""

    maker_fee: float
    taker_fee: float
    half_spread: float
    funded: bool = False


class CloseRule(Struct, frozen=True, kw_only=True):
    """Out at the first close of bars of this length beyond `level`."""

    level: float
    interval_s: float


class Terms(Struct, frozen=True, kw_only=True):
    """
    What is followed. Shares of lots and of aims sum to 1; nearest first, both.

    `planned_loss` is what one unit of the plan loses, all lots filled and stopped out, costs included: 1 R.
    `fuzz`: as share of the stop, how wrong the extremes of these bars may be (of another market).
    """

    side: Side
    lots: tuple[Lot, ...]
    aims: tuple[Aim, ...]
    stop: float
    planned_loss: float
    decided_at: float
    entry_until: float
    costs: Costs
    close_rule: CloseRule | None = None
    leverage: int | None = None
    mover: str = NO_MOVER
    fuzz: float = 0.0


class NotEntered(Struct, frozen=True, kw_only=True):
    """There is nothing to follow: why it would not have been entered."""

    reason: str  # chased | sl_wrong_side | entry


class Result(Struct, frozen=True, kw_only=True):
    """How it ended. Figures of money are net of all costs; `worst_pct` is the deepest excursion against it."""

    status: str  # filled | unfilled | cancelled | unpriced
    reason: str | None
    at: float
    ended_by: str | None = None
    opened_at: float | None = None
    entry: float | None = None
    exit: float | None = None
    filled_share: float = 0.0
    r: float = 0.0
    r_low: float = 0.0
    r_high: float = 0.0
    return_pct: float = 0.0
    worst_pct: float | None = None

    @property
    def undecided(self) -> bool:
        """Does the sign hang on an order of events that the bars do not show?"""
        return self.r_low < 0.0 < self.r_high


def as_posted(
    want: Wanted, conditions: Conditions, *, tick: Decimal, costs: Costs, decided_at: float, fuzz: float = 0.0
) -> Terms | NotEntered:
    """
    The terms of the canonical follower.

    A rung at or beyond the stop joins the last one before it. Of a leg without a stop `want.sl` is None, and the
    stop is imputed. `leverage` counts where the leg names one above 1.
    """
    mark, side = conditions.mark, want.side
    prices = entry_prices(want, mark=mark)
    if not all(price.is_finite() and price > 0 for price in (mark, *prices)):
        return NotEntered(reason="entry")
    cap = chase_cap(first_distance(want, prices, conditions, atrs=NO_STOP_ATRS))
    start = chase_start(want, prices, conditions)
    ran = (mark - start) / start * side.sign
    if ran > cap:
        return NotEntered(reason="chased")
    bound = start if want.entry_type == "market" and ran > 0 else mark
    levels = entry_levels(want, prices, mark=bound, cap=cap, tick=tick)
    if worst_price(levels, side=Side.SELL) <= 0:
        return NotEntered(reason="entry")
    stop = _stop(want, conditions, levels, tick)
    levels = _before_the_stop(levels, stop, side)
    if stop <= 0 or not levels:
        return NotEntered(reason="sl_wrong_side")
    interval_s = CLOSES_S.get(want.sl_kind)
    return Terms(
        side=side,
        lots=tuple(
            Lot(
                style=level.style,
                price=float(level.price),
                share=float(level.weight),
                trigger=float(level.trigger or 0),
            )
            for level in levels
        ),
        aims=_aims(want, prices, tick),
        stop=float(stop),
        planned_loss=_planned_loss(levels, stop, conditions, costs),
        decided_at=decided_at,
        entry_until=decided_at + ENTRY_VALID_S,
        costs=costs,
        close_rule=_close_rule(want, interval_s),
        leverage=want.leverage if want.leverage and want.leverage > 1 else None,
        fuzz=fuzz,
    )


def as_planned(
    plan: TradePlan, *, costs: Costs, decided_at: float, valid_s: float, mover: str = NO_MOVER, fuzz: float = 0.0
) -> Terms:
    """The terms of a plan of ours: its rungs, its stop, its targets, its planned loss."""
    return Terms(
        side=plan.side,
        lots=tuple(
            Lot(
                style=rung.style,
                price=float(rung.price),
                share=float(rung.qty / plan.qty),
                trigger=float(rung.trigger or 0),
            )
            for rung in plan.rungs
        ),
        aims=tuple(Aim(price=float(target.price), share=float(target.share)) for target in plan.targets),
        stop=float(plan.stop),
        planned_loss=float(plan.planned_loss / plan.qty),
        decided_at=decided_at,
        entry_until=decided_at + valid_s,
        costs=costs,
        close_rule=_planned_rule(plan),
        leverage=plan.leverage if costs.funded else None,
        mover=mover,
        fuzz=fuzz,
    )


def _stop(want: Wanted, conditions: Conditions, levels: tuple[Level, ...], tick: Decimal) -> Decimal:
    sign, price = want.side.sign, want.sl
    if price is None:
        worst = worst_price(levels, side=want.side)
        distance, _ = imputed_distance(want, conditions, worst=worst, atrs=NO_STOP_ATRS)
        price = worst * (1 - sign * min(distance, STOP_DISTANCE_MOST))
    elif want.sl_kind == "pct":
        price = average_price(levels) * (1 - sign * price / 100)
    elif want.sl_kind in CLOSES_S:
        price -= sign * max(DISASTER_ATRS * (conditions.close_atr or Decimal(0)), DISASTER_SHARE * price)
    return stop_price(price, side=want.side, tick=tick)


def _before_the_stop(levels: tuple[Level, ...], stop: Decimal, side: Side) -> tuple[Level, ...]:
    kept = tuple(level for level in levels if (level.price - stop) * side.sign > 0)
    if not kept or len(kept) == len(levels):
        return kept
    beyond = 1 - sum((level.weight for level in kept), Decimal(0))
    last = kept[-1]
    return (
        *kept[:-1],
        Level(style=last.style, price=last.price, weight=last.weight + beyond, trigger=last.trigger),
    )


# As posted, nearest first, evenly; those beyond the fifth join it. What lies before the worst entry is no target.
def _aims(want: Wanted, prices: tuple[Decimal, ...], tick: Decimal) -> tuple[Aim, ...]:
    side = want.side
    entry = sum(prices, Decimal(0)) / len(prices)
    worst = max(prices) if side is Side.BUY else min(prices)
    levels = sorted((target_level(tp, want, entry=entry) for tp in want.tps), reverse=side is Side.SELL)
    ticked = [target_price(level, side=side, tick=tick) for level in levels]
    named = [level for level in ticked if level > 0 and (level - worst) * side.sign > 0]
    found: list[Aim] = []
    for price, share in zip(named, split(EVEN, len(named)) if named else (), strict=True):
        if found and (len(found) == AIMS_MAX or found[-1].price == float(price)):
            found[-1] = Aim(price=found[-1].price, share=found[-1].share + float(share))
        else:
            found.append(Aim(price=float(price), share=float(share)))
    return tuple(found)


# As for a plan of ours (`sizing.py`): all rungs filled and stopped out, taker on both sides, and the stop slips.
def _planned_loss(levels: tuple[Level, ...], stop: Decimal, conditions: Conditions, costs: Costs) -> float:
    slip = max(PLANNED_SLIP * stop, STOP_SLIP_ATRS * (conditions.atr or Decimal(0)))
    fee = Decimal(repr(costs.taker_fee))
    return float(sum(level.weight * (abs(level.price - stop) + fee * (level.price + stop) + slip) for level in levels))


def _close_rule(want: Wanted, interval_s: float | None) -> CloseRule | None:
    if interval_s is None or want.sl is None:
        return None
    return CloseRule(level=float(want.sl), interval_s=interval_s)


def _planned_rule(plan: TradePlan) -> CloseRule | None:
    rule = plan.close_stop
    return None if rule is None else CloseRule(level=float(rule.price), interval_s=rule.interval_s)
