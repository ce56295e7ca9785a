"""What a stop is: a price, a candle's close, a loss in percent."""

import pytest

from levibotd.domain.posts.fields import Number
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.stops import stop_of


def number(raw: str, *, join: str = ":", pct: bool = False) -> Number:
    return Number(raw=raw, line=1, join=join, pct=pct)


def test_a_number_is_a_price() -> None:
    assert stop_of([number("4.8")], near=5.0, scale=5.0, text="SL: 4.8") == (4.8, "price")


def test_a_candle_may_have_to_close_there() -> None:
    assert stop_of([number("4.8")], near=5.0, scale=5.0, text="SL: daily close below 4.8") == (4.8, "daily_close")


def test_percents_are_losses() -> None:
    assert stop_of([number("2", pct=True), number("3", pct=True)], near=5.0, scale=None, text="") == ((2.0, 3.0), "pct")
    with pytest.raises(Unsolved, match="stop_percent"):
        stop_of([number("80", pct=True)], near=5.0, scale=None, text="")


@pytest.mark.parametrize(
    ("raw", "join", "near", "kind"),
    [("7", ":-", 512.0, "pct"), ("7", ":", 512.0, "price"), ("7", ":-", 9.5, "price"), ("45", ":-", 512.0, "price")],
)
def test_a_small_loss_may_leave_out_its_percent_sign(raw: str, join: str, near: float, kind: str) -> None:
    assert stop_of([number(raw, join=join)], near=near, scale=near, text="")[1] == kind


def test_no_number_is_no_stop() -> None:
    assert stop_of([], near=5.0, scale=5.0, text="SL none") == (None, None)
