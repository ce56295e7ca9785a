"""A scripted source keeps to its script, its clock and the cursors it is given."""

import anyio
import pytest

from levibotd.domain.records import TgCursor
from levibotd.domain.signal import Post
from levibotd.errors import Unavailable
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import EPOCH
from levibotd.ports.posts import Edited, Posted
from levibotd.sim.scripted_posts import ScriptedPosts


def posted(number: int, *, at: float = EPOCH) -> Posted:
    post = Post(channel="tg:1", message_id=number, posted_at=at, text="x")
    return Posted(post=post, received_at=at, cursor=TgCursor(channel="tg:1", upto=number))


async def heard(posts: ScriptedPosts, cursors: dict[str, TgCursor] | None = None) -> list[int]:
    return [event.post.message_id async for event in posts.events(cursors or {}) if isinstance(event, Posted | Edited)]


async def test_events_come_at_their_time(clock: Clock) -> None:
    posts = ScriptedPosts([posted(1), posted(2, at=EPOCH + 60.0)], clock=clock)
    posts.end()

    assert await heard(posts) == [1, 2]
    assert clock.time() == EPOCH + 60.0


async def test_who_listens_anew_hears_everything_behind_the_cursors(clock: Clock) -> None:
    edit = Edited(post=posted(1).post, received_at=EPOCH)
    posts = ScriptedPosts([posted(1), edit, posted(2)], clock=clock)
    posts.end()

    assert await heard(posts) == [1, 1, 2]
    assert await heard(posts, {"tg:1": TgCursor(channel="tg:1", upto=1)}) == [1, 2]
    assert posts.followed == 2


async def test_what_is_said_later_is_heard(clock: Clock) -> None:
    posts = ScriptedPosts(clock=clock)

    async def speak() -> None:
        await clock.sleep(5.0)
        posts.say(posted(1))
        await clock.sleep(5.0)
        posts.say(posted(2))
        posts.end()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(speak)
        assert await heard(posts) == [1, 2]
    assert clock.time() == EPOCH + 10.0


async def test_it_breaks_once_when_told_to(clock: Clock) -> None:
    posts = ScriptedPosts([posted(1)], clock=clock)
    posts.end()
    posts.fail_next(Unavailable("no connection"))

    with pytest.raises(Unavailable):
        await heard(posts)
    assert await heard(posts) == [1]
