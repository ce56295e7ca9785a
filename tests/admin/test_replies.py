"""Reading requests and writing answers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.admin.replies import plain, plain_or_none


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("0E-12", "0"),
        ("12.3400", "12.34"),
        ("-0.50", "-0.5"),
        ("100", "100"),
    ],
)
def test_money_is_written_without_exponent_and_without_empty_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_no_digit_is_lost(number: Decimal) -> None:
    assert Decimal(plain(number)) == number


def test_nothing_stays_nothing() -> None:
    assert plain_or_none(None) is None
