"""The vocabulary is one dictionary over all languages."""

import pytest

from levibotd.domain.posts import words as w


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("entry", w.ENTRY),
        ("giriş", w.ENTRY),
        ("покупка", w.BUY),
        ("شراء", w.BUY),
        ("hedef", w.TP),
        ("цели", w.TP),
        ("هدف", w.TP),
        ("objetivo", w.TP),
        ("تارگت", w.TP),
        ("стоп", w.STOP),
        ("kaldiraç", w.LEV),
        ("лонг", w.LONG),
        ("شورت", w.SHORT),
    ],
)
def test_a_word_means_the_same_wherever_it_stands(word: str, role: int) -> None:
    assert w.ROLE_OF[word] == role


def test_no_word_is_kept_in_a_form_that_normalised_texts_cannot_have() -> None:
    assert [word for word in w.ROLE_OF if word != word.lower() or "ı" in word] == []
