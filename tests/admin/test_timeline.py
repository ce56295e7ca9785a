"""The timeline goes on page by page, and shows what fits."""

import pytest

from levibotd.admin import timeline
from levibotd.domain import records as r
from levibotd.domain.signal import Post
from tests.admin.site import AT, MemoryLog, scored, serving

pytestmark = pytest.mark.real_time


def log_of(*texts: str, channel: str = "c") -> MemoryLog:
    """One post a text: BUY is a call that a gate refuses, "hold" is not decided, the rest is chatter."""
    log = MemoryLog()
    for number, text in enumerate(texts, start=1):
        post = Post(channel=channel, message_id=number, posted_at=AT + number, text=text)
        log.commit(r.SignalIngest(post=post, received_at=AT + number, source="file"), trace=post.trace)
        if text == "hold":
            continue
        log.commit(scored(post, call=text == "BUY"), trace=post.trace)
        refused = r.SignalRejected(gate="heat", value=1.0, limit=0.5)
        ending = refused if text == "BUY" else r.AutoRouteSkipped(reason="x")
        log.commit(ending, trace=post.trace)
    return log


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["gm", "BUY", "hold", "gn", "BUY"]),
        ("kind=new", ["BUY", "BUY"]),
        ("kind=chatter", ["gm", "gn"]),
        ("label=BUY", ["BUY", "BUY"]),
        ("label=NO-TRADE", ["gm", "gn"]),
        ("symbol=BTCUSDT", ["BUY", "BUY"]),
        ("symbol=BTC/USDT", ["BUY", "BUY"]),
        ("symbol=ETHUSDT", []),
        ("decision=SIGNAL_REJECTED", ["BUY", "BUY"]),
        ("channel=c&kind=chatter", ["gm", "gn"]),
        ("channel=other", []),
        ("since_iso=2025-10-09T08:53:30Z", ["gm"]),
    ],
)
async def test_what_does_not_fit_is_left_out(query: str, shown: list[str]) -> None:
    async with serving(log=log_of("BUY", "gn", "hold", "BUY", "gm")) as site:
        page = (await site.get(f"/signals?{query}")).json()
        assert ([signal["text"] for signal in page["signals"]], page["next_cursor"]) == (shown, None)


async def test_pages_of_a_filter_meet_without_gap_or_repetition() -> None:
    texts = [("BUY", "gm", "gn")[number % 3] for number in range(20)]
    async with serving(log=log_of(*texts)) as site:
        found, cursor = [], ""
        for _ in range(10):
            page = (await site.get(f"/signals?kind=new&limit=2{cursor}")).json()
            found += [signal["message_id"] for signal in page["signals"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
    assert found == [number + 1 for number in reversed(range(20)) if texts[number] == "BUY"]


async def test_a_filter_that_fits_nothing_looks_at_a_bounded_number_and_says_where_to_go_on() -> None:
    async with serving(log=log_of(*["gm"] * (timeline.SCANNED_MAX + 30))) as site:
        page = (await site.get("/signals?channel=other&limit=100")).json()
        assert page["signals"] == []
        rest = (await site.get(f"/signals?channel=other&limit=100&cursor={page['next_cursor']}")).json()
        assert (rest["signals"], rest["next_cursor"]) == ([], None)


@pytest.mark.parametrize(
    "query",
    ["kind=loud", "label=buy", "symbol=", "symbol=a%20b", "decision=ORDER_FILLED", "since_iso=junk", "channel=%22"],
)
async def test_junk_in_a_filter_is_400(query: str) -> None:
    async with serving() as site:
        answer = await site.get(f"/signals?{query}")
        assert (answer.status, answer.code()) == (400, "MALFORMED")
