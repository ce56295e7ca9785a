"""
A followed file as a source of posts: each line added to it is a post that arrives now.

A line that names a post of before is an edit of it; with `"deleted": true` that post is gone.

The whole file is followed from its beginning the first time, and from then on behind the last line
that was ingested; there is one cursor for the file, named `telegram.file`, whatever channels its lines
name. It holds the place in bytes and a hash of how the file began: another file in its place is read
from its beginning.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from levibotd.adapters.file_tail import FileTail, TailLine
from levibotd.adapters.post_lines import LINE_BYTES_MAX, BadLine, MalformedPost, read_deletion, read_post
from levibotd.domain.records import TgCursor
from levibotd.errors import ConfigError, Unavailable
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock
from levibotd.ports.posts import Deleted, Posted, PostEvent

CURSOR = "telegram.file"
POLL_S = 0.25


class FilePosts:
    """The posts port over one file of JSON lines, followed like `tail -F`. Never ends."""

    name = "file"

    def __init__(self, path: Path, *, clock: Clock, on_bad: Callable[[BadLine], None]) -> None:
        self._path = path
        self._clock = clock
        self._on_bad = on_bad

    async def events(self, cursors: Mapping[str, TgCursor]) -> AsyncIterator[PostEvent]:
        """Every line behind the cursor, then whatever is added. Raises Unavailable, or ConfigError for a directory."""
        cursor = cursors.get(CURSOR, TgCursor(channel=CURSOR, upto=0))
        tail = FileTail(self._path, line_bytes_max=LINE_BYTES_MAX, position=cursor.position or 0, head=cursor.head)
        try:
            while True:
                lines = await self._read(tail)
                arrived_at = self._clock.time()
                for line in lines:
                    if (event := self._event(line, arrived_at)) is not None:
                        yield event
                if not lines:
                    await self._clock.sleep(POLL_S)
        finally:
            tail.close()

    async def _read(self, tail: FileTail) -> list[TailLine]:
        try:
            return await offload.call(tail.read)
        except IsADirectoryError as error:
            raise ConfigError(f"telegram.file: {self._path} is a directory") from error
        except OSError as error:
            raise Unavailable(f"telegram.file: {error}") from error

    def _event(self, line: TailLine, arrived_at: float) -> Posted | Deleted | None:
        if not line.raw.strip():
            return None
        try:
            if (gone := read_deletion(line.raw)) is not None:
                return Deleted(channel=gone[0], message_id=gone[1], seen_by="file", received_at=arrived_at)
            post = read_post(line.raw, arrived_at=arrived_at)
        except MalformedPost as error:
            self._on_bad(BadLine(str(self._path), line.number, str(error)))
            return None
        cursor = TgCursor(channel=CURSOR, upto=0, position=line.end, head=line.head)
        return Posted(post=post, received_at=arrived_at, cursor=cursor)
