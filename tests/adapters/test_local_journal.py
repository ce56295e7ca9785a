"""The log on a disk: rotation, restarts, crashes at every byte, failing descriptors, full disks."""

import errno
from collections.abc import Iterable, Sequence
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.adapters.disk_watch import DiskLimits
from levibotd.adapters.journal_check import verify
from levibotd.adapters.journal_reader import scan
from levibotd.adapters.local_journal import LocalJournal
from levibotd.domain.records import Entry, FileOpen, Logged, Record, SystemNote
from levibotd.errors import ConfigError
from levibotd.journal import SCHEMA, Chain, Preparer, decode, parse
from levibotd.ports.journal_file import DiskState, LockHeld, LogDeviceDead, Position, Recovery, Run, Stamped
from levibotd.sim.faulty_files import FaultyFiles, Killed

HOUR = 3600.0
DAY = 24 * HOUR
NOON = 20_000 * DAY + 12 * HOUR  # 2024-10-04
RESERVE = 4096
_preparer = Preparer()


def stamped(*notes: str, ts: float = NOON) -> Stamped:
    return Stamped(tuple(_preparer.prepare(Entry(SystemNote(note=note))) for note in notes), ts, ts - NOON)


def started(files: FaultyFiles, *, boot: str = "b0", limits: DiskLimits | None = None) -> LocalJournal:
    journal = LocalJournal(
        files, boot=boot, reserve_bytes=RESERVE, limits=limits or DiskLimits(min_free_bytes=0, reduce_free_bytes=0)
    )
    journal.recover()
    return journal


def write(journal: LocalJournal, *notes: str, ts: float = NOON) -> list[Run]:
    return list(journal.commit([stamped(note, ts=ts) for note in notes]))


def notes_of(records: Iterable[Logged]) -> list[str]:
    return [logged.entry.record.note for logged in records if isinstance(logged.entry.record, SystemNote)]


def notes_in(files: FaultyFiles) -> list[str]:
    return notes_of(decode(line) for line in scan(files))


def recovery_of(files: FaultyFiles, *, since: Position | None = None) -> tuple[Recovery, list[Logged]]:
    seen: list[Logged] = []
    journal = LocalJournal(files, boot="again", reserve_bytes=RESERVE)
    recovery = journal.recover(seen.extend, since=since)
    journal.close()
    return recovery, seen


def segments(files: FaultyFiles) -> list[str]:
    return [name for name in files.names() if name.endswith(".jsonl")]


# --- Segments ---------------------------------------------------------------------------------


def test_a_segment_begins_with_file_open_and_ends_with_file_seal() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a", "b")
    journal.seal(ts=NOON + 1, mono=1.0)
    journal.close()

    assert segments(files) == ["2024-10-04/events-12.jsonl"]
    types = [decode(line).event_type for line in scan(files)]
    assert types == ["FILE_OPEN", "SYSTEM", "SYSTEM", "FILE_SEAL"]
    assert verify(files).is_clean


def test_what_a_segment_says_of_itself_holds_no_invisible_character() -> None:
    files = FaultyFiles()
    journal = LocalJournal(files, boot="b0", version="1.0\x7f\x85\u2028\u202e", reserve_bytes=RESERVE)
    journal.recover()
    write(journal, "a")
    journal.close()

    (opened, _) = scan(files)
    assert opened.isascii()
    assert b"\x7f" not in opened
    assert decode(opened).entry.record == FileOpen(schema=SCHEMA, keyed=False, version="1.0\x7f\x85\u2028\u202e")


def test_a_new_hour_is_a_new_segment_and_a_new_day_a_new_directory() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a")
    write(journal, "b", ts=NOON + HOUR)
    write(journal, "c", ts=NOON + 12 * HOUR)
    journal.close()

    assert segments(files) == [
        "2024-10-04/events-12.jsonl", "2024-10-04/events-13.jsonl", "2024-10-05/events-00.jsonl",
    ]  # fmt: skip
    assert notes_in(files) == ["a", "b", "c"]
    assert verify(files).is_clean


@pytest.mark.fault("D11")
def test_rotation_in_the_middle_of_a_batch_keeps_the_order() -> None:
    files = FaultyFiles()
    journal = started(files)
    batch = [stamped(str(number), ts=NOON + number * 600) for number in range(60)]
    runs = list(journal.commit(batch))
    journal.close()

    assert len(segments(files)) == 10
    seqs = [logged.seq for run in runs for logged in run.logged]
    assert seqs == list(range(1, len(seqs) + 1))
    assert notes_in(files) == [str(number) for number in range(60)]
    assert verify(files).is_clean


