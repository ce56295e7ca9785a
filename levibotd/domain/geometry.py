"""
Do the levels of a plan make sense together: entries, stop, targets and the price of now?

Nothing in here knows about size; what a plan costs is `sizing.py`'s.
"""

from decimal import Decimal

from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.levels import Conditions, Level, Stop, average_price, worst_price
from levibotd.domain.signal import Side
from levibotd.domain.trade_plan import Target

STOP_DISTANCE_MAX = Decimal("0.3")


def misplaced(
    levels: tuple[Level, ...],
    *,
    stop: Stop,
    aims: tuple[Target, ...],
    side: Side,
    conditions: Conditions,
    narrowest: Decimal,
) -> Refusal | None:
    """Name the first level that stands where it can not, or the stop that is nearer than `narrowest`, or too far."""
    sign, mark = side.sign, conditions.mark
    worst = worst_price(levels, side=side)
    if any((level.price - stop.price) * sign <= 0 for level in levels):
        return Refusal(gate=GateName.SL_WRONG_SIDE, value=stop.price, limit=levels[-1].price)
    if (mark - stop.price) * sign <= 0:
        return Refusal(gate=GateName.SL_PASSED, value=mark, limit=stop.price)
    # A price of before the post cannot have passed its target: what trades from now on decides, and ends the entries.
    if not conditions.mark_precedes_post and (aims[0].price - mark) * sign <= 0:
        return Refusal(gate=GateName.TP_PASSED, value=mark, limit=aims[0].price)
    entry = average_price(levels)
    if (aims[0].price - entry) * sign <= 0:
        return Refusal(gate=GateName.TP_WRONG_SIDE, value=aims[0].price, limit=_short(entry))
    distance = abs(entry - stop.price) / entry
    if distance < narrowest:
        return Refusal(gate=GateName.SL_TOO_TIGHT, value=_short(distance), limit=narrowest)
    widest = abs(worst - stop.price) / worst
    if widest > STOP_DISTANCE_MAX:
        return Refusal(gate=GateName.SL_TOO_WIDE, value=_short(widest), limit=STOP_DISTANCE_MAX)
    return None


def reward_of(levels: tuple[Level, ...], *, stop: Decimal, aims: tuple[Target, ...], side: Side) -> Decimal:
    """
    What the average target brings, in stop distances.

    Both are measured from the worst entry, as the distance of an imputed stop is; a target weighs what is sold there.
    """
    worst = worst_price(levels, side=side)
    brings = sum((aim.share * (aim.price - worst) for aim in aims), Decimal(0)) * side.sign
    return brings / abs(worst - stop)


def _short(number: Decimal) -> Decimal:
    return Decimal(f"{number:.8g}")
