"""Message files -> Posts, in the files' own order: JSON lines or Telegram Desktop's export, plain or gzipped."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from levibotd.adapters.post_lines import LINE_BYTES_MAX, BadLine, MalformedPost, read_post
from levibotd.adapters.telegram_export import looks_like_export, read_export
from levibotd.domain.signal import Post

_BUFFER_BYTES = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"


def read_messages(path: Path, *, on_bad: Callable[[BadLine], None]) -> Iterator[Post]:
    """
    Yield the posts of one file, a line or a message at a time.

    `on_bad` hears of everything that could not be read, the end of a damaged archive included, and may
    raise to stop there. Raises OSError, with the file's name, when the file cannot be opened.
    """
    return _MessageFile(path, on_bad).posts()


class _MessageFile:
    def __init__(self, path: Path, on_bad: Callable[[BadLine], None]) -> None:
        self._path = path
        self._on_bad = on_bad
        self._line = 0

    def posts(self) -> Iterator[Post]:
        try:
            with _opened(self._path) as (head, file):
                if looks_like_export(head):
                    yield from read_export(file, on_bad=self._bad)
                else:
                    yield from self._lines(file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._bad(self._line, f"the archive is damaged: {error}")

    def _lines(self, file: BinaryIO) -> Iterator[Post]:
        while raw := file.readline(LINE_BYTES_MAX + 1):
            self._line += 1
            if len(raw) > LINE_BYTES_MAX:
                self._bad(self._line, f"longer than {LINE_BYTES_MAX} bytes")
                _skip_line(file, raw)
                continue
            if self._line == 1:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if raw.isspace():
                continue
            try:
                post = read_post(raw)
            except MalformedPost as error:
                self._bad(self._line, str(error))
                continue
            yield post

    def _bad(self, line: int, reason: str) -> None:
        self._on_bad(BadLine(str(self._path), line, reason))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[bytes, BinaryIO]]:
    # With the beginning of the content, which tells what it is.
    with io.FileIO(path) as raw, io.BufferedReader(raw, _BUFFER_BYTES) as file:
        head = file.peek(_BUFFER_BYTES)
        if not head.startswith(_GZIP_MAGIC):
            yield head, file
            return
        with gzip.GzipFile(fileobj=file) as unzipped, io.BufferedReader(unzipped, _BUFFER_BYTES) as content:
            yield content.peek(_BUFFER_BYTES), content


def _skip_line(file: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(LINE_BYTES_MAX)
