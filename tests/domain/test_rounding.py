"""Floats are finite, and in a replay of six digits; times stay exact to the millisecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from levibotd.domain.rounding import NotFinite, rounder_of, six_digits


class Inner(Struct, frozen=True, kw_only=True):
    values: tuple[float, ...] = ()
    pair: tuple[float, float] | None = None
    either: float | tuple[float, ...] | None = None
    name: str = ""


class Outer(Struct, frozen=True, kw_only=True):
    price: float = 0.0
    at: float = 0.0
    opened_at: float | None = None
    valid_until: float | None = None
    flat: float = 0.0  # Ends in "at" without being a time.
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    shares: dict[str, float] = {}
    anything: object = None


class NoFloats(Struct, frozen=True):
    name: str


def rounded(value: Outer) -> Outer:
    walk = rounder_of(Outer, rounded=True)
    assert walk is not None
    answer = walk(value)
    assert isinstance(answer, Outer)
    return answer


def test_every_float_of_the_tree_is_rounded() -> None:
    long = 1.23456789
    inner = Inner(values=(long, 1.0), pair=(long, 2.0), either=long, name="n")
    other = Inner(either=(long,))
    value = Outer(price=long, flat=long, inner=inner, inners=(inner, other), shares={"a": long}, anything=long)

    short_inner = Inner(values=(1.23457, 1.0), pair=(1.23457, 2.0), either=1.23457, name="n")
    assert rounded(value) == Outer(
        price=1.23457, flat=1.23457, inner=short_inner, inners=(short_inner, Inner(either=(1.23457,))),
        shares={"a": 1.23457}, anything=1.23457,
    )  # fmt: skip


def test_times_keep_their_milliseconds() -> None:
    value = rounded(Outer(at=1730805032.1239, opened_at=1730805032.5, valid_until=1730805032.00049))
    assert (value.at, value.opened_at, value.valid_until) == (1730805032.124, 1730805032.5, 1730805032.0)


# With six decimals, and beside the short ways for shares and for whole numbers.
@pytest.mark.parametrize(
    ("value", "short"),
    [
        (0.123456, 0.123456), (0.1234567, 0.123457), (0.99999951, 1.0), (1.234567, 1.23457), (-0.1234567, -0.123457),
        (999_999.0, 999_999.0), (1_000_001.0, 1_000_000.0), (1_234_567.0, 1_234_570.0), (-1_234_567.0, -1_234_570.0),
    ],
)  # fmt: skip
def test_six_digits_are_left_on_either_side_of_each_short_way(value: float, short: float) -> None:
    assert rounded(Outer(price=value)).price == short == six_digits(value)


def test_what_needs_no_rounding_is_the_very_same_object() -> None:
    value = Outer(price=1.5, inner=Inner(values=(1.0,)), shares={"a": 0.25}, anything="1.23456789")
    assert rounded(value) is value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("is_rounded", [True, False])
def test_what_is_not_finite_is_refused_wherever_it_stands(value: float, is_rounded: bool) -> None:
    walk = rounder_of(Outer, rounded=is_rounded)
    assert walk is not None
    for bad in (
        Outer(price=value), Outer(at=value), Outer(valid_until=value), Outer(inner=Inner(values=(1.0, value))),
        Outer(inners=(Inner(either=value),)), Outer(inners=(Inner(either=(value,)),)),
        Outer(inner=Inner(pair=(1.0, value))), Outer(shares={"a": value}), Outer(anything=value),
    ):  # fmt: skip
        with pytest.raises(NotFinite):
            walk(bad)


def test_without_rounding_nothing_changes() -> None:
    walk = rounder_of(Outer, rounded=False)
    assert walk is not None
    value = Outer(price=1.23456789, inner=Inner(values=(1.23456789,)))
    assert walk(value) is value


def test_a_struct_without_floats_needs_no_walk() -> None:
    assert rounder_of(NoFloats, rounded=True) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_six_digits_is_what_they_say(value: float) -> None:
    assert six_digits(six_digits(value)) == six_digits(value)
    assert abs(six_digits(value) - value) <= abs(value) * 5.0001e-6
