"""
Telegram Desktop's result.json -> Posts, one message in memory at a time.

Reads the export of one chat and the full one with its list of chats. What nobody wrote (service
messages, stickers, other things without text or picture) is passed over. The channel is `tg:<id>`.
An export does not say when the original of a forward was posted, so `forwarded_at` stays None.
"""

import codecs
import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec
from msgspec import Struct

from levibotd.adapters.post_lines import LINE_BYTES_MAX, MalformedPost, decoded, seconds
from levibotd.domain.signal import Post

_CHUNK_BYTES = 1 << 16
_BLANK = " \t\r\n"


class _Piece(Struct):
    text: str = ""


class _Message(Struct):
    id: int
    type: str = "message"
    date_unixtime: str | None = None
    edited_unixtime: str | None = None
    from_id: str | None = None
    reply_to_message_id: int | None = None
    media_type: str | None = None
    photo: str | None = None
    file: str | None = None
    text: str | list[str | _Piece] = ""


_MESSAGES = msgspec.json.Decoder(_Message)


def looks_like_export(head: bytes) -> bool:
    """Tell an export from JSON lines by how the file begins: it is indented, or its one line holds the chats."""
    first = head.removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0].rstrip()
    return first == b"{" or (first.startswith(b"{") and any(key in first for key in (b'"messages"', b'"chats"')))


def read_export(file: BinaryIO, *, on_bad: Callable[[int, str], None]) -> Iterator[Post]:
    """
    Yield the posts of an export in its order.

    `on_bad` hears of each unreadable message by line and reason and may raise; when the document itself
    breaks off, that is the last one.
    """
    document = _Document(file)
    try:
        yield from _walk(document, on_bad)
    except (MalformedPost, RecursionError) as error:
        on_bad(document.line, str(error))


def _walk(document: "_Document", on_bad: Callable[[int, str], None]) -> Iterator[Post]:
    # One chat is an object with messages; the full export holds such objects in chats.list and left_chats.list.
    channel = "telegram"
    for key in document.members():
        if key == "id":
            channel = f"tg:{document.value()}"
        elif key == "messages":
            yield from _messages(document, channel, on_bad)
        elif key in ("chats", "left_chats"):
            yield from _walk(document, on_bad)
        elif key == "list":
            for _ in document.items():
                yield from _walk(document, on_bad)
        else:
            document.skip()


def _messages(document: "_Document", channel: str, on_bad: Callable[[int, str], None]) -> Iterator[Post]:
    for _ in document.items():
        line = document.line
        raw = document.value()
        try:
            post = _post(raw.encode(), channel)
        except (MalformedPost, UnicodeEncodeError) as error:
            on_bad(line, str(error))
            continue
        if post is not None:
            yield post


def _post(raw: bytes, channel: str) -> Post | None:
    message = decoded(raw, _MESSAGES)
    media = "photo" if message.photo is not None else message.media_type or (message.file and "document")
    text = message.text if isinstance(message.text, str) else "".join(map(_plain, message.text))
    if message.type != "message" or not (text.strip() or media):
        return None
    if message.id < 0:
        raise MalformedPost(f"id {message.id} is no message number")
    if message.date_unixtime is None:
        raise MalformedPost("no date_unixtime: export again with a newer Telegram Desktop")
    author = message.from_id if message.from_id is not None and message.from_id.startswith("user") else None
    return Post(
        channel=channel,
        message_id=message.id,
        posted_at=_unix(message.date_unixtime, "date_unixtime"),
        text=text,
        edited_at=None if message.edited_unixtime is None else _unix(message.edited_unixtime, "edited_unixtime"),
        reply_to=message.reply_to_message_id,
        media=media,
        author=author,
    )


def _plain(piece: str | _Piece) -> str:
    return piece if isinstance(piece, str) else piece.text


def _unix(text: str, key: str) -> float:
    try:
        return seconds(float(text), key)
    except ValueError as error:
        raise MalformedPost(f"{key} {text!r} is no unix time in seconds") from error


class _Document:
    """
    A JSON document read from front to back; each value met must be consumed before the next.

    Only the value in hand is in memory, and a value is at most as long as a line may be.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._lines_before = 0
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._ended = False
        self._scan = json.JSONDecoder().raw_decode

    @property
    def line(self) -> int:
        return 1 + self._lines_before + self._text.count("\n", 0, self._at)

    def members(self) -> Iterator[str]:
        self._take("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            key = self.value()
            self._take(":")
            self._peek()
            yield str(json.loads(key))
            if self._next_of("}"):
                return

    def items(self) -> Iterator[None]:
        self._take("[")
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield None
            if self._next_of("]"):
                return

    def value(self) -> str:
        """The source text of the value that stands here."""
        self._peek()
        while True:
            try:
                _, end = self._scan(self._text, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if len(self._text) - self._at > LINE_BYTES_MAX:
                    raise MalformedPost(f"a value is broken or longer than {LINE_BYTES_MAX} bytes") from error
                if not self._more():
                    raise MalformedPost(f"JSON is malformed: {error}") from error
                continue
            if end == len(self._text) and self._more():
                continue  # A number may go on in the next chunk.
            raw, self._at = self._text[self._at : end], end
            return raw

    def skip(self) -> None:
        """Pass over a value of any size."""
        opening = self._peek()
        if opening == "{":
            for _ in self.members():
                self.skip()
        elif opening == "[":
            for _ in self.items():
                self.skip()
        else:
            self.value()

    def _next_of(self, closing: str) -> bool:
        found = self._peek()
        if found not in (",", closing):
            raise MalformedPost(f"JSON is malformed: {found!r} where ',' or {closing!r} belongs")
        self._at += 1
        return found == closing

    def _take(self, wanted: str) -> None:
        found = self._peek()
        if found != wanted:
            raise MalformedPost(f"JSON is malformed: {found!r} where {wanted!r} belongs")
        self._at += 1

    def _peek(self) -> str:
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                raise MalformedPost("JSON is malformed: the document breaks off")

    def _more(self) -> bool:
        if self._ended:
            return False
        chunk = self._file.read(_CHUNK_BYTES)
        self._ended = not chunk
        self._lines_before += self._text.count("\n", 0, self._at)
        try:
            self._text = self._text[self._at :] + self._utf8.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            raise MalformedPost(str(error)) from error
        self._at = 0
        return not self._ended
