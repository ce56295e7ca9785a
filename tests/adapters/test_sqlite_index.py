"""The event index finds what the log holds, and comes back whenever it is lost."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.sqlite_index import SqliteIndex
from levibotd.domain.records import AutoRouteSkipped, Entry, Record, SignalScored, SystemNote
from levibotd.domain.signal import Symbol, TraceId
from levibotd.errors import Unavailable
from levibotd.journal import Preparer, decode
from levibotd.ports.event_index import EventQuery
from levibotd.ports.journal_file import Run, Stamped
from levibotd.sim.faulty_files import FaultyFiles

NOON = 20_000 * 86_400.0 + 43_200
TRACE = TraceId("00000000000000aa")
_preparer = Preparer()


class Bench:
    """A log of notes, and an index beside it."""

    def __init__(self, path: Path, files: FaultyFiles | None = None) -> None:
        self.path = path / "state" / "index.sqlite"
        self.files = files or FaultyFiles()
        self.journal = LocalJournal(self.files, boot="b0", reserve_bytes=10)
        self.journal.recover()
        self.rebuilds: list[str] = []
        self.index = self.new_index()

    def new_index(self) -> SqliteIndex:
        return SqliteIndex(self.path, self.files, on_rebuild=self.rebuilds.append)

    def write(
        self, *records: Record, at: float = NOON, trace: TraceId | None = None, symbol: Symbol | None = None
    ) -> list[Run]:
        prepared = tuple(_preparer.prepare(Entry(record, trace, symbol)) for record in records)
        return list(self.journal.commit([Stamped(prepared, at, 0.0)]))

    def fill(self, count: int) -> None:
        for number in range(count):
            trace = TraceId(f"{number % 10:016x}")
            self.index.feed(self.write(SystemNote(note=str(number)), at=NOON + number * 600, trace=trace))


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[SqliteIndex]:
    bench.index.start()
    await bench.index.settled()
    try:
        yield bench.index
    finally:
        await bench.index.stop()


def notes(lines: Sequence[bytes]) -> list[str]:
    records = [decode(line).entry.record for line in lines]
    return [record.note for record in records if isinstance(record, SystemNote)]


def found(index: SqliteIndex, query: EventQuery) -> list[str]:
    return notes(index.find(query))


async def test_a_trace_is_found_in_the_order_of_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(50)
        await index.settled()

        query = EventQuery(trace_id=TraceId(f"{3:016x}"))
        assert found(index, query) == ["3", "13", "23", "33", "43"]


async def test_every_condition_counts(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        index.feed(bench.write(SystemNote(note="0"), trace=TRACE, symbol=Symbol("BTCUSDT")))
        index.feed(bench.write(SystemNote(note="1"), symbol=Symbol("BTCUSDT"), at=NOON + 1))
        index.feed(bench.write(AutoRouteSkipped(reason="r"), trace=TRACE, symbol=Symbol("ETHUSDT"), at=NOON + 2))
        index.feed(bench.write(SystemNote(note="3"), trace=TRACE, symbol=Symbol("BTCUSDT"), at=NOON + 3))
        await index.settled()

        assert found(index, EventQuery(symbol="BTCUSDT")) == ["0", "1", "3"]
        assert found(index, EventQuery(symbol="BTCUSDT", trace_id=TRACE)) == ["0", "3"]
        assert found(index, EventQuery(symbol="BTCUSDT", trace_id=TRACE, since=NOON + 2)) == ["3"]
        assert found(index, EventQuery(types=("AUTO_ROUTE_SKIPPED",))) == []
        assert len(index.find(EventQuery(types=("AUTO_ROUTE_SKIPPED",)))) == 1
        assert index.find(EventQuery(types=("UNHEARD_OF",))) == []
        assert len(index.find(EventQuery())) == 5  # FILE_OPEN among them.


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_follow_each_other_without_gap_or_repetition(tmp_path: Path, newest_first: bool) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(25)
        await index.settled()
        asked = EventQuery(types=("SYSTEM",), newest_first=newest_first, limit=10)
        pages = [index.find(asked)]
        for _ in range(3):
            pages.append(index.find(replace(asked, beyond=decode(pages[-1][-1]).seq)))

        written = [str(number) for number in range(25)]
        assert [note for page in pages for note in notes(page)] == (written[::-1] if newest_first else written)
        assert [len(page) for page in pages] == [10, 10, 5, 0]


async def test_of_several_types_any_will_do_and_they_come_mixed_as_they_were_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        for number in range(4):
            index.feed(bench.write(SystemNote(note=str(number)), trace=TRACE))
            index.feed(bench.write(AutoRouteSkipped(reason=str(number)), trace=TRACE))
        await index.settled()

        asked = EventQuery(types=("AUTO_ROUTE_SKIPPED", "UNHEARD_OF", "SYSTEM"), limit=5)
        assert [decode(line).seq for line in index.find(asked)] == [2, 3, 4, 5, 6]  # FILE_OPEN is none of them.
        assert [decode(line).seq for line in index.find(replace(asked, beyond=6))] == [7, 8, 9]
        newest = replace(asked, trace_id=TRACE, newest_first=True)
        assert [decode(line).seq for line in index.find(newest)] == [9, 8, 7, 6, 5]
        assert [decode(line).seq for line in index.find(replace(newest, beyond=5))] == [4, 3, 2]


async def test_nothing_lies_before_the_beginning_or_behind_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(3)
        await index.settled()

        assert index.find(EventQuery(beyond=1, newest_first=True)) == []
        assert index.find(EventQuery(beyond=0, newest_first=True)) == []
        assert index.find(EventQuery(beyond=bench.journal.position.seq)) == []
        assert len(index.find(EventQuery(beyond=0))) == 4


async def test_whoever_waits_for_lines_finds_what_was_fed_just_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(3)

        assert found(index, EventQuery(types=("SYSTEM",))) == []  # Not yet.
        assert notes(await index.lines(EventQuery(types=("SYSTEM",)))) == ["0", "1", "2"]


async def test_it_says_how_far_it_has_come(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.index.indexed_seq == 0
    async with running(bench) as index:
        bench.fill(10)
        assert index.indexed_seq == 0
        await index.settled()
        assert index.indexed_seq == bench.journal.position.seq
        assert len(index.find(EventQuery(beyond=0, limit=100))) == index.indexed_seq


async def test_since_finds_everything_also_when_the_clock_went_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        for note, hours in (("a", 0), ("b", 5), ("c", 1), ("d", 6), ("e", 2)):
            index.feed(bench.write(SystemNote(note=note), at=NOON + hours * 3600))
        await index.settled()

        assert found(index, EventQuery(since=NOON + 2 * 3600, types=("SYSTEM",))) == ["b", "d", "e"]
        assert found(index, EventQuery(since=NOON + 99 * 3600)) == []


async def test_what_a_crash_left_out_is_caught_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench):
        bench.fill(20)
    for number in range(20, 30):
        bench.write(SystemNote(note=str(number)), at=NOON + number * 600)
    bench.index = bench.new_index()
    async with running(bench) as index:
        assert found(index, EventQuery(types=("SYSTEM",))) == [str(number) for number in range(30)]
        assert bench.rebuilds == []


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
async def test_a_deleted_or_broken_file_comes_back(tmp_path: Path, content: bytes | None) -> None:
    bench = Bench(tmp_path)
    async with running(bench):
        bench.fill(20)
    for suffix in ("", "-wal", "-shm"):
        bench.path.with_name(bench.path.name + suffix).unlink(missing_ok=True)
    if content is not None:
        bench.path.write_bytes(content)
    bench.index = bench.new_index()
    async with running(bench) as index:
        assert found(index, EventQuery(types=("SYSTEM",))) == [str(number) for number in range(20)]


async def test_a_file_that_breaks_while_it_is_used_comes_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(300)
        await index.settled()
        assert len(found(index, EventQuery(types=("SYSTEM",), limit=1000))) == 300
        for suffix in ("", "-wal"):
            path = bench.path.with_name(bench.path.name + suffix)
            path.write_bytes(b"\xff" * path.stat().st_size)
        bench.fill(1)
        bench.index.start()
        await index.settled()
        for _ in range(3):
            try:
                left = found(index, EventQuery(types=("SYSTEM",), limit=1000))
                break
            except Unavailable:
                await index.settled()
        assert len(left) == 301


async def test_a_row_that_stands_nowhere_is_no_hole_but_found_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(20)
        await index.settled()
        with closing(sqlite3.connect(bench.path)) as connection, connection:
            connection.execute("UPDATE events SET segment = 999 WHERE seq = 7")

        with pytest.raises(Unavailable, match="seq 7"):
            index.find(EventQuery(types=("SYSTEM",)))
        assert notes(await index.lines(EventQuery(types=("SYSTEM",)))) == [str(number) for number in range(20)]


async def test_an_index_of_another_log_is_made_anew(tmp_path: Path) -> None:
    other = Bench(tmp_path)
    async with running(other):
        other.fill(20)
    bench = Bench(tmp_path)
    bench.write(SystemNote(note="mine"))
    async with running(bench) as index:
        assert found(index, EventQuery(types=("SYSTEM",))) == ["mine"]
        assert len(bench.rebuilds) == 1


async def test_an_index_of_a_newer_version_is_made_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench):
        bench.fill(5)
    with sqlite3.connect(bench.path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    bench.index = bench.new_index()
    async with running(bench) as index:
        assert found(index, EventQuery(types=("SYSTEM",))) == ["0", "1", "2", "3", "4"]


async def test_runs_that_were_never_fed_are_read_from_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(5)
        bench.write(SystemNote(note="missed"))
        index.feed(bench.write(SystemNote(note="fed")))
        await index.settled()

        assert found(index, EventQuery(types=("SYSTEM",))) == ["0", "1", "2", "3", "4", "missed", "fed"]


async def test_a_decision_is_found_with_its_scores(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    scored = SignalScored(
        channel="@c", kind="chatter", label="NO-TRADE", probs={"NO-TRADE": 1.0}, p_call=1.0, stale=False, legs=(),
        reasons=(), revision=0, last_price={}, markets_as_of=None, model_sha="m", trained_until=None,
    )  # fmt: skip
    async with running(bench) as index:
        index.feed(bench.write(scored, trace=TRACE))
        await index.settled()
        assert index.decision(TRACE) is None
        index.feed(bench.write(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE))
        await index.settled()

        decision = index.decision(TRACE)
        assert decision is not None
        assert decision.terminal.entry.record == AutoRouteSkipped(reason="kind.chatter")
        assert decision.scored is not None
        assert decision.scored.entry.record == scored


@pytest.mark.fault("D2")
async def test_a_bent_decision_is_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        index.feed(bench.write(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE))
        await index.settled()
        name = next(name for name in bench.files.names() if name.endswith(".jsonl"))
        bench.files.overwrite(name, bench.files.read(name).replace(b'"reason"', b'"reasox"'))

        assert index.decision(TRACE) is None


async def test_before_it_is_open_it_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(Unavailable):
        bench.index.find(EventQuery())


async def test_until_the_log_is_read_it_says_so_instead_of_finding_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.fill(5)
    await bench.index.stop()
    bench.index = bench.new_index()
    bench.index.start()
    with pytest.raises(Unavailable):
        bench.index.decision(TRACE)
    await bench.index.settled()
    assert bench.index.decision(TRACE) is None
    await bench.index.stop()


@pytest.mark.real_time
async def test_in_a_thread_of_its_own_it_keeps_up_while_it_is_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        for _ in range(20):
            bench.fill(50)
            assert len(index.find(EventQuery(limit=1000))) <= 1001
        await index.settled()
        newest = index.find(EventQuery(newest_first=True, limit=1))
        assert decode(newest[0]).seq == bench.journal.position.seq


async def test_hours_are_those_of_the_log_also_when_the_index_is_made_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(20)  # Six an hour, from noon on.
        counted = await index.hours(since=NOON + 3600, until=NOON + 3 * 3600)
        everything = await index.hours(since=0, until=NOON * 2)
    bench.path.unlink()
    bench.index = bench.new_index()
    async with running(bench) as index:
        again = await index.hours(since=0, until=NOON * 2)

    assert [(one.at, one.event_type, one.count) for one in counted if one.event_type == "SYSTEM"] == [
        (NOON + 3600, "SYSTEM", 6),
        (NOON + 7200, "SYSTEM", 6),
    ]
    assert sum(one.count for one in everything) == 20 + 7  # With four FILE_OPEN and three FILE_SEAL.
    assert again == everything


async def test_hours_that_are_pruned_are_forgotten(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(20)
        await index.settled()
        await index.forget(8)  # The first segment: six notes between its first and last line.
        left = await index.hours(since=0, until=NOON * 2)

    assert left[0].at == NOON + 3600


async def test_records_whose_segments_go_are_forgotten_and_the_rest_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench) as index:
        bench.fill(20)  # Six an hour; FILE_OPEN and FILE_SEAL of each segment stand between.
        await index.settled()
        first, second, *_ = sorted(bench.files.names())[2:]
        ends = [bench.files.read(name).splitlines()[-1] for name in (first, second)]
        last_seq = decode(ends[0] + b"\n").seq

        await index.forget(last_seq)
        bench.files.remove(first)

        found = await index.lines(EventQuery(limit=100))
        assert decode(found[0]).seq == last_seq + 1
        assert bench.rebuilds == []
        bench.fill(1)
        assert (await index.lines(EventQuery(limit=100)))[-1] != found[-1]
    again = bench.new_index()
    again.start()
    assert decode((await again.lines(EventQuery(limit=1)))[0]).seq == last_seq + 1
    await again.stop()
    assert bench.rebuilds == []


@pytest.mark.fault("G17")
async def test_a_link_in_its_place_is_removed_and_never_followed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"not ours")
    bench.path.parent.mkdir(parents=True)
    bench.path.symlink_to(foreign)
    async with running(bench) as index:
        bench.fill(3)
        assert len(await index.lines(EventQuery(limit=100))) == 4

    assert foreign.read_bytes() == b"not ours"
    assert not bench.path.is_symlink()
