"""
A large day of the log on its way to a bucket, ended at every point: `python -m bench.archive_day DIR`.

DIR holds a log as `bench.big_day` makes it; it is copied by links and not changed. First one whole run, beside an event
loop that is watched. Then for each point of the archive a process is ended there as by a kill, what is on disk and in
the bucket is held against the original, and the next life must come to the same end. Exits 1 when a segment went that
was not proven.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import zstandard

from levibotd.adapters.closed_segments import LocalSegments
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.snapshot_file import Snapshot, SnapshotFile
from levibotd.archiving.runs import Pruning, Runs
from levibotd.archiving.steps import ArchiveSetup, LogRolledBack
from levibotd.domain.archive import POINTS, ArchiveOutcome
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import DayAnchor, Entry, Logged, Record, SystemNote
from levibotd.journal import Preparer
from levibotd.kernel import offload
from levibotd.kernel.clock import LoopClock
from levibotd.ports.journal_file import Stamped
from levibotd.sim.faulty_files import Killed
from levibotd.sim.memory_object_store import MemoryObjectStore

DAY_S = 86_400.0
LATER_S = 40 * DAY_S
LAG_EVERY_S = 0.005
SMALL_BYTES = 4 << 20


class Clock(LoopClock):
    """Forty days after the day, and running."""

    def __init__(self, begun: float) -> None:
        super().__init__()
        self._ahead_s = begun - time.time()

    def time(self) -> float:
        return time.time() + self._ahead_s


class Life:
    """One process over a copy of the log."""

    def __init__(self, root: Path, store: MemoryObjectStore, *, now: float, boot: str) -> None:
        self.clock = Clock(now)
        self.files = OsFiles(root / "logs")
        self.visits: list[str] = []
        self.die_at: int | None = None
        self._base = SnapshotFile(OsFiles(root), name="base", kind="base")
        self.journal = LocalJournal(self.files, boot=boot, reserve_bytes=4096)
        self.ledger = Ledger(balance=Decimal(10_000))
        base = self._base.load()
        since = None
        if base is not None and self.journal.accepts(base.position):
            self.ledger, since = Ledger.from_bytes(base.state), base.position
        recovery = self.journal.recover(self._observe, since=since)
        assert recovery.damage is None, recovery.damage
        setup = ArchiveSetup(
            segments=LocalSegments(self.files, spool=OsFiles(root / "archive")),
            store=store,
            book=lambda: self.ledger.archive,
            commit=self.commit,
            clock=self.clock,
            installation="aa",
            at_point=self._at_point,
        )
        pruning = Pruning(
            keep_days=30,
            keep_base=self._keep_base,
            anchor=lambda: None if self.ledger.day_anchor is None else self.ledger.day_anchor.day,
            hindered=lambda: None,
            forget=_forget,
        )
        self.runs = Runs(setup, pruning=pruning, on_rollback=_rolled_back)

    async def begin(self) -> None:
        day = self.clock.now().strftime("%Y-%m-%d")
        await self.commit(DayAnchor(day=day, equity=Decimal(10_000), at=self.clock.time()))
        await self.commit(SystemNote(note="later"))

    async def commit(self, record: Record) -> None:
        prepared = Preparer().prepare(Entry(record))
        stamped = Stamped((prepared,), self.clock.time(), 1.0)
        # In a thread, as the logger does it.
        for run in await offload.call(lambda: list(self.journal.commit([stamped]))):
            self._observe(run.logged)

    def _observe(self, committed: Sequence[Logged]) -> None:
        for logged in committed:
            self.ledger.apply(logged.entry)

    async def _keep_base(self) -> int:
        position = self.journal.position
        self._base.save(Snapshot(position=position, state=self.ledger.to_bytes()))
        return position.seq

    def _at_point(self, point: str) -> None:
        self.visits.append(point)
        if self.die_at is not None and len(self.visits) > self.die_at:
            raise Killed


async def _forget(seq: int) -> None:
    """There is no index here."""


async def _rolled_back(rolled_back: LogRolledBack) -> None:
    raise rolled_back


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("dir", type=Path)
    parser.add_argument("--points", nargs="*", default=list(POINTS))
    asked = parser.parse_args(argv)
    segments = sorted(asked.dir.glob("*/*.jsonl"))
    digests = {each.relative_to(asked.dir).as_posix(): sha256(each.read_bytes()).hexdigest() for each in segments}
    largest = max(each.stat().st_size for each in segments)
    size = sum(each.stat().st_size for each in segments)
    print(f"{len(segments)} segments, {size / 1e6:.0f} MB, the largest {largest / 1e6:.0f} MB")
    now = _moment(segments[0].parent.name) + LATER_S
    with tempfile.TemporaryDirectory(prefix="levi-archive-", dir=asked.dir.parent) as folder:
        seed = Path(folder)
        for each in segments:
            place = seed / "logs" / each.relative_to(asked.dir)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(each, place)
        asyncio.run(_seed(seed, now))
        return _tried(seed, now, digests, asked.points)


def _tried(seed: Path, now: float, digests: dict[str, str], points: Sequence[str]) -> int:
    visits = asyncio.run(_whole(seed, now, digests))
    failed = 0
    for point in points:
        places = [number for number, name in enumerate(visits) if name == point]
        if not places:
            print(f"  {point}: never reached")
            failed += 1
            continue
        at = places[len(places) // 2]
        lost = asyncio.run(_ended_at(seed, now, digests, at))
        failed += lost
        print(f"  {point:<18} ended at visit {at:>4} of {len(visits)}: {'LOST SOMETHING' if lost else 'nothing lost'}")
    return 1 if failed else 0


def _moment(day: str) -> float:
    return time.mktime(time.strptime(f"{day} UTC", "%Y-%m-%d %Z")) - time.timezone


# A state that was folded once, so that each life starts in no time.
async def _seed(seed: Path, now: float) -> None:
    life = Life(seed, MemoryObjectStore(), now=now, boot="seed")
    await life.begin()
    await life._keep_base()
    life.journal.close()


# What is sealed is never written to again, so a link is as good as a copy.
def _copy(seed: Path, root: Path) -> None:
    for each in seed.rglob("*"):
        place = root / each.relative_to(seed)
        if each.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif each.stat().st_size > SMALL_BYTES:
            os.link(each, place)
        else:
            shutil.copy(each, place)


async def _whole(seed: Path, now: float, digests: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="levi-archive-", dir=seed.parent) as folder:
        root, store = Path(folder), MemoryObjectStore(checks_sha256=False)
        _copy(seed, root)
        life = Life(root, store, now=now, boot="whole")
        await life.begin()
        lags: list[float] = []
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(_probe(lags))
            before, cpu = time.perf_counter(), time.process_time()
            outcome: ArchiveOutcome = await life.runs.run()
            elapsed, cpu = time.perf_counter() - before, time.process_time() - cpu
            probing.cancel()
        life.journal.close()
        assert outcome.ok, outcome.failures
        _lost(root, store, digests)
        packed = sum(map(len, store.objects.values()))
        lags.sort()
        print(
            f"archived, read back and pruned {outcome.pruned} segments in {elapsed:.1f} s ({cpu:.1f} s CPU), "
            f"{packed / 1e6:.0f} MB packed; loop lag p99 {lags[int(len(lags) * 0.99)] * 1000:.1f} ms, "
            f"worst {lags[-1] * 1000:.1f} ms"
        )
        return life.visits


async def _probe(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(LAG_EVERY_S)
        lags.append(time.perf_counter() - before - LAG_EVERY_S)


async def _ended_at(seed: Path, now: float, digests: dict[str, str], visit: int) -> int:
    with tempfile.TemporaryDirectory(prefix="levi-archive-", dir=seed.parent) as folder:
        root, store = Path(folder), MemoryObjectStore()
        _copy(seed, root)
        life = Life(root, store, now=now, boot="first")
        await life.begin()
        life.die_at = visit
        with suppress(Killed):
            await life.runs.run()
        life.journal.close()
        lost = _lost(root, store, digests)
        again = Life(root, store, now=now + 60, boot="again")
        await again.begin()
        outcome = await again.runs.run()
        again.journal.close()
        lost += _lost(root, store, digests)
        left = [path for path in digests if (root / "logs" / path).exists()]
        return lost + (not outcome.ok) + len(left)


# Each segment is here as it was, or in the bucket and named by a manifest.
def _lost(root: Path, store: MemoryObjectStore, digests: dict[str, str]) -> int:
    lost = 0
    manifests = b"".join(data for key, data in store.objects.items() if "/manifests/" in key)
    for path, digest in digests.items():
        here = root / "logs" / path
        if here.exists():
            lost += sha256(here.read_bytes()).hexdigest() != digest
            continue
        keys = [key for key in store.objects if f"/segments/{path.removesuffix('.jsonl')}." in key]
        plain = {sha256(zstandard.ZstdDecompressor().decompressobj().decompress(store.objects[key])).hexdigest()
                 for key in keys}  # fmt: skip
        lost += plain != {digest} or path.encode() not in manifests
    return lost


if __name__ == "__main__":
    sys.exit(main())
