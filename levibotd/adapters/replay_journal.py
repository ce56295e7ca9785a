"""
The event log of a replay: a segment an hour as ever, each made whole when its hour is over.

Nobody reads it before the replay ends, and after a power cut the replay is run again: so nothing is synced, nothing is
recovered, and a descriptor that failed ends it all. Making a file costs the system far more than filling it, and a
replay of years has a segment an hour: a segment is gathered in memory and takes three calls in all. They are made in
place: a thread of their own would fight the busy loop for the interpreter, and that costs several times what they do.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain, groupby
from math import inf
from pathlib import Path

from levibotd.adapters.journal_segments import LOCK, segment_name
from levibotd.adapters.os_files import NEW_FILE, OsFiles
from levibotd.domain.records import FileOpen, FileSeal, Logged
from levibotd.journal import SCHEMA, Chain, own_record
from levibotd.ports.journal_file import DiskState, LogDeviceDead, Position, Run, Stamped

_HOUR_S = 3600


class ReplayJournal:
    """
    The one writer of a directory that is empty when it begins. Time never goes back in it.

    Whatever could not be written ends all writing: `commit` and `seal` raise LogDeviceDead, `finish` its OSError.
    """

    def __init__(self, directory: Path, *, boot: str) -> None:
        """Takes the lock. Raises LockHeld; ConfigError for a directory that cannot be written."""
        self._base = os.fspath(directory)
        self._lock = OsFiles(directory).lock(LOCK, owner=boot)
        self._chain = Chain(boot=boot)
        self._segment: str | None = None  # The last begun.
        self._over_at = -inf  # When its hour is; before all times where it is sealed.
        self._size = 0
        self._lines: list[bytes] = []
        self._day = ""  # The directory made last.
        self._failure: OSError | None = None

    @property
    def position(self) -> Position:
        return Position(segment=self._segment, offset=self._size, seq=self._chain.seq, hash=self._chain.hash.decode())

    @property
    def disk(self) -> DiskState:
        return DiskState.OK

    def commit(self, batch: Sequence[Stamped]) -> Iterator[Run]:
        if len(batch) == 1:  # As a rule.
            return self._commit_hour(batch)
        return chain.from_iterable(self._commit_hour(list(some)) for _, some in groupby(batch, key=_hour_of))

    def seal(self, *, ts: float, mono: float) -> list[Run]:
        if self._failure is not None:
            raise LogDeviceDead(f"the log takes no more records: {self._failure}") from self._failure
        if self._segment is None or self._over_at == -inf:
            return []
        data = b"".join(self._lines)
        sealing = FileSeal(count=len(self._lines), sha256=sha256(data).hexdigest())
        run = self._write((Stamped((own_record(sealing),), ts, mono),), own=1)
        self._over_at = -inf
        try:
            self._make(self._segment, data + run.lines[0])
        except OSError as failure:
            failure.filename = failure.filename or f"{self._base}/{self._segment}"  # A full disk names none.
            self._failure = failure
            raise LogDeviceDead(f"the log takes no more records: {failure}") from failure
        return [run]

    def close(self) -> None:
        self._lock.close()

    def finish(self) -> None:
        """Raises the OSError of what could not be written, if anything could not."""
        if self._failure is not None:
            raise self._failure

    def _commit_hour(self, batch: Sequence[Stamped]) -> Iterator[Run]:
        ts, mono = batch[0].ts, batch[0].mono
        if ts < self._over_at:
            yield self._write(batch)
            return
        yield from self.seal(ts=ts, mono=mono)
        opening = self._open(_hour_of(batch[0]))
        yield self._write((Stamped((own_record(opening),), ts, mono), *batch), own=1)

    def _open(self, hour: int) -> FileOpen:
        opening = FileOpen(
            schema=SCHEMA,
            keyed=False,
            previous=self._segment,
            previous_seq=self._chain.seq,
            previous_hash=self._chain.hash.decode(),
        )
        self._segment, self._over_at = segment_name(hour, 0), (hour + 1.0) * _HOUR_S
        self._size, self._lines = 0, []
        return opening

    def _write(self, batch: Sequence[Stamped], *, own: int = 0) -> Run:
        assert self._segment is not None
        log, offset = self._chain, self._size
        lines: list[bytes] = []
        told: list[Logged] = []
        for stamped in batch:
            ts, mono = stamped.ts, stamped.mono
            for prepared in stamped.records:
                line = log.line(prepared, ts=ts, mono=mono)
                lines.append(line)
                self._size += len(line)
                told.append(Logged(seq=log.seq, ts=ts, event_type=prepared.event.name, entry=prepared.entry))
        self._lines += lines
        return Run(self._segment, offset, lines, told, own, log.hash.decode())

    # There are thousands: nothing is asked twice.
    def _make(self, name: str, data: bytes) -> None:
        day = name.partition("/")[0]
        if day != self._day:
            os.mkdir(f"{self._base}/{day}", mode=0o700)
            self._day = day
        descriptor = os.open(f"{self._base}/{name}", NEW_FILE, 0o600)
        try:
            while data:  # Written at once, but for a disk that is all but full.
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)


def _hour_of(stamped: Stamped) -> int:
    return int(stamped.ts // _HOUR_S)
