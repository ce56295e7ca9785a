"""Counts are never prices."""

import pytest

from levibotd.domain.posts.indices import index_at
from levibotd.domain.posts.tokens import NUMBER, lines


def counts(text: str, *, expected: int = 1, fresh: bool = True) -> list[int | None]:
    (tokens,) = lines(text)
    return [index_at(tokens, i, expected=expected, fresh=fresh) for i, token in enumerate(tokens) if token[0] == NUMBER]


@pytest.mark.parametrize(
    "text", ["1) 0.5", "TP1: 0.5", "Target 1 0.5", "Target #1 - 0.5", "Sell1: 0.5", "1/ 5$", "Target .1 : 1.5"]
)
def test_a_count_is_told_from_the_price_behind_it(text: str) -> None:
    assert counts(text) == [1, None]


@pytest.mark.parametrize("text", ["Targets 46/50/55", "Target: 5 - 6 - 7", "Target 8%|15%", "Buy 62/64"])
def test_a_price_list_holds_no_counts(text: str) -> None:
    assert set(counts(text)) == {None}


def test_a_count_goes_on_where_the_list_is() -> None:
    assert counts("4 - 0.85", expected=4) == [4, None]
    assert counts("9 - 0.85", expected=4) == [None, None]


def test_a_count_in_a_line_of_several_is_told_from_a_ratio() -> None:
    assert counts("1: 0.264") == [1, None]
    assert counts("RR 1:2.5") == [None, None]
    assert counts("2 0.0305", expected=2) == [2, None]
    assert counts("1 0.0305") == [None, None]


def test_the_last_count_of_a_list_may_stand_before_a_word() -> None:
    assert counts("Target 4. Moon", expected=4) == [4]
    assert counts("Target 4. Moon", expected=2) == [None]


def test_a_misspelled_label_has_counts_too() -> None:
    assert counts("Targrt 7 - 0.85", expected=7) == [7, None]
