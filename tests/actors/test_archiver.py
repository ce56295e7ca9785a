"""ArchiverActor: when it runs, who hears of it, and what it does when nobody answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import anyio
import pytest

from actors.archiver import RETRY_S, ArchiverActor
from levibotd.archiving.runs import Runs
from levibotd.archiving.watch import Watch
from levibotd.domain.archive import ArchiveOutcome, manifest_names
from levibotd.domain.records import SystemNote
from levibotd.domain.risk import day_of
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.events import Crashed, Event
from levibotd.kernel.mailbox import CONFLATE, Box, Ref, Rejected
from levibotd.kernel.supervisor import System
from levibotd.kernel.tree import Child, Group
from levibotd.messages import ArchiverMessage, RunArchive, SegmentClosed
from levibotd.sim.faulty_files import Killed
from levibotd.sim.memory_object_store import MemoryObjectStore
from tests.archiving.bench import DAY, HOUR, KEEP_DAYS, Life, make, new_disks

AT = "03:00"


class Bench:
    """The actor under a supervisor, over a log and a bucket in memory; all of it on the loop's own time."""

    def __init__(self, life: Life, runs: Runs | None = None) -> None:
        self.life = life
        self.watch = Watch()
        self.outcomes: list[ArchiveOutcome] = []
        self.unreachable: list[str] = []
        self.events: list[Event] = []
        self.ref: Ref[ArchiverMessage] = Ref("archiver", Box(32, CONFLATE))
        self.clock = LoopClock()
        self._runs = runs or life.runs
        self.system = System(
            Group("root", children=(Child(self.ref, self._make),)),
            clock=self.clock,
            on_event=self.events.append,
            rng=Random(1),
        )

    def _make(self) -> ArchiverActor:
        return ArchiverActor(
            runs=self._runs,
            watch=self.watch,
            at=AT,
            clock=self.clock,
            on_outcome=self.outcomes.append,
            on_unreachable=self.unreachable.append,
        )

    @property
    def store(self) -> MemoryObjectStore:
        return self.life.store

    def days(self) -> list[str]:
        return [name.day for name in manifest_names(self.store.objects)]


async def a_life(*, past_days: int, hour: float) -> Life:
    """It is `hour` o'clock; there are days before today."""
    clock = LoopClock()
    now = clock.time()
    midnight = now - now % DAY + DAY
    await anyio.sleep(midnight + hour * HOUR - now)
    life = make(new_disks(), MemoryObjectStore(), now=midnight)
    await life.write_days(past_days, since=midnight - past_days * DAY)
    life.clock.time = clock.time  # type: ignore[method-assign]
    await life.commit(SystemNote(note="today"))
    return life


@asynccontextmanager
async def archiver(*, past_days: int = 2, hour: float = 1.0, is_down: bool = False) -> AsyncIterator[Bench]:
    life = await a_life(past_days=past_days, hour=hour)
    life.store.is_down = is_down
    bench = Bench(life)
    await bench.system.start()
    try:
        yield bench
    finally:
        await bench.system.stop()
    assert not [event for event in bench.events if isinstance(event, Crashed)]


async def test_it_runs_at_its_time_every_day() -> None:
    async with archiver(hour=1.0) as bench:
        # At one o'clock yesterday's moment has not come; the day before is overdue.
        await anyio.sleep(60)
        assert len(bench.outcomes) == 1
        await anyio.sleep(2 * HOUR)
        assert len(bench.outcomes) == 2
        assert bench.watch.next_at is not None
        assert bench.watch.next_at - bench.clock.time() == pytest.approx(DAY - 60, abs=1)
        await anyio.sleep(DAY)
        assert len(bench.outcomes) == 3
        assert len(bench.days()) >= 2
        assert bench.watch.last is bench.outcomes[-1]
        assert bench.watch.running_since is None


async def test_what_is_not_overdue_waits_for_its_time() -> None:
    async with archiver(past_days=1, hour=1.0) as bench:
        await anyio.sleep(HOUR)
        assert bench.outcomes == []
        assert bench.watch.unverified_bytes > 0
        await anyio.sleep(HOUR + 60)
        assert len(bench.outcomes) == 1
        assert bench.watch.unverified_bytes == bench.outcomes[0].unverified_bytes == 0


async def test_a_run_on_request_is_answered_with_what_it_did() -> None:
    async with archiver(past_days=1) as bench:
        outcome = await bench.ref.ask(RunArchive(by="test"), timeout_s=60)

        assert isinstance(outcome, ArchiveOutcome)
        assert (outcome.verified, len(outcome.days)) == (3, 1)


