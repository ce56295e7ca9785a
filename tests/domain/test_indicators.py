"""The average true range, against figures computed by hand."""

from typing import NamedTuple

import pytest

from levibotd.domain.indicators import atr


class Bar(NamedTuple):
    high: float
    low: float
    close: float


def test_the_first_average_is_the_mean_and_the_next_one_wilders() -> None:
    # True ranges: 2 (plain), 3 (gap up: 13 - 10), 4 (gap down: 11 - 7), then 1.
    bars = [Bar(10.5, 9.5, 10.0), Bar(11.0, 9.0, 10.0), Bar(13.0, 12.0, 11.0), Bar(9.0, 7.0, 8.0), Bar(8.5, 7.5, 8.0)]

    assert atr(bars[:4], period=3) == pytest.approx(3.0)
    assert atr(bars, period=3) == pytest.approx(3.0 + (1.0 - 3.0) / 3)


def test_too_few_bars_have_no_average() -> None:
    bars = [Bar(2.0, 1.0, 1.5)] * 15

    assert atr(bars[:14]) is None
    assert atr(bars) == pytest.approx(1.0)
    assert atr([]) is None
