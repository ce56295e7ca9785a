"""Which texts say the same, and which calls are copies."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.copies import call_print, call_prints, text_print
from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import Leg, Side

CALL = "BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95"


def leg(**more: object) -> Leg:
    known = {"symbol": "BTC/USDT", "side": Side.BUY, "entry": (98.0, 99.0), "tps": (105.0, 110.0), "sl": 95.0}
    return Leg(**{**known, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "same",
    [
        CALL.replace("\n", "\r\n\r\n  "),
        CALL.lower(),
        CALL + " 🚀🚀🚀",
        CALL + "\nhttps://t.me/somebody/12",
        "@somebody " + CALL,
        CALL.replace("98", "\u200b9\u200b8"),
    ],
)
def test_a_text_says_the_same_whatever_stands_around_it(same: str) -> None:
    assert text_print(same) == text_print(CALL)


@pytest.mark.parametrize(
    "other", [CALL.replace("95", "96"), CALL.replace("LONG", "SHORT"), CALL.replace("105", "10.5"), CALL + "\nTP 120"]
)
def test_another_number_or_word_says_something_else(other: str) -> None:
    assert text_print(other) != text_print(CALL)


@given(st.text(max_size=300))
def test_every_text_has_a_print(text: str) -> None:
    assert len(text_print(text)) == 16


@pytest.mark.parametrize(
    "copy",
    [
        {"sl": None},
        {"sl": 94.0},
        {"tps": (105.0, 110.0, 120.0)},
        {"entry": (99.0, 98.0)},
        {"symbol": "BTC/USDC"},
        {"leverage": (5.0, 10.0)},
    ],
)
def test_a_copy_with_another_stop_or_more_targets_is_the_same_call(copy: dict[str, object]) -> None:
    assert call_print(leg(**copy)) == call_print(leg())


@pytest.mark.parametrize(
    "other", [{"side": Side.SELL}, {"symbol": "ETH/USDT"}, {"entry": (98.0,)}, {"tps": (106.0, 110.0)}, {"entry": ()}]
)
def test_another_coin_side_entry_or_target_is_another_call(other: dict[str, object]) -> None:
    assert call_print(leg(**other)) != call_print(leg())


def test_units_do_not_hide_a_copy() -> None:
    written = leg(symbol="ADA/BTC", entry=(0.00000345,), tps=(0.0000037, 0.0000041))
    satoshi = leg(symbol="ADA/BTC", entry=(345.0,), tps=(370.0, 410.0), price_unit="satoshi", factor=Decimal("1e-8"))
    assert call_print(written) == call_print(satoshi)


def test_a_call_without_a_number_has_no_print() -> None:
    assert call_print(leg(entry=(), tps=())) is None
    assert call_prints([leg(), leg(entry=(), tps=())]) == (call_print(leg()), None)


@given(st.lists(st.floats(1e-9, 1e6), min_size=1, max_size=4), st.lists(st.floats(1e-9, 1e6), max_size=4))
def test_a_leg_in_the_log_has_the_print_of_the_leg_that_was_read(entry: list[float], tps: list[float]) -> None:
    read = leg(entry=tuple(entry), tps=tuple(tps))
    assert call_print(LegRead.of(read)) == call_print(read)


@pytest.mark.parametrize("number", ["0", "-0.00", "Infinity", "-Infinity", "NaN"])
def test_what_is_no_price_is_the_same_as_zero(number: str) -> None:
    assert call_print(leg(entry=(98.0, Decimal(number)))) == call_print(leg(entry=(98.0, 0.0)))


@pytest.mark.parametrize("price", ["12300", "1.23E+4", "0.0000123", "1.23E-20", "123.0", "-1.230"])
def test_only_the_digits_of_a_price_count_however_it_is_written(price: str) -> None:
    assert (
        call_print(leg(entry=(Decimal(price),)))
        == call_print(leg(entry=(float(price),)))
        == call_print(leg(entry=(1.23,)))
    )
