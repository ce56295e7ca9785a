"""Recorded messages come back in the order in which their texts came to exist, once each, in bounded memory."""

import gzip
import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.post_lines import BadLine
from levibotd.adapters.replay_posts import AHEAD, AHEAD_LENGTH_MAX, Counts, ReplayPosts, Window, in_order
from levibotd.domain.signal import Post
from levibotd.errors import Refused
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import EPOCH
from levibotd.ports.posts import Edited, Posted

Row = dict[str, Any]


def row(number: int, at: float, text: str = "hello", *, channel: str = "tg:1", edit: float | None = None) -> Row:
    return {"channel": channel, "msg_id": number, "ts": at, "edit_ts": edit, "text": text}


def write(path: Path, rows: Sequence[Row]) -> Path:
    raw = "".join(json.dumps(each) + "\n" for each in rows).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def refuse(bad: BadLine) -> None:
    raise AssertionError(str(bad))


def ordered(*paths: Path, window: Window | None = None) -> tuple[list[tuple[Post, bool]], Counts, str]:
    with in_order(paths, on_bad=refuse, window=window) as posts:
        return list(posts), posts.counts, posts.digest


def numbers(found: list[tuple[Post, bool]]) -> list[int]:
    return [post.message_id for post, _ in found]


def test_posts_come_by_when_their_text_existed_then_channel_then_number(tmp_path: Path) -> None:
    rows = [
        row(3, 100.0, edit=300.0),
        row(2, 200.0),
        row(10, 200.0),
        row(9, 200.0),
        row(256, 200.0),
        row(1, 200.0, channel="tg:0"),
        row(5, 250.0, edit=240.0),  # An edit before the post is none.
    ]
    found, counts, _ = ordered(write(tmp_path / "a.jsonl", rows))

    assert numbers(found) == [1, 2, 9, 10, 256, 5, 3]
    assert not any(revision for _, revision in found)
    assert counts == Counts(posts=7)


def test_an_identical_copy_is_dropped_and_a_later_text_is_a_revision(tmp_path: Path) -> None:
    rows = [
        row(1, 100.0, "buy"),
        row(1, 100.0, "buy"),
        row(1, 100.0, "buy, target 1 done", edit=500.0),
        row(1, 100.0, "buy, target 1 done", edit=600.0),  # Reactions change the edit time and nothing else.
        row(2, 300.0, "sell"),
    ]
    found, counts, _ = ordered(write(tmp_path / "a.jsonl", rows))

    assert [(post.message_id, post.text, revision) for post, revision in found] == [
        (1, "buy", False),
        (2, "sell", False),
        (1, "buy, target 1 done", True),
    ]
    assert counts == Counts(posts=2, revisions=1, duplicates=2)


def test_the_same_number_in_another_channel_is_another_post(tmp_path: Path) -> None:
    channels = ["a", "a\x00", "a\x00\x00b", "ab", "b"]
    found, counts, _ = ordered(write(tmp_path / "a.jsonl", [row(1, 100.0, channel=each) for each in channels]))

    assert counts.posts == 5
    assert [post.channel for post, _ in found] == sorted(channels)


def test_a_window_is_measured_by_when_the_text_existed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(1, 100.0), row(2, 200.0), row(3, 100.0, edit=250.0), row(4, 300.0)])

    found, counts, _ = ordered(path, window=Window(since=200.0, until=300.0))

    assert numbers(found) == [2, 3]
    assert counts == Counts(posts=2, outside=2)


def test_the_span_is_that_of_the_posts_replayed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(1, 100.0), row(2, 200.0), row(3, 100.0, edit=250.0)])

    with in_order([path], on_bad=refuse) as posts:
        assert (posts.first_at, posts.last_at) == (100.0, 250.0)
    with in_order([path], on_bad=refuse, window=Window(since=900.0)) as posts:
        assert (posts.first_at, posts.last_at) == (None, None)


ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 9),
        st.integers(1, 20).map(float),
        st.sampled_from(["x", "y", "z"]),
        channel=st.sampled_from(["a", "b"]),
        edit=st.none() | st.integers(1, 40).map(float),
    ),
    max_size=30,
)


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 30))
def test_neither_the_order_of_lines_nor_how_files_are_cut_changes_anything(
    rows: list[Row], chance: Any, cut: int
) -> None:
    with TemporaryDirectory() as directory:
        one = ordered(write(Path(directory, "one.jsonl"), rows))
        shuffled = chance.sample(rows, len(rows))
        other = ordered(
            write(Path(directory, "b.jsonl.gz"), shuffled[:cut]), write(Path(directory, "a.jsonl"), shuffled[cut:])
        )

    assert one == other


