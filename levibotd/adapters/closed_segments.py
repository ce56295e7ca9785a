"""
Closed segments on disk: which there are, their digests, and compressed copies of them (zstd).

A copy is written to a temporary file, synced and renamed, so that one that has its name is whole.
"""

import io
from hashlib import md5, sha256
from typing import BinaryIO, cast

import zstandard

from levibotd.adapters.journal_segments import end_of, layout_of, with_next
from levibotd.domain.archive import ClosedSegment, packed_name
from levibotd.ports.closed_segments import BadCopy, Listing, Measured, Packed
from levibotd.ports.files import Appending, Files
from levibotd.ports.object_store import Content

LEVEL = 3  # Fast, and as small as gzip at its default.
LOOKS_MAX = 20  # A run may prune file after file while somebody lists them.

_BLOCK = 1 << 20
_PIECE = 4096
_TEMPORARY = ".tmp"


class LocalSegments:
    """The segments in `files`; their compressed copies lie in `spool`, below `below`, until the store has them."""

    def __init__(self, files: Files, *, spool: Files, below: str = "") -> None:
        self._files = files
        self._spool = spool
        self._below = f"{below}/" if below else ""

    def listing(self) -> Listing:
        for _ in range(LOOKS_MAX - 1):
            try:
                return self._listing()
            except FileNotFoundError:  # Pruned between two looks: who only asks does not wait for a run to end.
                continue
        return self._listing()

    def _listing(self) -> Listing:
        layout = layout_of(self._files)
        closed: list[ClosedSegment] = []
        unfinished: list[str] = []
        for segment, after in with_next(layout.chain):
            if after is None:
                unfinished.append(segment.name)
                continue
            last_seq = end_of(segment, after)
            assert last_seq is None or after.opened is not None
            closed.append(
                ClosedSegment(
                    path=segment.name,
                    size=self._files.size(segment.name),
                    first_seq=segment.first_seq or 0,
                    last_seq=last_seq if segment.opened is not None else None,
                    last_hash="" if last_seq is None or after.opened is None else after.opened.previous_hash,
                )
            )
        return Listing(closed=tuple(closed), open=tuple(unfinished))

    def measure(self, path: str) -> "_Measuring":
        return _Measuring(self._files, path)

    def pack(self, path: str) -> "_Packing":
        return _Packing(self._files, path, spool=self._spool, name=self._copy_of(path))

    def packed(self, path: str) -> Content | None:
        name = self._copy_of(path)
        if name not in self._spool.names(name.rpartition("/")[0]):
            return None
        fresh, legacy, offset = sha256(), md5(usedforsecurity=False), 0
        while data := self._spool.read(name, offset=offset, length=_BLOCK):
            fresh.update(data)
            legacy.update(data)
            offset += len(data)
        return Content(
            open=lambda: reader(self._spool, name), size=offset, sha256=fresh.hexdigest(), md5=legacy.hexdigest()
        )

    def unpack(self, *, limit_bytes: int) -> "Unpacked":
        return Unpacked(limit_bytes=limit_bytes)

    def drop_packed(self, path: str) -> None:
        for name in (self._copy_of(path), self._copy_of(path) + _TEMPORARY):
            self._spool.remove(name)

    def remove(self, path: str) -> None:
        self._files.remove(path)

    def _copy_of(self, path: str) -> str:
        return f"{self._below}{packed_name(path)}"


class _Measuring:
    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path
        self._size = 0
        self._digest = sha256()

    def step(self) -> Measured | None:
        data = self._files.read(self._path, offset=self._size, length=_BLOCK)
        if not data:
            return Measured(size=self._size, sha256=self._digest.hexdigest())
        self._size += len(data)
        self._digest.update(data)
        return None


class _Packing:
    def __init__(self, files: Files, path: str, *, spool: Files, name: str) -> None:
        self._files = files
        self._path = path
        self._spool = spool
        self._name = name
        self._out: Appending | None = None
        self._plain_size = self._size = 0
        self._plain, self._sha256, self._md5 = sha256(), sha256(), md5(usedforsecurity=False)
        self._frame = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()

    def step(self) -> Packed | None:
        if self._out is None:
            self._spool.remove(self._name + _TEMPORARY)  # Of a life that ended here.
            self._out = self._spool.create(self._name + _TEMPORARY)
        data = self._files.read(self._path, offset=self._plain_size, length=_BLOCK)
        if data:
            self._plain_size += len(data)
            self._plain.update(data)
            self._put(self._frame.compress(data))
            return None
        self._put(self._frame.flush())
        self._out.sync()
        self._spool.rename(self._name + _TEMPORARY, self._name)
        self._spool.sync_directories(self._name)
        self.close()
        plain = Measured(size=self._plain_size, sha256=self._plain.hexdigest())
        return Packed(size=self._size, sha256=self._sha256.hexdigest(), md5=self._md5.hexdigest(), plain=plain)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _put(self, data: bytes) -> None:
        if data and self._out is not None:
            self._out.write(data)
            self._size += len(data)
            self._sha256.update(data)
            self._md5.update(data)


class Unpacked:
    """
    Takes a compressed copy in in pieces; what it unpacks to goes to `out`, or nowhere.

    A piece may unpack to far more than it is, so the most that may come of it is `limit_bytes`.
    """

    def __init__(self, out: Appending | None = None, *, limit_bytes: int) -> None:
        self._out = out
        self._limit = limit_bytes
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._packed, self._plain = sha256(), sha256()
        self._packed_size = self._size = 0

    @property
    def packed(self) -> Measured:
        """What was fed so far."""
        return Measured(size=self._packed_size, sha256=self._packed.hexdigest())

    def feed(self, data: bytes) -> None:
        """Raises BadCopy as soon as it cannot be right."""
        self._packed.update(data)
        self._packed_size += len(data)
        # In small pieces, so that one that unpacks to gigabytes is noticed before they are there.
        for begin in range(0, len(data), _PIECE):
            self._unpack(data[begin : begin + _PIECE])

    def finish(self) -> Measured:
        """What it unpacks to. Raises BadCopy when it ends too early."""
        if not self._frame.eof or self._frame.unused_data:
            raise BadCopy("is not one whole frame", reason="bad_copy")
        return Measured(size=self._size, sha256=self._plain.hexdigest())

    def _unpack(self, data: bytes) -> None:
        try:
            plain = self._frame.decompress(data)
        except zstandard.ZstdError as fault:
            raise BadCopy(f"cannot be unpacked: {fault}", reason="bad_copy") from fault
        self._size += len(plain)
        if self._size > self._limit:
            raise BadCopy(f"unpacks to more than {self._limit} bytes", reason="bad_copy")
        self._plain.update(plain)
        if self._out is not None and plain:
            self._out.write(plain)


def reader(files: Files, name: str) -> BinaryIO:
    """The file as a stream that can be rewound."""
    return cast(BinaryIO, io.BufferedReader(_Reading(files, name), buffer_size=1 << 18))


class _Reading(io.RawIOBase):
    def __init__(self, files: Files, name: str) -> None:
        self._files = files
        self._name = name
        self._size = files.size(name)
        self._offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        self._offset = base + offset
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        data = self._files.read(self._name, offset=self._offset, length=len(buffer))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)
