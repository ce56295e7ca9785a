"""
What every source of posts promises, whoever implements the port.

Each world brings a source with at least three posts to tell, as it would be made again after a restart.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from levibotd.adapters.file_posts import FilePosts
from levibotd.adapters.replay_posts import ReplayPosts, in_order
from levibotd.domain.records import TgCursor
from levibotd.domain.signal import Post
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import EPOCH
from levibotd.ports.posts import Posted, Posts
from levibotd.sim.demo_feed import DemoFeed
from levibotd.sim.demo_market import DemoMarket
from levibotd.sim.scripted_posts import ScriptedPosts

COUNT = 3

MakePosts = Callable[[], Posts]


def fail(reason: object) -> None:
    raise AssertionError(str(reason))


def demo(clock: Clock, _path: Path, _closing: ExitStack) -> Posts:
    market = DemoMarket(0)
    return DemoFeed(market, symbols=market.symbols, clock=clock)


def followed(clock: Clock, path: Path, _closing: ExitStack) -> Posts:
    return FilePosts(path, clock=clock, on_bad=fail)


def replayed(clock: Clock, path: Path, closing: ExitStack) -> Posts:
    return ReplayPosts(closing.enter_context(in_order([path], on_bad=fail)), clock=clock)


def scripted(clock: Clock, _path: Path, _closing: ExitStack) -> Posts:
    posts = [Post(channel="tg:1", message_id=n, posted_at=EPOCH, text="x") for n in range(COUNT)]
    return ScriptedPosts(
        [Posted(post=each, received_at=EPOCH, cursor=TgCursor(channel="tg:1", upto=each.message_id)) for each in posts],
        clock=clock,
    )


@pytest.fixture(params=[demo, followed, replayed, scripted])
def make_posts(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[MakePosts]:
    path = tmp_path / "posts.jsonl"
    lines = [{"channel": "tg:1", "msg_id": number, "ts": EPOCH + 10.0 * number, "text": "x"} for number in range(COUNT)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with ExitStack() as closing:
        yield lambda: request.param(clock, path, closing)


async def take(posts: Posts, count: int, cursors: Mapping[str, TgCursor] | None = None) -> list[Posted]:
    told: list[Posted] = []
    async for event in posts.events(cursors or {}):
        assert isinstance(event, Posted)
        told.append(event)
        if len(told) == count:
            break
    return told


async def test_a_source_has_the_name_that_ingests_carry(make_posts: MakePosts) -> None:
    assert make_posts().name in ("demo", "file", "http", "replay", "telethon")


async def test_posts_arrive_when_the_clock_says_so_and_in_order(make_posts: MakePosts, clock: Clock) -> None:
    async for event in make_posts().events({}):
        assert isinstance(event, Posted)
        assert event.received_at <= clock.time()
        if event.post.message_id == COUNT - 1 or clock.time() > EPOCH + 100.0:
            break


async def test_no_message_is_told_twice(make_posts: MakePosts) -> None:
    told = await take(make_posts(), COUNT)
    assert len({(each.post.channel, each.post.message_id) for each in told}) == COUNT


async def test_after_a_restart_it_goes_on_behind_its_cursors_or_begins_anew(make_posts: MakePosts) -> None:
    first = await take(make_posts(), COUNT - 1)
    cursors = {each.cursor.channel: each.cursor for each in first if each.cursor is not None}

    (following,) = await take(make_posts(), 1, cursors)

    known = {(each.post.channel, each.post.message_id) for each in first}
    resumes = (following.post.channel, following.post.message_id) not in known
    assert resumes == bool(cursors)
