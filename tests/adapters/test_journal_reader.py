"""Reading a log quickly: by trace, by type, and while it grows."""

from levibotd.adapters.journal_reader import Follower, scan
from levibotd.adapters.local_journal import LocalJournal
from levibotd.domain.records import Entry, Error, Record, SystemNote
from levibotd.domain.signal import TraceId
from levibotd.journal import Preparer, decode
from levibotd.ports.journal_file import Stamped
from levibotd.sim.faulty_files import FaultyFiles

NOON = 20_000 * 86_400.0 + 43_200
TRACE = TraceId("00000000000000aa")
_preparer = Preparer()


def started(files: FaultyFiles) -> LocalJournal:
    journal = LocalJournal(files, boot="b0", reserve_bytes=10)
    journal.recover()
    return journal


def write(journal: LocalJournal, record: Record, *, hour: int = 0, trace: TraceId | None = None) -> None:
    list(journal.commit([Stamped((_preparer.prepare(Entry(record, trace)),), NOON + hour * 3600, 0.0)]))


def notes(lines: list[bytes]) -> list[str]:
    records = [decode(line).entry.record for line in lines]
    return [record.note for record in records if isinstance(record, SystemNote)]


def test_a_scan_finds_a_trace_in_the_order_of_the_log() -> None:
    files = FaultyFiles()
    journal = started(files)
    for number in range(6):
        write(journal, SystemNote(note=str(number)), hour=(number * 5) % 7, trace=TRACE if number % 2 else None)
    write(journal, SystemNote(note=f"only names {TRACE}"))

    assert notes(list(scan(files, trace_id=TRACE))) == ["1", "3", "5"]
    assert notes(list(scan(files))) == ["0", "1", "2", "3", "4", "5", f"only names {TRACE}"]


def test_a_scan_finds_a_type_and_a_text() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, SystemNote(note="ERROR"))
    write(journal, Error(code="X", detail="d"), trace=TRACE)

    assert [decode(line).event_type for line in scan(files, event_type="ERROR")] == ["ERROR"]
    assert len(list(scan(files, text='"code":"X"'))) == 1


def test_a_scan_passes_over_what_was_never_acknowledged() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, SystemNote(note="a"))
    files.fail_next("sync")
    write(journal, SystemNote(note="b"))

    assert notes(list(scan(files))) == ["a", "b"]


def test_a_follower_begins_with_the_last_and_then_tells_what_is_new() -> None:
    files = FaultyFiles()
    journal = started(files)
    for number in range(20):
        write(journal, SystemNote(note=str(number)), hour=number // 8)
    follower = Follower(files, last=3)

    assert notes(follower.poll()) == ["17", "18", "19"]
    assert follower.poll() == []
    write(journal, SystemNote(note="20"), hour=2)
    write(journal, SystemNote(note="21"), hour=3)
    write(journal, SystemNote(note="22"), hour=1)  # The clock went back.
    assert notes(follower.poll()) == ["20", "21", "22"]
    assert follower.poll() == []


def test_a_follower_waits_for_the_rest_of_a_line() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, SystemNote(note="0"))
    follower = Follower(files, last=1)
    assert notes(follower.poll()) == ["0"]
    write(journal, SystemNote(note="1"))
    name = "2024-10-04/events-12.jsonl"
    whole = files.read(name)

    files.overwrite(name, whole[:-30])
    assert follower.poll() == []
    files.overwrite(name, whole)
    assert notes(follower.poll()) == ["1"]


def test_a_follower_of_one_type_looks_back_for_the_last_of_it() -> None:
    files = FaultyFiles()
    journal = started(files)
    write(journal, Error(code="X", detail="d"))
    for number in range(20):
        write(journal, SystemNote(note=str(number)), hour=number // 8)

    follower = Follower(files, event_type="ERROR", last=2)
    assert [decode(line).event_type for line in follower.poll()] == ["ERROR"]


def test_a_follower_of_an_empty_log_waits_for_its_first_record() -> None:
    files = FaultyFiles()
    follower = Follower(files)
    assert follower.poll() == []
    write(started(files), SystemNote(note="0"))
    assert notes(follower.poll()) == ["0"]
