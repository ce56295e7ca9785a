"""The hybrid score of a call: its parts on its side, by weights."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.climate.hybrid import BY_HAND, PARTS, Parts, probability
from levibotd.domain.signal import Side


def test_a_row_is_turned_to_the_side_of_the_call() -> None:
    known = {"p_call": 0.8, "bias": 0.5, "pulse": 1.5, "trend": 6.0, "eth_led": True}
    long, short = Parts(side=Side.BUY, **known).row(), Parts(side=Side.SELL, **known).row()  # type: ignore[arg-type]

    assert long == pytest.approx((math.log(4), 0.5, 0.5, 1.0, 1.0))
    assert short == pytest.approx((math.log(4), -0.5, 0.5, -1.0, -1.0))


def test_what_is_not_known_speaks_neither_for_nor_against() -> None:
    assert Parts(p_call=0.5, side=Side.SELL).row() == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_the_weights_by_hand_give_what_one_can_work_out_by_hand() -> None:
    row = (math.log(4), 0.5, 0.5, 1.0, 1.0)
    z = -0.3 + 0.1 * math.log(4) + 0.3 * 0.5 - 0.2 * 0.5 + 0.5 + 0.2

    assert len(BY_HAND) == len(PARTS) + 1
    assert probability(row, BY_HAND) == pytest.approx(1 / (1 + math.exp(-z)))


def test_a_sure_reading_is_not_infinitely_sure() -> None:
    assert Parts(p_call=1.0, side=Side.BUY).row()[0] == pytest.approx(math.log(49))


@given(z=st.floats(-1e6, 1e6))
def test_a_probability_is_one_and_goes_both_ways(z: float) -> None:
    p = probability((), (z,))

    assert 0.0 <= p <= 1.0
    assert p == pytest.approx(1.0 - probability((), (-z,)))