@pytest.mark.fault("D11")
def test_a_restart_within_the_hour_never_writes_to_an_old_segment() -> None:
    files = FaultyFiles()
    for number in range(3):
        journal = started(files, boot=f"b{number}")
        write(journal, str(number))
        if number == 1:
            journal.seal(ts=NOON, mono=0.0)
        before = {name: files.read(name) for name in segments(files)}
        journal.close()
    later = started(files)
    write(later, "3")
    later.close()

    assert {name: files.read(name) for name in before} == before
    assert segments(files) == [
        "2024-10-04/events-12.1.jsonl", "2024-10-04/events-12.2.jsonl", "2024-10-04/events-12.3.jsonl",
        "2024-10-04/events-12.jsonl",
    ]  # fmt: skip
    assert notes_in(files) == ["0", "1", "2", "3"]
    assert verify(files).is_clean


@pytest.mark.fault("D11")
def test_a_clock_that_goes_back_two_hours_makes_a_further_segment() -> None:
    files = FaultyFiles()
    journal = started(files)
    for note, ts in (("a", NOON), ("b", NOON + 2 * HOUR), ("c", NOON), ("d", NOON + HOUR), ("e", NOON - DAY)):
        write(journal, note, ts=ts)
    journal.close()
    again = started(files)
    write(again, "f", ts=NOON)
    again.close()

    assert notes_in(files) == ["a", "b", "c", "d", "e", "f"]
    assert "2024-10-04/events-12.1.jsonl" in segments(files)
    assert verify(files).is_clean
    recovery, seen = recovery_of(files)
    assert notes_of(seen) == ["a", "b", "c", "d", "e", "f"]
    assert recovery.damage is None


# --- Starting ---------------------------------------------------------------------------------


def test_a_second_writer_is_refused_and_told_who_holds_the_log() -> None:
    files = FaultyFiles()
    journal = started(files, boot="first")
    with pytest.raises(LockHeld, match="first"):
        started(files, boot="second")
    journal.close()
    started(files, boot="third").close()


def test_a_start_goes_on_from_a_position() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a", "b")
    position = journal.position
    write(journal, "c", ts=NOON + HOUR)
    journal.close()

    recovery, seen = recovery_of(files, since=position)
    assert notes_of(seen) == ["c"]
    assert recovery.records == len(seen) == 3  # FILE_SEAL and FILE_OPEN among them.
    assert recovery.damage is None


def test_a_position_of_another_log_is_not_accepted() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a", "b")
    mine = journal.position

    assert journal.accepts(mine)
    assert journal.accepts(Position())
    for other in (
        Position(segment=mine.segment, offset=mine.offset - 1, seq=mine.seq, hash=mine.hash),
        Position(segment=mine.segment, offset=mine.offset, seq=mine.seq, hash="1" * 32),
        Position(segment="2024-10-04/events-13.jsonl", offset=mine.offset, seq=mine.seq, hash=mine.hash),
        Position(segment="/etc/passwd", offset=500, seq=mine.seq, hash=mine.hash),
        Position(segment=mine.segment, offset=5, seq=0, hash=mine.hash),
    ):
        assert not journal.accepts(other)
    journal.close()
    with pytest.raises(ConfigError):
        recovery_of(files, since=Position(segment=mine.segment, offset=3, seq=1, hash=mine.hash))


@pytest.mark.fault("F9")
def test_a_newer_schema_is_refused_before_anything_is_read() -> None:
    files = FaultyFiles()
    chain = Chain(boot="future")
    opened = FileOpen(schema=SCHEMA + 1, keyed=False)
    files.create("2024-10-04/events-12.jsonl").write(chain.line(_preparer.prepare(Entry(opened)), ts=NOON, mono=0))

    seen: list[Logged] = []
    with pytest.raises(ConfigError, match=f"schema {SCHEMA + 1}"):
        LocalJournal(files, boot="b1").recover(seen.extend)
    assert seen == []
    assert segments(files) == ["2024-10-04/events-12.jsonl"]


