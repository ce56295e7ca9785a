"""Intervals and quantiles, against what is known of them."""

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.chance import (
    WEEKS_MIN,
    Interval,
    beta_cdf,
    beta_quantile,
    by_week,
    mean_over_weeks,
    week_begin,
    week_of,
    weighted_mean,
    wilson,
)


@pytest.mark.parametrize(
    ("won", "n", "lo", "hi"),
    [(0, 10, 0.0, 0.277533), (5, 10, 0.236593, 0.763407), (81, 263, 0.255289, 0.366217)],
)
def test_wilson_gives_the_published_values(won: int, n: int, lo: float, hi: float) -> None:
    found = wilson(won, n)

    assert found is not None
    assert found.lo == pytest.approx(lo, abs=2e-4)
    assert found.hi == pytest.approx(hi, abs=2e-4)
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("x", "a", "b", "weight"),
    # Beta(1,1) is flat, Beta(2,1) is x^2, Beta(1,3) is 1-(1-x)^3, Beta(2,2) is 3x^2-2x^3.
    [(0.3, 1, 1, 0.3), (0.7, 2, 1, 0.49), (0.2, 1, 3, 0.488), (0.25, 2, 2, 0.15625), (0.9, 2, 2, 0.972)],
)
def test_the_weight_of_a_beta_distribution(x: float, a: float, b: float, weight: float) -> None:
    assert beta_cdf(x, a=a, b=b) == pytest.approx(weight, abs=1e-10)


@given(st.floats(0.01, 0.99), st.floats(0.5, 400), st.floats(0.5, 400))
def test_a_quantile_of_beta_has_its_share_to_the_left(share: float, a: float, b: float) -> None:
    assert beta_cdf(beta_quantile(share, a=a, b=b), a=a, b=b) == pytest.approx(share, abs=1e-6)


@given(st.integers(0, 4_000_000_000))
def test_weeks_are_those_of_the_calendar(at: int) -> None:
    begin = datetime.fromtimestamp(week_begin(week_of(at)), UTC)

    assert begin.isocalendar()[:2] == datetime.fromtimestamp(at, UTC).isocalendar()[:2]
    assert begin.isoweekday() == 1


def test_values_that_hang_together_by_week_are_known_less_well() -> None:
    chance = Random(1)
    weeks = {week: (10, 10 * chance.gauss(0, 1)) for week in range(30)}
    alone = {number: (1, chance.gauss(0, 1)) for number in range(300)}

    together, apart = mean_over_weeks(weeks, seed="s"), mean_over_weeks(alone, seed="s")

    assert together is not None
    assert apart is not None
    assert together.hi - together.lo > 2 * (apart.hi - apart.lo)
    assert mean_over_weeks(weeks, seed="s") == together


def test_few_weeks_give_no_interval() -> None:
    few = {week: (50, 5.0 * week) for week in range(WEEKS_MIN - 1)}

    assert mean_over_weeks(few, seed="s") is None
    assert mean_over_weeks({**few, 9: (1, 0.0)}, seed="s") is not None


def test_values_are_gathered_by_week() -> None:
    monday = week_begin(100)

    assert by_week([(monday, 1.0), (monday + 604_799, -3.0), (monday + 604_800, 2.0)]) == {
        100: (2, -2.0),
        101: (1, 2.0),
    }
    assert isinstance(wilson(1, 2), Interval)


def test_a_mean_leans_to_what_weighs_more() -> None:
    assert weighted_mean([1.0, 5.0], [3.0, 1.0]) == 2.0
