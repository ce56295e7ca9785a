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


@pytest.mark.parametrize("text", ["Entry: 4h chart", "Target in 3-5 days", "SL on 15 min", "Buy near 200 MA"])
def test_durations_and_averages_are_no_prices(text: str) -> None:
    fields = collect(text)
    assert fields.entry == fields.tps == fields.sls == []


def test_numbers_told_of_a_condition_are_left_out() -> None:
    assert raws(collect("SL 4.8\nWhen T1 reached: stop loss moves to 5.1").sls) == ["4.8"]


def test_numbers_in_running_text_belong_to_no_field() -> None:
    fields = collect("Buy this gem because the team said they will list it on 5 exchanges")
    assert fields.entry == []
    assert fields.stray == 1


def test_the_line_of_the_coin_may_hold_the_entry() -> None:
    assert raws(collect(f"{SYMBOL_MARK} 600-610 or below\nSell 700").entry) == ["600", "610"]
