"""Weights that are learned: known answers, and what cannot be learned stays as it was believed."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.climate.fitting import RIDGE, fit


def test_what_made_the_outcomes_is_found_again() -> None:
    chance = Random(1)
    rows = [(chance.gauss(0, 1), chance.gauss(0, 1)) for _ in range(4000)]
    outcomes = [chance.random() < 1 / (1 + math.exp(-(0.5 + 1.0 * a - 0.7 * b))) for a, b in rows]

    assert fit(rows, outcomes, prior=(0.0, 0.0, 0.0)) == pytest.approx((0.5, 1.0, -0.7), abs=0.12)


def test_rows_that_say_nothing_leave_what_was_believed() -> None:
    weights = fit([(0.0,)] * 400, [True, False] * 200, prior=(0.0, 0.8))

    assert weights == pytest.approx((0.0, 0.8), abs=1e-6)


def test_a_constant_alone_meets_the_condition_of_its_minimum() -> None:
    weights = fit([()] * 100, [True] * 80 + [False] * 20, prior=(0.0,))

    # The slope at the minimum: what was expected less what came, and the price of leaving the prior.
    p = 1 / (1 + math.exp(-weights[0]))
    assert 100 * p - 80 + RIDGE * weights[0] == pytest.approx(0.0, abs=1e-6)


@given(
    rows=st.lists(st.tuples(st.floats(-4, 4), st.floats(-1, 1), st.booleans()), min_size=1, max_size=60),
    prior=st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2)),
)
def test_any_rows_give_numbers_and_the_same_ones_each_time(
    rows: list[tuple[float, float, bool]], prior: tuple[float, float, float]
) -> None:
    x, y = [(a, b) for a, b, _ in rows], [paid for _, _, paid in rows]
    weights = fit(x, y, prior=prior)

    assert all(math.isfinite(weight) for weight in weights)
    assert weights == fit(x, y, prior=prior)


def test_outcomes_that_a_line_divides_do_not_run_away() -> None:
    weights = fit([(-1.0,)] * 500 + [(1.0,)] * 500, [False] * 500 + [True] * 500, prior=(0.0, 0.0))

    assert 0.0 < weights[1] < 10.0
