"""Numbers, words and signs of a line."""

import pytest

from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.tokens import LINK, NUMBER, SIGN, TOKENS_MAX, WORD, lines


def kinds_of(text: str) -> list[tuple[int, str]]:
    return [(kind, word) for line in lines(text) for kind, word, _, _ in line]


def test_numbers_keep_their_separators_and_words_lose_their_digits() -> None:
    assert kinds_of("TP1: 57,450.5") == [(WORD, "TP"), (NUMBER, "1"), (SIGN, ":"), (NUMBER, "57,450.5")]


def test_a_leading_dot_belongs_to_the_number_but_dots_in_a_row_do_not() -> None:
    assert kinds_of(".85") == [(NUMBER, ".85")]
    assert [word for kind, word in kinds_of("0.5....0.6") if kind == NUMBER] == ["0.5", "0.6"]


def test_digits_inside_a_link_or_a_handle_are_no_numbers() -> None:
    assert [kind for kind, _ in kinds_of("https://t.me/x/55 @user99")] == [LINK, LINK]


def test_every_line_is_one_list() -> None:
    assert [len(line) for line in lines("a b\n\nc")] == [2, 0, 1]


def test_a_hundred_thousand_numbers_are_refused() -> None:
    with pytest.raises(Unsolved, match="too_many_words"):
        kinds_of("7 " * 100_000)
    assert len(kinds_of("7 " * TOKENS_MAX)) == TOKENS_MAX
    with pytest.raises(Unsolved, match="too_many_words"):
        kinds_of("7," * 4_000)
    assert len(kinds_of(f"0.{'7' * 300} " + "7," * 300 + "https://t.me/" + "x" * 3_000)) == 4
