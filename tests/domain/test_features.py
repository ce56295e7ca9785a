"""What the classifier sees, and the label that follows."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.features import character_grams, score, structure, word_grams, words
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Post, Reading, Scored

CALL = "#ADA/USDT\nBuy 1.00 - 1.02\nSell 1.10\nSL 0.90"


class Fixed:
    """A classifier with one opinion."""

    def __init__(self, buy: float, sell: float, *, plausible: Sequence[str] = ()) -> None:
        self._probs = {"BUY": buy, "SELL": sell, "NO-TRADE": 1 - buy - sell}
        self._plausible = plausible

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        return self._probs

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return self._plausible


def judged(text: str, *, buy: float = 0.0, sell: float = 0.0, plausible: Sequence[str] = ()) -> Scored:
    post = Post(channel="c", message_id=1, posted_at=0.0, text=text)
    return score(post, read(post, EMPTY_VIEW), Fixed(buy, sell, plausible=plausible))


def test_numbers_links_and_handles_are_folded() -> None:
    assert words("Buy 0.55 at https://x.y/z @anna ٥") == ["buy", "0", "at", "zurl", "zusr", "0"]


def test_no_price_can_be_learned() -> None:
    assert words("Entry 41,250.5") == words("Entry 7")


def test_pairs_stand_beside_words() -> None:
    assert word_grams(["take", "profit", "0"]) == ["take", "profit", "0", "take profit", "profit 0"]


def test_structure_says_what_the_reading_found() -> None:
    post = Post(channel="c", message_id=1, posted_at=0.0, text=CALL, reply_to=3, forwarded_at=0.0)
    marks = structure(post, read(post, EMPTY_VIEW))
    assert {"__kind_new", "__geo_ok", "__side_BUY", "__ntp1", "__has_sl", "__sym_known", "__fwd", "__reply"} <= set(
        marks
    )


def test_structure_of_chatter_says_why_nothing_was_found() -> None:
    post = Post(channel="c", message_id=1, posted_at=0.0, text="good morning")
    assert structure(post, read(post, EMPTY_VIEW)) == ("__kind_chatter", "__no_levels")


def test_no_mark_can_stand_in_a_text() -> None:
    post = Post(channel="c", message_id=1, posted_at=0.0, text="__geo_ok __kind_new __side_BUY")
    assert not set(words(post.text)) & {"__geo_ok", "__kind_new", "__side_BUY"}


def test_a_clean_call_is_what_the_classifier_says() -> None:
    assert judged(CALL, buy=0.9).label == "BUY"
    assert judged(CALL, buy=0.9).p_call == 0.9
    assert judged(CALL, buy=0.3).label == "NO-TRADE"


def test_what_has_no_leg_is_never_a_call() -> None:
    found = judged("good morning", buy=0.97, sell=0.02)
    assert found.label == "NO-TRADE"
    assert found.p_call > 0.5


def test_a_classifier_that_sees_the_other_side_is_no_reason_to_act() -> None:
    assert judged(CALL, sell=0.9).label == "NO-TRADE"
    assert judged("#ADA/USDT short 1.0 tp 0.9 sl 1.1", buy=0.9).label == "NO-TRADE"


@pytest.mark.parametrize("reasons", [("too_long",)])
def test_an_unread_post_is_surely_no_trade(reasons: tuple[str, ...]) -> None:
    post = Post(channel="c", message_id=1, posted_at=0.0, text="x")
    found = score(post, Reading(kind=Kind.AMBIGUOUS, reasons=reasons), Fixed(0.9, 0.0))
    assert found.probs == {"BUY": 0.0, "SELL": 0.0, "NO-TRADE": 1.0}


def test_a_stale_call_is_surely_no_trade() -> None:
    post = Post(channel="c", message_id=1, posted_at=200_000.0, text=CALL, forwarded_at=0.0)
    found = score(post, read(post, EMPTY_VIEW), Fixed(0.99, 0.0))
    assert (found.label, found.p_call, found.reading.kind) == ("NO-TRADE", 1.0, Kind.NEW)


@given(
    buy=st.floats(0, 1),
    share=st.floats(0, 1),
    text=st.sampled_from([CALL, "hello", "#ADA/USDT short 1.0 tp 0.9 sl 1.1"]),
)
def test_probabilities_always_sum_to_one_and_the_label_is_the_largest(buy: float, share: float, text: str) -> None:
    found = judged(text, buy=buy, sell=(1 - buy) * share)
    assert sum(found.probs.values()) == pytest.approx(1, abs=1e-6)
    assert found.p_call == max(found.probs.values())
    assert all(value == float(f"{value:.6g}") for value in found.probs.values())


@pytest.mark.parametrize(
    ("plausible", "label"),
    [
        ((), "BUY"),
        (("BUY",), "BUY"),
        (("BUY", "NO-TRADE"), "NO-TRADE"),
        (("NO-TRADE",), "NO-TRADE"),
        (("SELL",), "NO-TRADE"),
    ],
)
def test_what_cannot_be_told_from_no_call_is_ambiguous_and_its_chances_stay(
    plausible: tuple[str, ...], label: str
) -> None:
    found = judged(CALL, buy=0.8, plausible=plausible)
    assert found.label == label
    assert found.probs == judged(CALL, buy=0.8).probs
    assert sum(found.probs.values()) == pytest.approx(1)
    if label == "BUY":
        assert found.reading.legs
    else:
        assert (found.reading.kind, found.reading.legs) == (Kind.AMBIGUOUS, ())
        assert found.reasons[-1] == f"abstained:{'|'.join(plausible)}"
        assert found.p_call == found.probs["NO-TRADE"]


def test_what_is_no_call_anyhow_is_not_called_ambiguous() -> None:
    assert judged(CALL, buy=0.2, plausible=("BUY", "NO-TRADE")).reading.kind is Kind.NEW


def test_runs_of_characters_know_where_a_word_ends() -> None:
    assert character_grams("ab") == [" a", "ab", "b ", " ab", "ab ", " ab "]
    assert character_grams("a") == [" a", "a ", " a "]
