"""A report reads whole and checked records only, and says where the log is not as it was written."""

from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.adapters.journal_reader import Walk
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.report_sources import DayFiles, Sources, days_in, last_day, sources_of
from levibotd.errors import ConfigError
from levibotd.journal import parse
from levibotd.ports.reports import LogDamaged, NoLog
from tests.adapters.day_logs import AFTER, BEFORE, DAY, notes, write

HOURS = (0.1, 0.5, 1.1, 1.2, 2.5, 23.9)


def log(directory: Path) -> Path:
    """Three days, an hour a segment, all sealed."""
    for day in (BEFORE, DAY, AFTER):
        write(directory, notes(HOURS, day=day), boot=day)
    return directory


def asked(directory: Path, scratch: Path, *, days: tuple[str, ...] = (DAY,), key: bytes = b"") -> Sources:
    scratch.mkdir(exist_ok=True)
    return sources_of(directory, days, scratch=scratch, key=key)


def seqs(sources: Sources) -> list[int]:
    found: list[int] = []
    for path in sources.paths:
        raw = path.read_bytes()
        if path.suffix == ".zst":
            raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        assert raw.endswith(b"\n")
        found += [parse(line).seq for line in raw.splitlines(keepends=True)]
    return found


def pack(path: Path, *, keep: bool = False, cut: int = 0) -> None:
    packed = zstandard.ZstdCompressor().compress(path.read_bytes())
    path.with_name(f"{path.name}.zst").write_bytes(packed[: len(packed) - cut])
    if not keep:
        path.unlink()


def walked(directory: Path) -> int | None:
    walk = Walk(OsFiles(directory), seals=True)
    return next((step.damage.seq for step in walk if step.damage is not None), None)


def test_sealed_segments_are_read_where_they_lie(tmp_path: Path) -> None:
    sources = asked(log(tmp_path / "log"), tmp_path / "scratch")

    assert [path.parent.name for path in sources.paths] == [DAY] * 4
    assert seqs(sources) == list(range(15, 29))
    assert (sources.through_seq, sources.is_ended, dict(sources.records)) == (28, True, {DAY: 14})
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_open_segment_is_read_up_to_its_last_whole_record(tmp_path: Path) -> None:
    write(tmp_path / "log", notes(HOURS), seal=False)
    last = max((tmp_path / "log" / DAY).iterdir())
    with last.open("ab") as file:
        file.write(b'{"seq":99,"ts":177')

    sources = asked(tmp_path / "log", tmp_path / "scratch")

    assert seqs(sources) == list(range(1, 14))
    assert (sources.through_seq, sources.is_ended) == (13, False)
    assert sources.paths[-1].parent == tmp_path / "scratch"


def test_what_was_never_acknowledged_before_a_crash_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "log", notes((0.1, 0.2)), seal=False)
    (crashed,) = (tmp_path / "log" / DAY).iterdir()
    write(tmp_path / "log", notes((0.3, 0.4)), boot="b")
    write(tmp_path / "longer", notes((0.1, 0.2, 0.25)), seal=False)
    (longer,) = (tmp_path / "longer" / DAY).iterdir()
    assert longer.read_bytes().startswith(crashed.read_bytes())
    crashed.write_bytes(longer.read_bytes())

    sources = asked(tmp_path / "log", tmp_path / "scratch")

    assert seqs(sources) == list(range(1, 8))
    assert sources.is_ended


@pytest.mark.parametrize("keep", [True, False])
def test_an_archived_segment_reads_as_if_it_had_never_been_packed(tmp_path: Path, keep: bool) -> None:
    directory = log(tmp_path / "log")
    for path in sorted((directory / DAY).iterdir())[1:3]:
        pack(path, keep=keep)

    sources = asked(directory, tmp_path / "scratch")

    assert seqs(sources) == list(range(15, 29))
    assert [path.suffix for path in sources.paths] == [".jsonl", *([".jsonl"] * 2 if keep else [".zst"] * 2), ".jsonl"]
    assert last_day(directory) == AFTER


