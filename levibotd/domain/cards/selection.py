"""
What is left of a good record once one knows among how many it was chosen.

Returns are weekly, in R. Choosing some of m channels is m trials, and so is every configuration, filter or threshold
that was looked at (TRIAL records). Deflated Sharpe: Bailey and López de Prado 2014; probability of overfitting by
combinatorially symmetric cross-validation: Bailey, Borwein, López de Prado and Zhu 2015.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import e, sqrt
from statistics import fmean, pvariance

from levibotd.domain.chance import NORMAL
from levibotd.domain.rounding import six_digits

WEEKS_MIN = 12  # Fewer weekly returns have no Sharpe ratio worth the name.
BLOCKS = 8  # Of weeks: 70 ways to take half of them.
WEEKS_FOR_PBO = 2 * BLOCKS

_GAMMA = 0.5772156649015329  # Euler and Mascheroni.


def weekly_returns(weeks: Mapping[int, float], *, first: int | None = None, last: int | None = None) -> list[float]:
    """Sum of R of each week from the first to the last, those without a call included."""
    if not weeks:
        return []
    begin = min(weeks) if first is None else first
    end = max(weeks) if last is None else last
    return [weeks.get(week, 0.0) for week in range(begin, end + 1)]


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean over standard deviation, per week; None of too few weeks, and of weeks that are all alike."""
    if len(returns) < WEEKS_MIN:
        return None
    variance = pvariance(returns)
    return None if variance <= 0 else fmean(returns) / sqrt(variance)


def deflated_sharpe(returns: Sequence[float], *, trials: int, variance: float) -> float | None:
    """
    How likely the true Sharpe ratio is above what the best of `trials` would show by chance alone.

    `variance` is that of the Sharpe ratios of all trials.
    """
    found = sharpe(returns)
    if found is None:
        return None
    mean, sd = fmean(returns), sqrt(pvariance(returns))
    skew = fmean([((one - mean) / sd) ** 3 for one in returns])
    kurtosis = fmean([((one - mean) / sd) ** 4 for one in returns])
    return six_digits(_deflated(found, n=len(returns), skew=skew, kurtosis=kurtosis, trials=trials, variance=variance))


def best_by_chance(*, trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of so many worthless trials is expected to show."""
    if trials < 2:
        return 0.0
    first, second = NORMAL.inv_cdf(1 - 1 / trials), NORMAL.inv_cdf(1 - 1 / (trials * e))
    return sqrt(variance) * ((1 - _GAMMA) * first + _GAMMA * second)


def overfitting(channels: Sequence[Sequence[float]]) -> float | None:
    """
    How often the best of one half of the weeks is below the median in the other half.

    Channels have returns of the same weeks. None with fewer than two of them, or too few weeks.
    """
    weeks = min((len(returns) for returns in channels), default=0)
    if len(channels) < 2 or weeks < WEEKS_FOR_PBO:
        return None
    size = weeks // BLOCKS
    blocks = [[sum(returns[n * size : (n + 1) * size]) for returns in channels] for n in range(BLOCKS)]
    whole = [sum(column) for column in zip(*blocks, strict=True)]
    below = 0
    ways = list(combinations(range(BLOCKS), BLOCKS // 2))
    for taken in ways:
        inside = [sum(blocks[n][channel] for n in taken) for channel in range(len(channels))]
        best = max(range(len(channels)), key=inside.__getitem__)
        outside = [total - own for total, own in zip(whole, inside, strict=True)]
        rank = sum(one < outside[best] for one in outside) + sum(one == outside[best] for one in outside) / 2
        below += rank / len(channels) < 0.5
    return six_digits(below / len(ways))


def _deflated(found: float, *, n: int, skew: float, kurtosis: float, trials: int, variance: float) -> float:
    least = best_by_chance(trials=trials, variance=variance)
    error = sqrt(max(1e-12, 1 - skew * found + (kurtosis - 1) / 4 * found * found))
    return NORMAL.cdf((found - least) * sqrt(n - 1) / error)
