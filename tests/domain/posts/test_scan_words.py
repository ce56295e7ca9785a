"""Which words open which field."""

import pytest

from levibotd.domain.posts.candidates import collect
from levibotd.domain.posts.fields import Number


def raws(numbers: list[Number]) -> list[str]:
    return [number.raw for number in numbers]


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


def test_short_term_is_no_side_and_short_is() -> None:
    assert "short" not in collect("Short Term\nBuy 5").flags
    assert "short" in collect("SHORT 5").flags


def test_a_place_to_come_back_is_no_entry() -> None:
    assert raws(collect("Buy at 336\n(Exit/RE-entry point 300)").entry) == ["336"]


@pytest.mark.parametrize("text", ["Close 5.6 5.9", "1) Close the order at the price $5.6", "Close at 5.6"])
def test_where_to_close_is_a_target(text: str) -> None:
    assert collect(f"Buy 5.1\n{text}").tps[0].raw == "5.6"


@pytest.mark.parametrize("text", ["Close 50% now", "Close position 20-30% easily", "Close 5 trades"])
def test_how_much_to_close_is_no_target(text: str) -> None:
    assert collect(f"Buy 5.1\n{text}").tps == []


@pytest.mark.parametrize("text", ["Open target", "Targets: open"])
def test_a_target_may_be_open(text: str) -> None:
    assert "open_targets" in collect(f"Buy 5.1\n{text}").flags


@pytest.mark.parametrize(
    ("text", "crosses"),
    [
        ("Bullish RSI cross on 4H", True),
        ("about to cross the average", True),
        ("Leverage: cross 20x", False),
        ("Use cross", False),
        ("Cross", False),
    ],
)
def test_lines_that_cross_are_no_margin(text: str, *, crosses: bool) -> None:
    assert ("cross" not in collect(text).flags) == crosses


def test_a_letter_of_a_name_in_a_story_is_no_target() -> None:
    assert collect("Buy 5.1\nThe platform opened its new office at T77 Avenue").tps == []


def test_the_words_of_a_candle_hide_no_stop() -> None:
    assert raws(collect("Buy 5.1\nSL : if the daily candle closes below : 4.8").sls) == ["4.8"]


def test_a_share_to_close_stands_before_its_target() -> None:
    assert [n.raw for n in collect("Buy 5.1\n1. Close 25% of position at the $5.6").tps if not n.pct] == ["5.6"]


@pytest.mark.parametrize(
    "text", ["Buy 5.1\nBook: 5.6", "Buy 5.1\nCover at 5.6", "Buy 5.1\nحد سود 5.6", "Buy 5.1\nKâr al: 5.6"]
)
def test_an_end_has_many_names(text: str) -> None:
    assert raws(collect(text).tps) == ["5.6"]


def test_one_letter_is_a_label_between_bars() -> None:
    fields = collect("E: 5.1 | T: 5.6, 5.9 | S: 4.8")
    assert (raws(fields.entry), raws(fields.tps), raws(fields.sls)) == (["5.1"], ["5.6", "5.9"], ["4.8"])
