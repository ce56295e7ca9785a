"""What every journal promises, in memory and on a disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.replay_journal import ReplayJournal
from levibotd.domain.records import Entry, Logged, SystemNote
from levibotd.journal import ORIGIN_HASH, Preparer, decode
from levibotd.ports.journal_file import DiskState, Journal, Position, Run, Stamped
from levibotd.sim.faulty_files import FaultyFiles
from levibotd.sim.memory_journal import MemoryJournal

HOUR = 3600.0
Make = Callable[[Path], Journal]


def recovered(journal: LocalJournal) -> Journal:
    journal.recover()
    return journal


MAKERS: dict[str, Make] = {
    "memory": lambda _: MemoryJournal(),
    "local": lambda path: recovered(LocalJournal(OsFiles(path), boot="b0", reserve_bytes=1 << 16)),
    "local, not synced": lambda path: recovered(LocalJournal(OsFiles(path), boot="b0", sync=False)),
    "replay": lambda path: ReplayJournal(path, boot="b0"),
    "local, simulated disk": lambda _: recovered(LocalJournal(FaultyFiles(), boot="b0")),
}


@pytest.fixture(params=list(MAKERS))
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MAKERS[str(request.param)](tmp_path)


def stamped(*notes: str, ts: float = 10 * HOUR) -> Stamped:
    preparer = Preparer()
    return Stamped(tuple(preparer.prepare(Entry(SystemNote(note=note))) for note in notes), ts, 1.0)


def logged_of(runs: list[Run]) -> list[Logged]:
    return [logged for run in runs for logged in run.logged]


def asked_of(runs: list[Run]) -> list[str]:
    records = [logged.entry.record for run in runs for logged in run.logged[run.own :]]
    return [record.note for record in records if isinstance(record, SystemNote)]


def test_a_new_log_is_at_its_origin(journal: Journal) -> None:
    assert journal.position == Position(segment=None, offset=0, seq=0, hash=ORIGIN_HASH)
    assert journal.disk is DiskState.OK


def test_records_get_gapless_seqs_in_the_order_of_the_batch(journal: Journal) -> None:
    runs = [*journal.commit([stamped("a", "b"), stamped("c")]), *journal.commit([stamped("d")])]

    assert [logged.seq for logged in logged_of(runs)] == list(range(1, 6))
    assert asked_of(runs) == ["a", "b", "c", "d"]
    assert [run.own for run in runs] == [1, 0]


def test_the_position_is_the_end_of_what_is_committed(journal: Journal) -> None:
    (run,) = journal.commit([stamped("a", "b")])

    position = journal.position
    assert position.segment == run.segment
    assert position.seq == 3
    assert position.offset == run.offset + run.size
    assert len(run.lines) == len(run.logged) == 3


def test_a_run_holds_the_bytes_of_its_records(journal: Journal) -> None:
    (run,) = journal.commit([stamped("a", "b")])

    assert [decode(line) for line in run.lines] == run.logged


def test_runs_stand_one_behind_the_other(journal: Journal) -> None:
    (first,) = journal.commit([stamped("a")])
    (second,) = journal.commit([stamped("b")])

    assert (first.segment, first.offset) == (second.segment, 0)
    assert second.offset == first.size


def test_what_is_told_is_what_was_asked_for(journal: Journal) -> None:
    batch = stamped("a")
    (run,) = journal.commit([batch])

    told = run.logged[-1]
    assert (told.entry, told.ts, told.event_type) == (batch.records[0].entry, batch.ts, "SYSTEM")


def test_nothing_happens_until_the_runs_are_asked_for(journal: Journal) -> None:
    journal.commit([stamped("a")])
    assert journal.position.seq == 0


def test_a_journal_can_be_sealed_and_closed(journal: Journal) -> None:
    list(journal.commit([stamped("a")]))
    for run in journal.seal(ts=10 * HOUR, mono=2.0):
        assert [logged.event_type for logged in run.logged] == ["FILE_SEAL"]
        assert run.own == 1
    journal.close()
