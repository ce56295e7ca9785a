"""One alphabet for every way of writing the same post."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.normalise import RUN_MAX, normalise


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Target 0.5", "Target 0.5"),
        ("1️⃣ 0.46", "1)  0.46"),
        ("٥٫٢٠", "5.20"),
        ("۰٫۵", "0.5"),
        ("𝗘𝗡𝗧𝗥𝗬 𝟭𝟮", "ENTRY 12"),
        ("ⓑⓘⓝ ③⑥", "bin 36"),
        ("🅑🅤🅨", "BUY"),
        ("➌ targets", "3 targets"),
        ("En\u200btry\u202e 5", "Entry 5"),
        ("4.1 – 4.3", "4.1 - 4.3"),
        ("BİNANCE", "BINANCE"),
        ("5×", "5x"),
        ("TP¹ 0.5", "TP1  0.5"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_fancy_writing_becomes_plain(written: str, plain: str) -> None:
    assert normalise(written) == plain


def test_lines_stay_where_they_were() -> None:
    assert normalise("Buy 5 –\n\n🎯 6\n🛑 4").count("\n") == 3


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_is_normalised_without_an_error(text: str) -> None:
    assert isinstance(normalise(text), str)


@given(st.text(alphabet=st.sampled_from("Iıİi\u0307\u0323 ﬁẞA5"), max_size=30))
def test_a_normalised_text_has_as_many_signs_in_lower_case(text: str) -> None:
    assert len(normalise(text).lower()) == len(normalise(text))  # Names are found in one, and cut from the other.


def test_a_lone_surrogate_is_no_error() -> None:
    assert "5" in normalise("buy \ud83d 5")


@pytest.mark.parametrize("unit", ["\u2705", "- ", "\n", "\U0001f525 \u2705"])
def test_a_long_run_of_the_same_signs_says_no_more_than_its_beginning(unit: str) -> None:
    ends = ("#ABC long 5\n", "\ntarget 6 stop 4")
    many = f"{ends[0]}{(unit * 4000)[:4000]}{ends[1]}"

    found = normalise(many)
    assert found.startswith(ends[0])
    assert found.endswith(ends[1])
    assert len(found) <= sum(map(len, ends)) + RUN_MAX + len(unit)


def test_short_runs_and_all_letters_and_digits_stay_as_they_are() -> None:
    for text in ("-" * RUN_MAX + "x" * 2000, "1" * 4000, "ab" * 2000, "\u2705" * 200):
        assert normalise(text) == text


def test_of_many_texts_the_short_ones_are_remembered_and_of_long_ones_only_a_few() -> None:
    short, long = (
        [f"\U0001d5d8 {number}" for number in range(600)],
        [f"\U0001d5d8 {number}" + "ab " * 1000 for number in range(9)],
    )
    first = [normalise(text) for text in (*short, *long)]
    again = [normalise(text) for text in (*short, *long)]

    assert again == first
    assert all(one is other for one, other in zip(first[:600], again[:600], strict=True))
    assert again[600] is not first[600]
