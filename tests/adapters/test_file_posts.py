"""A line added to the followed file is a post that arrives now, once, also across a restart."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from levibotd.adapters.file_posts import CURSOR, POLL_S, FilePosts
from levibotd.adapters.post_lines import BadLine
from levibotd.domain.records import TgCursor
from levibotd.errors import ConfigError, Unavailable
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.virtual_time import EPOCH
from levibotd.ports.posts import Deleted, Posted, PostEvent


class Feed:
    """A followed file and what was heard of it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.bad: list[BadLine] = []
        self.told: list[Posted] = []

    def write(self, *lines: object) -> None:
        with self.path.open("a") as file:
            file.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)

    async def listen(self, *, for_s: float) -> list[Posted]:
        """What is told from now on, as to somebody who begins with the cursor of the last post."""
        cursors = {each.cursor.channel: each.cursor for each in self.told if each.cursor is not None}
        heard: list[Posted] = []
        source = FilePosts(self.path, clock=self.clock, on_bad=self.bad.append)
        with anyio.move_on_after(for_s):
            async with aclosing(_generator(source, cursors)) as events:
                async for event in events:
                    heard.append(event)
        self.told += heard
        return heard


async def _generator(source: FilePosts, cursors: dict[str, TgCursor]) -> AsyncIterator[Posted]:
    async with aclosing(source.events(cursors)) as events:  # type: ignore[type-var]
        async for event in events:
            assert isinstance(event, Posted)
            yield event


@pytest.fixture
def feed(tmp_path: Path, clock: Clock) -> Feed:
    return Feed(tmp_path / "posts.jsonl", clock)


def line(number: int, **more: object) -> dict[str, object]:
    return {"channel": "tg:1", "msg_id": number, "text": "BTC long", **more}


async def test_a_line_without_time_gets_that_of_its_arrival_and_one_with_time_keeps_it(feed: Feed) -> None:
    async def write_later() -> None:
        await feed.clock.sleep(10.0)
        feed.write(line(1), line(2, ts=EPOCH - 500.0))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_later)
        heard = await feed.listen(for_s=20.0)

    assert [each.post.message_id for each in heard] == [1, 2]
    assert EPOCH + 10.0 <= heard[0].received_at <= EPOCH + 10.0 + POLL_S
    assert heard[0].post.posted_at == heard[0].received_at == heard[1].received_at
    assert heard[1].post.posted_at == EPOCH - 500.0


async def test_there_is_one_cursor_whatever_channels_the_lines_name(feed: Feed) -> None:
    feed.write(line(1, channel="a"), line(1, channel="b"))

    heard = await feed.listen(for_s=1.0)

    size = feed.path.stat().st_size
    assert [each.cursor and (each.cursor.channel, each.cursor.position) for each in heard] == [
        (CURSOR, size // 2),
        (CURSOR, size),
    ]


async def test_a_restart_goes_on_behind_the_last_post(feed: Feed) -> None:
    feed.write(line(1), line(2))
    await feed.listen(for_s=1.0)
    feed.write(line(3))

    heard = await feed.listen(for_s=1.0)

    assert [each.post.message_id for each in heard] == [3]


async def test_a_rotation_while_nobody_listens_begins_the_new_file(feed: Feed) -> None:
    feed.write(line(1), line(2))
    await feed.listen(for_s=1.0)
    feed.path.rename(feed.path.with_suffix(".1"))
    feed.write(line(3, text="longer than before"), line(4), line(5))

    heard = await feed.listen(for_s=1.0)

    assert [each.post.message_id for each in heard] == [3, 4, 5]


async def test_bad_lines_are_named_by_their_number_also_after_a_restart(feed: Feed) -> None:
    feed.write(line(1), "nonsense", "", line(2))
    await feed.listen(for_s=1.0)
    feed.write(line(3, text=None), line(4))

    heard = await feed.listen(for_s=1.0)

    assert [each.post.message_id for each in heard] == [4]
    assert [(each.file, each.line) for each in feed.bad] == [(str(feed.path), 2), (str(feed.path), 5)]
    assert feed.bad[1].reason == "no text"


async def test_the_end_of_a_line_may_come_later(feed: Feed) -> None:
    text = json.dumps(line(1))

    async def write_in_two() -> None:
        feed.path.write_text(text[:20])
        await feed.clock.sleep(5.0)
        with feed.path.open("a") as file:
            file.write(text[20:] + "\n")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_in_two)
        heard = await feed.listen(for_s=10.0)

    assert [each.post.message_id for each in heard] == [1]
    assert feed.bad == []


async def test_a_directory_can_never_be_followed(feed: Feed) -> None:
    feed.path.mkdir()

    with pytest.raises(ConfigError, match=r"telegram\.file: .*posts\.jsonl is a directory"):
        await feed.listen(for_s=1.0)


async def test_a_file_that_cannot_be_read_is_out_of_reach(feed: Feed) -> None:
    feed.path.symlink_to(feed.path)  # Leads to itself.

    with pytest.raises(Unavailable, match=r"telegram\.file"):
        await feed.listen(for_s=1.0)


@pytest.mark.real_time
async def test_on_the_real_clock_the_file_is_read_in_a_thread(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "posts.jsonl", LoopClock())
    feed.write(line(1), line(2))

    heard = await feed.listen(for_s=POLL_S * 2)

    assert [each.post.message_id for each in heard] == [1, 2]


async def test_a_line_takes_back_a_post_of_before(feed: Feed) -> None:
    feed.write(line(1), {"channel": "tg:1", "msg_id": 1, "deleted": True}, {"deleted": True})
    source = FilePosts(feed.path, clock=feed.clock, on_bad=feed.bad.append)
    heard: list[PostEvent] = []
    with anyio.move_on_after(2.0):
        async for event in source.events({}):
            heard.append(event)

    assert heard[1:] == [Deleted(channel="tg:1", message_id=1, seen_by="file", received_at=EPOCH)]
    assert [bad.line for bad in feed.bad] == [3]