def test_a_keyed_log_needs_its_key() -> None:
    files = FaultyFiles()
    journal = LocalJournal(files, boot="b0", key=b"k" * 32, reserve_bytes=RESERVE)
    journal.recover()
    write(journal, "a")
    journal.close()

    with pytest.raises(ConfigError, match="log_key"):
        recovery_of(files)
    with pytest.raises(ConfigError, match="log_key"):
        verify(files)
    assert verify(files, key=b"k" * 32).keyed_since == 1
    wrong = verify(files, key=b"x" * 32)
    assert wrong.damage is not None
    assert wrong.damage.seq == 1


# --- Crashes ----------------------------------------------------------------------------------


@pytest.mark.fault("D1")
def test_a_kill_at_any_byte_of_a_write_costs_only_what_was_not_acknowledged() -> None:
    whole = FaultyFiles()
    size = _write_until_killed(whole)[1]
    for cut in range(size + 1):
        files = FaultyFiles()
        files.kill_after_bytes = cut
        acknowledged, _ = _write_until_killed(files)
        files = files.after_kill()
        recovery, seen = recovery_of(files)

        assert recovery.damage is None
        notes = notes_of(seen)
        assert notes == [str(number) for number in range(len(notes))]
        assert len(notes) >= acknowledged
        journal = started(files, boot="after")
        write(journal, "after", ts=NOON + HOUR)
        journal.close()
        assert notes_in(files) == [*notes, "after"]
        report = verify(files)
        assert report.is_clean, (cut, report)
        assert report.last_seq == report.records


def _write_until_killed(files: FaultyFiles) -> tuple[int, int]:
    journal = started(files)
    acknowledged = 0
    with suppress(Killed):
        for number in range(3):
            write(journal, str(number), ts=NOON + number * HOUR // 2)
            acknowledged += 1
    return acknowledged, sum(files.size(name) for name in segments(files))


def test_the_torn_bytes_are_kept() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a")
    files.kill_after_bytes = 50
    with pytest.raises(Killed):
        write(journal, "b")
    files = files.after_kill()
    name = segments(files)[0]
    torn = files.read(name, offset=journal.position.offset)

    recovery, _ = recovery_of(files)
    assert recovery.torn_bytes == 50
    assert files.read(f"{name}.torn") == torn
    assert files.size(name) == journal.position.offset


@pytest.mark.fault("D5")
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(0, 900))
def test_a_power_loss_takes_nothing_that_was_acknowledged(seed: int, batches: list[int], unfinished: int) -> None:
    files = FaultyFiles()
    journal = started(files)
    acknowledged: list[str] = []
    for number, size in enumerate(batches):
        notes = [f"{number}.{index}" for index in range(size)]
        write(journal, *notes, ts=NOON + number * 1800)
        acknowledged += notes
    files.kill_after_bytes = unfinished
    with suppress(Killed, LogDeviceDead):
        files.fail_next("sync", times=5)
        write(journal, "unfinished", ts=NOON + len(batches) * 1800)

    after = files.after_power_loss(Random(seed))
    recovery, seen = recovery_of(after)
    assert notes_of(seen)[: len(acknowledged)] == acknowledged
    assert set(notes_of(seen)[len(acknowledged) :]) <= {"unfinished"}
    assert recovery.damage is None


def test_a_log_that_acknowledged_before_it_synced_would_be_caught() -> None:
    # The simulated disk itself: without fdatasync the same power loss does take records.
    files = FaultyFiles()
    journal = LocalJournal(files, boot="b0", sync=False)
    journal.recover()
    write(journal, "a")
    journal.seal(ts=NOON, mono=0)
    assert notes_in(files.after_kill()) == ["a"]
    lost = [notes_in(files.after_power_loss(Random(seed))) for seed in range(20)]
    assert [] in lost


# --- Devices ----------------------------------------------------------------------------------


@pytest.mark.fault("D3")
@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_descriptor_that_failed_once_is_never_used_again(call: str) -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a")
    files.fail_next(call, code=errno.EIO)
    runs = write(journal, "b", "c")
    write(journal, "d")
    journal.close()

    assert [logged.event_type for logged in runs[0].logged] == ["FILE_OPEN", "ERROR", "SYSTEM", "SYSTEM"]
    assert runs[0].own == 2
    assert segments(files) == ["2024-10-04/events-12.1.jsonl", "2024-10-04/events-12.jsonl"]
    for seed in range(20):
        after = files.after_power_loss(Random(seed))
        recovery, seen = recovery_of(after)
        assert notes_of(seen) == ["a", "b", "c", "d"]
        assert [logged.seq for logged in seen] == list(range(1, len(seen) + 1))
        assert recovery.damage is None
        assert verify(after).is_clean


