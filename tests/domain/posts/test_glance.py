"""Most posts need no second look."""

import pytest

from levibotd.domain.posts.glance import glance


@pytest.mark.parametrize("text", ["Entry 5 or 6", "hedef 0.5-0.6", "SRMLONG 5.16-5.18", "Targest 5,2 6", "Цели: 5\n6"])
def test_two_numbers_and_a_word_of_a_field_ask_for_the_grammar(text: str) -> None:
    assert glance(text).may_call


@pytest.mark.parametrize(
    "text", ["Entry soon", "Entry 5.16", "Entry 5,160.5", "BTC at 48000, good morning", "", "5 5 5"]
)
def test_without_both_there_can_be_no_call(text: str) -> None:
    assert not glance(text).may_call


def test_words_are_in_lower_case_and_without_digits() -> None:
    assert glance("TP1 Hit!").words == {"tp", "hit"}
