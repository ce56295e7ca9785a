"""A growing file, read line by line through rotation, truncation and replacement: what `tail -F` does."""

import os
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

_CHUNK_BYTES = 1 << 18
_HEAD_BYTES = 256


class TailLine(NamedTuple):
    """A line without its end. `end` is where the next one begins; `head` tells the file it stands in from others."""

    raw: bytes
    number: int
    end: int
    head: str


class FileTail:
    """
    Reads what was added to `path` since the last call. Blocking; not for two threads at once.

    A missing file is waited for. A line counts once its newline is there, the last one also once another
    file stands in the place of its own. Of a line longer than `line_bytes_max` one byte more than that is
    kept. Begins after `position` if the file still begins with what `head` says, else at its beginning.
    """

    def __init__(self, path: Path, *, line_bytes_max: int, position: int = 0, head: str | None = None) -> None:
        self._path = path
        self._line_bytes_max = line_bytes_max
        self._resume_at = position
        self._resume_head = head
        self._file: BinaryIO | None = None
        self._head = b""  # How the first line begins, as soon as it is whole.
        self._partial = b""
        self._number = 0
        self._position = 0

    def read(self) -> list[TailLine]:
        """
        The next lines, about 256 KiB of them; none: there is nothing new.

        Raises OSError when the file is there but cannot be read.
        """
        if self._file is not None and self._overwritten(self._file):
            self.close()
        if self._file is None:
            self._open()
        if self._file is None:
            return []
        lines = self._added(self._file)
        if not lines and self._replaced(self._file):
            # Something may have been written between the last look and the change of files.
            lines = self._added(self._file) or self._last()
            if not lines:
                self.close()
                return self.read()
        return lines

    def close(self) -> None:
        """Let go of the file; the next read begins with whatever stands at the path then."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _open(self) -> None:
        try:
            self._file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return
        self._head, self._partial, self._number, self._position = b"", b"", 0, 0
        position, self._resume_at = self._resume_at, 0
        if not 0 < position <= os.fstat(self._file.fileno()).st_size:
            return
        head = _first_line(self._file)
        if self._resume_head in (None, _fingerprint(head)):
            self._head = head
            self._pass_over(self._file, position)

    def _pass_over(self, file: BinaryIO, position: int) -> None:
        # Reads what was told before, because bad lines are named by their number.
        while self._position < position and (chunk := file.read(min(_CHUNK_BYTES, position - self._position))):
            self._number += chunk.count(b"\n")
            self._position += len(chunk)

    def _added(self, file: BinaryIO) -> list[TailLine]:
        while chunk := file.read(_CHUNK_BYTES):
            *pieces, rest = chunk.split(b"\n")
            lines = [self._line(piece, ended=1) for piece in pieces]
            self._hold(rest)
            if lines:
                return lines
        return []

    def _last(self) -> list[TailLine]:
        return [self._line(b"", ended=0)] if self._partial else []

    def _line(self, piece: bytes, *, ended: int) -> TailLine:
        self._hold(piece)
        self._position += ended
        self._number += 1
        raw, self._partial = self._partial, b""
        if self._number == 1:
            self._head = raw[:_HEAD_BYTES]
        return TailLine(raw, self._number, self._position, _fingerprint(self._head))

    def _hold(self, piece: bytes) -> None:
        self._position += len(piece)
        self._partial = (self._partial + piece)[: self._line_bytes_max + 1]

    def _overwritten(self, file: BinaryIO) -> bool:
        shorter = os.fstat(file.fileno()).st_size < self._position
        return shorter or os.pread(file.fileno(), len(self._head), 0) != self._head

    def _replaced(self, file: BinaryIO) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return not os.path.samestat(there, os.fstat(file.fileno()))


def _first_line(file: BinaryIO) -> bytes:
    return os.pread(file.fileno(), _HEAD_BYTES, 0).split(b"\n", 1)[0]


def _fingerprint(head: bytes) -> str:
    return blake2b(head, digest_size=8).hexdigest()
