"""One line of a message file: what it may leave out, what makes it bad, and which number it gets."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.post_lines import LINE_BYTES_MAX, BadLine, MalformedPost, read_deletion, read_post
from levibotd.domain.signal import Post

FULL = {
    "id": "chan-77-1204",
    "channel": "tg:77",
    "msg_id": 1204,
    "ts": 1_620_000_000.0,
    "edit_ts": 1_620_000_060.5,
    "text": "BTC long, entry 58000",
    "lang": "en",
    "reply_to": "chan-77-1199",
    "fwd": True,
    "fwd_ts": 1_619_990_000.0,
    "media": "photo",
    "views": 3,
}


@pytest.mark.parametrize(
    ("written", "author"), [("null", None), ('""', None), ("4711", "4711"), ('"user4711"', "user4711")]
)
def test_a_line_says_who_spoke_or_it_was_the_channel(written: str, author: str | None) -> None:
    post = read_post(f'{{"id":1,"text":"hi","ts":1.0,"author":{written}}}'.encode())
    assert post.author == author


def line(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**FULL, **changes}.items() if value is not ...}).encode()


def test_a_full_line_says_everything_about_a_post() -> None:
    assert read_post(line()) == Post(
        channel="tg:77",
        message_id=1204,
        posted_at=1_620_000_000.0,
        text="BTC long, entry 58000",
        edited_at=1_620_000_060.5,
        reply_to=1199,
        forwarded_at=1_619_990_000.0,
        media="photo",
        language="en",
    )


def test_unknown_keys_mean_nothing() -> None:
    assert read_post(line(legs=[{"a": 1}], weight=0.4, kind=None)) == read_post(line())


def test_a_line_without_time_is_a_post_that_arrives_now() -> None:
    assert read_post(line(ts=...), arrived_at=1_700_000_000.0).posted_at == 1_700_000_000.0


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({}, 1204),
        ({"msg_id": ...}, 1204),
        ({"msg_id": ..., "id": "1205"}, 1205),
        ({"msg_id": ..., "id": 1206}, 1206),
        ({"msg_id": ..., "id": "t.me/c/77/1207"}, 1207),
        ({"msg_id": 0, "id": "x"}, 0),
    ],
)
def test_the_number_of_a_message_is_its_own_or_stands_at_the_end_of_its_id(changes: Any, number: int) -> None:
    assert read_post(line(**changes)).message_id == number


def test_lines_without_channel_are_told_apart_by_their_whole_id() -> None:
    one, other = (read_post(line(channel=..., msg_id=..., id=f"{name}-1")) for name in ("alpha", "bravo"))
    assert one.channel == other.channel == "file"
    assert one.message_id != other.message_id


def test_a_reply_finds_the_number_of_a_parent_that_has_only_a_name() -> None:
    for channel in ("tg:77", ...):
        parent = read_post(line(channel=channel, msg_id=..., id="first"))
        child = read_post(line(channel=channel, msg_id=..., id="second", reply_to="first"))
        assert child.reply_to == parent.message_id
        assert child.message_id != parent.message_id


def test_without_any_id_the_same_words_within_a_minute_are_one_post() -> None:
    bare = line(id=..., msg_id=..., ts=...)
    numbers = [read_post(bare, arrived_at=at).message_id for at in (1_700_000_000.0, 1_700_000_010.0, 1_700_000_100.0)]
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "truncated"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'"text"', "Expected `object`, got `str`"),
        (b'{"text": "a"} {}', "trailing"),
        (line()[:-1] + b', "ts": NaN}', "JSON is malformed"),
        (b'{"text": "\xff\xfe"}', "utf-8"),
        (b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "recursion"),
        (line(text=...), "no text"),
        (line(text=None), "no text"),
        (line(text="  \n", media=None), "no text"),
        (line(text=5), "$.text"),
        (line(ts=...), "no ts"),
        (line(ts="yesterday"), "$.ts"),
        (line(ts=True), "$.ts"),
        (line(ts=-1.0), "ts -1.0 is no unix time in seconds"),
        (line(ts=1_620_000_000_000), "ts 1620000000000.0 is no unix time in seconds"),
        (line(edit_ts=1e300), "edit_ts"),
        (line(fwd_ts=-5), "fwd_ts"),
        (line(msg_id=-4), "$.msg_id"),
        (line(msg_id=1 << 60), "$.msg_id"),
        (line(msg_id=1.5), "$.msg_id"),
        (line(msg_id=..., id=-4), "id -4 is no message number"),
        (line(reply_to=-4), "reply_to -4 is no message number"),
        (line(channel=["a"]), "$.channel"),
        (line(text="x" * LINE_BYTES_MAX), "longer than 1048576 bytes"),
    ],
)
def test_a_bad_line_says_what_is_wrong_with_it(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedPost) as error:
        read_post(raw)

    assert reason in str(error.value)


def test_a_picture_needs_no_text() -> None:
    assert read_post(line(text="", media="photo")).text == ""


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_whatever_a_line_holds_it_is_a_post_or_malformed(raw: bytes) -> None:
    with suppress(MalformedPost):
        assert isinstance(read_post(raw, arrived_at=0.0), Post)


@given(
    st.fixed_dictionaries(
        {"text": st.text(min_size=1)},
        optional={
            key: st.none() | st.text() | st.integers() | st.floats() | st.booleans() for key in FULL if key != "text"
        },
    )
)
def test_whatever_the_keys_hold_the_post_has_a_number_and_times_that_can_be_sorted(document: dict[str, Any]) -> None:
    try:
        post = read_post(json.dumps(document).encode(), arrived_at=1.0)
    except MalformedPost:
        return
    assert 0 <= post.message_id < 1 << 53
    assert 0 <= post.known_at < 1e11
    assert post.channel


def test_a_bad_line_is_named_as_an_editor_names_it() -> None:
    assert str(BadLine("posts.jsonl", 7, "no text")) == "posts.jsonl:7: no text"


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ({"channel": "@a", "msg_id": 7, "deleted": True}, ("@a", 7)),
        ({"id": 7, "deleted": True}, ("file", 7)),
        ({"id": 7, "deleted": False, "text": "x"}, None),
        ({"id": 7, "text": '"deleted"'}, None),
    ],
)
def test_a_line_may_take_a_post_away(line: dict[str, Any], gone: tuple[str, int] | None) -> None:
    assert read_deletion(json.dumps(line).encode()) == gone


def test_a_deletion_that_names_no_post_is_none() -> None:
    with pytest.raises(MalformedPost, match="no post named"):
        read_deletion(b'{"deleted":true}')