@pytest.mark.fault("D2")
def test_a_packed_segment_that_was_cut_short_is_damage(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    pack(sorted((directory / DAY).iterdir())[1], cut=9)

    with pytest.raises(LogDamaged, match=f"in {DAY}/events-01.jsonl"):
        asked(directory, tmp_path / "scratch")


@pytest.mark.fault("D2")
@settings(max_examples=120)
@given(data=st.data())
def test_any_bent_bit_is_found_with_the_seq_that_the_walk_names(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("bent")
    directory = log(tmp_path / "log")
    path = data.draw(st.sampled_from(sorted((directory / DAY).iterdir())))
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)

    with pytest.raises(LogDamaged) as raised:
        asked(directory, tmp_path / "scratch")

    assert f"at seq {walked(directory)} in" in str(raised.value)


@pytest.mark.fault("D2")
@pytest.mark.parametrize("key", [b"", b"secret"])
def test_a_bent_record_of_the_open_segment_is_damage_too(tmp_path: Path, key: bytes) -> None:
    write(tmp_path / "log", notes((0.1, 0.2, 0.3, 0.4)), seal=False, key=key)
    (path,) = (tmp_path / "log" / DAY).iterdir()
    path.write_bytes(path.read_bytes().replace(b'"note":"0.2 x', b'"note":"0.2 y'))

    with pytest.raises(LogDamaged, match="at seq 3 in"):
        asked(tmp_path / "log", tmp_path / "scratch", key=key)


@pytest.mark.fault("D2")
def test_a_seal_that_was_touched_is_damage(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    path = sorted((directory / DAY).iterdir())[1]
    *lines, seal = path.read_bytes().splitlines(keepends=True)
    assert b'"mono":1' in seal
    path.write_bytes(b"".join(lines) + seal.replace(b'"mono":1', b'"mono":2'))

    with pytest.raises(LogDamaged, match=f"at seq 22 in {DAY}/events-01.jsonl"):
        asked(directory, tmp_path / "scratch")


@pytest.mark.fault("D2")
def test_a_segment_of_another_log_does_not_pass_for_ours(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    for day in (BEFORE, DAY):
        write(tmp_path / "other", notes(HOURS, day=day), boot="other")
    name = f"{DAY}/events-01.jsonl"
    (directory / name).write_bytes((tmp_path / "other" / name).read_bytes())

    with pytest.raises(LogDamaged, match=f"at seq 19 in {name}"):
        asked(directory, tmp_path / "scratch")


def test_a_segment_that_is_missing_within_the_day_is_named_by_its_first_seq(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    sorted((directory / DAY).iterdir())[1].unlink()

    with pytest.raises(LogDamaged, match="at seq 19 in"):
        asked(directory, tmp_path / "scratch")


def test_a_day_that_is_missing_in_a_week_is_no_damage(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    for path in (directory / DAY).iterdir():
        path.unlink()

    sources = asked(directory, tmp_path / "scratch", days=(BEFORE, DAY, AFTER))

    assert dict(sources.records) == {BEFORE: 14, AFTER: 14}
    assert days_in(directory) == [BEFORE, AFTER]


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-02-28", "the log begins on 2026-03-01"),
        ("2026-03-04", "the log ends on 2026-03-03"),
        (DAY, "nothing was written on 2026-03-02"),
    ],
)
def test_a_day_without_log_says_why(tmp_path: Path, day: str, says: str) -> None:
    directory = log(tmp_path / "log")
    for path in (directory / DAY).iterdir():
        path.unlink()

    with pytest.raises(NoLog, match=says):
        asked(directory, tmp_path / "scratch", days=(day,))


def test_a_pruned_day_is_not_said_to_have_been_empty(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    for path in (directory / BEFORE).iterdir():
        path.unlink()

    with pytest.raises(NoLog, match=f"pruned or moved away.*archive restore --day {BEFORE}"):
        asked(directory, tmp_path / "scratch", days=(BEFORE,))


def test_a_keyed_log_needs_its_key(tmp_path: Path) -> None:
    write(tmp_path / "log", notes(HOURS), key=b"secret")

    assert asked(tmp_path / "log", tmp_path / "scratch", key=b"secret").is_ended
    with pytest.raises(ConfigError, match="log_key"):
        asked(tmp_path / "log", tmp_path / "scratch")


def test_a_clock_that_went_back_over_midnight_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path / "log", [*notes((0.1,)), *notes((23.9,), day=BEFORE), *notes((0.2,))])

    assert seqs(asked(tmp_path / "log", tmp_path / "scratch")) == [1, 2, 3, 7, 8, 9]


def test_nothing_outside_the_days_is_looked_at(tmp_path: Path) -> None:
    directory = log(tmp_path / "log")
    next((directory / AFTER).iterdir()).write_bytes(b"junk")
    (directory / "2026-03-09x").mkdir()
    (directory / "notes").mkdir()

    assert DayFiles(directory, (DAY,)).names() == [f"{DAY}/events-{hour}.jsonl" for hour in ("00", "01", "02", "23")]
    assert asked(directory, tmp_path / "scratch").is_ended
    assert days_in(directory) == [BEFORE, DAY, AFTER]
