"""A log with some days in it, a bucket, and lives of a process that may end at any point between them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import zstandard

from levibotd.adapters.closed_segments import LocalSegments
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.snapshot_file import Snapshot, SnapshotFile
from levibotd.archiving.runs import Pruning, Runs
from levibotd.archiving.steps import ArchiveSetup, LogRolledBack
from levibotd.domain.archive import ArchiveFailed, ArchiveOutcome
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import DayAnchor, Entry, Logged, Record, SystemNote
from levibotd.journal import Preparer
from levibotd.kernel.clock import LoopClock
from levibotd.ports.journal_file import Position, Stamped
from levibotd.sim.faulty_files import FaultyFiles, Killed
from levibotd.sim.memory_object_store import MemoryObjectStore

DAY = 86_400.0
HOUR = 3600.0
START = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
KEEP_DAYS = 5
INSTALLATION = "aa"


class SetClock(LoopClock):
    """Says what it is told."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.now_s = now

    def time(self) -> float:
        return self.now_s


class Disks:
    """What outlives a process: the log, the copies on their way, the state directory."""

    def __init__(self, log: FaultyFiles, spool: FaultyFiles, state: FaultyFiles) -> None:
        self.log, self.spool, self.state = log, spool, state

    def after_kill(self) -> "Disks":
        return Disks(self.log.after_kill(), self.spool.after_kill(), self.state.after_kill())

    def after_power_loss(self, random: Random) -> "Disks":
        return Disks(*(one.after_power_loss(random) for one in (self.log, self.spool, self.state)))

    def segments(self) -> dict[str, bytes]:
        return {name: self.log.read(name) for name in self.log.names() if name.endswith(".jsonl")}


def new_disks() -> Disks:
    return Disks(FaultyFiles(), FaultyFiles(), FaultyFiles())


class Life:
    """One process: recovers, writes, archives, and dies where it is told to."""

    def __init__(self, disks: Disks, store: MemoryObjectStore, *, now: float, boot: str = "b") -> None:
        self.disks = disks
        self.store = store
        self.clock = SetClock(now)
        self.points: list[str] = []
        self.die_at: int | None = None
        self.die_at_point: str | None = None
        self.rolled_back: list[str] = []
        self.forgotten: list[int] = []
        self.hindered: str | None = None
        self.accepted: set[str] = set()
        self.records: list[Record] = []
        self._base = SnapshotFile(disks.state, name="base", kind="base")
        self.journal = LocalJournal(disks.log, boot=boot, reserve_bytes=1024)
        self.ledger = Ledger(balance=Decimal(1000))
        since: Position | None = None
        if (found := self._base.load()) is not None and self.journal.accepts(found.position):
            self.ledger, since = Ledger.from_bytes(found.state), found.position
        self.recovery = self.journal.recover(self._observe, since=since)
        self.runs = Runs(
            ArchiveSetup(
                segments=LocalSegments(disks.log, spool=disks.spool),
                store=store,
                book=lambda: self.ledger.archive,
                commit=self.commit,
                clock=self.clock,
                installation=INSTALLATION,
                at_point=self._at_point,
            ),
            pruning=Pruning(
                keep_days=KEEP_DAYS,
                keep_base=self._keep_base,
                anchor=lambda: None if self.ledger.day_anchor is None else self.ledger.day_anchor.day,
                hindered=lambda: self.hindered,
                forget=self._forget,
            ),
            on_rollback=self._on_rollback,
            is_accepted=lambda manifest: manifest in self.accepted,
        )

    async def commit(self, record: Record) -> None:
        prepared = Preparer().prepare(Entry(record))
        for run in self.journal.commit([Stamped((prepared,), self.clock.time(), 1.0)]):
            self._observe(run.logged)

    async def write_days(self, days: int, *, since: float = START, hours: int = 3, notes: int = 4) -> None:
        for day in range(days):
            for hour in range(hours):
                self.clock.now_s = since + day * DAY + hour * HOUR + 60
                if hour == 0:
                    date = datetime.fromtimestamp(self.clock.now_s, UTC).strftime("%Y-%m-%d")
                    await self.commit(DayAnchor(day=date, equity=Decimal(day), at=self.clock.now_s))
                for number in range(notes):
                    await self.commit(SystemNote(note=f"day {day} hour {hour} number {number}", detail="x" * 100))

    async def at(self, now: float) -> None:
        """Time goes on, and something is written then."""
        self.clock.now_s = now
        await self.commit(SystemNote(note="later"))

    async def run(self, *, upload: bool = True, prune: bool = True) -> ArchiveOutcome:
        return await self.runs.run(upload=upload, prune=prune)

    def failures(self) -> list[ArchiveFailed]:
        return [record for record in self.records if isinstance(record, ArchiveFailed)]

    def end(self) -> Disks:
        """Killed: what was written is there, nothing is sealed."""
        self.journal.close()
        return self.disks.after_kill()

    def _observe(self, committed: Sequence[Logged]) -> None:
        for logged in committed:
            self.ledger.apply(logged.entry)
            self.records.append(logged.entry.record)

    async def _keep_base(self) -> int:
        position = self.journal.position
        self._base.save(Snapshot(position=position, state=self.ledger.to_bytes()))
        return position.seq

    async def _forget(self, seq: int) -> None:
        self.forgotten.append(seq)

    async def _on_rollback(self, rolled_back: LogRolledBack) -> None:
        self.rolled_back.append(rolled_back.manifest)

    def _at_point(self, point: str) -> None:
        self.points.append(point)
        if point == self.die_at_point or (self.die_at is not None and len(self.points) > self.die_at):
            raise Killed


def make(disks: Disks, store: MemoryObjectStore, *, now: float = START + 40 * DAY, boot: str = "b") -> Life:
    return Life(disks, store, now=now, boot=boot)


def unpacked(store: MemoryObjectStore, key: str) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(store.objects[key])


def check_nothing_is_lost(before: dict[str, bytes], disks: Disks, store: MemoryObjectStore, life: Life) -> None:
    """Each segment that there was is here, or in the bucket as it was and proven to be before it went."""
    here = disks.segments()
    for path, data in before.items():
        if path in here:
            assert here[path].startswith(data), f"{path} was changed"
            continue
        key = next(key for key in store.objects if f"/segments/{path.removesuffix('.jsonl')}." in key)
        assert unpacked(store, key) == data
        said = {type(record).__name__ for record in life.records if path in _paths(record)}
        assert {"ArchiveVerified", "ArchiveManifested", "ArchivePruned"} <= said


def _paths(record: Record) -> tuple[str, ...]:
    return tuple(getattr(record, "paths", ())) or (str(getattr(record, "path", "")),)
