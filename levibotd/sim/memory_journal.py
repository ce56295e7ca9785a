"""The journal port in memory: for tests of actors, and wherever nothing has to outlive the process."""

from collections.abc import Iterator, Sequence

from levibotd.domain.records import Entry, FileOpen, Logged
from levibotd.journal import SCHEMA, Chain, Prepared, Preparer
from levibotd.ports.journal_file import DiskState, LogDeviceDead, Position, Run, Stamped

_SEGMENT = "memory"


class MemoryJournal:
    """
    Keeps every line in `lines`. One segment, never sealed.

    `fail_next` lets a commit crash as a bug would; `dead` lets all of them raise LogDeviceDead;
    `disk` may be set to what the next commits shall report.
    """

    def __init__(self, *, boot: str = "memory") -> None:
        self.lines: list[bytes] = []
        self.logged: list[Logged] = []
        self.commits = 0
        self.dead = False
        self.closed = False
        self.disk = DiskState.OK
        self._failures: list[BaseException] = []
        self._chain = Chain(boot=boot)
        self._size = 0
        self._opening = Preparer().prepare(Entry(FileOpen(schema=SCHEMA, keyed=False)))

    @property
    def position(self) -> Position:
        return Position(
            segment=_SEGMENT if self.lines else None,
            offset=self._size,
            seq=self._chain.seq,
            hash=self._chain.hash.decode(),
        )

    def fail_next(self, error: BaseException) -> None:
        """The next commit raises `error` and writes nothing."""
        self._failures.append(error)

    def commit(self, batch: Sequence[Stamped]) -> Iterator[Run]:
        if self.dead:
            raise LogDeviceDead("planned")
        if self._failures:
            raise self._failures.pop(0)
        self.commits += 1
        first, offset = len(self.lines), self._size
        if not self.lines:
            self._append(self._opening, batch[0])
        for stamped in batch:
            for prepared in stamped.records:
                self._append(prepared, stamped)
        own = 1 if first == 0 else 0
        yield Run(_SEGMENT, offset, self.lines[first:], self.logged[first:], own, self._chain.hash.decode())

    def seal(self, *, ts: float, mono: float) -> list[Run]:
        return []

    def close(self) -> None:
        """Nothing to give back; `closed` says that it was called."""
        self.closed = True

    def _append(self, prepared: Prepared, stamped: Stamped) -> None:
        line = self._chain.line(prepared, ts=stamped.ts, mono=stamped.mono)
        told = Logged(seq=self._chain.seq, ts=stamped.ts, event_type=prepared.event.name, entry=prepared.entry)
        self.lines.append(line)
        self.logged.append(told)
        self._size += len(line)
