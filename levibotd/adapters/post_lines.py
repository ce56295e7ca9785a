"""
One line of a message file -> a Post.

Ids, where a line leaves something out:

- Without `channel` the post belongs to the channel `file`.
- Without `msg_id` the number is `id` itself where that is one; in a line that names its channel the
  digits at the end of `id`, after a separator ("chan-1074-737" -> 737); else a hash of `id`, and
  without `id` a hash of what else the line says.
- Without `author` a line was posted as the channel itself; with it, by the user of that id.
- A textual `reply_to` is the `id` of the parent and becomes a number by the same rules, so it finds a
  parent of the same file without any memory of earlier lines.
"""

import math
import re
from hashlib import blake2b
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from levibotd.domain.signal import Post

LINE_BYTES_MAX = 1 << 20
DEFAULT_CHANNEL = "file"

_SECONDS_MAX = 1e11  # The year 5138: what is larger counts milliseconds.
_ID_BITS = 52  # Hashed numbers stay exact in a double, as JSON readers hold them.
_NUMBERED = re.compile(r"[^0-9A-Za-z]([0-9]{1,15})\Z")
_T = TypeVar("_T")
_Number = Annotated[int, Meta(ge=0, lt=1 << 53)]


class MalformedPost(ValueError):
    """This input is no post; the text says why."""


class BadLine(NamedTuple):
    """Where a message file could not be read, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class _Line(Struct):
    text: str | None = None
    id: int | str | None = None
    channel: int | str | None = None
    msg_id: _Number | None = None
    ts: float | None = None
    edit_ts: float | None = None
    lang: str | None = None
    reply_to: int | str | None = None
    fwd: bool | None = None
    fwd_ts: float | None = None
    media: str | None = None
    author: int | str | None = None
    deleted: bool | None = None


_LINES = msgspec.json.Decoder(_Line)


def read_post(raw: bytes, *, arrived_at: float | None = None) -> Post:
    """
    Read one line; `arrived_at` is the time of a post without `ts`.

    Raises MalformedPost.
    """
    if len(raw) > LINE_BYTES_MAX:
        raise MalformedPost(f"longer than {LINE_BYTES_MAX} bytes")
    line = decoded(raw, _LINES)
    if line.text is None or not (line.text.strip() or line.media):
        raise MalformedPost("no text")
    posted_at = seconds(line.ts, "ts") if line.ts is not None else arrived_at
    if posted_at is None:
        raise MalformedPost("no ts")

    named = line.channel not in (None, "")
    channel = str(line.channel) if named else DEFAULT_CHANNEL
    return Post(
        channel=channel,
        message_id=_own_number(line, channel, named=named, posted_at=posted_at),
        posted_at=posted_at,
        text=line.text,
        edited_at=None if line.edit_ts is None else seconds(line.edit_ts, "edit_ts"),
        reply_to=None if line.reply_to in (None, "") else _number(line.reply_to, named=named, key="reply_to"),
        forwarded_at=None if line.fwd_ts is None else seconds(line.fwd_ts, "fwd_ts"),
        media=line.media,
        language=line.lang,
        author=None if line.author in (None, "") else str(line.author),
    )


def read_deletion(raw: bytes) -> tuple[str, int] | None:
    """
    Channel and number of the post that a line with `"deleted": true` takes away; None for every other line.

    It names the post as the line did that brought it. Raises MalformedPost where it names none.
    """
    if b'"deleted"' not in raw or len(raw) > LINE_BYTES_MAX:
        return None
    line = decoded(raw, _LINES)
    if not line.deleted:
        return None
    if line.msg_id is None and line.id in (None, ""):
        raise MalformedPost("deleted, and no post named")
    named = line.channel not in (None, "")
    channel = str(line.channel) if named else DEFAULT_CHANNEL
    return channel, _own_number(line, channel, named=named, posted_at=0.0)


def decoded(raw: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    """Decode JSON; whatever is wrong with it is a MalformedPost."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPost(str(error)) from error


def seconds(value: float, key: str) -> float:
    """Check a unix time. Raises MalformedPost when it is none, e.g. because it counts milliseconds."""
    if not math.isfinite(value) or not 0 <= value < _SECONDS_MAX:
        raise MalformedPost(f"{key} {value!r} is no unix time in seconds")
    return value


def _own_number(line: _Line, channel: str, *, named: bool, posted_at: float) -> int:
    if line.msg_id is not None:
        return line.msg_id
    if line.id not in (None, ""):
        return _number(line.id, named=named, key="id")
    # The same text within a minute of arrival is one post told twice.
    moment = line.ts if line.ts is not None else posted_at // 60
    return _hashed(f"{channel}|{moment!r}|{line.text}")


def _number(value: int | str | None, *, named: bool, key: str) -> int:
    if isinstance(value, int):
        if not 0 <= value < 1 << 53:
            raise MalformedPost(f"{key} {value} is no message number")
        return value
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    # Two unnamed channels may count alike ("a-1", "b-1"), so there only the whole id tells posts apart.
    found = _NUMBERED.search(text) if named else None
    return int(found[1]) if found else _hashed(text)


def _hashed(text: str) -> int:
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - _ID_BITS)
