"""An operator's own orders: tried out without a trace, and on paper a call like any other."""

from decimal import Decimal

import msgspec
import pytest

from levibotd.admin.orders import MANUAL
from levibotd.app.scoring import TextReader, classifier_of
from levibotd.config import demo_config
from levibotd.domain import records as r
from levibotd.domain.signal import Kind, Post
from levibotd.journal import decode
from levibotd.kernel.clock import LoopClock
from levibotd.sim.demo_market import DemoMarket
from tests.admin.site import MemoryLog, Site, serving

pytestmark = pytest.mark.real_time

BUY = {"symbol": "BTCUSDT", "side": "BUY", "notional_usd": 120}


def written(log: MemoryLog) -> list[r.Record]:
    return [decode(line).entry.record for line in log.lines_written]


async def test_what_would_be_sent_is_told_and_nothing_is() -> None:
    async with serving() as site:
        told = (await site.post("/exec/test-order", BUY)).json()
        assert (told["ok"], told["placed"], told["symbol"], told["qty"], told["notional"]) == (
            True, False, "BTCUSDT", "0.002", "120",
        )  # fmt: skip
        stop, entry = told["orders"]
        assert (stop["role"], stop["trigger"], stop["reduce_only"], stop["side"]) == ("stop", "30000", True, "SELL")
        assert (entry["role"], entry["price"], entry["qty"], entry["side"]) == ("entry", "60000", "0.002", "BUY")
        assert told["refused_by"] == {"name": "cooldown", "value": 3.0, "limit": 5.0}
        assert written(site.log) == []


async def test_what_forbids_opening_is_told_beside_it() -> None:
    async with serving() as site:
        await site.post("/stop")
        assert [gate["name"] for gate in (await site.post("/exec/test-order", BUY)).json()["says_no"]] == ["switch"]


@pytest.mark.parametrize("path", ["/exec/test-order", "/paper/order"])
@pytest.mark.parametrize(
    ("change", "gate", "value", "limit"),
    [
        ({"symbol": "NONEUSDT"}, "not_tradable", "NONEUSDT", "listed"),
        ({"side": "SELL"}, "cannot_short", "BTCUSDT", "a venue that shorts"),
        ({"notional_usd": "1.5"}, "too_small", "1.5", "5.5"),
    ],
)
async def test_what_the_venue_refuses_is_409_with_gate_value_and_limit(
    path: str, change: dict[str, object], gate: str, value: str, limit: str
) -> None:
    async with serving() as site:
        answer = await site.post(path, {**BUY, **change})
        problem = answer.json()
        assert (answer.status, answer.code()) == (409, "GATE")
        assert (problem["gate"], problem["value"], problem["limit"]) == (gate, value, limit)
        assert written(site.log) == []


@pytest.mark.parametrize("path", ["/exec/test-order", "/paper/order"])
@pytest.mark.parametrize(
    "change",
    [
        {"symbol": ""},
        {"symbol": "btc usdt"},
        {"symbol": "../BTC"},
        {"side": "buy"},
        {"notional_usd": 0},
        {"notional_usd": "0.00"},
        {"notional_usd": -5},
        {"notional_usd": "1e3"},
        {"notional_usd": "NaN"},
        {"notional_usd": True},
        {"price": 3},
    ],
)
async def test_what_is_no_order_is_400_and_does_nothing(path: str, change: dict[str, object]) -> None:
    async with serving() as site:
        answer = await site.post(path, {**BUY, **change})
        assert (answer.status, answer.code()) == (400, "MALFORMED")
        assert written(site.log) == []


async def manual(site: Site, body: dict[str, object], **headers: str) -> tuple[int, dict[str, object]]:
    answer = await site.post("/paper/order", body, **headers)
    return answer.status, answer.json()


async def test_a_call_of_ones_own_is_a_post_with_every_level_named_and_a_command_in_the_log() -> None:
    async with serving() as site:
        status, told = await manual(site, {**BUY, "reason": "a hunch", "stop": "58000", "targets": ["61000", 62000]})
        command, ingested, *_ = written(site.log)

    assert isinstance(ingested, r.SignalIngest)
    assert ingested.post.channel == MANUAL
    assert ingested.post.text == "#BTC/USDT LONG\nEntry: market 60000\nTP1: 61000\nTP2: 62000\nSL: 58000"
    assert command == r.Control(command="call", by="http:local", reason="a hunch", effect=f"{ingested.post.trace} 120")
    # A gate of the pipeline refuses it, like any channel's.
    assert (status, told["code"], told["gate"], told["value"], told["limit"]) == (409, "GATE", "confidence", 0.625, 0.7)
    assert told["trace_id"] == ingested.post.trace


async def test_a_call_that_every_gate_lets_pass_is_told_with_what_it_opened() -> None:
    async with serving() as site:
        status, told = await manual(site, {"symbol": "BTCUSDT", "side": "BUY", "entry": "61000", "stop": 59999})
        command, ingested, *_ = written(site.log)
    assert isinstance(ingested, r.SignalIngest)
    assert ingested.post.text == "#BTC/USDT LONG\nEntry: 61000\nTP1: 122000\nSL: 59999"
    assert isinstance(command, r.Control)
    assert command.effect == ingested.post.trace  # Nobody said how much at most: Risk alone decides.
    route = told["route"]
    assert isinstance(route, dict)
    assert (status, route["routed"], route["reason"]) == (200, True, "opened")


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k"}])
async def test_the_same_wish_again_is_the_same_call(headers: dict[str, str]) -> None:
    async with serving() as site:
        first = await manual(site, BUY, **headers)
        assert await manual(site, BUY, **headers) == first
        assert len([one for one in written(site.log) if isinstance(one, r.SignalIngest)]) == 1


async def test_beside_the_paper_exchange_no_such_order_exists() -> None:
    config = demo_config(environ={"HOME": "/nonexistent"})
    config = msgspec.structs.replace(config, exchange=msgspec.structs.replace(config.exchange, id="binance"))
    async with serving(config=config) as site:
        status, told = await manual(site, BUY)
        assert (status, told["code"], told["gate"], told["value"]) == (409, "GATE", "stage", "binance")
        assert written(site.log) == []


async def test_a_text_as_it_is_written_here_is_read_as_what_was_wanted() -> None:
    clock, market = LoopClock(), DemoMarket()
    read = TextReader(classifier_of(demo_config(environ={})), market=market, clock=clock)
    mark = market.mark(market.symbol("BTC", "USDT") or market.symbols[0], clock.time())
    assert mark is not None
    price = mark.price.quantize(Decimal("0.01"))
    for targets in (1, 2, 3):
        wanted = [price * (1 + Decimal("0.01") * number) for number in range(1, targets + 1)]
        lines = "\n".join(f"TP{number}: {one:f}" for number, one in enumerate(wanted, start=1))
        text = f"#BTC/USDT LONG\nEntry: market {price:f}\n{lines}\nSL: {price * Decimal('0.97'):f}"
        found = read(Post(channel=MANUAL, message_id=1, posted_at=clock.time(), text=text))
        (leg,) = found.reading.legs
        assert (found.reading.kind, found.label, leg.entry_type) == (Kind.NEW, "BUY", "market")
        assert found.p_call > 0.9
        assert [Decimal(repr(tp)) for tp in leg.tps] == [one.normalize() for one in wanted]
