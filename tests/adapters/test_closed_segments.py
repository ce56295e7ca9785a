"""Closed segments on disk: which there are, and compressed copies that are whole or not there."""

from hashlib import md5, sha256
from pathlib import Path
from random import Random

import pytest
import zstandard

from levibotd.adapters.closed_segments import LocalSegments, Unpacked, reader
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer
from levibotd.ports.closed_segments import BadCopy, Measured, Packed
from levibotd.ports.journal_file import Stamped
from levibotd.sim.faulty_files import FaultyFiles

HOUR = 3600.0
BIG = 3 * (1 << 20) + 17


def write(files: FaultyFiles, name: str, data: bytes) -> None:
    file = files.create(name)
    file.write(data)
    file.sync()
    files.sync_directories(name)


def a_log(hours: int, *, files: FaultyFiles | None = None) -> FaultyFiles:
    files = files or FaultyFiles()
    journal = LocalJournal(files, boot="b", reserve_bytes=1024)
    journal.recover()
    for hour in range(hours):
        record = Preparer().prepare(Entry(SystemNote(note=f"hour {hour}")))
        list(journal.commit([Stamped((record,), hour * HOUR, 1.0)]))
    return files


def all_steps(segments: LocalSegments, path: str) -> Packed:
    packing = segments.pack(path)
    while (packed := packing.step()) is None:
        pass
    return packed


def test_the_listing_tells_what_is_closed_and_where_it_ends() -> None:
    files = a_log(3)
    listing = LocalSegments(files, spool=FaultyFiles()).listing()

    assert [one.path for one in listing.closed] == [f"1970-01-01/events-0{hour}.jsonl" for hour in range(2)]
    assert listing.open == ("1970-01-01/events-02.jsonl",)
    assert [(one.first_seq, one.last_seq) for one in listing.closed] == [(1, 3), (4, 6)]
    assert all(one.size == files.size(one.path) for one in listing.closed)
    assert files.read(listing.closed[0].path).endswith(f'"h":"{listing.closed[0].last_hash}"}}\n'.encode())


class Pruned(FaultyFiles):
    """Files of which the oldest goes whenever somebody asks how large it is, as long as there are `keep` more."""

    keep = 2

    def size(self, name: str) -> int:
        segments = [one for one in self.names() if one.endswith(".jsonl")]
        if name == segments[0] and len(segments) > self.keep:
            self.remove(name)
        return super().size(name)


def test_what_is_pruned_while_it_is_listed_is_gone() -> None:
    files = a_log(5, files=Pruned())
    listing = LocalSegments(files, spool=FaultyFiles()).listing()

    assert [one.path for one in listing.closed] == ["1970-01-01/events-03.jsonl"]


def test_what_is_gone_at_every_look_is_told() -> None:
    files = a_log(3)
    files.size = lambda name: files.read(name + "x")  # type: ignore[method-assign, assignment, return-value]

    with pytest.raises(FileNotFoundError):
        LocalSegments(files, spool=FaultyFiles()).listing()


def test_a_damaged_head_leaves_nobody_to_say_where_the_segment_before_it_ends() -> None:
    files = a_log(3)
    files.flip("1970-01-01/events-01.jsonl", offset=80)
    closed = LocalSegments(files, spool=FaultyFiles()).listing().closed

    assert [one.last_seq for one in closed] == [None, None]


