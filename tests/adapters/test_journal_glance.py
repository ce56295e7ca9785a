"""Whatever is bent before a snapshot is found, wherever it stands; what is whole is not suspected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.journal_glance import Glance
from levibotd.adapters.journal_reader import Walk
from levibotd.adapters.local_journal import LocalJournal
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Damage, Position, Stamped
from levibotd.sim.faulty_files import FaultyFiles

HOUR_S = 3600.0
ALL = 1 << 30


def write(
    files: FaultyFiles, boot: str, *, records: int, sealed: bool, key: bytes = b"", ts: float = HOUR_S
) -> Position:
    journal = LocalJournal(files, boot=boot, key=key, reserve_bytes=16)
    journal.recover()
    for number in range(records):
        prepared = Preparer().prepare(Entry(SystemNote(note=f"{boot} {number}")))
        list(journal.commit([Stamped((prepared,), ts + 400.0 * number, float(number))]))
    position = journal.position
    if sealed:
        journal.seal(ts=ts + 400.0 * records, mono=1.0)
        position = journal.position
    journal.close()
    return position


def log(key: bytes = b"") -> tuple[FaultyFiles, Position]:
    """Segments by the hour, one left open by a crash, one open still; the position is in its middle."""
    files = FaultyFiles()
    write(files, "a", records=12, sealed=True, key=key)
    write(files, "b", records=5, sealed=False, key=key, ts=3 * HOUR_S)
    position = write(files, "c", records=4, sealed=False, key=key, ts=6 * HOUR_S)
    return files, position


def segments(files: FaultyFiles) -> list[str]:
    return [name for name in files.names() if name.endswith(".jsonl")]


def found(files: FaultyFiles, until: Position, *, key: bytes = b"", step: int = ALL) -> Damage | None:
    glance = Glance(files, until=until, key=key)
    damage = None
    while damage is None and not glance.is_over:
        damage = glance.look(max_bytes=step)
    return damage


def walked(files: FaultyFiles, key: bytes = b"") -> Damage | None:
    return next((step.damage for step in Walk(files, key=key, seals=True) if step.damage is not None), None)


@pytest.mark.parametrize("key", [b"", b"secret"])
@pytest.mark.parametrize("step", [1, ALL])
def test_a_log_as_it_was_written_is_not_suspected(key: bytes, step: int) -> None:
    files, position = log(key)
    assert len(segments(files)) >= 4
    assert found(files, position, key=key, step=step) is None
    assert found(files, Position()) is None


@pytest.mark.fault("D2")
@given(st.data())
def test_any_flipped_bit_before_the_snapshot_is_found_and_named_as_the_walk_names_it(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([b"", b"secret"]))
    files, position = log(key)
    name = data.draw(st.sampled_from(segments(files)))
    whole = files.read(name)
    # The last line feed of all: without it the line is a torn tail, on which no snapshot stands.
    last = position.offset - 1 if name == position.segment else len(whole)
    place, bit = data.draw(st.integers(0, last - 1)), data.draw(st.integers(0, 7))
    files.replace(name, whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])

    damage = found(files, position, key=key, step=data.draw(st.sampled_from([1, ALL])))

    assert damage is not None
    assert damage == walked(files, key)


@pytest.mark.fault("D2", "D6")
@given(st.data())
def test_any_line_dropped_or_doubled_before_the_snapshot_is_found_as_the_walk_finds_it(data: st.DataObject) -> None:
    files, position = log()
    name = data.draw(st.sampled_from([name for name in segments(files) if name != position.segment]))
    lines = files.read(name).splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place : place + 1] = data.draw(st.sampled_from([[], [lines[place]] * 2]))
    files.replace(name, b"".join(lines))

    # What stands behind the last acknowledged record of a crashed segment is no part of the log, for both.
    assert found(files, position) == walked(files)


def test_a_missing_segment_is_found() -> None:
    files, position = log()
    files.remove(segments(files)[1])
    assert found(files, position) is not None
