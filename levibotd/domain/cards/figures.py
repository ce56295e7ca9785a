"""From sums to the figures of a column: what is shown, and what is withheld for want of evidence."""

from collections.abc import Mapping
from math import sqrt
from statistics import median

from msgspec import Struct

from levibotd.domain.cards.calls import CANCELLED, FILLED, PRICED, UNFILLED, UNKNOWN, UNPRICED
from levibotd.domain.cards.card import (
    COVERAGE_MIN,
    CURVE_POINTS_MAX,
    PRICED_MIN,
    Column,
    Conduct,
    Counts,
    CurvePoint,
    Results,
    Stops,
)
from levibotd.domain.cards.sums import UNREADABLE, Curve, Sums, Week
from levibotd.domain.chance import NORMAL, Interval, mean_over_weeks, wilson
from levibotd.domain.lived import DESIGN_EFFECT
from levibotd.domain.rounding import six_digits

MONTH_S = 30 * 86_400.0
POWER_Z = NORMAL.inv_cdf(0.975) + NORMAL.inv_cdf(0.8)


class Terms(Struct, frozen=True, kw_only=True):
    """What following costs beside the trades: the fee of the channel, and what 1 R is in the same money."""

    fee_monthly: float = 0.0
    r_worth: float = 0.0  # Share risked per call x equity.


def column_of(sums: Sums, *, running: int, witnessed: bool, terms: Terms, seed: str) -> Column:
    """The figures of one column. `seed` names it: the same sums and seed give the same intervals."""
    counts = _counts(sums, running)
    withheld = _withheld(counts)
    return Column(
        counts=counts,
        withheld=withheld,
        results=Results() if withheld is not None else _results(sums, terms, seed),
        stops=_stops(sums),
        conduct=_conduct(sums, witnessed=witnessed),
        since=sums.since,
        until=sums.until,
    )


def _counts(sums: Sums, running: int) -> Counts:
    calls, priced, unpriced = sums.calls, sums.priced, sums.status(UNPRICED)
    return Counts(
        calls=calls,
        filled=sums.status(FILLED),
        unfilled=sums.status(UNFILLED),
        cancelled=sums.status(CANCELLED),
        unpriced=unpriced,
        unknown=sums.status(UNKNOWN),
        running=running,
        distinct=sums.distinct,
        unreadable=sums.reasons.get(UNREADABLE, 0),
        unpriced_by=dict(sorted(sums.reasons.items())),
        coverage=_share(priced, calls),
        fill_rate=_share(sums.status(FILLED), calls - unpriced),
    )


def _withheld(counts: Counts) -> str | None:
    priced = counts.filled + counts.unfilled + counts.cancelled
    if priced < PRICED_MIN or priced < COVERAGE_MIN * counts.calls:
        return f"too few priced calls ({priced} of {counts.calls})"
    if counts.distinct < PRICED_MIN:
        return f"too few priced calls ({counts.distinct} different ones of {counts.calls})"
    return None


def _results(sums: Sums, terms: Terms, seed: str) -> Results:
    asked = sum(sums.status(name) for name in (*PRICED, UNKNOWN))
    filled, total = sums.status(FILLED), sums.total
    expectancy = total / asked
    subscription = _subscription(sums, asked, terms)
    compared = sum(week.compared for week in sums.weeks.values())
    excess = sum(week.excess for week in sums.weeks.values())
    # What was said ten times is one piece of evidence, so the interval is that of the different calls.
    firsts = sums.distinct_filled
    spread = sqrt(max(0.0, sums.squares / asked - expectancy * expectancy))
    return Results(
        win_rate=_share(sums.won, filled),
        win_rate_95=wilson(sums.won / filled * firsts, firsts) if filled else None,
        expectancy=six_digits(expectancy),
        expectancy_95=_interval(sums.weeks, "calls", "r", seed=f"{seed}|call"),
        expectancy_filled=_mean(total, filled),
        expectancy_filled_95=_interval(sums.weeks, "filled", "filled_r", seed=f"{seed}|filled"),
        expectancy_low=six_digits(sums.low / asked),
        expectancy_high=six_digits(sums.high / asked),
        expectancy_followed=_mean(sums.followed_r, sums.followed),
        sum_r=six_digits(sums.curve.r),
        profit_factor=six_digits(sums.gains / sums.losses) if sums.losses > 0 else None,
        max_drawdown=six_digits(sums.curve.drawdown),
        visible_edge=six_digits(POWER_Z * spread * sqrt(DESIGN_EFFECT / sums.distinct)),
        subscription=subscription,
        expectancy_net=None if subscription is None else six_digits(expectancy - subscription),
        placebo=_mean(sums.placebo, compared),
        placebo_excess=_mean(excess, compared),
        placebo_excess_95=_interval(sums.weeks, "compared", "excess", seed=f"{seed}|placebo"),
        curve=_points(sums.curve),
        claimed_curve=_points(sums.claimed),
        undecided=sums.undecided,
    )


def _stops(sums: Sums) -> Stops:
    return Stops(
        without_share=_share(sums.without_stop, sums.with_text),
        median_distance=six_digits(median(sums.stops)) if sums.stops else None,
        without_calls=sums.stopless,
        without_return_pct=_mean(sums.stopless_return, sums.stopless_measured),
        without_worst_pct=None if sums.stopless_worst is None else six_digits(sums.stopless_worst),
    )


# Of the past nobody knows what was edited away or deleted.
def _conduct(sums: Sums, *, witnessed: bool) -> Conduct:
    return Conduct(
        edited=sums.edited if witnessed else None,
        edited_after_move=sums.edited_after_move if witnessed else None,
        deleted=sums.deleted if witnessed else None,
        deleted_after_loss=sums.deleted_after_loss if witnessed else None,
        repeated=sums.repeated,
        copied=sums.copied,
        copied_from=dict(sorted(sums.copied_from.items())),
        copied_by_others=sums.copied_by_others,
        claimed_wins=sums.claimed_wins,
        claims_measured=sums.claims_measured,
        claims_that_won=sums.claims_that_won,
        claimed_win_rate=_share(sums.claimed_wins, sums.claims),
        proxy_share=_share(sums.proxies, sums.priced),
        synthetic_share=_share(sums.synthetic, sums.priced),
        contaminated=sums.contaminated,
    )


def _subscription(sums: Sums, asked: int, terms: Terms) -> float | None:
    if terms.fee_monthly <= 0 or terms.r_worth <= 0 or sums.since is None or sums.until is None:
        return None
    months = max(sums.until - sums.since, MONTH_S) / MONTH_S
    return six_digits(terms.fee_monthly / (terms.r_worth * asked / months))


def _interval(weeks: Mapping[int, Week], number: str, total: str, *, seed: str) -> Interval | None:
    return mean_over_weeks({at: (getattr(week, number), getattr(week, total)) for at, week in weeks.items()}, seed=seed)


def _points(curve: Curve) -> tuple[CurvePoint, ...]:
    step = -(-len(curve.points) // CURVE_POINTS_MAX) or 1
    # Counted from the end, so that the last one is always there.
    return tuple(CurvePoint(round(at, 3), six_digits(r)) for at, r in curve.points[::-1][::step][::-1])


def _share(part: int, whole: int) -> float | None:
    return six_digits(part / whole) if whole else None


def _mean(total: float, n: int) -> float | None:
    return six_digits(total / n) if n else None
