"""The trend of closed bars, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.climate.trend import BARS, CLOSES, trend


def zigzag(moves: list[float], *, first: float = 100.0) -> list[float]:
    closes = [first]
    for move in moves:
        closes.append(closes[-1] * math.exp(move))
    return closes


def test_a_price_that_only_rises_is_as_far_from_chance_as_can_be() -> None:
    found = trend(zigzag([0.01] * (CLOSES - 1)))

    assert found is not None
    # 48 moves of 1 % against sqrt(48 * 1 %^2).
    assert (found.value, found.state) == (pytest.approx(math.sqrt(BARS)), "up")


def test_a_price_that_falls_is_the_mirror_of_one_that_rises() -> None:
    found = trend(zigzag([-0.01] * (CLOSES - 1)))

    assert found is not None
    assert (found.value, found.state) == (pytest.approx(-math.sqrt(BARS)), "down")


def test_two_steps_up_and_one_down_are_a_third_of_the_way() -> None:
    found = trend(zigzag(([0.01, 0.01, -0.01] * 24)[: CLOSES - 1]))

    assert found is not None
    # 16 moves net of 48: 16 / sqrt(48).
    assert found.value == pytest.approx(16 / math.sqrt(48))


def test_a_trend_outlasts_the_level_it_began_at() -> None:
    # Four moves up net of the last 48: 4 / sqrt(48), short of a trend, and enough to keep one.
    last = [0.01, -0.01] * 22 + [0.01] * 4
    after_a_rise, after_nothing = trend(zigzag([0.01] * 23 + last)), trend(zigzag([-0.01, 0.01] * 11 + [-0.01] + last))

    assert after_a_rise is not None
    assert after_nothing is not None
    assert after_a_rise.value == pytest.approx(after_nothing.value) == pytest.approx(4 / math.sqrt(48))
    assert (after_a_rise.state, after_nothing.state) == ("up", "flat")


def test_a_price_that_stands_still_has_no_trend() -> None:
    found = trend([100.0] * CLOSES)

    assert found is not None
    assert (found.value, found.state) == (0.0, "flat")


@pytest.mark.parametrize("closes", [[], [100.0] * (CLOSES - 1), [100.0] * (CLOSES - 1) + [0.0]])
def test_too_few_closes_or_no_price_are_no_trend(closes: list[float]) -> None:
    assert trend(closes) is None


MOVES = st.lists(st.floats(-0.2, 0.2), min_size=CLOSES, max_size=CLOSES + 40)


@given(moves=MOVES, more=MOVES)
def test_only_the_last_closes_count(moves: list[float], more: list[float]) -> None:
    closes = zigzag(moves)

    assert trend(closes) == trend([*zigzag(more), *closes])


@given(moves=MOVES)
def test_a_trend_is_a_number_within_its_bounds(moves: list[float]) -> None:
    found = trend(zigzag(moves))

    assert found is not None
    assert abs(found.value) <= math.sqrt(BARS) + 1e-9
