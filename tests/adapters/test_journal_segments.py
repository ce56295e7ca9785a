"""Names of segments, and which of the files there make up the log."""

import pytest

from levibotd.adapters.journal_segments import fresh_name, is_segment, layout_of, lines, segment_name
from levibotd.domain.records import Entry, FileOpen
from levibotd.errors import ConfigError
from levibotd.journal import SCHEMA, Chain, Preparer
from levibotd.sim.faulty_files import FaultyFiles

HOUR = 20_000 * 24 + 12
DAY = "2024-10-04"


def put(
    files: FaultyFiles, name: str, *, seq: int = 0, previous: str | None = None, schema: int = SCHEMA, key: bytes = b""
) -> None:
    opened = FileOpen(schema=schema, keyed=bool(key), previous=previous, previous_seq=seq)
    chain = Chain(boot="b", seq=seq, key=key)
    files.create(name).write(chain.line(Preparer().prepare(Entry(opened)), ts=0, mono=0))


@pytest.mark.parametrize(
    ("hour", "number", "name"),
    [
        (HOUR, 0, "2024-10-04/events-12.jsonl"),
        (HOUR, 3, "2024-10-04/events-12.3.jsonl"),
        (HOUR + 12, 0, "2024-10-05/events-00.jsonl"),
        (0, 0, "1970-01-01/events-00.jsonl"),
    ],
)
def test_a_segment_is_named_by_its_utc_hour(hour: int, number: int, name: str) -> None:
    assert segment_name(hour, number) == name
    assert is_segment(name)


@pytest.mark.parametrize(
    "name",
    [".lock", "events-12.jsonl", f"{DAY}/events-12.jsonl.torn", f"{DAY}/events-1.jsonl", f"{DAY}/x/events-12.jsonl"],
)
def test_other_files_are_none(name: str) -> None:
    assert not is_segment(name)


def test_a_name_is_used_once() -> None:
    files = FaultyFiles()
    for number in ("", ".1", ".10"):
        put(files, f"{DAY}/events-12{number}.jsonl")
    assert fresh_name(files, HOUR) == f"{DAY}/events-12.11.jsonl"
    assert fresh_name(files, HOUR + 1) == f"{DAY}/events-13.jsonl"
    files.create(f"{DAY}/events-13.4.jsonl.torn")
    assert fresh_name(files, HOUR + 1) == f"{DAY}/events-13.5.jsonl"


def test_order_is_seq_and_not_the_name() -> None:
    files = FaultyFiles()
    put(files, f"{DAY}/events-15.jsonl")
    put(files, f"{DAY}/events-12.jsonl", seq=5, previous=f"{DAY}/events-15.jsonl")
    put(files, f"{DAY}/events-13.jsonl", seq=9, previous=f"{DAY}/events-12.jsonl")
    assert [segment.name[-10:-6] for segment in layout_of(files).chain] == ["s-15", "s-12", "s-13"]


def test_a_segment_that_nobody_continues_is_left_out() -> None:
    files = FaultyFiles()
    put(files, f"{DAY}/events-12.jsonl")
    put(files, f"{DAY}/events-12.1.jsonl", seq=5, previous=f"{DAY}/events-12.jsonl")
    put(files, f"{DAY}/events-12.2.jsonl", seq=5, previous=f"{DAY}/events-12.jsonl")
    names = [segment.name for segment in layout_of(files).chain]
    assert names == [f"{DAY}/events-12.jsonl", f"{DAY}/events-12.2.jsonl"]


def test_a_file_without_one_readable_record_is_void() -> None:
    files = FaultyFiles()
    put(files, f"{DAY}/events-12.jsonl")
    files.create(f"{DAY}/events-13.jsonl").write(b'{"seq":2,"ts"')
    files.create(f"{DAY}/events-14.jsonl")
    layout = layout_of(files)
    assert [segment.name for segment in layout.chain] == [f"{DAY}/events-12.jsonl"]
    assert layout.void == (f"{DAY}/events-13.jsonl", f"{DAY}/events-14.jsonl")


@pytest.mark.fault("F9")
def test_a_newer_schema_is_refused_and_named() -> None:
    files = FaultyFiles()
    put(files, f"{DAY}/events-12.jsonl", schema=SCHEMA + 1)
    with pytest.raises(ConfigError, match=rf"events-12\.jsonl: written in schema {SCHEMA + 1}"):
        layout_of(files)


@pytest.mark.parametrize("key", [b"", b"k" * 16])
def test_a_bent_head_is_not_believed(key: bytes) -> None:
    files = FaultyFiles()
    name = f"{DAY}/events-12.jsonl"
    put(files, name, key=key)
    files.overwrite(name, files.read(name).replace(b'"schema":1', b'"schema":9'))
    (segment,) = layout_of(files, key=key).chain
    assert segment.opened is None


@pytest.mark.parametrize("block", [1, 3, 7, 1 << 20])
def test_lines_come_whole_however_they_are_read(block: int) -> None:
    files = FaultyFiles()
    files.create("f").write(b"one\ntwo\n\nhalf")
    assert list(lines(files, "f", block=block)) == [(0, b"one\n"), (4, b"two\n"), (8, b"\n"), (9, b"half")]
    assert list(lines(files, "f", offset=4, block=block)) == [(4, b"two\n"), (8, b"\n"), (9, b"half")]
