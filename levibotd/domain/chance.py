"""How far a figure can be trusted: intervals, quantiles and weeks. Pure, seeded, and the same on every machine."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt
from random import Random
from statistics import NormalDist

from msgspec import Struct

from levibotd.domain.rounding import six_digits

NORMAL = NormalDist()
Z_95 = NORMAL.inv_cdf(0.975)
DRAWS = 1000
WEEKS_MIN = 4  # Fewer blocks than these say nothing about how blocks differ.

_WEEK_S = 7 * 86_400
_MONDAY_S = 3 * 86_400  # The epoch began on a Thursday.
_STEPS_MAX = 200


class Interval(Struct, frozen=True):
    """From `lo` to `hi`; 95 % unless it says otherwise."""

    lo: float
    hi: float


def week_of(at: float) -> int:
    """Number of the ISO week of a moment, counted on from the week of the epoch."""
    return int((at + _MONDAY_S) // _WEEK_S)


def week_begin(week: int) -> float:
    """The Monday, 00:00 UTC, on which a week begins."""
    return float(week * _WEEK_S - _MONDAY_S)


def wilson(won: float, n: float) -> Interval | None:
    """95 % of a share, after Wilson; `n` may be an effective number. None of nothing."""
    if n <= 0:
        return None
    z2, p = Z_95 * Z_95, won / n
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(six_digits(max(0.0, middle - half)), six_digits(min(1.0, middle + half)))


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """The mean of `values`, each with the weight that stands in its place."""
    return sum([value * weight for value, weight in zip(values, weights, strict=True)]) / sum(weights)


def by_week(points: Sequence[tuple[float, float]]) -> dict[int, tuple[int, float]]:
    """Number and sum of the values, by ISO week of their moments."""
    weeks: dict[int, tuple[int, float]] = {}
    for at, value in points:
        n, total = weeks.get(week_of(at), (0, 0.0))
        weeks[week_of(at)] = (n + 1, total + value)
    return weeks


def mean_over_weeks(weeks: Mapping[int, tuple[int, float]], *, seed: str) -> Interval | None:
    """
    95 % of a mean whose values hang together by week: whole weeks are drawn, with replacement.

    None with fewer than `WEEKS_MIN` weeks.
    """
    blocks = [weeks[week] for week in sorted(weeks) if weeks[week][0]]
    if len(blocks) < WEEKS_MIN:
        return None
    chance = Random(seed)
    means = []
    for _ in range(DRAWS):
        drawn = chance.choices(blocks, k=len(blocks))
        means.append(sum([total for _, total in drawn]) / sum([n for n, _ in drawn]))
    means.sort()
    return Interval(six_digits(_quantile(means, 0.025)), six_digits(_quantile(means, 0.975)))


@lru_cache(maxsize=256)  # A channel that has proved nothing yet has the same at each of its calls.
def beta_quantile(share: float, *, a: float, b: float) -> float:
    """Where the Beta(a, b) distribution has `share` of its weight to the left."""
    low, high, x = 0.0, 1.0, a / (a + b)
    # Newton's steps, halving where one would leave the bounds: a tenth of the work of halving alone.
    for _ in range(_STEPS_MAX):
        error = beta_cdf(x, a=a, b=b) - share
        if error < 0:
            low = x
        else:
            high = x
        slope = _beta_density(x, a, b)
        new = x - error / slope if slope > 0 else low
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - x) <= 1e-11 * x:  # As exact as `beta_cdf` itself.
            break
        x = new
    return x


def _beta_density(x: float, a: float, b: float) -> float:
    if x <= 0 or x >= 1:
        return 0.0
    return exp((a - 1) * log(x) + (b - 1) * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b))


def beta_cdf(x: float, *, a: float, b: float) -> float:
    """Weight of the Beta(a, b) distribution to the left of `x`."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # The fraction converges fast on one side only.
        return 1.0 - beta_cdf(1 - x, a=b, b=a)
    front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a
    return front * _fraction(x, a, b)


# The continued fraction of the incomplete beta function, after Lentz.
def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1) or tiny)
    value = d
    for m in range(1, _STEPS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d or tiny)
            c = 1.0 + term / c or tiny
            step = c * d
            value *= step
        if abs(step - 1.0) < 1e-12:
            break
    return value


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
