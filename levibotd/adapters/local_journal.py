"""
The event log on a local disk: segments by UTC hour, one write and one fdatasync a batch.

A descriptor that failed once is never used again: after a failed fdatasync nobody knows what the
kernel kept. The batch is written anew into a fresh segment, whose FILE_OPEN names the last record
that was acknowledged; what stands behind that one in the old file is no part of the log. On a
full disk the reserve is deleted first, to have room for exits and for the halt itself.
"""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256

from levibotd.adapters.disk_watch import DiskLimits, DiskWatch
from levibotd.adapters.journal_reader import Torn, Walk, stands_at
from levibotd.adapters.journal_segments import LOCK, RESERVE, fresh_name
from levibotd.domain.records import Entry, Error, FileOpen, FileSeal, Logged
from levibotd.errors import ConfigError
from levibotd.journal import SCHEMA, Chain, Damaged, Prepared, Preparer, logged, own_record
from levibotd.ports.files import Appending, Files, Lock
from levibotd.ports.journal_file import Damage, DiskState, LogDeviceDead, Position, Recovery, Run, Stamped

RESERVE_BYTES = 16 << 20

# Without fdatasync this much is gathered before it is written.
_BUFFER_BYTES = 1 << 20
_VISIT_RECORDS = 1024
_HOUR_S = 3600


