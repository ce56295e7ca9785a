"""Posts over HTTP: ingested once, decided once, told the same each time."""

import asyncio

import pytest

from levibotd.admin.signals import MESSAGE_ID_MAX, IngestWanted, ending_of, message_id_of
from levibotd.domain import records as r
from levibotd.domain.signal import trace_id
from levibotd.domain.trust import ASSUMED
from levibotd.journal import decode
from tests.admin.site import MemoryLog, serving

real_time = pytest.mark.real_time

INGEST = "/signals/ingest-and-score"


@real_time
async def test_a_call_is_told_with_its_reading_and_the_gate_that_closed() -> None:
    async with serving() as site:
        answer = (await site.post(INGEST, {"text": "BUY btc", "channel": "coins", "message_id": 7})).json()

    assert (answer["ok"], answer["trace_id"], answer["kind"]) == (True, trace_id("coins", 7), "new")
    score = answer["score"]
    assert (score["label"], score["p_call"], score["confidence"]) == ("BUY", 0.625, 0.625)
    assert score["stale"] is False
    # Nobody has seen how a call of it ends: what is held is about what channels are like.
    pays = score["p_pays"]
    assert 0 < pays["lo"] < pays["p"] <= ASSUMED.pays < pays["hi"] < 1
    assert ASSUMED.mean <= score["ev_r"] < 0
    (leg,) = answer["legs"]
    assert (leg["symbol"], leg["entry"], leg["tps"], leg["sl"]) == (
        "BTC/USDT",
        ["64000", "64100.5"],
        ["65000"],
        "63000",
    )
    route = answer["route"]
    assert (route["routed"], route["reason"], route["dry_run"]) == (False, "confidence", False)
    assert (route["value"], route["limit"]) == (0.625, 0.7)


@real_time
async def test_chatter_ends_as_such() -> None:
    async with serving() as site:
        answer = (await site.post(INGEST, {"text": "gm", "channel": "coins"})).json()
    assert answer["route"] == {"routed": False, "reason": "kind.chatter", "dry_run": False}
    assert answer["legs"] == []


@real_time
async def test_the_same_message_is_one_post_however_often_it_comes() -> None:
    async with serving() as site:
        post = {"text": "BUY btc", "channel": "coins", "message_id": 7}
        answers = await asyncio.gather(*(site.post(INGEST, post) for _ in range(10)))

        assert len({answer.body for answer in answers}) == 1
        kinds = [decode(line).event_type for line in site.log.lines_written]
        assert kinds == ["SIGNAL_INGEST", "SIGNAL_SCORED", "SIGNAL_REJECTED"]


@real_time
async def test_channels_may_be_numbers_and_messages_may_have_names() -> None:
    async with serving() as site:
        post = {"text": "gm", "channel": -1001234567890, "message_id": "web-7"}
        first, again = await site.post(INGEST, post), await site.post(INGEST, post)
        other = await site.post(INGEST, {**post, "message_id": "web-8"})
        (shown,) = (await site.get("/signals?limit=1")).json()["signals"]

    assert first.json() == again.json()
    assert other.json()["trace_id"] != first.json()["trace_id"]
    assert shown["channel"] == "-1001234567890"


@real_time
async def test_a_key_names_the_post_across_restarts_of_the_interface() -> None:
    log = MemoryLog()
    post = {"text": "BUY btc", "channel": "coins"}
    async with serving(log=log) as site:
        first = await site.post(INGEST, post, Idempotency_Key="k")
    async with serving(log=log) as site:
        again = await site.post(INGEST, post, Idempotency_Key="k")
        other = await site.post(INGEST, post, Idempotency_Key="k2")

    assert first.json() == again.json()
    assert other.json()["trace_id"] != first.json()["trace_id"]


@real_time
async def test_a_post_not_decided_in_time_is_504_with_its_trace_and_may_be_asked_for_again() -> None:
    async with serving() as site:
        post = {"text": "hold on", "channel": "coins", "message_id": 3}
        late = await site.post(INGEST, post, Idempotency_Key="k")
        assert (late.status, late.code()) == (504, "OUTCOME_UNKNOWN")
        assert late.json()["trace_id"] == trace_id("coins", 3)

        site.log.commit(r.SignalExpired(age_s=61.0, limit_s=60.0), trace=trace_id("coins", 3))
        now = await site.post(INGEST, post, Idempotency_Key="k")
        assert now.json()["route"]["reason"] == "expired"
        assert now.json()["score"] is None