@pytest.mark.fault("D3")
@pytest.mark.parametrize("call", ["write", "sync", "create", "sync_directories"])
def test_a_device_that_fails_twice_is_dead(call: str) -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a")
    files.fail_next("sync" if call != "write" else "write")
    files.fail_next(call)
    with pytest.raises(LogDeviceDead):
        write(journal, "b")
    journal.close()

    recovery, seen = recovery_of(files.after_kill())
    assert notes_of(seen)[:1] == ["a"]
    assert recovery.damage is None


@pytest.mark.fault("D3")
def test_a_failure_while_sealing_costs_the_seal_alone() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a")
    files.fail_next("sync")
    write(journal, "b", ts=NOON + HOUR)
    write(journal, "c", ts=NOON + HOUR)
    journal.close()

    assert notes_in(files) == ["a", "b", "c"]
    assert "FILE_SEAL" not in {decode(line).event_type for line in scan(files)}
    assert verify(files).is_clean


@pytest.mark.fault("D4")
def test_a_disk_that_fills_up_warns_twice_and_then_lives_on_its_reserve() -> None:
    files = FaultyFiles(capacity=60_000)
    journal = started(files, limits=DiskLimits(min_free_bytes=40_000, reduce_free_bytes=20_000))
    states: list[DiskState] = []
    written: list[str] = []
    with suppress(LogDeviceDead):
        for number in range(1000):
            write(journal, str(number), ts=NOON + number * 5.0 % HOUR)
            written.append(str(number))
            if journal.disk not in states:
                states.append(journal.disk)

    assert len(written) < 1000
    assert states == [DiskState.OK, DiskState.LOW, DiskState.REDUCING, DiskState.HALTED]
    assert notes_in(files) == written
    halted = [decode(line) for line in scan(files, event_type="ERROR")]
    assert len(halted) == 1
    room_of_the_reserve = [line for line in scan(files) if parse(line).seq > halted[0].seq]
    assert len(room_of_the_reserve) >= 10
    assert verify(files).damage is None


def test_hours_left_at_the_rate_of_the_last_day_count_too() -> None:
    files = FaultyFiles(capacity=10_000_000)
    limits = DiskLimits(min_free_bytes=0, reduce_free_bytes=0, min_free_h=24, reduce_free_h=2)
    journal = started(files, limits=limits)
    big = "x" * 300_000
    write(journal, big)
    assert journal.disk is DiskState.OK  # One hour that is not over is no rate.
    write(journal, big, ts=NOON + HOUR)
    write(journal, "look", ts=NOON + HOUR + 10)
    assert journal.disk is DiskState.OK  # About 31 hours.
    for hour in range(2, 12):
        write(journal, big, ts=NOON + hour * HOUR)
    assert journal.disk is DiskState.LOW
    journal.close()


# --- Unsynced ---------------------------------------------------------------------------------


def test_a_log_that_is_not_synced_has_the_same_bytes_each_time() -> None:
    logs = []
    for _ in range(2):
        files = FaultyFiles()
        journal = LocalJournal(files, boot="replay", sync=False)
        journal.recover()
        for number in range(500):
            write(journal, str(number), ts=NOON + number * 60)
        journal.seal(ts=NOON + 500 * 60, mono=1.0)
        journal.close()
        assert files.syncs == 0
        logs.append({name: files.read(name) for name in files.names()})

    assert logs[0] == logs[1]
    assert verify(files).is_clean


def test_a_log_that_is_not_synced_gathers_a_megabyte_and_no_more() -> None:
    files = FaultyFiles()
    journal = LocalJournal(files, boot="replay", sync=False)
    journal.recover()
    write(journal, "x" * 900_000)
    (segment,) = segments(files)
    assert files.size(segment) == 0
    write(journal, "y" * 200_000)
    assert files.size(segment) > 1_100_000
    write(journal, "z")
    journal.seal(ts=NOON, mono=1.0)
    assert verify(files).is_clean


def records(lines: Sequence[bytes]) -> list[Record]:
    return [decode(line).entry.record for line in lines]


def test_file_open_says_what_it_continues() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, "a")
    position = journal.position
    journal.close()
    journal = started(files, boot="b1")
    write(journal, "b")
    journal.close()

    (_, opened) = records(list(scan(files, event_type="FILE_OPEN")))
    assert opened == FileOpen(
        schema=SCHEMA, keyed=False, previous=position.segment, previous_seq=position.seq, previous_hash=position.hash
    )
