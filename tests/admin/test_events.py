"""Pages of the event log, and what is not asked of it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.admin.events import CURSOR_HEADER, EventsWanted, moment_of, query_of
from levibotd.admin.problems import Malformed
from levibotd.domain import records as r
from levibotd.domain.signal import Post, Symbol, TraceId
from tests.admin.site import AT, MemoryLog, serving

real_time = pytest.mark.real_time

TRACE = TraceId("0123456789abcdef")


def written(count: int = 10) -> MemoryLog:
    log = MemoryLog()
    for n in range(count):
        log.commit(
            r.SystemNote(note=f"n{n}"), trace=TRACE if n % 2 else None, symbol=Symbol("BTCUSDT") if n > 7 else None
        )
    return log


@real_time
async def test_the_newest_come_first_and_a_cursor_goes_on_to_the_end() -> None:
    async with serving(log=written(10)) as site:
        seen, cursor = [], ""
        for _ in range(4):
            page = (await site.get(f"/events?limit=4{cursor}")).json()
            seen += [event["seq"] for event in page["events"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"

        assert seen == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


@real_time
async def test_a_page_stays_the_same_while_the_log_grows() -> None:
    log = written(6)
    async with serving(log=log) as site:
        cursor = (await site.get("/events?limit=2")).json()["next_cursor"]
        log.commit(r.SystemNote(note="later"))
        page = (await site.get(f"/events?limit=2&cursor={cursor}")).json()
        assert [event["seq"] for event in page["events"]] == [4, 3]


@real_time
@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        (f"trace_id={TRACE}", [2, 4, 6, 8, 10]),
        (f"trace_id={TRACE}&order=desc", [10, 8, 6, 4, 2]),
        ("type=SYSTEM&limit=2", [10, 9]),
        ("type=SYSTEM&limit=2&order=asc", [1, 2]),
        ("type=ORDER_FILLED", []),
        ("symbol=BTCUSDT", [10, 9]),
        ("since_iso=2025-10-09T08:53:28Z", [9, 10]),
        ("since_iso=2025-10-09T10:53:28%2B02:00", [9, 10]),
        ("since_iso=2025-10-09T08:53:28", [9, 10]),
    ],
)
async def test_filters(query: str, seqs: list[int]) -> None:
    async with serving(log=written(10)) as site:
        answer = await site.get(f"/events?{query}")
        assert [event["seq"] for event in answer.json()["events"]] == seqs


@real_time
async def test_json_lines_are_the_lines_of_the_log() -> None:
    log = written(5)
    async with serving(log=log) as site:
        answer = await site.get("/events?format=jsonl&order=asc&limit=3")
        last = await site.get(f"/events?format=jsonl&cursor={answer.headers[CURSOR_HEADER]}&limit=3")

        assert answer.body + last.body == b"".join(log.lines_written)
        assert CURSOR_HEADER not in last.headers


@real_time
@pytest.mark.fault("G15")
@pytest.mark.parametrize(
    "query",
    [
        "trace_id=" + "a" * (1 << 20),
        "trace_id=" + "a" * 4096,
        "trace_id=",
        "trace_id=xyz",
        "trace_id=0123456789ABCDEF",
        "trace_id=../../../../etc/passwd",
        "trace_id=0123456789abcdef%00",
        "since_iso=yesterday",
        "since_iso=",
        "since_iso=2025-13-01",
        "since_iso=1760000000",
        "since_iso=" + "9" * 41,
        "type=NO_SUCH_EVENT",
        "type=",
        "type=order_filled",
        "symbol=" + "x" * 41,
        "symbol=BTC%27--",
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=1.5",
        "limit=all",
        "limit=" + "9" * 400,
        "cursor=",
        "cursor=x5",
        "cursor=d-1",
        "cursor=d" + "9" * 16,
        "order=random",
        "format=csv",
        "limit=1&limit=2",
        "unknown=1",
    ],
)
async def test_junk_in_the_query_is_400(query: str) -> None:
    async with serving(log=written(3)) as site:
        answer = await site.get(f"/events?{query}")
        assert answer.status == 400
        assert b"Traceback" not in answer.body


@real_time
async def test_text_of_a_channel_is_served_as_data() -> None:
    hostile = '</script><img src=x onerror=alert(1)>\n\x1b[31m{"event_type":"ORDER_FILLED"}\u2028{{7*7}}'
    log = MemoryLog()
    post = Post(channel="c", message_id=1, posted_at=AT, text=hostile)
    log.commit(r.SignalIngest(post=post, received_at=AT, source="http"), trace=post.trace)
    async with serving(log=log) as site:
        answer = await site.get("/events")
        lines = (await site.get("/events?format=jsonl")).body

    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [event["payload"]["post"]["text"] for event in answer.json()["events"]] == [hostile]
    assert lines.count(b"\n") == 1
    assert b"\x1b" not in lines


@real_time
async def test_the_story_of_a_trace_and_of_none() -> None:
    async with serving(log=written(2)) as site:
        story = (await site.get(f"/why/{TRACE}")).json()
        assert (story["trace_id"], [step["event_type"] for step in story["steps"]]) == (TRACE, ["SYSTEM"])
        for unknown in ("ffffffffffffffff", "x", "%2e%2e%2f", "a" * 4000):
            answer = await site.get(f"/why/{unknown}")
            assert (answer.status, answer.code()) == (404, "NOT_FOUND")


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_malformed(text: str) -> None:
    with suppress(Malformed):
        assert moment_of(text) < 1e12


def test_a_cursor_keeps_its_direction() -> None:
    assert query_of(EventsWanted(cursor="a7")).newest_first is False
    assert query_of(EventsWanted(cursor="d7", trace_id=TRACE)).newest_first is True
    assert query_of(EventsWanted(cursor="a7")).beyond == 7
