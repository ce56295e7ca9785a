"""
Recorded messages as a source of posts, in the order in which their texts came to exist.

Whatever the files and their order, posts are taken by (`known_at`, channel, message id). They are
sorted twice, on disk where they are many: by message, which brings its revisions together, and by time.
Memory is bounded by two sorted runs, however many messages there are.
"""

import math
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from levibotd.adapters.message_files import read_messages
from levibotd.adapters.post_lines import BadLine
from levibotd.adapters.spilled_sort import SpilledSort
from levibotd.domain.records import TgCursor
from levibotd.domain.signal import Post
from levibotd.errors import Refused
from levibotd.kernel.clock import Clock
from levibotd.ports.posts import Edited, Posted, PostEvent

AHEAD = 512  # Posts that are told of before their time.
AHEAD_LENGTH_MAX = 1 << 22  # Characters of them, where somebody's history has lines that Telegram would not take.

_FIRST = b"\x00"
_REVISION = b"\x01"

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Post)
_TIME = struct.Struct(">d")  # Big-endian doubles >= 0 sort like the numbers they hold.
_NUMBER = struct.Struct(">Q")
_SIZE = struct.Struct(">I")


class Window(NamedTuple):
    """Which posts are wanted, by `known_at` in unix seconds: since <= known_at < until."""

    since: float = 0.0
    until: float = math.inf


class Counts(Struct):
    """What the files held. `duplicates` say nothing new about a post; `outside` is not in the window."""

    posts: int = 0
    revisions: int = 0
    duplicates: int = 0
    outside: int = 0
    bad: int = 0


class OrderedPosts:
    """
    All posts of some message files, sorted.

    `digest` names what they say: the same however the files are called, zipped, ordered or split.
    `first_at` and `last_at` are the `known_at` of the first and the last post, None without any.
    """

    def __init__(self, posts: SpilledSort, *, counts: Counts, digest: str, span: tuple[float, float] | None) -> None:
        self._posts = posts
        self.counts = counts
        self.digest = digest
        self.first_at: float | None = span and span[0]
        self.last_at: float | None = span and span[1]

    def __iter__(self) -> Iterator[tuple[Post, bool]]:
        """In the order of replay; True marks a later revision of a post that came before."""
        for record in self._posts.merged():
            key, payload = _parted(record)
            yield _DECODER.decode(payload), key.endswith(_REVISION)


@contextmanager
def in_order(
    files: Sequence[Path],
    *,
    on_bad: Callable[[BadLine], None],
    window: Window | None = None,
    strict: bool = False,
    spool: Path | None = None,
) -> Iterator[OrderedPosts]:
    """
    Read and sort `files`; what does not fit into memory lies below `spool` (None: the system's place) until it ends.

    Raises Refused at the first bad line when `strict`, OSError when a file cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="levibotd-replay-", dir=spool) as directory:
        counts = Counts()

        def bad(line: BadLine) -> None:
            counts.bad += 1
            on_bad(line)
            if strict:
                raise Refused(str(line))

        by_message = _by_message(_read(files, bad), counts, window=window or Window(), directory=Path(directory))
        by_time = _by_time(by_message, counts, directory=Path(directory))
        del by_message  # Its last run need not stay in memory, too.
        yield by_time


class ReplayPosts:
    """
    The posts port over ordered posts: each is told when the clock reaches its `known_at`.

    `on_coming` hears of them before that, `AHEAD` at a time.
    """

    name = "replay"

    def __init__(
        self,
        posts: OrderedPosts,
        *,
        clock: Clock,
        on_coming: Callable[[Sequence[Post]], None] = lambda posts: None,
    ) -> None:
        self._posts = posts
        self._clock = clock
        self._on_coming = on_coming

    async def events(self, cursors: Mapping[str, TgCursor]) -> AsyncIterator[PostEvent]:
        """Every post; a replay always begins at its beginning, whatever `cursors` say."""
        posts = iter(self._posts)
        while coming := _next_of(posts):
            self._on_coming([post for post, _ in coming])
            for post, revision in coming:
                # Nothing is later than the clock in a replay, so the moment of arrival is exactly `known_at`.
                at = post.known_at
                await self._clock.sleep_until(at)
                if revision:
                    yield Edited(post=post, received_at=at)
                else:
                    yield Posted(post=post, received_at=at)


def _next_of(posts: Iterator[tuple[Post, bool]]) -> list[tuple[Post, bool]]:
    some, length = [], 0
    for one in posts:
        some.append(one)
        length += len(one[0].text)
        if len(some) >= AHEAD or length >= AHEAD_LENGTH_MAX:
            break
    return some


def _read(files: Sequence[Path], on_bad: Callable[[BadLine], None]) -> Iterator[Post]:
    for path in files:
        yield from read_messages(path, on_bad=on_bad)


def _by_message(posts: Iterator[Post], counts: Counts, *, window: Window, directory: Path) -> SpilledSort:
    # Sorted by message, then time, then text: what a file says twice lies side by side.
    ordered = SpilledSort(directory / "by-message")
    for post in posts:
        if window.since <= post.known_at < window.until:
            key = _name(post.channel, post.message_id) + _TIME.pack(post.known_at)
            ordered.add(_joined(key, _ENCODER.encode(post)))
        else:
            counts.outside += 1
    return ordered


def _by_time(messages: SpilledSort, counts: Counts, *, directory: Path) -> OrderedPosts:
    ordered = SpilledSort(directory / "by-time")
    digest = blake2b(digest_size=16)
    first, last = math.inf, 0.0
    name, said = b"", b""
    for record in messages.merged():
        key, payload = _parted(record)
        at = key[-_TIME.size :]
        kind = _REVISION if key[: -_TIME.size] == name else _FIRST
        if kind == _REVISION and _text(payload) == _text(said):
            counts.duplicates += 1
            continue
        name, said = key[: -_TIME.size], payload
        counts.posts += kind == _FIRST
        counts.revisions += kind == _REVISION
        digest.update(record)
        ordered.add(_joined(at + name + kind, payload))
        known_at = _TIME.unpack(at)[0]
        first, last = min(first, known_at), max(last, known_at)
    span = (first, last) if counts.posts else None
    return OrderedPosts(ordered, counts=counts, digest=digest.hexdigest(), span=span)


def _name(channel: str, message_id: int) -> bytes:
    # A zero inside a channel is escaped, so that no channel is the beginning of another.
    return channel.encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00" + _NUMBER.pack(message_id)


def _text(payload: bytes) -> str:
    return _DECODER.decode(payload).text


def _joined(key: bytes, payload: bytes) -> bytes:
    return key + payload + _SIZE.pack(len(payload))


def _parted(record: bytes) -> tuple[bytes, bytes]:
    end = len(record) - _SIZE.size
    start = end - _SIZE.unpack_from(record, end)[0]
    return record[:start], record[start:end]
