"""A listener's way through the log: gapless and without duplicates, wherever the index stands."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.admin.feed import Feed, FellBehind, Fresh, Wanted
from levibotd.admin.follow import PAGE_LINES, Follower
from levibotd.admin.lines import seq_of
from levibotd.domain.records import Entry, LogShed, SystemNote
from levibotd.domain.signal import Symbol, TraceId
from levibotd.errors import Unavailable
from levibotd.journal import Preparer, decode
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.virtual_time import EPOCH, VirtualTimeLoop
from levibotd.messages import Decision
from levibotd.ports.event_index import EventQuery
from levibotd.ports.journal_file import Run, Stamped
from levibotd.sim.memory_journal import MemoryJournal

SYMBOLS = (None, "BTCUSDT", "ETHUSDT")


class LateIndex:
    """An index that is as far as the test lets it."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.indexed_seq = 0
        self.fails = False
        self.ahead = 0  # Rows that are there already although it does not say so yet.

    def feed(self, runs: Sequence[Run]) -> None:
        raise AssertionError("the test says how far it is")

    def find(self, query: EventQuery) -> list[bytes]:
        if self.fails:
            raise Unavailable("made anew")
        known = self._journal.lines[: self.indexed_seq + self.ahead]
        return [line for line in known if _fits(line, query)][: query.limit]

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        raise AssertionError("listeners do not wait for the index")

    def decision(self, trace: TraceId) -> Decision | None:
        return None

    async def settled(self) -> None:
        raise AssertionError("listeners do not wait for the index")


def _fits(line: bytes, query: EventQuery) -> bool:
    logged = decode(line)
    return (
        logged.seq > (query.beyond or 0)
        and (not query.types or logged.event_type in query.types)
        and (query.symbol is None or logged.entry.symbol == query.symbol)
        and (query.trace_id is None or logged.entry.trace == query.trace_id)
    )


class Bench:
    def __init__(self, *, lines_max: int = 8) -> None:
        self.journal = MemoryJournal()
        self.index = LateIndex(self.journal)
        self.feed = Feed(lines_max=lines_max)
        self._prepare = Preparer().prepare

    def commit(self, count: int = 1, *, symbol: str | None = None, trace: int | None = None) -> None:
        entries = [
            Entry(
                SystemNote(note=f"{number}") if number % 3 else LogShed(n=number),
                None if trace is None else TraceId(f"{trace:016x}"),
                None if symbol is None else Symbol(symbol),
            )
            for number in range(count)
        ]
        stamped = Stamped(tuple(map(self._prepare, entries)), 100.0, 1.0)
        self.feed.publish(list(self.journal.commit([stamped])))

    def follow(self, seq: int, wanted: Wanted | None = None) -> Follower:
        return Follower(
            feed=self.feed, index=self.index, clock=LoopClock(), wanted=wanted or Wanted(), seq=seq
        )

    def expected(self, seq: int, wanted: Wanted) -> list[bytes]:
        return [line for line in self.journal.lines if seq_of(line) > seq and wanted.fits(decode(line))]


async def read(follower: Follower, count: int) -> list[int]:
    seqs: list[int] = []
    while len(seqs) < count:
        seqs += [one.seq for one in await asyncio.wait_for(follower.next(), 10)]
    return seqs


async def test_it_begins_with_the_log_and_goes_on_live() -> None:
    bench = Bench(lines_max=4)
    bench.commit(3 * PAGE_LINES)
    bench.index.indexed_seq = len(bench.journal.lines) - 2
    follower = bench.follow(5)

    end = len(bench.journal.lines)
    assert await read(follower, end - 5) == list(range(6, end + 1))
    bench.commit(2)
    assert await read(follower, 2) == [end + 1, end + 2]