def test_a_copy_holds_what_was_copied_and_has_the_digests_it_is_said_to_have() -> None:
    data = Random(1).randbytes(1000) * (BIG // 1000)
    files, spool = FaultyFiles(), FaultyFiles()
    write(files, "day/a.jsonl", data)
    segments = LocalSegments(files, spool=spool)

    packed = all_steps(segments, "day/a.jsonl")

    copy = spool.read("day/a.jsonl.zst")
    assert zstandard.ZstdDecompressor().decompressobj().decompress(copy) == data
    assert packed.plain == Measured(size=len(data), sha256=sha256(data).hexdigest())
    assert (packed.size, packed.sha256) == (len(copy), sha256(copy).hexdigest())
    assert packed.md5 == md5(copy, usedforsecurity=False).hexdigest()
    content = segments.packed("day/a.jsonl")
    assert content is not None
    assert (content.size, content.sha256, content.md5) == (packed.size, packed.sha256, packed.md5)
    with content.open() as stream:
        assert stream.read() == copy
    segments.drop_packed("day/a.jsonl")
    assert segments.packed("day/a.jsonl") is None


def test_a_copy_that_was_not_finished_is_not_there_and_the_next_one_replaces_it() -> None:
    files, spool = FaultyFiles(), FaultyFiles()
    write(files, "day/a.jsonl", Random(1).randbytes(BIG))
    segments = LocalSegments(files, spool=spool)
    packing = segments.pack("day/a.jsonl")
    assert packing.step() is None
    assert segments.packed("day/a.jsonl") is None
    spool = spool.after_kill()

    again = LocalSegments(files, spool=spool)
    packed = all_steps(again, "day/a.jsonl")
    assert spool.names() == ["day/a.jsonl.zst"]
    assert again.packed("day/a.jsonl") is not None
    assert packed.plain.size == BIG


def test_a_copy_that_has_its_name_survives_a_power_cut_whole() -> None:
    files, spool = FaultyFiles(), FaultyFiles()
    write(files, "day/a.jsonl", Random(1).randbytes(BIG))
    packed = all_steps(LocalSegments(files, spool=spool), "day/a.jsonl")

    for seed in range(8):
        after = LocalSegments(files, spool=spool.after_power_loss(Random(seed))).packed("day/a.jsonl")
        assert after is not None
        assert after.sha256 == packed.sha256


def test_a_segment_is_measured_in_steps() -> None:
    files = FaultyFiles()
    write(files, "day/a.jsonl", bytes(BIG))
    measuring = LocalSegments(files, spool=FaultyFiles()).measure("day/a.jsonl")
    steps = [measuring.step() for _ in range(5)]

    assert steps[:4] == [None] * 4
    assert steps[4] == Measured(size=BIG, sha256=sha256(bytes(BIG)).hexdigest())


def test_the_same_segment_always_gives_the_same_copy() -> None:
    files = FaultyFiles()
    write(files, "a.jsonl", bytes(BIG))
    packed = {all_steps(LocalSegments(files, spool=FaultyFiles()), "a.jsonl").sha256 for _ in range(2)}

    assert len(packed) == 1


def copy_of(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def test_a_good_copy_unpacks() -> None:
    copy = copy_of(b"x" * 100_000)
    unpacked = Unpacked(limit_bytes=100_000)
    for begin in range(0, len(copy), 7):
        unpacked.feed(copy[begin : begin + 7])

    assert unpacked.finish() == Measured(size=100_000, sha256=sha256(b"x" * 100_000).hexdigest())
    assert unpacked.packed == Measured(size=len(copy), sha256=sha256(copy).hexdigest())


@pytest.mark.parametrize(
    "copy",
    [copy_of(b"abc" * 1000)[:-3], b"no frame at all", b"", copy_of(b"a") + b"more", copy_of(b"a") + copy_of(b"b")],
)
def test_a_bad_copy_is_refused(copy: bytes) -> None:
    with pytest.raises(BadCopy):
        unpack(copy)


def unpack(copy: bytes) -> Measured:
    unpacked = Unpacked(limit_bytes=1 << 20)
    unpacked.feed(copy)
    return unpacked.finish()


def test_a_small_copy_of_something_huge_is_noticed_before_it_is_there() -> None:
    bomb = copy_of(bytes(200 << 20))
    unpacked = Unpacked(limit_bytes=1 << 20)

    with pytest.raises(BadCopy, match="more than"):
        unpacked.feed(bomb)


def test_a_file_can_be_read_as_a_stream_and_rewound() -> None:
    files = FaultyFiles()
    write(files, "a", b"0123456789")
    with reader(files, "a") as stream:
        assert stream.read(3) == b"012"
        stream.seek(-2, 2)
        assert (stream.tell(), stream.read()) == (8, b"89")
        stream.seek(0)
        assert stream.read() == b"0123456789"


@pytest.mark.fault("G17")
def test_copies_are_not_written_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    state = tmp_path / "state"
    state.mkdir()
    (state / "archive").symlink_to(elsewhere)
    files = FaultyFiles()
    write(files, "day/a.jsonl", b"x")

    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        all_steps(LocalSegments(files, spool=OsFiles(state), below="archive"), "day/a.jsonl")
    assert list(elsewhere.iterdir()) == []