async def test_a_run_that_was_cut_short_while_it_pruned_goes_on_at_the_next_start() -> None:
    life = await a_life(past_days=KEEP_DAYS + 2, hour=1.0)
    life.die_at_point = "pruned.after"
    with pytest.raises(Killed):
        await life.run()
    life.die_at_point = None
    bench = Bench(life)
    oldest = day_of(bench.clock.time() - KEEP_DAYS * DAY)
    assert [path for path in life.disks.segments() if path[:10] < oldest]

    await bench.system.start()
    await anyio.sleep(60)

    assert len(bench.outcomes) == 1
    assert not [path for path in life.disks.segments() if path[:10] < oldest]
    await bench.system.stop()


class Slow(MemoryObjectStore):
    """Takes its time for each object."""

    async def put(self, key, content) -> None:  # type: ignore[no-untyped-def]
        await anyio.sleep(10)
        await super().put(key, content)


async def test_there_is_one_run_at_a_time() -> None:
    async with archiver(past_days=1) as bench:
        bench.life.runs._setup.store.__class__ = Slow
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_ask_and_forget, bench)
            await anyio.sleep(1)
            assert bench.watch.running_since is not None
            second = await bench.ref.ask(RunArchive(by="test"), timeout_s=60)
        assert isinstance(second, Rejected)
        assert len(bench.outcomes) == 1


async def _ask_and_forget(bench: Bench) -> None:
    await bench.ref.ask(RunArchive(by="test"), timeout_s=600)


@pytest.mark.fault("F1")
async def test_a_stop_during_an_upload_waits_for_nothing_and_the_next_life_goes_on() -> None:
    async with archiver(past_days=1) as bench:
        bench.life.runs._setup.store.__class__ = Slow
        await bench.ref.tell(RunArchive(by="test"))
        await anyio.sleep(15)
        before = bench.clock.monotonic()
        await bench.system.stop()
        assert bench.clock.monotonic() - before < 1
        bench.life.runs._setup.store.__class__ = MemoryObjectStore
        assert (await bench.life.run()).ok


@pytest.mark.fault("D9")
async def test_a_store_that_is_down_is_asked_again_at_growing_intervals() -> None:
    async with archiver(past_days=2, is_down=True) as bench:
        await anyio.sleep(60)
        assert len(bench.unreachable) == 1
        assert bench.watch.unverified_bytes > 0  # Known all the same.
        await anyio.sleep(RETRY_S)
        assert len(bench.unreachable) == 2
        await anyio.sleep(2 * DAY)
        assert 5 < len(bench.unreachable) + len(bench.outcomes) < 20  # Not every quarter of an hour for two days.
        assert not any(outcome.ok for outcome in bench.outcomes)

        bench.store.is_down = False
        await anyio.sleep(DAY)
        assert bench.outcomes[-1].ok
        assert len(bench.days()) >= 2


async def test_a_day_that_is_over_is_counted_as_soon_as_its_last_segment_closes() -> None:
    async with archiver(past_days=1, hour=4.0) as bench:
        await anyio.sleep(60)  # Overdue, so it is done at once.
        assert bench.watch.unverified_bytes == 0
        await anyio.sleep(20 * HOUR)
        await bench.life.commit(SystemNote(note="the day before is over now"))
        await bench.ref.tell(SegmentClosed(path="whichever"))
        await anyio.sleep(5)

        assert bench.watch.unverified_bytes > 0


@pytest.mark.fault("G18")
async def test_an_older_copy_of_the_log_is_noticed_at_the_start_and_nothing_runs() -> None:
    async with archiver(past_days=3) as bench:
        await bench.ref.ask(RunArchive(by="test"), timeout_s=60)
        store = bench.store
        now = bench.clock.time()
        midnight = now - now % DAY
        older = make(new_disks(), store, now=midnight, boot="older")
        await older.write_days(1, since=midnight - 3 * DAY)
        older.clock.time = bench.clock.time  # type: ignore[method-assign]
        other = Bench(older)
        await other.system.start()
        await anyio.sleep(60)

        assert older.rolled_back == [manifest_names(store.objects)[-1].key]
        assert other.outcomes == []
        await other.system.stop()


class Broken(Runs):
    """A bug, and a log that takes nothing."""

    async def run(self, *, upload: bool = True, prune: bool = True) -> ArchiveOutcome:
        raise TimeoutError("the log did not answer")


async def test_a_log_that_does_not_answer_is_a_failed_run_and_no_crash() -> None:
    async with archiver(past_days=1) as bench:
        bench.life.runs.__class__ = Broken
        outcome = await bench.ref.ask(RunArchive(by="test"), timeout_s=60)

        assert isinstance(outcome, ArchiveOutcome)
        assert outcome.failures == ("TimeoutError: the log did not answer",)
