"""Is there room for the log? Judged by free bytes, and by hours at the rate of the last day."""

from collections import deque

from msgspec import Struct

from levibotd.ports.files import Files
from levibotd.ports.journal_file import DiskState

LOOK_EVERY_S = 5.0
_DAY_H = 24


class DiskLimits(Struct, frozen=True, kw_only=True):
    """Below the first pair class S is no longer written, below the second nothing is opened."""

    min_free_bytes: int = 1 << 30
    min_free_h: float = 24.0
    reduce_free_bytes: int = 256 << 20
    reduce_free_h: float = 2.0


class DiskWatch:
    """
    Follows the free space of the log's file system.

    A start begins with no rate: hours count from the first full hour of writing on. HALTED stays
    until the process ends, because the reserve is gone.
    """

    def __init__(self, files: Files, *, limits: DiskLimits) -> None:
        self._files = files
        self._limits = limits
        self._hours: deque[list[int]] = deque(maxlen=_DAY_H)  # [hour, bytes]
        self._looked_at: float | None = None
        self.state = DiskState.OK

    def wrote(self, size: int, *, ts: float, mono: float) -> None:
        """Count what was written, and look at the disk every few seconds."""
        hour = int(ts // 3600)
        if self._hours and self._hours[-1][0] == hour:
            self._hours[-1][1] += size
        else:
            self._hours.append([hour, size])
        if self._looked_at is None or mono - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = mono
            self.look()

    def look(self) -> None:
        """Judge anew. A file system that cannot be asked is judged by its writes alone."""
        if self.state is DiskState.HALTED:
            return
        try:
            free = self._files.free_bytes()
        except OSError:
            return
        hours = self._hours_left(free)
        limits = self._limits
        if free < limits.reduce_free_bytes or hours < limits.reduce_free_h:
            self.state = DiskState.REDUCING
        elif free < limits.min_free_bytes or hours < limits.min_free_h:
            self.state = DiskState.LOW
        else:
            self.state = DiskState.OK

    def halt(self) -> None:
        """The disk was full. Only a new start, with a new reserve, ends this."""
        self.state = DiskState.HALTED

    def _hours_left(self, free: int) -> float:
        full = [size for _, size in self._hours][:-1]
        if not full or not sum(full):
            return float("inf")
        return free / (sum(full) / len(full))
