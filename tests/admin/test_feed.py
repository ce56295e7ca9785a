"""The ring of the newest records."""

import asyncio

import pytest

from levibotd.admin.feed import TURN_LINES, Feed, FellBehind, Wanted, event_of, frame_of
from levibotd.domain.records import Entry, Logged, SystemNote
from levibotd.domain.signal import Symbol, TraceId
from levibotd.ports.journal_file import Run

ALL = Wanted()


def run_of(*seqs: int, symbol: str | None = None, size: int = 20) -> Run:
    logged = [
        Logged(
            seq=seq, ts=100.0, event_type="SYSTEM",
            entry=Entry(SystemNote(note="n"), TraceId(f"{seq % 2:016x}"), None if symbol is None else Symbol(symbol)),
        )
        for seq in seqs
    ]  # fmt: skip
    lines = [(b'{"seq":%d,' % seq).ljust(size, b"x") + b"}\n" for seq in seqs]
    return Run("day/segment", 0, lines, logged, 0, "h")


def seqs(feed: Feed, seq: int, *, wanted: Wanted = ALL) -> list[int]:
    return [one.seq for one in feed.after(seq, wanted=wanted)[0]]


def test_it_holds_the_newest_lines_and_no_more() -> None:
    feed = Feed(last_seq=10, lines_max=3)
    assert (feed.first_seq, seqs(feed, 10)) == (11, [])

    feed.publish([run_of(11, 12), run_of(13, 14, 15)])

    assert len(feed) == 3
    assert (feed.first_seq, feed.last_seq) == (13, 15)
    assert seqs(feed, 12) == [13, 14, 15]
    assert seqs(feed, 14) == [15]


def test_it_holds_no_more_bytes_than_it_may_and_always_the_newest_line() -> None:
    feed = Feed(bytes_max=100)
    feed.publish([run_of(1, 2, 3, size=38)])
    assert seqs(feed, 1) == [2, 3]

    feed.publish([run_of(4, size=1000)])
    assert seqs(feed, 3) == [4]
    assert len(feed) == 1


def test_who_is_behind_the_ring_is_told_so() -> None:
    feed = Feed(lines_max=2)
    feed.publish([run_of(1, 2, 3, 4)])

    assert seqs(feed, 2) == [3, 4]
    with pytest.raises(FellBehind, match="record 2 "):
        feed.after(1, wanted=ALL)


def test_a_hole_empties_the_ring() -> None:
    feed = Feed()
    feed.publish([run_of(1, 2), run_of(5, 6)])
    assert feed.first_seq == 5
    with pytest.raises(FellBehind):
        feed.after(2, wanted=ALL)


def test_a_turn_is_short_and_says_how_far_it_came() -> None:
    feed = Feed()
    feed.publish([run_of(*range(1, TURN_LINES + 10))])
    assert feed.after(0, wanted=ALL)[1] == TURN_LINES
    assert feed.after(0, wanted=Wanted(type="BOOT")) == ([], TURN_LINES)

    feed.publish([run_of(*range(TURN_LINES + 10, TURN_LINES + 20), size=40_000)])
    assert feed.after(TURN_LINES + 9, wanted=ALL)[1] == TURN_LINES + 11


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(type="SYSTEM"), [1, 2, 3]),
        (Wanted(type="BOOT"), []),
        (Wanted(symbol="BTCUSDT"), [2, 3]),
        (Wanted(trace_id=TraceId(f"{1:016x}")), [1, 3]),
        (Wanted(symbol="BTCUSDT", trace_id=TraceId(f"{1:016x}")), [3]),
    ],
)
def test_only_what_is_wanted(wanted: Wanted, expected: list[int]) -> None:
    feed = Feed()
    feed.publish([run_of(1), run_of(2, 3, symbol="BTCUSDT")])
    assert seqs(feed, 0, wanted=wanted) == expected


async def test_news_come_at_once_and_those_who_left_are_forgotten() -> None:
    feed = Feed(last_seq=4)
    await asyncio.wait_for(feed.news(3), 1)
    for _ in range(10):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.news(4), 1)
    waiting = asyncio.gather(feed.news(4), feed.news(5))
    await asyncio.sleep(1)
    feed.publish([run_of(5)])
    await asyncio.sleep(1)
    assert not waiting.done()
    feed.publish([run_of(6)])
    await waiting
    assert not vars(feed)["_waiting"]


def test_a_line_is_made_ready_once_for_all() -> None:
    feed = Feed()
    feed.publish([run_of(1)])
    (first,), _ = feed.after(0, wanted=ALL)
    (again,), _ = feed.after(0, wanted=ALL)
    assert first.frame is again.frame
    assert first.event is again.event


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\0\0\0\0\0\1\0\0"),
    ],
)
def test_a_frame_says_how_long_it_is(size: int, head: bytes) -> None:
    assert frame_of(b"x" * size + b"\n") == head + b"x" * size


def test_an_event_has_its_number_and_ends() -> None:
    assert event_of(7, b'{"seq":7}\n') == b'id: 7\ndata: {"seq":7}\n\n'
