"""Identity: what a post, its edits and its legs are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.signal import Leg, Post, Side, call_key, message_of, trace_id

CHANNELS = st.text(min_size=1, max_size=40)
IDS = st.integers(0, 2**53)


def post(*, text: str = "one", edited_at: float | None = None) -> Post:
    return Post(channel="@c", message_id=7, posted_at=100.0, text=text, edited_at=edited_at)


def test_a_trace_id_is_the_same_in_every_life() -> None:
    assert trace_id("@channel", 42) == "78587777721c0df3"


def test_an_edit_keeps_the_trace_of_its_post() -> None:
    assert post(text="two", edited_at=200.0).trace == post().trace


@given(st.tuples(CHANNELS, IDS), st.tuples(CHANNELS, IDS))
def test_two_posts_share_a_trace_only_when_they_are_one(first: tuple[str, int], second: tuple[str, int]) -> None:
    # A channel may hold the separator: "a|1" and 2 is not "a" and "1|2", because an id is a number.
    assert (trace_id(*first) == trace_id(*second)) == (first == second)


@given(CHANNELS, IDS, st.integers(0, 20))
def test_a_call_key_gives_its_message_back_whatever_the_channel_is_called(channel: str, message: int, leg: int) -> None:
    assert message_of(call_key("paper|x", channel, message, leg)) == message


@pytest.mark.parametrize(("edited_at", "known_at"), [(None, 100.0), (160.0, 160.0), (99.0, 100.0)])
def test_a_text_is_known_from_its_last_edit_but_never_before_its_post(
    edited_at: float | None, known_at: float
) -> None:
    assert post(edited_at=edited_at).known_at == known_at


def test_a_leg_has_a_base_and_perhaps_a_quote() -> None:
    assert (Leg(symbol="1000PEPE/USDT", side=Side.BUY).base, Leg(symbol="1000PEPE/USDT", side=Side.BUY).quote) == (
        "1000PEPE",
        "USDT",
    )
    assert Leg(symbol="BTC", side=Side.SELL).quote is None


def test_sides_are_opposites_with_opposite_signs() -> None:
    for side in Side:
        assert side.opposite.opposite is side
        assert side.sign == -side.opposite.sign