@real_time
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a"},
        {"channel": "c"},
        {"text": "", "channel": "c"},
        {"text": "a", "channel": ""},
        {"text": "a", "channel": "x" * 65},
        {"text": "a", "channel": "a|b"},
        {"text": "a", "channel": "a\nb"},
        {"text": "a", "channel": "../c"},
        {"text": ["a"], "channel": "c"},
        {"text": "a", "channel": 5.5},
        {"text": "a", "channel": "c", "message_id": 0},
        {"text": "a", "channel": "c", "message_id": -1},
        {"text": "a", "channel": "c", "message_id": ""},
        {"text": "a", "channel": "c", "message_id": "a\nb"},
        {"text": "a", "channel": "c", "message_id": 1.5},
        {"text": "a", "channel": "c", "message_id": MESSAGE_ID_MAX + 1},
        {"text": "a", "channel": "c", "mesage_id": 7},
    ],
)
async def test_what_is_no_post_is_400_and_ingests_nothing(body: dict[str, object]) -> None:
    async with serving() as site:
        assert (await site.post(INGEST, body)).code() == "MALFORMED"
        assert site.log.lines_written == []


@real_time
@pytest.mark.fault("G12")
@pytest.mark.parametrize(
    "text",
    ["a\nb", "\x1b[2J\x1b[31mred", '"},{"event_type":"ORDER_FILLED"', "</script>", "\u202egnp.exe", "\x7f\x85\u2028"],
)
async def test_hostile_text_is_one_record_and_comes_back_as_it_was(text: str) -> None:
    async with serving() as site:
        assert (await site.post(INGEST, {"text": text, "channel": "c"})).status == 200
        assert [decode(line).event_type for line in site.log.lines_written] == [
            "SIGNAL_INGEST", "SIGNAL_SCORED", "AUTO_ROUTE_SKIPPED",
        ]  # fmt: skip
        lines = (await site.get("/events?format=jsonl")).body
        signals = (await site.get("/signals")).json()["signals"]

    assert len(lines.decode().splitlines()) == 3
    assert "\x1b" not in lines.decode()
    assert signals[0]["text"] == text


@real_time
async def test_score_reads_without_keeping_and_prices_are_text() -> None:
    async with serving() as site:
        answer = (await site.post("/signals/score", {"text": "BUY"})).json()
        assert site.log.lines_written == []
    (leg,) = answer["legs"]
    assert (leg["entry"], leg["sl"], leg["leverage"]) == (["0.1", "0.0000001"], ["2", "3.5"], [3.0, 5.0])
    assert (answer["kind"], answer["score"]["confidence"]) == ("new", 0.5)
    assert (answer["score"]["p_pays"]["p"], answer["score"]["ev_r"]) == (ASSUMED.pays, ASSUMED.mean)


@real_time
async def test_the_timeline_shows_posts_with_their_endings_newest_first() -> None:
    async with serving() as site:
        for n, text in enumerate(("gm", "BUY btc", "hold"), start=1):
            await site.post(INGEST, {"text": text, "channel": "c", "message_id": n})
        page = (await site.get("/signals?limit=2")).json()
        rest = (await site.get(f"/signals?limit=2&cursor={page['next_cursor']}")).json()

    shown = [(signal["text"], signal["decision"]) for signal in page["signals"] + rest["signals"]]
    assert shown == [("hold", None), ("BUY btc", "SIGNAL_REJECTED"), ("gm", "AUTO_ROUTE_SKIPPED")]
    assert page["signals"][1]["route"]["reason"] == "confidence"
    assert page["signals"][0]["route"] is None


@real_time
@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=7", "chanel=c"])
async def test_junk_in_the_query_is_400(query: str) -> None:
    async with serving() as site:
        assert (await site.get(f"/signals?{query}")).status == 400


def test_a_post_without_id_is_named_after_its_key_else_after_text_and_minute() -> None:
    post = IngestWanted(text="t", channel="c")
    by_minute = message_id_of(post, key=None, at=600.0)

    assert by_minute == message_id_of(post, key=None, at=659.9)
    assert by_minute != message_id_of(post, key=None, at=660.0)
    assert by_minute != message_id_of(IngestWanted(text="u", channel="c"), key=None, at=600.0)
    assert message_id_of(post, key="k", at=0.0) == message_id_of(post, key="k", at=9e9)
    assert MESSAGE_ID_MAX < by_minute < 2**53


LEGS = (r.LegOutcome(symbol="BTCUSDT", outcome="intent"),)


@pytest.mark.parametrize(
    ("terminal", "routed", "reason", "dry_run"),
    [
        (r.AutoRouteExecuted(legs=LEGS, effect="opened"), True, "opened", False),
        (r.AutoRouteDryrun(legs=LEGS), False, "dry_run", True),
        (r.SignalRejected(gate="symbol_busy"), False, "symbol_busy", False),
        (r.SignalExpired(age_s=61.0, limit_s=60.0), False, "expired", False),
        (r.AutoRouteSkipped(reason="kind.idea"), False, "kind.idea", False),
    ],
)
def test_how_each_ending_is_told(terminal: r.Record, routed: bool, reason: str, dry_run: bool) -> None:
    ending = ending_of(terminal)
    assert (ending.routed, ending.reason, ending.dry_run) == (routed, reason, dry_run)


def test_what_ends_no_post_is_no_ending() -> None:
    with pytest.raises(AssertionError):
        ending_of(r.SystemNote(note="x"))
