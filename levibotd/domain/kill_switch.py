"""When a day begins, and when what it has lost trips the kill switch."""

from decimal import Decimal

from levibotd.domain.records import DayAnchor, KillSwitch
from levibotd.domain.risk import day_of


def check_kill(
    *,
    equity: Decimal,
    realised_today: Decimal,
    anchor: Decimal,
    daily_loss_limit: Decimal | float,
    peak: Decimal | None = None,
    peak_loss_limit: Decimal | float | None = None,
) -> KillSwitch | None:
    """
    The record that trips the kill switch; None while all is within its limits.

    Looks at equity, unrealised losses included, at what is realised since the anchor (less fees) and,
    where a limit is set, at the fall from the day's `peak`. No hysteresis; nothing here re-arms. A price
    that is no number trips nothing.
    """
    if not (equity.is_finite() and anchor.is_finite()) or anchor <= 0:
        return None
    share = Decimal(str(daily_loss_limit))
    floor = anchor * (1 - share)
    if equity <= floor:
        return KillSwitch(tripped=True, why="equity", by="risk", equity=equity, anchor=anchor, limit=floor)
    loss = -share * anchor
    if realised_today <= loss:
        return KillSwitch(tripped=True, why="realised", by="risk", equity=equity, anchor=anchor, limit=loss)
    if peak is not None and peak_loss_limit is not None and peak.is_finite():
        floor = peak * (1 - Decimal(str(peak_loss_limit)))
        if equity <= floor:
            return KillSwitch(tripped=True, why="peak", by="risk", equity=equity, anchor=anchor, limit=floor)
    return None


def new_day(last: DayAnchor | None, *, at: float, equity: Decimal) -> DayAnchor | None:
    """The anchor of a day that has begun, None on the same day and on one that was before: days only go on."""
    day = day_of(at)
    if last is not None and day <= last.day:
        return None
    return DayAnchor(day=day, equity=equity, at=at)
