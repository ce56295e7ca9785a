"""The journal in memory fails when it is told to. What it promises otherwise: the contract tests."""

import pytest

from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer, hash_of, parse
from levibotd.ports.journal_file import LogDeviceDead, Stamped
from levibotd.sim.memory_journal import MemoryJournal

NOTE = Stamped((Preparer().prepare(Entry(SystemNote(note="n"))),), 0.0, 0.0)


def test_its_lines_are_chained_like_on_a_disk() -> None:
    journal = MemoryJournal()
    list(journal.commit([NOTE, NOTE]))
    lines = [parse(line) for line in journal.lines]
    assert [line.prev for line in lines[1:]] == [line.h for line in lines[:-1]]
    assert all(hash_of(raw) == line.h for raw, line in zip(journal.lines, lines, strict=True))


def test_a_planned_failure_writes_nothing_and_comes_once() -> None:
    journal = MemoryJournal()
    journal.fail_next(RuntimeError("planned"))
    with pytest.raises(RuntimeError):
        list(journal.commit([NOTE]))
    assert journal.lines == []
    assert len(list(journal.commit([NOTE]))) == 1


def test_a_dead_one_stays_dead() -> None:
    journal = MemoryJournal()
    journal.dead = True
    for _ in range(2):
        with pytest.raises(LogDeviceDead):
            list(journal.commit([NOTE]))
