"""Orders that an operator asks for himself: what one would come to, and a call of his own on paper."""

from decimal import Decimal
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from levibotd.admin.control import Because, says_no
from levibotd.admin.desk import Desk
from levibotd.admin.idempotency import KEY_HEADER, checked_key
from levibotd.admin.problems import Blocked
from levibotd.admin.replies import (
    Answer,
    Body,
    Money,
    answer_of,
    desk_of,
    json,
    plain,
    plain_or_none,
    read_body,
    write_down,
)
from levibotd.admin.signals import Decided, ingest, number_of
from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.orders import ENTRY, STOP
from levibotd.domain.protection import PlaceOrderAction, opening_actions
from levibotd.domain.records import Gate
from levibotd.domain.signal import Post, Side
from levibotd.domain.trade_plan import TradePlan
from levibotd.errors import Refused
from levibotd.messages import Tried, TryOrder

MANUAL = "manual"  # The channel of an operator's own calls.

_ROLES = {ENTRY: "entry", STOP: "stop"}

AMOUNT = r"^(?!0*(\.0*)?$)[0-9]{1,15}(\.[0-9]{1,18})?(?!\n)$"  # More than nothing.

Amount = Annotated[str, Meta(pattern=AMOUNT)] | Annotated[float, Meta(ge=1e-9, le=1e15)]
Symbol = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,20}(/[A-Z0-9]{1,10})?(?!\n)$")]


class OrderToTry(Body, frozen=True):
    """An entry at the market for so much of the quote."""

    symbol: Symbol
    side: Side
    notional_usd: Amount


class PaperOrderWanted(Because, frozen=True, kw_only=True):
    """
    A call of one's own. Risk decides its size, `notional_usd` is a ceiling; without `entry` it takes the market.

    Without `stop` or `targets` they are set as for a channel that names none.
    """

    symbol: Symbol
    side: Side
    notional_usd: Amount | None = None
    entry: Amount | None = None
    stop: Amount | None = None
    targets: Annotated[tuple[Amount, ...], Meta(max_length=5)] = ()


class OrderWouldBe(Answer, frozen=True):
    """One order as it would reach the venue. The stop is sent first, and no entry unless it rests."""

    role: str
    type: str
    tif: str
    side: Side
    qty: Money
    price: Money | None
    trigger: Money | None
    reduce_only: bool


class OrderTried(Answer, frozen=True):
    """What would be sent; nothing was. `refused_by` is the first gate that would refuse this as a call now."""

    ok: bool
    placed: bool
    symbol: str
    side: Side
    qty: Money
    notional: Money
    mark: Money
    price_cap: Money
    planned_loss: Money
    leverage: int
    orders: tuple[OrderWouldBe, ...]
    targets: tuple[Money, ...]
    notes: tuple[str, ...]
    refused_by: Gate | None
    says_no: tuple[Gate, ...]


async def post_test_order(request: web.Request) -> web.Response:
    """`POST /exec/test-order` - what would be sent. Places nothing; 409 where the venue takes no such order."""
    desk, body = desk_of(request), await read_body(request, OrderToTry)
    notional = _exact(body.notional_usd)
    wish = TryOrder(channel=MANUAL, symbol=body.symbol, side=body.side, notional=notional)
    return json(_would_be(desk, await _tried(desk, wish)))


async def post_paper_order(request: web.Request) -> web.Response:
    """`POST /paper/order` - a call of one's own: read, judged and protected as any channel's. On paper alone."""
    desk, body = desk_of(request), await read_body(request, PaperOrderWanted)
    _only_on_paper(desk)
    number = number_of(_named(request, body, at=desk.clock.time()))
    plan = (await _tried(desk, _wish_of(body))).plan
    post = Post(channel=MANUAL, message_id=number, posted_at=desk.clock.time(), text=_text_of(desk, body, plan))
    cap = "" if body.notional_usd is None else f" {plain(_exact(body.notional_usd))}"
    await write_down(request, command="call", reason=body.reason, effect=f"{post.trace}{cap}")
    return json(_carried_out(await ingest(desk, post)))


def _only_on_paper(desk: Desk) -> None:
    if desk.config.exchange.id != "paper":
        raise Blocked(Gate(name=GateName.STAGE, value=desk.config.exchange.id, limit="exchange.id = paper"))


# The same wish again is the same call: by its key, else by what it says and the minute.
def _named(request: web.Request, body: PaperOrderWanted, *, at: float) -> str:
    key = checked_key(request.headers.get(KEY_HEADER))
    return f"key|{key}" if key is not None else f"order|{int(at // 60)}|{msgspec.json.encode(body).decode()}"


def _wish_of(body: PaperOrderWanted) -> TryOrder:
    return TryOrder(
        channel=MANUAL, symbol=body.symbol, side=body.side,
        notional=None if body.notional_usd is None else _exact(body.notional_usd),
        entry=None if body.entry is None else _exact(body.entry),
        stop=None if body.stop is None else _exact(body.stop), targets=tuple(map(_exact, body.targets)),
    )  # fmt: skip


async def _tried(desk: Desk, wish: TryOrder) -> Tried:
    tried = await answer_of(desk.risk, wish, timeout_s=desk.ask_timeout_s)
    if isinstance(tried, Refusal):
        raise Blocked(tried.as_gate())
    return tried


# As a channel would write it, every level named: what is not could be read in another way.
def _text_of(desk: Desk, body: PaperOrderWanted, plan: TradePlan) -> str:
    instrument = desk.market.instrument(plan.symbol)
    pair = body.symbol if instrument is None else f"{instrument.base}/{instrument.quote}"
    entry = f"market {plain(plan.mark)}" if body.entry is None else plain(_exact(body.entry))
    targets = (f"TP{number}: {plain(target.price)}" for number, target in enumerate(plan.targets, start=1))
    direction = "LONG" if body.side is Side.BUY else "SHORT"
    return "\n".join((f"#{pair} {direction}", f"Entry: {entry}", *targets, f"SL: {plain(plan.stop)}"))


def _carried_out(decided: Decided) -> Decided:
    route = decided.route
    if isinstance(route.gate, str):
        gate = Gate(name=route.gate, value=route.value, limit=route.limit)
        raise Blocked(gate, facts={"trace_id": decided.trace_id})
    if not route.routed and not route.dry_run:
        raise Refused(f"not taken as a call: {route.reason}; GET /why/{decided.trace_id} tells", reason=route.reason)
    return decided


def _would_be(desk: Desk, tried: Tried) -> OrderTried:
    plan = tried.plan
    return OrderTried(
        ok=True, placed=False, symbol=plan.symbol, side=plan.side, qty=plain(plan.qty), notional=plain(plan.notional),
        mark=plain(plan.mark), price_cap=plain(plan.price_cap), planned_loss=plain(plan.planned_loss),
        leverage=plan.leverage, orders=tuple(map(_order_of, opening_actions(plan))),
        targets=tuple(plain(target.price) for target in plan.targets), notes=plan.notes,
        refused_by=tried.refused_by, says_no=says_no(desk),
    )  # fmt: skip


def _order_of(action: PlaceOrderAction) -> OrderWouldBe:
    return OrderWouldBe(
        role=_ROLES[action.role], type=action.type, tif=action.tif, side=action.side, qty=plain(action.qty),
        price=plain_or_none(action.price), trigger=plain_or_none(action.trigger), reduce_only=action.reduce_only,
    )  # fmt: skip


def _exact(amount: str | float) -> Decimal:
    return Decimal(str(amount))
