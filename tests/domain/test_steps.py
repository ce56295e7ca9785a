"""Rounding that never makes a price worse and a quantity larger."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.signal import Side
from levibotd.domain.steps import ceil_step, floor_step, limit_price, plain, stop_price, target_price, trigger_price

D = Decimal
steps = st.sampled_from([D("0.00000001"), D("0.001"), D("0.25"), D("1"), D("10"), D("0.0005")])
values = st.decimals(min_value=D("0"), max_value=D("1e12"), places=10)


@given(values, steps)
def test_a_quantity_goes_down_to_the_step(value: Decimal, step: Decimal) -> None:
    floor, ceiling = floor_step(value, step), ceil_step(value, step)

    assert floor % step == 0
    assert ceiling % step == 0
    assert value - step < floor <= value <= ceiling < value + step


@given(st.decimals(min_value=D("0.01"), max_value=D("1e6"), places=6), steps, st.sampled_from(Side))
def test_no_rounded_price_is_worse_than_what_was_said(price: Decimal, tick: Decimal, side: Side) -> None:
    sign = side.sign
    assert (limit_price(price, side=side, tick=tick) - price) * sign <= 0, "never pays more"
    assert (trigger_price(price, side=side, tick=tick) - price) * sign >= 0, "never breaks out earlier"
    assert (stop_price(price, side=side, tick=tick) - price) * sign >= 0, "never stops later"
    assert (target_price(price, side=side, tick=tick) - price) * sign <= 0, "never waits for more"


@pytest.mark.parametrize(
    ("side", "limit", "trigger", "stop", "target"),
    [
        (Side.BUY, "100.1", "100.2", "100.2", "100.1"),
        (Side.SELL, "100.2", "100.1", "100.1", "100.2"),
    ],
)
def test_each_side_rounds_its_own_way(side: Side, limit: str, trigger: str, stop: str, target: str) -> None:
    price, tick = D("100.15"), D("0.1")

    assert limit_price(price, side=side, tick=tick) == D(limit)
    assert trigger_price(price, side=side, tick=tick) == D(trigger)
    assert stop_price(price, side=side, tick=tick) == D(stop)
    assert target_price(price, side=side, tick=tick) == D(target)


def test_a_huge_quantity_on_a_tiny_step_is_still_exact() -> None:
    assert floor_step(D("123456789012345678901.123456789"), D("0.00000001")) == D("123456789012345678901.12345678")


@pytest.mark.parametrize(
    ("number", "text"), [("105.00", "105"), ("1E+3", "1000"), ("0E-12", "0"), ("0.50", "0.5"), ("-10.0", "-10")]
)
def test_a_number_is_written_plainly(number: str, text: str) -> None:
    assert str(plain(D(number))) == text


def test_a_step_of_nothing_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        floor_step(D(1), D(0))
