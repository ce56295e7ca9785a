"""What a labelled post may be, where the newest posts begin, and who may take over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.learning import (
    JUDGED_CALLS_MIN,
    JUDGED_MIN,
    RECORDS,
    TEXT_MAX,
    Labelled,
    Quality,
    check_label,
    objection,
    split_at,
)
from levibotd.errors import Refused
from levibotd.journal import EVENTS, Durability

GOOD = Quality(posts=100, calls=20, accuracy=0.97, macro_f1=0.95, brier=0.02, ece=0.02)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (Labelled(text="a", label="HOLD"), "label"),
        (Labelled(text="  \n", label="BUY"), "text"),
        (Labelled(text=" \u200b\ufeff\u202e", label="BUY"), "text"),
        (Labelled(text="a" * (TEXT_MAX + 1), label="BUY"), "text"),
        (Labelled(text="a", label="BUY", channel="c" * 65), "name"),
        (Labelled(text="a", label="BUY", ts=float("nan")), "ts"),
        (Labelled(text="a", label="BUY", ts=-1.0), "ts"),
    ],
)
def test_what_is_no_label_is_refused_by_name(label: Labelled, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        check_label(label)
    assert refused.value.reason == reason


def test_a_label_needs_a_text_and_nothing_else() -> None:
    check_label(Labelled(text="good morning", label="NO-TRADE"))
    with pytest.raises(Refused, match="text"):
        check_label(Labelled(text="", label="NO-TRADE"))


def test_the_newest_fifth_is_judged_by() -> None:
    posts = [(float(at), 1.0) for at in range(100)]
    assert split_at(posts) == 80.0
    assert split_at(posts, frozen=70.0) == 70.0
    assert split_at(posts, frozen=95.0) == 80.0


def test_weights_say_how_much_a_fifth_is() -> None:
    assert split_at([(1.0, 1.0), (2.0, 1.0), (3.0, 8.0)]) == 3.0


@given(st.lists(st.tuples(st.integers(0, 50).map(float), st.floats(0.1, 9)), min_size=1, max_size=60))
def test_a_split_never_parts_posts_of_one_moment_and_is_the_same_for_any_order(
    posts: list[tuple[float, float]],
) -> None:
    at = split_at(posts)
    assert at in {when for when, _ in posts}
    assert split_at(posts[::-1]) == at


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"macro_f1": 0.94}, None),
        ({"macro_f1": 0.9399}, "macro-F1"),
        ({"ece": 0.03}, None),
        ({"ece": 0.0301}, "ECE"),
        ({"macro_f1": 0.99, "ece": 0.5}, "ECE"),
        ({"brier": 0.03}, None),
        ({"brier": 0.0301}, "Brier"),
        ({"brier": 0.2, "ece": 0.0}, "Brier"),  # It says the base rate of every post.
        ({"posts": JUDGED_MIN - 1}, "too few"),
        ({"calls": JUDGED_CALLS_MIN - 1}, "too few"),
    ],
)
def test_a_challenger_that_is_worse_stays_out(changed: dict[str, float], words: str | None) -> None:
    why = objection(GOOD, replace(GOOD, **changed))
    assert why is None if words is None else words in (why or "")


def test_nobody_waits_for_records_of_learning_and_none_is_shed() -> None:
    assert {EVENTS[name].durability for name in RECORDS} == {Durability.E}
