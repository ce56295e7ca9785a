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
