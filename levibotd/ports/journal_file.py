"""
The journal port: where prepared records get their place and become durable.

A journal is called from one thread, the logger's own. Reading is another matter: lines never
change once they are written.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from levibotd.domain.records import Logged
from levibotd.errors import Unavailable
from levibotd.journal import ORIGIN_HASH, Prepared


class LogDeviceDead(Unavailable):
    """Neither the segment nor a fresh one takes a record any more. Protective orders stay; exit 75."""

    code = "LOG_DEVICE_DEAD"


class LockHeld(Unavailable):
    """Another process writes this log. Exit 75."""

    code = "LOCK_HELD"


class DiskState(StrEnum):
    """What the disk of the log still allows. Each includes the restraint of the one before."""

    OK = "ok"
    LOW = "low"  # Class S is no longer written.
    REDUCING = "reducing"  # Nothing may be opened.
    HALTED = "halted"  # The disk was full: the log lives on its reserve.


class Stamped(Struct, frozen=True, gc=False):
    """Prepared records of one append with the time they were accepted."""

    records: tuple[Prepared, ...]
    ts: float
    mono: float


class Run(Struct, frozen=True, gc=False):
    """
    Records that stand one behind the other in one segment, from byte `offset` on.

    `lines` are their bytes as they stand there, line feeds included, and `logged` what those say. The first
    `own` of them are the journal's own (FILE_OPEN, FILE_SEAL, ERROR); the rest was asked for. `hash` is that
    of the last.
    """

    segment: str
    offset: int
    lines: list[bytes]
    logged: list[Logged]
    own: int
    hash: str

    @property
    def size(self) -> int:
        return sum(map(len, self.lines))

    @property
    def end(self) -> "Position":
        """The place behind its last record."""
        offset = self.offset + self.size
        return Position(segment=self.segment, offset=offset, seq=self.logged[-1].seq, hash=self.hash)


class Position(Struct, frozen=True, kw_only=True):
    """
    A place between two records: behind the one with this `seq` and `hash`, which ends at `offset`.

    Snapshots hold one; reading goes on from there. The default is the beginning of all logs.
    """

    segment: str | None = None
    offset: int = 0
    seq: int = 0
    hash: str = ORIGIN_HASH


class Damage(Struct, frozen=True, kw_only=True):
    """The first record that is not as it was written."""

    seq: int
    segment: str
    what: str

    def __str__(self) -> str:
        return f"seq {self.seq} in {self.segment}: {self.what}"


class Recovery(Struct, frozen=True, kw_only=True):
    """What the start of a log found. With `damage` the daemon starts REDUCING."""

    records: int
    position: Position
    damage: Damage | None = None
    torn_bytes: int = 0
    last_ts: float | None = None  # Of the last record read; None when none was.


class Journal(Protocol):
    """What LoggerActor writes to."""

    @property
    def position(self) -> Position:
        """The end of what is committed."""

    @property
    def disk(self) -> DiskState:
        """As of the last commit."""

    def commit(self, batch: Sequence[Stamped]) -> Iterator[Run]:
        """
        Write in this order; each run is yielded when it survives power loss, and never taken back.

        Together they hold the records of `batch`, those of one Stamped side by side, and records
        of the journal itself between them. Nothing happens until the runs are asked for.
        Raises LogDeviceDead: what was not yielded by then does not stand in the log.
        """

    def seal(self, *, ts: float, mono: float) -> list[Run]:
        """End the open segment for good. Raises LogDeviceDead."""

    def close(self) -> None:
        """Give back descriptors and lock. Without `seal` before, it is a crash for the next reader."""
