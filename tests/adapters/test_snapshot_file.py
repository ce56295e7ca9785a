"""A snapshot comes back exactly as it was saved, or not at all."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.snapshot_file import Snapshot, SnapshotFile
from levibotd.ports.journal_file import Position
from levibotd.sim.faulty_files import FaultyFiles

SNAPSHOT = Snapshot(
    position=Position(segment="2024-10-04/events-12.jsonl", offset=1234, seq=7, hash="ab" * 16), state=b'{"a":\n1}'
)


def saved(kind: str = "v1") -> FaultyFiles:
    files = FaultyFiles()
    SnapshotFile(files, kind=kind).save(SNAPSHOT)
    return files


def test_a_snapshot_comes_back() -> None:
    assert SnapshotFile(saved(), kind="v1").load() == SNAPSHOT


def test_without_one_there_is_none() -> None:
    assert SnapshotFile(FaultyFiles(), kind="v1").load() is None


def test_one_of_another_kind_is_not_loaded() -> None:
    assert SnapshotFile(saved("v1"), kind="v2").load() is None


def test_the_newest_stands() -> None:
    files = saved()
    newer = Snapshot(position=SNAPSHOT.position, state=b"newer")
    SnapshotFile(files, kind="v1").save(newer)
    assert SnapshotFile(files, kind="v1").load() == newer


@pytest.mark.fault("F9")
def test_one_cut_short_anywhere_is_as_if_it_were_not_there() -> None:
    files = saved()
    whole = files.read("snapshot")
    for size in range(len(whole)):
        files.overwrite("snapshot", whole[:size])
        assert SnapshotFile(files, kind="v1").load() is None


@given(st.data())
def test_one_with_a_bent_bit_is_never_loaded_as_something_else(data: st.DataObject) -> None:
    files = saved()
    offset = data.draw(st.integers(0, files.size("snapshot") - 1))
    files.flip("snapshot", offset=offset, bit=data.draw(st.integers(0, 7)))
    assert SnapshotFile(files, kind="v1").load() in (None, SNAPSHOT)


def test_a_failed_save_leaves_the_old_one() -> None:
    files = saved()
    files.fail_next("replace", code=errno.ENOSPC)
    with pytest.raises(OSError, match="planned"):
        SnapshotFile(files, kind="v1").save(Snapshot(position=Position(), state=b"new"))
    assert SnapshotFile(files, kind="v1").load() == SNAPSHOT
