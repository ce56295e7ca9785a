"""A replay's log is the log that a daemon would have written, each segment made whole; what fails ends it."""

import resource
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.journal_check import verify
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.replay_journal import ReplayJournal
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Journal, LockHeld, LogDeviceDead, Run, Stamped
from levibotd.sim.faulty_files import FaultyFiles

HOUR = 3600.0
NOON = 1_730_808_000.0


def stamped(note: str, ts: float) -> Stamped:
    return Stamped((Preparer().prepare(Entry(SystemNote(note=note))),), ts, ts)


def written(journal: Journal, batches: list[list[Stamped]]) -> list[Run]:
    runs = [run for batch in batches for run in journal.commit(batch)]
    ended = batches[-1][-1].ts if batches else NOON
    runs += journal.seal(ts=ended, mono=ended)
    journal.close()
    return runs


def files_of(root: Path) -> dict[str, bytes]:
    return {name: OsFiles(root).read(name) for name in OsFiles(root).names() if name != ".lock"}


_PAUSES = st.sampled_from([0.0, 0.001, 59.5, HOUR - 0.001, HOUR, 25 * HOUR])


@given(st.lists(st.lists(_PAUSES, min_size=1, max_size=4), max_size=12))
def test_byte_for_byte_it_is_the_log_that_the_local_journal_writes(pauses: list[list[float]]) -> None:
    ts, batches = NOON, []
    for some in pauses:
        batches.append([stamped("a\u2028", ts := ts + pause) for pause in some])
    disk = FaultyFiles()
    local = LocalJournal(disk, boot="replay", sync=False)
    local.recover()
    with TemporaryDirectory() as directory:
        root = Path(directory)
        journal = ReplayJournal(root, boot="replay")

        assert written(journal, batches) == written(local, batches)
        assert journal.position == local.position
        assert files_of(root) == {name: disk.read(name) for name in disk.names() if name != ".lock"}
        assert verify(OsFiles(root)).is_clean
        journal.finish()


def test_directories_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "out"
    written(ReplayJournal(root, boot="replay"), [[stamped("a", NOON)], [stamped("b", NOON + 24 * HOUR)]])

    modes = {path.relative_to(root).as_posix(): path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
    assert modes == {
        ".": 0o700, ".lock": 0o600,
        "2024-11-05": 0o700, "2024-11-05/events-12.jsonl": 0o600,
        "2024-11-06": 0o700, "2024-11-06/events-12.jsonl": 0o600,
    }  # fmt: skip


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    journal = ReplayJournal(tmp_path, boot="first")
    with pytest.raises(LockHeld, match="first"):
        ReplayJournal(tmp_path, boot="second")
    journal.close()
    ReplayJournal(tmp_path, boot="third").close()


def test_a_segment_that_only_half_of_was_taken_is_heard_of(tmp_path: Path) -> None:
    journal = ReplayJournal(tmp_path, boot="replay")
    list(journal.commit([stamped("x" * 10_000, NOON)]))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # The system takes so much, and says so.
    try:
        with pytest.raises(LogDeviceDead, match="too large"):
            journal.seal(ts=NOON, mono=1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(OSError, match=r"too large: .*2024-11-05/events-12\.jsonl"):
        journal.finish()


def test_a_log_that_is_sealed_has_nothing_more_to_seal(tmp_path: Path) -> None:
    journal = ReplayJournal(tmp_path, boot="replay")
    list(journal.commit([stamped("a", NOON)]))
    assert len(journal.seal(ts=NOON, mono=1.0)) == 1

    assert journal.seal(ts=NOON, mono=1.0) == []
    journal.finish()
    assert verify(OsFiles(tmp_path)).is_clean


def test_what_cannot_be_written_ends_all_writing(tmp_path: Path) -> None:
    (tmp_path / "2024-11-05").write_text("in the way")
    journal = ReplayJournal(tmp_path, boot="replay")
    list(journal.commit([stamped("a", NOON)]))

    for later in (1, 1, 24):
        with pytest.raises(LogDeviceDead, match="2024-11-05"):
            list(journal.commit([stamped("b", NOON + later * HOUR)]))
    with pytest.raises(LogDeviceDead):
        journal.seal(ts=NOON, mono=1.0)
    with pytest.raises(FileExistsError):
        journal.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "2024-11-05"]


def test_no_segment_is_ever_written_over(tmp_path: Path) -> None:
    journal = ReplayJournal(tmp_path, boot="replay")
    for note in ("first", "second"):
        list(journal.commit([stamped(note, NOON)]))
        if note == "second":
            with pytest.raises(LogDeviceDead, match="exists"):
                journal.seal(ts=NOON, mono=1.0)
        else:
            journal.seal(ts=NOON, mono=1.0)

    (whole,) = files_of(tmp_path).values()
    assert b"first" in whole
    assert b"second" not in whole