@given(ROWS)
def test_every_message_is_told_once_and_before_its_revisions(rows: list[Row]) -> None:
    with TemporaryDirectory() as directory:
        found, counts, _ = ordered(write(Path(directory, "a.jsonl"), rows))

    firsts = [(post.channel, post.message_id) for post, revision in found if not revision]
    assert sorted(firsts) == sorted({(each["channel"], each["msg_id"]) for each in rows})
    said: dict[tuple[str, int], str] = {}
    for post, revision in found:
        key = (post.channel, post.message_id)
        assert revision is (key in said)
        assert said.get(key) != post.text
        said[key] = post.text
    assert counts.posts + counts.revisions + counts.duplicates == len(rows)
    times = [post.known_at for post, _ in found]
    assert times == sorted(times)


def test_other_texts_have_another_digest(tmp_path: Path) -> None:
    one, other = (ordered(write(tmp_path / f"{text}.jsonl", [row(1, 1.0, text)]))[2] for text in ("x", "y"))
    assert one != other


def test_bad_lines_are_counted_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": 1}\n' + json.dumps(row(1, 1.0)) + "\nnonsense\n")
    bad: list[BadLine] = []

    with in_order([path], on_bad=bad.append) as posts:
        assert posts.counts == Counts(posts=1, bad=2)
    assert [each.line for each in bad] == [1, 3]


def test_strict_stops_at_the_first_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row(1, 1.0)) + "\nnonsense\n{}\n")
    bad: list[BadLine] = []

    refusal = pytest.raises(Refused, match=r"a\.jsonl:2: JSON is malformed")
    with refusal, in_order([path], on_bad=bad.append, strict=True):
        pass
    assert len(bad) == 1


def test_the_spool_is_gone_afterwards(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(1, 1.0)])
    spool = tmp_path / "spool"
    spool.mkdir()

    with in_order([path], on_bad=refuse, spool=spool):
        assert list(spool.iterdir())
    assert not list(spool.iterdir())


async def test_the_source_tells_each_post_at_its_time(tmp_path: Path, clock: Clock) -> None:
    at = EPOCH + 1000.0
    path = write(tmp_path / "a.jsonl", [row(2, at + 60.5), row(1, at), row(1, at, "later", edit=at + 86400.0)])

    with in_order([path], on_bad=refuse) as posts:
        told = [(event, clock.time()) async for event in ReplayPosts(posts, clock=clock).events({})]

    assert [(type(event), now) for event, now in told] == [(Posted, at), (Posted, at + 60.5), (Edited, at + 86400.0)]
    assert all(event.received_at == now for event, now in told)


async def test_posts_are_told_of_before_their_time_some_at_a_time_and_once(tmp_path: Path, clock: Clock) -> None:
    count = 2 * AHEAD + 3
    path = write(tmp_path / "a.jsonl", [row(number, EPOCH + number) for number in range(count)])
    coming: list[list[Post]] = []

    with in_order([path], on_bad=refuse) as posts:
        source = ReplayPosts(posts, clock=clock, on_coming=lambda some: coming.append(list(some)))
        async for event in source.events({}):
            assert event.post == coming[-1][(event.post.message_id) % AHEAD]
            assert clock.time() >= event.post.known_at

    assert [len(some) for some in coming] == [AHEAD, AHEAD, 3]
    assert [post.message_id for some in coming for post in some] == list(range(count))


async def test_of_long_posts_fewer_are_told_of_at_a_time(tmp_path: Path, clock: Clock) -> None:
    text = "a" * (AHEAD_LENGTH_MAX // 8)
    path = write(tmp_path / "a.jsonl", [row(number, EPOCH + number, text) for number in range(1, 20)])
    coming: list[int] = []

    with in_order([path], on_bad=refuse) as posts:
        source = ReplayPosts(posts, clock=clock, on_coming=lambda some: coming.append(len(some)))
        told = [event.post.message_id async for event in source.events({})]

    assert coming == [8, 8, 3]
    assert told == list(range(1, 20))


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
def test_real_messages_are_all_read_and_in_order() -> None:
    path = Path(os.environ["LEVIBOT_DATA"], "signals", "dev", "messages.jsonl.gz")  # noqa: TID251

    with in_order([path], on_bad=refuse) as posts:
        keys = [(post.known_at, post.channel, post.message_id) for post, _ in posts]
        few = [post.reply_to for post, _ in islice(posts, 5000)]

    assert posts.counts == Counts(posts=81_734)
    assert keys == sorted(keys)
    assert any(few)
