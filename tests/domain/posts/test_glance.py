"""Most posts need no second look."""

import pytest

from levibotd.domain.posts.glance import glance


@pytest.mark.parametrize("text", ["Entry 5", "hedef 0.5", "SRMLONG 5.16", "Targest 5", "Цели: 5"])
def test_a_number_and_a_word_of_a_field_ask_for_the_grammar(text: str) -> None:
    assert glance(text).may_call


@pytest.mark.parametrize("text", ["Entry soon", "BTC at 48000, good morning", "", "5 5 5"])
def test_without_both_there_can_be_no_call(text: str) -> None:
    assert not glance(text).may_call


def test_words_are_in_lower_case_and_without_digits() -> None:
    assert glance("TP1 Hit!").words == {"tp", "hit"}
