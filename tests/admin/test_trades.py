"""Trades: calls that are over, and fills for accountants."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

import aiohttp
import pytest

from levibotd.admin.trades import EXPORT_PAGE
from levibotd.domain import order_records, trade_plan
from levibotd.domain import records as r
from levibotd.domain.records import Entry
from levibotd.domain.signal import CallKey, Side, Symbol, TraceId
from levibotd.errors import Unavailable
from levibotd.ports.event_index import EventQuery
from tests.admin.site import AT, MemoryLog, closed_trade, serving

pytestmark = pytest.mark.real_time

BTC = Symbol("BTCUSDT")
TRACE = TraceId("00000000000000aa")


def traded(*channels: str) -> MemoryLog:
    log = MemoryLog()
    for channel in channels:
        log.commit(closed_trade(channel=channel), trace=TRACE, symbol=BTC)
    return log


class Pages(MemoryLog):
    """A log of which only the lines matter; with `breaks`, all but the first page cannot be read."""

    breaks = False

    def write(self, record: r.Record, trace: TraceId | None) -> None:
        prepared = self._preparer.prepare(Entry(record, trace, BTC))
        self.lines_written.append(self._chain.line(prepared, ts=AT + len(self.lines_written), mono=0.0))

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        if self.breaks and query.beyond is not None:
            raise Unavailable("the event index is made anew")
        return await super().lines(query)


def filled(log: Pages, number: int, *, channel: str = "@alpha", known: bool = True, last: bool = True) -> None:
    trace, call, cid = TraceId(f"{number:016x}"), CallKey(f"paper|{channel}|{number}|0"), f"c{number}"
    if known:
        log.write(ticket(call, channel), trace)
        log.write(intent(call, cid), trace)
    kind = order_records.OrderFilled if last else order_records.OrderPartialFill
    fill = kind(
        cid=cid, trade_id=f"t{number}", side=Side.BUY, qty=Decimal("0.30"), price=Decimal("60000.10"),
        fee=Decimal("0.0000250"), fee_currency="BNB", liquidity="maker", cum_qty=Decimal("0.3"), at=AT + number,
    )  # fmt: skip
    log.write(fill, trace)


def ticket(call: CallKey, channel: str) -> r.RiskTicket:
    one = Decimal(1)
    plan = trade_plan.TradePlan(
        symbol=BTC, side=Side.BUY, rungs=(), targets=(), stop=one, stop_source="signal", targets_source="signal",
        qty=one, notional=one, planned_loss=one, leverage=1, mark=one, price_cap=one,
    )  # fmt: skip
    return r.RiskTicket(
        call=call, channel=channel, plan=plan, gates=(), policy="demo", policy_hash="x", equity=one, exposure_seq=1,
        entry_valid_until=1.0, expires_at=1.0, at=1.0,
    )  # fmt: skip


def intent(call: CallKey, cid: str) -> order_records.OrderIntent:
    return order_records.OrderIntent(
        cid=cid, call=call, role="e", slot=0, attempt=0, side=Side.BUY, type="limit", tif="GTC", qty=Decimal(1),
        venue="paper", at=1.0,
    )  # fmt: skip


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def numbers(rows: Iterable[dict[str, str]]) -> list[int]:
    return [int(row["trade_id"].removeprefix("t")) for row in rows]


async def test_a_fill_says_what_an_accountant_asks() -> None:
    log = Pages()
    filled(log, 1, last=False)
    filled(log, 2, known=False)
    async with serving(log=log) as site:
        page = (await site.get("/trades?rows=fills")).json()

    assert (page["trades"], page["next_cursor"]) == ([], None)
    stranger, ours = page["fills"]
    assert ours == {
        "trade_id": "t1", "at": AT + 1, "symbol": "BTCUSDT", "side": "BUY", "qty": "0.3", "price": "60000.1",
        "quote_value": "18000.03", "fee": "0.000025", "fee_currency": "BNB", "liquidity": "maker", "cid": "c1",
        "role": "e", "call": "paper|@alpha|1|0", "channel": "@alpha", "trace_id": "0000000000000001",
    }  # fmt: skip
    assert (stranger["call"], stranger["channel"], stranger["role"]) == (None, None, None)


async def test_an_export_is_all_fills_however_many() -> None:
    log = Pages()
    count = 2 * EXPORT_PAGE + 3
    for number in range(1, count + 1):
        filled(log, number, known=number % 50 == 0)
    async with serving(log=log) as site:
        newest_first = await site.get("/trades?format=csv")
        oldest_first = await site.get("/trades?format=csv&order=asc")
        late = await site.get("/trades?format=csv&since_iso=2025-10-09T08:54:00Z")

    assert newest_first.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in newest_first.headers["Content-Disposition"]
    assert newest_first.headers["X-Content-Type-Options"] == "nosniff"
    assert numbers(table(newest_first.body)) == list(range(count, 0, -1))
    assert numbers(table(oldest_first.body)) == list(range(1, count + 1))
    assert 0 < len(table(late.body)) < count


async def test_an_export_comes_in_pages_where_a_limit_is_given() -> None:
    log = Pages()
    for number in range(1, 6):
        filled(log, number)
    async with serving(log=log) as site:
        first = await site.get("/trades?format=csv&limit=3&order=asc")
        cursor = first.headers["X-Next-Cursor"]
        rest = await site.get(f"/trades?format=csv&limit=3&cursor={cursor}")

    assert numbers(table(first.body) + table(rest.body)) == [1, 2, 3, 4, 5]
    assert "X-Next-Cursor" not in rest.headers


async def test_an_export_of_nothing_is_a_header() -> None:
    async with serving() as site:
        answer = await site.get("/trades?format=csv")
    assert answer.body.startswith(b"trade_id,at,symbol,side,qty,price,quote_value,fee,fee_currency,")
    assert answer.body.count(b"\r\n") == 1


async def test_an_export_that_breaks_off_does_not_look_whole() -> None:
    log = Pages()
    for number in range(1, 2 * EXPORT_PAGE):
        filled(log, number, known=False)
    log.breaks = True
    async with serving(log=log) as site:
        with pytest.raises(aiohttp.ClientError):
            await site.get("/trades?format=csv")


@pytest.mark.fault("G11")
@pytest.mark.parametrize(
    "evil", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "</script>", "{{7*7}}"]
)
async def test_whatever_a_channel_is_called_an_export_stays_inert(evil: str) -> None:
    log = Pages()
    filled(log, 1, channel=evil)
    async with serving(log=log) as site:
        (row,) = table((await site.get("/trades?format=csv")).body)

    assert row["channel"].removeprefix("'") == evil
    assert not row["channel"].startswith(("=", "+", "-", "@", "\t", "\r"))


async def test_trades_are_shown_newest_first_and_in_pages() -> None:
    async with serving(log=traded("first", "second", "third")) as site:
        page = (await site.get("/trades?limit=2")).json()
        rest = (await site.get(f"/trades?limit=2&cursor={page['next_cursor']}")).json()

    assert [trade["channel"] for trade in page["trades"] + rest["trades"]] == ["third", "second", "first"]
    trade = page["trades"][0]
    assert (trade["net"], trade["fee_currency"], trade["quote_value"]) == ("47.75", "USDT", "30050.25")
    assert (trade["symbol"], trade["exit"]) == ("BTCUSDT", "60100.5")


async def test_trades_as_csv_are_inert_in_a_spreadsheet() -> None:
    async with serving(log=traded("=cmd|' /C calc'!A0", 'a"b,c\nd')) as site:
        answer = await site.get("/trades?rows=calls&format=csv")

    assert answer.headers["Content-Type"].startswith("text/csv")
    header, second, first = csv.reader(io.StringIO(answer.body.decode(), newline=""))
    channel = header.index("channel")
    assert first[channel] == "'=cmd|' /C calc'!A0"
    assert second[channel] == 'a"b,c\nd'
    assert first[header.index("net")] == "47.75"


@pytest.mark.parametrize("query", ["format=xml", "limit=0", "cursor=q", "page=2"])
async def test_junk_in_the_query_is_400(query: str) -> None:
    async with serving() as site:
        assert (await site.get(f"/trades?{query}")).status == 400
