"""
Trades: calls that are over, and the fills they were made of, as JSON for a page and as CSV for an accountant.

An export without a limit is written while the log is read, page by page: it never stands in memory as a whole.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Literal

from aiohttp import web
from anyio.lowlevel import checkpoint
from msgspec import structs

from levibotd.admin.desk import Desk
from levibotd.admin.events import CURSOR_HEADER, Cursor, Limit, Moment, beyond, moment_of, next_cursor
from levibotd.admin.lines import readable, rows_of
from levibotd.admin.replies import CSV, EDGE, EDGE_HEADERS, Answer, Body, Money, desk_of, json, plain, read_query
from levibotd.domain.accounting import EXACT
from levibotd.domain.csv_cells import csv_of
from levibotd.domain.order_records import OrderFill, OrderIntent, PositionClosed
from levibotd.domain.records import Logged, RiskTicket
from levibotd.domain.signal import CallKey, Side, TraceId
from levibotd.ports.event_index import EventQuery

PAGE = 100
EXPORT_PAGE = 50  # Reading one holds the loop.

_CLOSED = ("POSITION_CLOSED",)
_FILLED = ("ORDER_FILLED", "ORDER_PARTIAL_FILL")
_OF_CALL_MAX = 1000
_EXPORT_HEADERS = {"Content-Disposition": 'attachment; filename="levibotd-trades.csv"'}

# By client order id.
_Origins = Mapping[str, "_Origin"]


class TradesWanted(Body, frozen=True):
    """
    Which trades: `rows` are calls that are over, or fills; what is left out is `calls` as JSON and `fills` as CSV.

    Newest first; `order=asc` turns that round. A cursor goes on in the order of the page it came from. CSV without a
    limit is all of them.
    """

    rows: Literal["calls", "fills"] | None = None
    since_iso: Moment | None = None
    order: Literal["asc", "desc"] = "desc"
    limit: Limit | None = None
    cursor: Cursor | None = None
    format: Literal["json", "csv"] = "json"


class Trade(Answer, frozen=True):
    """A call that is over. `quote_value` is what its quantity was worth at its exit; `r` is its gain in risks taken."""

    id: CallKey
    trace_id: str | None
    channel: str
    symbol: str | None
    side: Side
    qty: Money
    entry: Money
    exit: Money
    quote_value: Money
    pnl: Money
    fees: Money
    fee_currency: str
    net: Money
    r: float | None
    reason: str
    opened_at: float | None
    at: float


class Fill(Answer, frozen=True):
    """
    One trade of one order at the venue. `quote_value` is quantity times price, exactly.

    `call` and `channel` are None for an order that no call of ours asked for.
    """

    trade_id: str
    at: float
    symbol: str | None
    side: Side
    qty: Money
    price: Money
    quote_value: Money
    fee: Money
    fee_currency: str
    liquidity: str
    cid: str
    role: str | None
    call: CallKey | None
    channel: str | None
    trace_id: str | None


class Trades(Answer, frozen=True):
    """
    One page, of closed calls or of fills; `next_cursor` leads to the next.

    `unreadable` are records that belong here and are damaged in the log, by seq.
    """

    trades: tuple[Trade, ...] = ()
    fills: tuple[Fill, ...] = ()
    unreadable: tuple[int, ...] = ()
    next_cursor: Cursor | None = None


class _Origin(Answer, frozen=True):
    """What an order was for."""

    role: str
    call: CallKey
    channel: str | None


async def get_trades(request: web.Request) -> web.StreamResponse:
    """`GET /trades` - closed calls or fills, a page of them or, as CSV, all."""
    wanted = read_query(request, TradesWanted)
    query = query_of(wanted)
    if wanted.format == "csv" and wanted.limit is None:
        return await _export(request, query)
    lines = await desk_of(request).events.lines(query)
    cursor = next_cursor(lines, query)
    if wanted.format == "csv":
        headers = {} if cursor is None else {CURSOR_HEADER: cursor}
        body = await _csv(desk_of(request), query, lines)
        return web.Response(body=body, content_type=CSV, charset="utf-8", headers=headers)
    if query.types == _FILLED:
        fills, unreadable = await _fills(desk_of(request), lines)
        return json(Trades(fills=fills, unreadable=unreadable, next_cursor=cursor))
    trades, unreadable = _closed(desk_of(request), lines)
    return json(Trades(trades=trades, unreadable=unreadable, next_cursor=cursor))


def query_of(wanted: TradesWanted) -> EventQuery:
    """Raises Malformed for a moment that is none."""
    rows = wanted.rows or ("fills" if wanted.format == "csv" else "calls")
    order = wanted.order if wanted.cursor is None else {"a": "asc", "d": "desc"}[wanted.cursor[0]]
    page = EXPORT_PAGE if wanted.format == "csv" else PAGE
    return EventQuery(
        types=_FILLED if rows == "fills" else _CLOSED,
        since=None if wanted.since_iso is None else moment_of(wanted.since_iso),
        beyond=beyond(wanted.cursor),
        newest_first=order == "desc",
        limit=page if wanted.limit is None else wanted.limit,
    )


async def _export(request: web.Request, query: EventQuery) -> web.StreamResponse:
    pages = _pages(desk_of(request), query)
    first = await anext(pages)  # What goes wrong before it can still be said.
    response = web.StreamResponse(headers={**request.get(EDGE_HEADERS, EDGE), **_EXPORT_HEADERS})
    response.content_type, response.charset = CSV, "utf-8"
    await response.prepare(request)
    try:
        await response.write(first)
        async for page in pages:
            await response.write(page)
        await response.write_eof()
    except BaseException:
        if request.transport is not None:
            request.transport.abort()  # Half a file must not look like a whole one.
        raise
    return response


async def _pages(desk: Desk, query: EventQuery) -> AsyncIterator[bytes]:
    is_first = True
    while True:
        lines = await desk.events.lines(query)
        yield await _csv(desk, query, lines, header=is_first)
        cursor = next_cursor(lines, query)
        if cursor is None:
            return
        query, is_first = structs.replace(query, beyond=beyond(cursor)), False
        await checkpoint()


async def _csv(desk: Desk, query: EventQuery, lines: Sequence[bytes], *, header: bool = True) -> bytes:
    fills = query.types == _FILLED
    rows: Sequence[Answer]
    rows, unreadable = await _fills(desk, lines) if fills else _closed(desk, lines)
    fields = (Fill if fills else Trade).__struct_fields__
    # A row of its own for what is damaged: an accountant must not take the table for whole.
    lost = [{fields[0]: f"unreadable in the log: seq {seq}"} for seq in unreadable]
    return csv_of(fields, [*map(structs.asdict, rows), *lost], header=header)


def _closed(desk: Desk, lines: Sequence[bytes]) -> tuple[tuple[Trade, ...], tuple[int, ...]]:
    return rows_of(lines, partial(_trade, currency=desk.market.stable_quote))


def _trade(logged: Logged, *, currency: str) -> Trade:
    record = logged.entry.record
    assert isinstance(record, PositionClosed)
    return Trade(
        id=record.call, trace_id=logged.entry.trace, channel=record.channel, symbol=logged.entry.symbol,
        side=record.side, qty=plain(record.qty), entry=plain(record.entry), exit=plain(record.exit),
        quote_value=plain(EXACT.multiply(record.qty, record.exit)), pnl=plain(record.pnl), fees=plain(record.fees),
        fee_currency=currency, net=plain(record.net), r=record.r, reason=record.reason,
        opened_at=record.opened_at, at=record.at,
    )  # fmt: skip


async def _fills(desk: Desk, lines: Sequence[bytes]) -> tuple[tuple[Fill, ...], tuple[int, ...]]:
    origins: dict[str, _Origin] = {}
    for trace in dict.fromkeys(logged.entry.trace for logged in readable(lines)):
        if trace is not None:
            origins |= await _origins(desk, trace)
            await checkpoint()
    return rows_of(lines, partial(_fill, origins=origins))


# A fill names its order alone; what the order was for stands in its intent, and whose call that is in the ticket.
async def _origins(desk: Desk, trace: TraceId) -> _Origins:
    query = EventQuery(trace_id=trace, types=("ORDER_INTENT", "RISK_TICKET"), limit=_OF_CALL_MAX)
    records = [logged.entry.record for logged in readable(await desk.events.lines(query))]
    channels = {record.call: record.channel for record in records if isinstance(record, RiskTicket)}
    return {
        record.cid: _Origin(role=record.role, call=record.call, channel=channels.get(record.call))
        for record in records
        if isinstance(record, OrderIntent)
    }


def _fill(logged: Logged, origins: _Origins) -> Fill:
    record = logged.entry.record
    assert isinstance(record, OrderFill)
    origin = origins.get(record.cid)
    return Fill(
        trade_id=record.trade_id, at=record.at, symbol=logged.entry.symbol, side=record.side, qty=plain(record.qty),
        price=plain(record.price), quote_value=plain(EXACT.multiply(record.qty, record.price)), fee=plain(record.fee),
        fee_currency=record.fee_currency, liquidity=record.liquidity, cid=record.cid,
        role=None if origin is None else origin.role, call=None if origin is None else origin.call,
        channel=None if origin is None else origin.channel, trace_id=logged.entry.trace,
    )  # fmt: skip
