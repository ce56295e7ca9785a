"""What choosing the best of many does to a record."""

from math import sqrt
from random import Random
from statistics import fmean, pvariance

import pytest

from levibotd.domain.cards.selection import (
    WEEKS_FOR_PBO,
    WEEKS_MIN,
    _deflated,
    best_by_chance,
    deflated_sharpe,
    overfitting,
    sharpe,
    weekly_returns,
)


def test_the_published_example_comes_out_as_published() -> None:
    # Annual Sharpe 2.5 over 1250 days, the best of 100 trials whose annual Sharpe ratios vary by 1/2.
    daily, variance = 2.5 / sqrt(250), 0.5 / 250

    assert best_by_chance(trials=100, variance=variance) == pytest.approx(0.1132, abs=1e-4)
    found = _deflated(daily, n=1250, skew=-3.0, kurtosis=10.0, trials=100, variance=variance)
    assert found == pytest.approx(0.9004, abs=1e-4)
    assert _deflated(daily, n=1250, skew=-3.0, kurtosis=10.0, trials=46, variance=variance) == pytest.approx(
        0.9505, abs=1e-4
    )


def test_weeks_without_a_call_are_weeks() -> None:
    assert weekly_returns({3: 1.0, 6: -0.5}) == [1.0, 0.0, 0.0, -0.5]
    assert weekly_returns({3: 1.0}, first=2, last=4) == [0.0, 1.0, 0.0]
    assert weekly_returns({}) == []


def test_too_few_weeks_have_no_sharpe_ratio() -> None:
    returns = [1.0, -0.5] * WEEKS_MIN

    assert sharpe(returns[: WEEKS_MIN - 1]) is None
    assert sharpe([1.0] * 50) is None
    assert sharpe(returns) == pytest.approx(fmean(returns) / sqrt(pvariance(returns)))


def test_the_more_was_looked_at_the_less_is_left() -> None:
    chance = Random(2)
    returns = [chance.gauss(0.6, 1.0) for _ in range(100)]

    left = [deflated_sharpe(returns, trials=trials, variance=0.02) for trials in (1, 10, 100, 1000)]

    assert left == sorted(left, reverse=True)
    assert left[0] is not None
    assert left[0] > 0.95


def test_the_best_of_worthless_channels_is_found_out() -> None:
    chance = Random(3)
    shares = []
    for _ in range(30):
        channels = [[chance.gauss(0, 1) for _ in range(64)] for _ in range(12)]
        found = overfitting(channels)
        assert found is not None
        shares.append(found)

    # With nothing to find, the best of one half is anywhere in the other.
    assert 0.35 < fmean(shares) < 0.65


def test_a_channel_that_is_really_better_is_not_overfitted() -> None:
    chance = Random(4)
    channels = [[chance.gauss(0, 1) for _ in range(64)] for _ in range(11)]
    channels.append([chance.gauss(1.0, 1) for _ in range(64)])

    found = overfitting(channels)

    assert found is not None
    assert found < 0.05


def test_nothing_is_said_of_one_channel_or_of_a_few_weeks() -> None:
    assert overfitting([[1.0] * 100]) is None
    assert overfitting([[1.0] * (WEEKS_FOR_PBO - 1), [2.0] * (WEEKS_FOR_PBO - 1)]) is None
