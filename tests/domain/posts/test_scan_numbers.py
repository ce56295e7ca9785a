"""What a number is by its neighbours."""

import pytest

from levibotd.domain.posts.candidates import collect
from levibotd.domain.posts.fields import Number


def raws(numbers: list[Number]) -> list[str]:
    return [number.raw for number in numbers]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Leverage: Cross 20X", [20.0]),
        ("LEV 3-5-10x", [10.0, 5.0, 3.0]),
        ("x10-20", [10.0, 20.0]),
        ("Isolated (5X)", [5.0]),
    ],
)
def test_leverage_is_never_a_price(text: str, found: list[float]) -> None:
    fields = collect(text)
    assert sorted(fields.leverage) == sorted(found)
    assert fields.entry == []


def test_a_list_without_spaces_is_split() -> None:
    assert raws(collect("TP:0.0409,0.0422,0.0452").tps) == ["0.0409", "0.0422", "0.0452"]
    assert raws(collect("TP 847,898,947").tps) == ["847", "898", "947"]


@pytest.mark.parametrize("text", ["SL 5-7%", "SL 5-7 %", "Target 30 - 50 - 80 %"])
def test_a_percent_sign_is_meant_for_the_whole_run(text: str) -> None:
    fields = collect(text)
    assert all(number.pct for number in [*fields.sls, *fields.tps])


def test_a_share_behind_a_price_is_not_meant_for_the_price() -> None:
    assert [number.pct for number in collect("Stop: 0.00001640 - 100.0%").sls] == [False, True]


def test_a_share_of_the_balance_is_no_leverage() -> None:
    assert collect("Leverage: cross 75x (not more than 3-4% balance)").leverage == [75.0]


@pytest.mark.parametrize("text", ["Sell 5.1 5.4 long term 2x", "Sell 5.1 5.4\nX2 potential coin"])
def test_a_multiple_that_is_promised_is_neither_leverage_nor_price(text: str) -> None:
    fields = collect(f"Buy 4.9\n{text}")
    assert raws(fields.sells) == ["5.1", "5.4"]
    assert fields.leverage == fields.tps == []


def test_a_thousand_may_stand_behind_its_number_or_its_dollar() -> None:
    assert [number.thousand for number in collect("Entry 123 K / 125 K").entry] == [True, True]
    assert [number.thousand for number in collect("Entry 61.4$K").entry] == [True]
    assert [number.thousand for number in collect("Entry 123 K members").entry] == [False]
