"""
What the calls of one channel say on their own, as of a moment.

A call has the weight and the place in time of its post: it is mature once its entry and the horizon are over, and
enters with its R (not filled: 0). A younger one enters with what it has lost so far, or with 0, so that winners which
end first earn nothing early. Nothing after `at` is looked at.
"""

from collections.abc import Sequence
from math import inf
from statistics import fmean

from msgspec import Struct

from levibotd.domain.chance import week_of, weighted_mean

HORIZON_S = 7 * 86_400.0
HALF_LIFE_S = 120 * 86_400.0
DESIGN_EFFECT = 1.4  # Of weeks, measured over 135 calls; until a channel has `WEEKS_FOR_EFFECT`.
WEEKS_FOR_EFFECT = 20
PLACEBO_FROM = 20.0  # From this n_eff on, R minus its placebo takes the place of R.
COMPARED_MIN = 0.8  # Of its mature calls have a placebo: fewer, and R stands as it is.
UNFILLED_MAX = 2.0  # Calls that were never filled add to n_eff at most so many for each that was.


class Lived(Struct, frozen=True, kw_only=True, gc=False):
    """
    One priced call as followed. `over_at` None: it is not over; `r` None: it was never filled.

    `running_r` is the R so far of one that is open, as of now; `placebo_r` that of the same trade at random times.
    Calls that say an open one again share its name in `said`. They count as one, and never for more than the first.
    """

    posted_at: float
    said: str = ""
    side: str = ""  # Of the first that shares its name.
    lifetime_s: float
    over_at: float | None = None
    r: float | None = None
    running_r: float | None = None
    placebo_r: float | None = None
    placebos: tuple[tuple[float, float], ...] = ()  # In place of it: since when it is known, and what.


class Evidence(Struct, frozen=True, kw_only=True):
    """What the calls of one channel say on their own, weighted by age."""

    calls: int
    mature: int
    n_eff: float
    design_effect: float
    mean: float
    variance: float
    pays: float  # Share with R above zero.
    adjusted: bool = False
    n_filled: float = inf  # As `n_eff`, of those that were filled alone.


class _Entered(Struct, gc=False):
    """One call as it counts at that moment. `placebo` None: it has none, or it was not known by then."""

    r: float
    mature: bool
    filled: bool
    placebo: float | None


def entered_r(call: Lived, *, at: float) -> float:
    """The R with which a call counts at `at`."""
    return _entered(call, at).r


def evidence(calls: Sequence[Lived], *, at: float, adjusted: bool | None = None) -> Evidence | None:
    """
    What calls posted by `at` say; None when there is none.

    `adjusted` says whether their placebos are taken off; None: where they are enough for that.
    """
    known = [call for call in calls if call.posted_at <= at]
    if not known:
        return None
    entered = [_entered(call, at) for call in known]
    groups = _by_name(known)
    times = [known[group[0]].posted_at for group in groups]
    weights = [2.0 ** ((time - at) / HALF_LIFE_S) for time in times]
    plain = [_of_group([entered[place].r for place in group]) for group in groups]
    effect = _design_effect(times, weights, plain)
    filled = [
        weight for group, weight in zip(groups, weights, strict=True) if any(entered[place].filled for place in group)
    ]
    n_filled = _effective(filled) / effect
    n_eff = min(_effective(weights) / effect, (1 + UNFILLED_MAX) * n_filled)
    if adjusted is None:
        adjusted = n_eff >= PLACEBO_FROM and _is_compared(entered)
    placebos = [one.placebo for one in entered if one.placebo is not None] if adjusted else []
    values = plain
    if placebos:
        # Those without one are as good as the mean of those that have one.
        usual = fmean(placebos)
        less = [_less(one, usual=usual) for one in entered]
        values = [_of_group([less[place] for place in group]) for group in groups]
    mean = weighted_mean(values, weights)
    return Evidence(
        calls=len(known),
        mature=sum([entered[group[0]].mature for group in groups]),
        n_eff=n_eff,
        design_effect=effect,
        mean=mean,
        variance=weighted_mean([(value - mean) ** 2 for value in values], weights),
        pays=weighted_mean([float(r > 0) for r in plain], weights),
        adjusted=bool(placebos),
        n_filled=n_filled,
    )


# What loses while it is open was filled. A young one is not held against a whole life.
def _entered(call: Lived, at: float) -> _Entered:
    mature = call.posted_at + call.lifetime_s + HORIZON_S <= at
    if call.over_at is not None and call.over_at <= at:
        r = call.r or 0.0
        return _Entered(r if mature else min(r, 0.0), mature, call.r is not None, _placebo_of(call, at))
    r = min(call.running_r or 0.0, 0.0)
    return _Entered(r, mature, r < 0, _placebo_of(call, at))


# As far as it was known by then.
def _placebo_of(call: Lived, at: float) -> float | None:
    for since, r in reversed(call.placebos):
        if since <= at:
            return r
    return call.placebo_r


# The places of those that share a name, the first of each name in order.
def _by_name(calls: Sequence[Lived]) -> list[list[int]]:
    groups: dict[str | int, list[int]] = {}
    for place, call in enumerate(calls):
        name = call.said or place
        group = groups.get(name)
        if group is None:
            groups[name] = [place]
        else:
            group.append(place)
    return list(groups.values())


def _effective(weights: Sequence[float]) -> float:
    total = sum(weights)
    return total * total / sum([weight * weight for weight in weights]) if weights else 0.0


# Of few calls a placebo would say what those few are like.
def _is_compared(entered: Sequence[_Entered]) -> bool:
    mature = [one.placebo is not None for one in entered if one.mature]
    return bool(mature) and sum(mature) >= COMPARED_MIN * len(mature)


# A young one enters with what it has lost so far, or with nothing, whatever its placebo did.
def _less(one: _Entered, *, usual: float) -> float:
    if not one.mature:
        return one.r
    return one.r - (usual if one.placebo is None else one.placebo)


# Neither one that is sure to win nor one that cannot be filled, said after the first, makes more of it.
def _of_group(rs: Sequence[float]) -> float:
    return rs[0] if len(rs) == 1 else min(rs[0], fmean(rs))


# Variance of the mean with calls of one week taken together, over that with each on its own.
def _design_effect(times: Sequence[float], weights: Sequence[float], values: Sequence[float]) -> float:
    mean = weighted_mean(values, weights)
    weeks: dict[int, float] = {}
    alone = 0.0
    for time, weight, value in zip(times, weights, values, strict=True):
        week, error = week_of(time), weight * (value - mean)
        weeks[week] = weeks.get(week, 0.0) + error
        alone += error * error
    if len(weeks) < WEEKS_FOR_EFFECT or alone <= 0:
        return DESIGN_EFFECT
    together = sum([error * error for error in weeks.values()])
    n, k = len(times), len(weeks)
    return max(1.0, together / alone * (k / (k - 1)) / (n / (n - 1)))
