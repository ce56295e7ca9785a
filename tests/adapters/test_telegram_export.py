"""Telegram Desktop's result.json, read one message at a time."""

import io
import json
import tracemalloc
from typing import Any

import pytest

from levibotd.adapters.telegram_export import looks_like_export, read_export
from levibotd.domain.signal import Post


def message(number: int, text: Any = "ETH long now", **more: Any) -> dict[str, Any]:
    at = 1_620_000_000 + number
    return {
        "id": number,
        "type": "message",
        "date": "2021-05-03T00:00:00",
        "date_unixtime": str(at),
        "from": "Calls",
        "from_id": "channel77",
        "text": text,
        "text_entities": [{"type": "plain", "text": str(text)}],
        **more,
    }


def chat(*messages: dict[str, Any], number: int = 77) -> dict[str, Any]:
    return {"name": "Calls", "type": "public_channel", "id": number, "messages": list(messages)}


def read(document: Any, *, indent: int | None = 1) -> tuple[list[Post], list[tuple[int, str]]]:
    raw = document if isinstance(document, bytes) else json.dumps(document, indent=indent, ensure_ascii=False).encode()
    bad: list[tuple[int, str]] = []
    posts = list(read_export(io.BytesIO(raw), on_bad=lambda line, reason: bad.append((line, reason))))
    return posts, bad


def test_an_exported_message_becomes_a_post() -> None:
    posts, bad = read(chat(message(5, edited_unixtime="1620000065", reply_to_message_id=3, forwarded_from="Others")))
    assert bad == []
    assert posts == [
        Post(
            channel="tg:77",
            message_id=5,
            posted_at=1_620_000_005.0,
            text="ETH long now",
            edited_at=1_620_000_065.0,
            reply_to=3,
        )
    ]


def test_entities_are_put_together_into_one_text() -> None:
    posts, _ = read(
        chat(message(1, ["Buy ", {"type": "hashtag", "text": "#BTC"}, " at ", {"type": "bold", "text": "60k"}]))
    )
    assert posts[0].text == "Buy #BTC at 60k"


def test_what_nobody_wrote_is_passed_over() -> None:
    service = {"id": 1, "type": "service", "date_unixtime": "1620000000", "action": "pin_message", "text": ""}
    posts, bad = read(chat(service, message(2, "", poll={"question": "?"}), message(3), message(4, "", photo="p.jpg")))
    assert [(post.message_id, post.media) for post in posts] == [(3, None), (4, "photo")]
    assert bad == []


def test_only_a_person_is_an_author() -> None:
    posts, _ = read(chat(message(1), message(2, from_id="user9")))
    assert [post.author for post in posts] == [None, "user9"]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_full_export_holds_several_chats(indent: int | None) -> None:
    full = {
        "about": "Here is the data you requested.",
        "contacts": {"list": [{"user_id": 1, "first_name": "A"}]},
        "sessions": [],
        "chats": {"about": "…", "list": [chat(message(1), number=1), chat(), chat(message(9), number=2)]},
        "left_chats": {"about": "…", "list": [chat(message(4), number=3)]},
    }
    posts, bad = read(full, indent=indent)
    assert [post.channel for post in posts] == ["tg:1", "tg:2", "tg:3"]
    assert bad == []


def test_a_bad_message_is_named_by_its_line_and_the_rest_is_read() -> None:
    posts, bad = read(
        chat(
            message(1),
            message(2, text=7),
            message(3, date_unixtime=None),
            message(-4),
            message(5, date_unixtime="soon"),
            message(6),
        )
    )
    assert [post.message_id for post in posts] == [1, 6]
    assert [reason.split(":")[0] for _, reason in bad] == [
        "Expected `str | array`, got `int` - at `$.text`",
        "no date_unixtime",
        "id -4 is no message number",
        "date_unixtime 'soon' is no unix time in seconds",
    ]
    lines = json.dumps(chat(message(1), message(2, text=7)), indent=1).splitlines()
    assert lines[bad[0][0] - 1].strip() in ("{", "},")


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.999])
def test_a_document_that_breaks_off_gives_what_was_whole_and_one_complaint(cut: float) -> None:
    raw = json.dumps(chat(*map(message, range(20))), indent=1).encode()
    posts, bad = read(raw[: int(len(raw) * cut)])
    assert [post.message_id for post in posts] == list(range(len(posts)))
    assert len(bad) == 1
    assert "JSON is malformed" in bad[0][1]


def test_nothing_but_brackets_is_a_complaint_and_no_crash() -> None:
    assert read(b'{"a": ' + b"[" * 100_000)[1]


def test_a_half_of_a_surrogate_pair_spoils_only_its_message() -> None:
    raw = json.dumps(chat(message(1, "x"), message(2))).replace('"text": "x"', '"text": "\\ud83d"').encode()
    posts, bad = read(raw)
    assert [post.message_id for post in posts] == [2]
    assert len(bad) == 1


def test_it_does_not_matter_where_a_read_ends() -> None:
    class Dribble(io.BytesIO):
        """Gives one byte at a time."""

        def read(self, size: int | None = -1) -> bytes:
            return super().read(1)

    raw = json.dumps(chat(message(12), message(345, "Ether — 3 100 €")), indent=1, ensure_ascii=False).encode()
    bad: list[str] = []

    posts = list(read_export(Dribble(raw), on_bad=lambda line, reason: bad.append(reason)))

    assert (posts, bad) == read(raw)
    assert [post.message_id for post in posts] == [12, 345]


def test_memory_does_not_grow_with_the_number_of_messages() -> None:
    def peak(count: int) -> int:
        raw = json.dumps(chat(*(message(each, "text " * 40) for each in range(count))), indent=1).encode()
        tracemalloc.start()
        for _ in read_export(io.BytesIO(raw), on_bad=lambda line, reason: None):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(2_000) < 1.3 * peak(500)


@pytest.mark.parametrize(
    ("head", "export"),
    [
        (b'{\n "name": "Calls",\n', True),
        (b'\xef\xbb\xbf{\r\n "about"', True),
        (json.dumps(chat(message(1))).encode(), True),
        (b'{"about": "", "chats": {"list": []}}', True),
        (b'{"id": "a-1", "text": "say \\"messages\\""}\n', False),
        (b"", False),
        (b"[]", False),
        (b"not json", False),
    ],
)
def test_an_export_is_told_from_lines_by_how_it_begins(head: bytes, export: bool) -> None:
    assert looks_like_export(head) is export
