"""A source of posts that says what a test tells it to, when it tells it to, and breaks on command."""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping

import anyio

from levibotd.domain.records import TgCursor
from levibotd.errors import LeviError
from levibotd.kernel.clock import Clock
from levibotd.ports.posts import Posted, PostEvent, Posts


class ScriptedPosts(Posts):
    """
    Tells each event when the clock reaches its `received_at`, in the order of the script.

    Like a source without memory it begins its script anew whenever it is followed anew, except for
    posts that the cursors cover.
    """

    def __init__(self, events: Iterable[PostEvent] = (), *, clock: Clock, name: str = "telethon") -> None:
        self._name = name
        self._script = list(events)
        self._clock = clock
        self._errors: deque[LeviError] = deque()
        self._ended = False
        self._changed = anyio.Event()
        self.followed = 0  # How often somebody began to listen.

    @property
    def name(self) -> str:
        return self._name

    def say(self, *events: PostEvent) -> None:
        """Go on with these."""
        self._script += events
        self._wake()

    def fail_next(self, error: LeviError) -> None:
        """Break with `error` before the next event, or now if there is none."""
        self._errors.append(error)
        self._wake()

    def end(self) -> None:
        """Be exhausted once the script is told."""
        self._ended = True
        self._wake()

    async def events(self, cursors: Mapping[str, TgCursor]) -> AsyncIterator[PostEvent]:
        self.followed += 1
        told = 0
        while True:
            if self._errors:
                raise self._errors.popleft()
            if told < len(self._script):
                event = self._script[told]
                told += 1
                if not _covered(event, cursors):
                    await self._clock.sleep_until(event.received_at)
                    yield event
            elif self._ended:
                return
            else:
                self._changed = anyio.Event()
                await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()


def _covered(event: PostEvent, cursors: Mapping[str, TgCursor]) -> bool:
    if not isinstance(event, Posted) or event.cursor is None:
        return False
    cursor = cursors.get(event.cursor.channel)
    return cursor is not None and event.cursor.upto <= cursor.upto