class LocalJournal:
    """
    The one writer of a log directory.

    `recover` comes first and takes the lock; then `commit`, from one thread; at last `seal` and
    `close`. With `sync` False (logs that are made up) nothing is fsynced, there is no reserve, and
    lines reach the file when a megabyte of them is there, at a rotation and at the end.
    """

    def __init__(
        self,
        files: Files,
        *,
        boot: str,
        key: bytes = b"",
        version: str | None = None,
        sync: bool = True,
        limits: DiskLimits | None = None,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self._files = files
        self._boot = boot
        self._key = key
        self._version = version
        self._sync = sync
        self._reserve_bytes = reserve_bytes
        self._preparer = Preparer()  # For a fault of our own.
        self._watch = DiskWatch(files, limits=limits or DiskLimits()) if sync else None
        self._lock: Lock | None = None
        self._chain = Chain(boot=boot, key=key)
        self._open: _OpenSegment | None = None
        # Segment, offset, seq and hash of what is committed: a Position, but cheaper to keep up to date.
        self._end: tuple[str | None, int, int, bytes] = (None, 0, self._chain.seq, self._chain.hash)
        self._fault: Error | None = None  # Of the descriptor given up last; told by the next segment.

    @property
    def position(self) -> Position:
        segment, offset, seq, hash_ = self._end
        return Position(segment=segment, offset=offset, seq=seq, hash=hash_.decode())

    @property
    def disk(self) -> DiskState:
        return DiskState.OK if self._watch is None else self._watch.state

    def recover(
        self, visit: Callable[[Sequence[Logged]], None] | None = None, *, since: Position | None = None
    ) -> Recovery:
        """
        Take the lock, read and check the log from `since` on, and cut off a torn tail.

        `visit` gets every record that can be read, in order. Raises LockHeld; ConfigError for a
        directory that cannot be written, a newer schema, a keyed log without its key, and for a
        `since` that is no place in this log (ask `accepts` before); LogDeviceDead when the disk
        cannot be read, or has no room to keep a torn tail.
        """
        try:
            if self._lock is None:
                self._lock = self._files.lock(LOCK, owner=self._boot)
            return self._recover(visit, since)
        except PermissionError as fault:
            raise ConfigError(f"log.dir: {fault}") from fault
        except OSError as fault:
            raise LogDeviceDead(f"the log cannot be recovered: {fault}") from fault

    def accepts(self, position: Position) -> bool:
        """Does a record of this log end at `position`?"""
        return stands_at(self._files, position)

    def commit(self, batch: Sequence[Stamped]) -> Iterator[Run]:
        if len(batch) == 1:
            return self._commit_hour(int(batch[0].ts // _HOUR_S), batch)
        return self._commit_hours(batch)

    def seal(self, *, ts: float, mono: float) -> list[Run]:
        if self._open is None:
            return []
        try:
            return [self._seal(self._open, ts=ts, mono=mono)]
        except OSError as fault:
            # It stays unsealed, like after a crash; all that was acknowledged is there.
            self._give_up(fault)
            raise LogDeviceDead(f"the log could not be sealed: {fault}") from fault

    def close(self) -> None:
        if self._open is not None:
            self._open.file.close()
            self._open = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _commit_hours(self, batch: Sequence[Stamped]) -> Iterator[Run]:
        hour = int(batch[0].ts // _HOUR_S)
        begin = 0
        for place, stamped in enumerate(batch):
            if stamped.ts // _HOUR_S != hour:
                yield from self._commit_hour(hour, batch[begin:place])
                begin, hour = place, int(stamped.ts // _HOUR_S)
        yield from self._commit_hour(hour, batch[begin:])

    def _recover(self, visit: Callable[[Sequence[Logged]], None] | None, since: Position | None) -> Recovery:
        if since is not None and not stands_at(self._files, since):
            raise ConfigError(f"no record of this log ends at {since.segment}:{since.offset}")
        walk = Walk(self._files, key=self._key, since=since)
        records, last_ts, damage = _visit(walk, visit)
        for torn in walk.torn:
            cut_off(self._files, torn)
        end = walk.position
        self._chain.seq, self._chain.hash = end.seq, end.hash.encode()
        self._end = (end.segment, end.offset, end.seq, self._chain.hash)
        if self._watch is not None:
            with suppress(OSError):  # Too little room for a reserve is for the watch to judge.
                self._files.reserve(RESERVE, size=self._reserve_bytes)
            self._watch.look()
        torn_bytes = sum(torn.size for torn in walk.torn)
        return Recovery(records=records, position=end, damage=damage, torn_bytes=torn_bytes, last_ts=last_ts)

    def _commit_hour(self, hour: int, batch: Sequence[Stamped]) -> Iterator[Run]:
        ts, mono = batch[0].ts, batch[0].mono
        for _attempt in range(2):
            try:
                if self._open is not None and self._open.hour != hour:
                    yield self._seal(self._open, ts=ts, mono=mono)
                if self._open is None:
                    self._open = self._new_segment(hour)
                run = self._write(self._open, batch)
            except OSError as fault:
                self._give_up(fault)
                continue
            if self._watch is not None:
                self._watch.wrote(run.size, ts=ts, mono=mono)
            yield run
            return
        detail = "" if self._fault is None else self._fault.detail
        raise LogDeviceDead(f"the log takes no more records: {detail}")

    def _new_segment(self, hour: int) -> "_OpenSegment":
        name = fresh_name(self._files, hour)
        return _OpenSegment(self._files.create(name), name=name, hour=hour)

    def _write(self, segment: "_OpenSegment", batch: Sequence[Stamped], *, own: int = 0) -> Run:
        chain = self._chain
        lines: list[bytes] = []
        told: list[Logged] = []
        opens = segment.size == 0
        if opens:
            opening = Stamped(self._opening(), batch[0].ts, batch[0].mono)
            batch = (opening, *batch)
            own = len(opening.records)
        for stamped in batch:
            ts, mono = stamped.ts, stamped.mono
            for prepared in stamped.records:
                lines.append(chain.line(prepared, ts=ts, mono=mono))
                told.append(Logged(seq=chain.seq, ts=ts, event_type=prepared.event.name, entry=prepared.entry))
        data = b"".join(lines)
        run = Run(segment.name, segment.size, lines, told, own, chain.hash.decode())
        segment.put(data, len(lines))
        if self._sync:
            segment.flush()
            segment.file.sync()
            if opens:
                self._files.sync_directories(segment.name)
        if opens:
            self._fault = None
        self._end = (segment.name, segment.size, chain.seq, chain.hash)
        return run

    def _opening(self) -> tuple[Prepared, ...]:
        segment, _, seq, hash_ = self._end
        opened = FileOpen(
            schema=SCHEMA,
            keyed=bool(self._key),
            version=self._version,
            previous=segment,
            previous_seq=seq,
            previous_hash=hash_.decode(),
        )
        if self._fault is None:
            return (own_record(opened),)
        return (own_record(opened), self._preparer.prepare(Entry(self._fault)))

    def _seal(self, segment: "_OpenSegment", *, ts: float, mono: float) -> Run:
        segment.flush()
        seal = FileSeal(count=segment.count, sha256=segment.digest.hexdigest())
        run = self._write(segment, (Stamped((own_record(seal),), ts, mono),), own=1)
        segment.flush()
        segment.file.close()
        self._open = None
        return run

    # The descriptor is dead. The next segment goes on behind the last acknowledged record.
    def _give_up(self, fault: OSError) -> None:
        last_good, _, self._chain.seq, self._chain.hash = self._end
        name = "" if self._open is None else self._open.name
        code = errno.errorcode.get(fault.errno or 0, "EIO")
        self._fault = Error(code=f"LOG_{code}", detail=f"{name}: {fault.strerror or fault}")
        if self._open is not None:
            self._open.file.close()
            if last_good != name:
                # Nothing in it was ever acknowledged; it must not look like the end of the log.
                with suppress(OSError):
                    self._files.remove(name)
            self._open = None
        if fault.errno in (errno.ENOSPC, errno.EDQUOT) and self._watch is not None:
            with suppress(OSError):
                self._files.remove(RESERVE)
            self._watch.halt()


class _OpenSegment:
    """The segment being written. What is not flushed yet counts as its size already."""

    def __init__(self, file: Appending, *, name: str, hour: int) -> None:
        self.file = file
        self.name = name
        self.hour = hour
        self.size = 0
        self.count = 0
        self.digest = sha256()
        self._waiting: list[bytes] = []
        self._written = 0

    def put(self, data: bytes, count: int) -> None:
        self._waiting.append(data)
        self.size += len(data)
        self.count += count
        if self.size - self._written >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            data, self._waiting, self._written = b"".join(self._waiting), [], self.size
            self.digest.update(data)
            self.file.write(data)


def cut_off(files: Files, torn: Torn) -> str:
    """Cut a torn tail; its bytes are kept beside the segment. Returns the name of where they are."""
    kept = f"{torn.segment}.torn"
    # Written first: a crash in between leaves the bytes twice, never nowhere.
    files.replace(kept, files.read(torn.segment, offset=torn.offset))
    if torn.offset:
        files.truncate(torn.segment, size=torn.offset)
    else:
        files.remove(torn.segment)
    return kept


def _visit(walk: Walk, visit: Callable[[Sequence[Logged]], None] | None) -> tuple[int, float | None, Damage | None]:
    batch: list[Logged] = []
    records = 0
    last_ts: float | None = None
    damage: Damage | None = None
    for step in walk:
        found = step.damage
        if step.line is not None:
            records += 1
            last_ts = step.line.ts
            try:
                batch.append(logged(step.line))
            except Damaged as fault:
                found = found or Damage(seq=step.line.seq, segment=step.segment, what=str(fault))
        damage = damage or found
        if visit is not None and len(batch) >= _VISIT_RECORDS:
            visit(batch)
            batch = []
    if visit is not None and batch:
        visit(batch)
    return records, last_ts, damage
