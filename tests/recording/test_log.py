"""The log between its actor's incarnations: observers first, then who asked; nothing twice, nothing lost."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from levibotd.domain.records import AutoRouteSkipped, Entry, Logged, Record, SystemNote
from levibotd.domain.signal import TraceId
from levibotd.journal import Preparer
from levibotd.messages import Committed
from levibotd.ports.journal_file import DiskState, LogDeviceDead, Stamped
from levibotd.recording.log import Accepted, Log
from levibotd.sim.memory_journal import MemoryJournal

TRACE = TraceId("00000000000000aa")


class Bench:
    """A log over a journal in memory, and what its observers were told."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.told: list[Record] = []
        self.disk: list[DiskState] = []
        self.log = Log(self.journal, on_commit=self._on_commit, on_disk=self.disk.append)

    def _on_commit(self, records: Sequence[Logged]) -> None:
        self.told += [one.entry.record for one in records if one.event_type != "FILE_OPEN"]

    async def follow_for(self, seconds: float) -> None:
        """As an incarnation does, and then no more."""
        with anyio.move_on_after(seconds):
            await self.log.follow()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def note(text: str) -> SystemNote:
    return SystemNote(note=text)


def accepted(*records: Record, deciding: tuple[TraceId, ...] = ()) -> Accepted:
    preparer = Preparer()
    trace = deciding[0] if deciding else None
    prepared = tuple(preparer.prepare(Entry(record, trace)) for record in records)
    return Accepted(Stamped(prepared, 1.0, 1.0), [], deciding)


def test_in_place_the_observers_know_before_the_answer_is_there(bench: Bench) -> None:
    assert bench.log.commit_in_place(accepted(note("a"), note("b")).stamped, ()) == Committed(2, 3)  # Behind FILE_OPEN.
    assert bench.told == [note("a"), note("b")]
    assert bench.log.position == bench.journal.position


def test_in_place_a_decision_is_no_longer_in_the_making_once_it_stands(bench: Bench) -> None:
    bench.log.deciding.add(TRACE)

    bench.log.commit_in_place(accepted(AutoRouteSkipped(reason="chatter")).stamped, (TRACE,))

    assert bench.log.deciding == set()


async def test_what_was_accepted_is_told_once_and_then_forgotten(bench: Bench) -> None:
    await bench.log.put(accepted(note("a")))
    await bench.log.put(accepted(note("b")))
    await bench.follow_for(1)
    await bench.follow_for(1)

    assert bench.told == [note("a"), note("b")]
    assert (len(bench.log.accepted), bench.log.committed) == (0, 3)


async def test_a_decision_that_stands_is_remembered(bench: Bench) -> None:
    await bench.log.put(accepted(AutoRouteSkipped(reason="chatter"), deciding=(TRACE,)))
    await bench.follow_for(1)

    assert bench.log.decisions[TRACE].terminal.entry.record == AutoRouteSkipped(reason="chatter")


async def test_after_a_crash_of_the_journal_the_next_life_writes_what_was_accepted_in_order(bench: Bench) -> None:
    bench.journal.fail_next(RuntimeError("planned"))
    await bench.log.put(accepted(note("a")))
    await bench.log.put(accepted(note("b")))
    with pytest.raises(RuntimeError, match="planned"):
        await bench.follow_for(1)
    assert bench.told == []

    await bench.log.resume()
    await bench.follow_for(1)

    assert bench.told == [note("a"), note("b")]


@pytest.mark.parametrize("ended", [False, True])
async def test_more_than_the_queue_holds_is_written_after_a_crash_whole_and_in_order(bench: Bench, ended: bool) -> None:
    bench.journal.fail_next(RuntimeError("planned"))
    notes = [note(str(number)) for number in range(1100)]
    for one in notes:
        await bench.log.put(accepted(one))
    with pytest.raises(RuntimeError, match="planned"):
        await bench.follow_for(1)

    if ended:  # While it waits for room, as by the timeout of a start.
        with anyio.CancelScope() as scope:
            scope.cancel()
            await bench.log.resume()
        assert bench.told != notes
    await bench.log.resume()
    await bench.follow_for(1)

    assert bench.told == notes
    assert not bench.log.accepted


async def test_a_dead_device_is_told_and_no_life_goes_on_from_it(bench: Bench) -> None:
    bench.journal.dead = True
    await bench.log.put(accepted(note("a")))
    with pytest.raises(LogDeviceDead):
        await bench.follow_for(1)

    assert bench.disk == [DiskState.HALTED]
    with pytest.raises(LogDeviceDead):
        await bench.log.resume()