async def test_it_waits_for_an_index_that_is_behind_instead_of_leaving_something_out() -> None:
    bench = Bench(lines_max=2)
    bench.commit(10)
    follower = bench.follow(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(follower.next(), 60)

    bench.index.indexed_seq = len(bench.journal.lines)
    assert await read(follower, 11) == list(range(1, 12))


async def test_rows_that_are_there_before_the_index_says_so_come_once() -> None:
    bench = Bench(lines_max=2)
    bench.commit(10)
    bench.index.indexed_seq, bench.index.ahead = 3, 4
    follower = bench.follow(0)
    assert await read(follower, 7) == list(range(1, 8))

    bench.index.indexed_seq, bench.index.ahead = 11, 0
    assert await read(follower, 4) == [8, 9, 10, 11]


async def test_who_loses_touch_with_the_newest_is_told_so_once_he_was_there() -> None:
    bench = Bench(lines_max=4)
    bench.commit(2)
    follower = bench.follow(0)
    assert await read(follower, 3) == [1, 2, 3]

    bench.index.indexed_seq = 3
    bench.commit(5)
    bench.index.indexed_seq = 8
    with pytest.raises(FellBehind):
        await follower.next()
    assert follower.seq == 3
    assert await read(bench.follow(follower.seq), 5) == [4, 5, 6, 7, 8]


async def test_what_comes_is_relayed_until_the_listener_has_enough() -> None:
    bench, got = Bench(lines_max=200), list[int]()
    bench.commit(1)
    follower = bench.follow(1)
    await follower.next()

    def write(found: Sequence[Fresh]) -> bool:
        got.extend(one.seq for one in found)
        return len(got) < 100

    relaying = asyncio.ensure_future(follower.relay(write))  # noqa: TID251 - the test's own
    await asyncio.sleep(0)
    for count in (1, 2, 70):
        bench.commit(count)
        assert not got or got[-1] < bench.feed.last_seq  # Nobody is told in the turn of the commit.
        await asyncio.sleep(0.01)
        assert got == list(range(3, bench.feed.last_seq + 1))
    bench.commit(40)
    await relaying
    assert (len(got), follower.seq) == (113, bench.feed.last_seq)


async def test_who_falls_behind_while_nobody_looks_is_told_so() -> None:
    bench = Bench(lines_max=4)
    bench.commit(1)
    follower = bench.follow(2)
    relaying = asyncio.ensure_future(follower.relay(lambda found: True))  # noqa: TID251 - the test's own
    await asyncio.sleep(0)
    bench.commit(5)
    with pytest.raises(FellBehind):
        await relaying
    assert follower.seq == 2


async def test_a_listener_that_is_gone_ends_the_relay() -> None:
    bench = Bench()
    bench.commit(1)

    def write(found: Sequence[Fresh]) -> bool:
        raise ConnectionResetError("gone")

    relaying = asyncio.ensure_future(bench.follow(2).relay(write))  # noqa: TID251 - the test's own
    await asyncio.sleep(0)
    bench.commit(1)
    with pytest.raises(ConnectionError):
        await relaying
    bench.commit(1)
    await asyncio.sleep(0.01)


async def test_an_index_that_is_made_anew_is_told() -> None:
    bench = Bench(lines_max=1)
    bench.commit(5)
    bench.index.fails = True
    with pytest.raises(Unavailable):
        await bench.follow(0).next()


async def test_what_nobody_wants_is_passed_over_and_not_looked_at_again() -> None:
    bench = Bench(lines_max=4)
    bench.commit(10)
    bench.index.indexed_seq = len(bench.journal.lines)
    follower = bench.follow(0, Wanted(type="BOOT"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(follower.next(), 1)
    assert follower.seq == len(bench.journal.lines)


# What happens, in any order: records are committed, the index moves on, the listener reads, he leaves and comes back.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 12), st.sampled_from(SYMBOLS), st.sampled_from([None, 1, 2])),
        st.tuples(st.just("index"), st.integers(0, 30), st.integers(0, 6)),
        st.tuples(st.just("read"), st.floats(0, 0.2)),
        st.tuples(st.just("leave")),
    ),
    max_size=40,
)
WANTED = st.builds(
    Wanted,
    type=st.sampled_from([None, "SYSTEM", "LOG_SHED", "BOOT"]),
    symbol=st.sampled_from(SYMBOLS),
    trace_id=st.sampled_from([None, TraceId(f"{1:016x}")]),
)


@given(steps=STEPS, wanted=WANTED, lines_max=st.integers(1, 20), since=st.integers(0, 10), relayed=st.booleans())
def test_whatever_the_interleaving_each_wanted_record_comes_once_and_in_order(
    steps: list[Any], wanted: Wanted, lines_max: int, since: int, relayed: bool
) -> None:
    loop = VirtualTimeLoop(EPOCH)
    try:
        got, expected = loop.run_until_complete(_play(steps, wanted, lines_max=lines_max, since=since, relayed=relayed))
    finally:
        loop.close()
    assert got == expected


# What the listener got, and what he should have got.
async def _play(
    steps: list[Any], wanted: Wanted, *, lines_max: int, since: int, relayed: bool
) -> tuple[list[bytes], list[bytes]]:
    bench, got = Bench(lines_max=lines_max), list[bytes]()

    def write(found: Sequence[Fresh]) -> bool:
        got.extend(one.line for one in found)
        return len(got) % 3 > 0

    bench.commit(since + 1)
    bench.index.indexed_seq = len(bench.journal.lines)
    since = min(since, bench.feed.last_seq)
    follower = bench.follow(since, wanted)
    for kind, *details in (*steps, ("index", 1000, 0), *[("read", 5.0)] * 3):
        match kind:
            case "commit":
                count, symbol, trace = details
                bench.commit(count, symbol=symbol, trace=trace)
            case "index":
                more, ahead = details
                end = len(bench.journal.lines)
                bench.index.indexed_seq = min(bench.index.indexed_seq + more, end)
                bench.index.ahead = min(ahead, end - bench.index.indexed_seq)
            case "leave":
                follower = bench.follow(follower.seq, wanted)
            case "read":
                try:
                    async with asyncio.timeout(details[0]):
                        while True:
                            got += [one.line for one in await follower.next()]
                            if relayed and follower.is_live:
                                await follower.relay(write)
                except FellBehind:
                    follower = bench.follow(follower.seq, wanted)  # As he is told to.
                except TimeoutError:
                    pass
    return got, bench.expected(since, wanted)
