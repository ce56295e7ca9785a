"""Which field each number falls into."""

import pytest

from levibotd.domain.posts.candidates import SYMBOL_MARK, collect
from levibotd.domain.posts.fields import Number


def raws(numbers: list[Number]) -> list[str]:
    return [number.raw for number in numbers]


def test_labels_set_the_field_of_the_numbers_behind_them() -> None:
    fields = collect("Entry: 5.1 - 5.2\nTargets: 5.5, 5.9\nSL 4.8")
    assert raws(fields.entry) == ["5.1", "5.2"]
    assert raws(fields.tps) == ["5.5", "5.9"]
    assert raws(fields.sls) == ["4.8"]


def test_a_label_reaches_the_list_below_it() -> None:
    fields = collect("TARGETS :\n\n1.55\n1.65\n\nSTOP LOSE :\n1.35")
    assert raws(fields.tps) == ["1.55", "1.65"]
    assert raws(fields.sls) == ["1.35"]


@pytest.mark.parametrize(
    "text", ["Entry Targets: 5", "Entry zone 5", "Entry price = 5", "Buy @ 5", "Get in : 5", "EP : 5", "Вход 5"]
)
def test_an_entry_has_many_names(text: str) -> None:
    assert raws(collect(text).entry) == ["5"]


@pytest.mark.parametrize(
    "text", ["Stop Targets: 5", "stop-loss 5", "SL= 5", "StopLoss : 5", "Стоп-лосс - 5", "وقف الخسارة : 5"]
)
def test_a_stop_has_many_names(text: str) -> None:
    fields = collect(text)
    assert raws(fields.sls) == ["5"]
    assert fields.tps == []


@pytest.mark.parametrize(
    "text", ["Take-Profit Targets: 9.5", "Targest 9.5", "Profit goals: 9.5", "🎯هدف 1 : 9.5", "Hedef 2: 9.5"]
)
def test_a_target_has_many_names(text: str) -> None:
    assert raws(collect(text).tps) == ["9.5"]


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


@pytest.mark.parametrize("text", ["Entry: 4h chart", "Target in 3-5 days", "SL on 15 min", "Buy near 200 MA"])
def test_durations_and_averages_are_no_prices(text: str) -> None:
    fields = collect(text)
    assert fields.entry == fields.tps == fields.sls == []


def test_short_term_is_no_side_and_short_is() -> None:
    assert "short" not in collect("Short Term\nBuy 5").flags
    assert "short" in collect("SHORT 5").flags


def test_numbers_told_of_a_condition_are_left_out() -> None:
    assert raws(collect("SL 4.8\nWhen T1 reached: stop loss moves to 5.1").sls) == ["4.8"]


def test_numbers_in_running_text_belong_to_no_field() -> None:
    fields = collect("Buy this gem because the team said they will list it on 5 exchanges")
    assert fields.entry == []
    assert fields.stray == 1


def test_the_line_of_the_coin_may_hold_the_entry() -> None:
    assert raws(collect(f"{SYMBOL_MARK} 600-610 or below\nSell 700").entry) == ["600", "610"]


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


def test_a_place_to_come_back_is_no_entry() -> None:
    assert raws(collect("Buy at 336\n(Exit/RE-entry point 300)").entry) == ["336"]
