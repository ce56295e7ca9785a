"""
The port to the segments that are never written again: what the archive does with the local disk.

All calls are synchronous and block; they belong into a thread. What takes long is done in steps, so
that a stop never waits for more than one. Failures are OSError.
"""

from typing import Protocol

from msgspec import Struct

from levibotd.domain.archive import ClosedSegment
from levibotd.errors import Refused
from levibotd.ports.object_store import Content


class Listing(Struct, frozen=True, kw_only=True):
    """The log as the disk has it: closed segments in the order of their records, and what is still open."""

    closed: tuple[ClosedSegment, ...]
    open: tuple[str, ...]


class Measured(Struct, frozen=True, kw_only=True):
    """A whole file."""

    size: int
    sha256: str


class Packed(Struct, frozen=True, kw_only=True):
    """A compressed copy that is whole and on disk; `plain` is what it was made of."""

    size: int
    sha256: str
    md5: str
    plain: Measured


class Measuring(Protocol):
    """A file being read through."""

    def step(self) -> Measured | None:
        """Read some more; None until the end was reached."""


class Packing(Protocol):
    """A compressed copy being made. Given up, it leaves a temporary file that the next one replaces."""

    def step(self) -> Packed | None:
        """Compress some more; None until the copy is whole, synced and has its name."""

    def close(self) -> None:
        """Give the descriptor back."""


class BadCopy(Refused):
    """A compressed copy that is not what it should be."""

    code = "ARCHIVE_BAD_COPY"


class Unpacking(Protocol):
    """A compressed copy from elsewhere, taken in in pieces."""

    @property
    def packed(self) -> Measured:
        """What was fed so far."""

    def feed(self, data: bytes) -> None:
        """Raises BadCopy as soon as it cannot be right, OSError of what takes it in."""

    def finish(self) -> Measured:
        """What it unpacks to. Raises BadCopy when it ends too early."""


class ClosedSegments(Protocol):
    """The closed segments of one log, and the compressed copies that are made of them."""

    def listing(self) -> Listing:
        """Raises ConfigError for a log of a newer version."""

    def measure(self, path: str) -> Measuring: ...

    def pack(self, path: str) -> Packing: ...

    def packed(self, path: str) -> Content | None:
        """The compressed copy, where there is one; its digests are made from what it holds now."""

    def unpack(self, *, limit_bytes: int) -> Unpacking:
        """For a look: what it unpacks to is not kept, and more than `limit_bytes` is a BadCopy."""

    def drop_packed(self, path: str) -> None:
        """Delete the compressed copy, where there is one."""

    def remove(self, path: str) -> None:
        """Delete the segment for good, durably; nothing happens when it is not there."""
