"""Positions and orders, as the ledger holds them."""

from decimal import Context, Decimal

from aiohttp import web

from levibotd.admin.control import Because, Closing, endings
from levibotd.admin.health import marks
from levibotd.admin.problems import NotFound
from levibotd.admin.replies import (
    Answer,
    Money,
    answer_of,
    caller_of,
    desk_of,
    is_dry_run,
    json,
    plain,
    plain_or_none,
    read_body,
)
from levibotd.domain.book import Call
from levibotd.domain.orders import Order
from levibotd.domain.signal import CallKey, Side
from levibotd.messages import ClosePosition

_SHOWN = Context(prec=12)  # An average price has no end; this is for eyes.


class TargetShown(Answer, frozen=True):
    """A take-profit: `share` of the position at `price`."""

    price: Money
    share: Money


class PositionShown(Answer, frozen=True):
    """What is held because of one call. `open_profit` is what closing at `mark` would bring, before fees."""

    id: CallKey
    channel: str
    symbol: str
    side: Side
    status: str
    qty: Money
    entry_price: Money | None
    mark: Money | None
    entry_value: Money
    open_profit: Money | None
    realised: Money
    fees: Money
    planned_loss: Money
    stop: Money
    stop_source: str
    targets: tuple[TargetShown, ...]
    opened_at: float | None
    trace_id: str | None


class Positions(Answer, frozen=True):
    """All that is held."""

    positions: tuple[PositionShown, ...]


class OrderShown(Answer, frozen=True):
    """One order; `cid` is our id of it, `role` what it is for."""

    cid: str
    call: CallKey
    role: str
    symbol: str
    side: Side
    type: str
    tif: str
    state: str
    qty: Money
    price: Money | None
    trigger: Money | None
    reduce_only: bool
    filled: Money
    fees: Money
    at: float
    valid_until: float | None
    why: str | None


class Orders(Answer, frozen=True):
    """Orders of open calls and the newest of ended ones, newest first."""

    orders: tuple[OrderShown, ...]


async def get_positions(request: web.Request) -> web.Response:
    """`GET /positions` - what is held now."""
    desk = desk_of(request)
    prices = marks(desk)
    held = [call for call in desk.view().calls.values() if not call.flat]
    return json(Positions(positions=tuple(_position(call, mark=prices.get(call.symbol)) for call in held)))


async def post_close(request: web.Request) -> web.Response:
    """`POST /positions/{id}/close` - cancel what is unfilled of this call and close what is filled."""
    desk, body = desk_of(request), await read_body(request, Because)
    key = CallKey(request.match_info["id"])
    if key not in desk.view().calls:
        raise NotFound("no open position has this id")
    plan = endings(desk, (key,))
    if is_dry_run(request):
        return json(Closing(ok=True, dry_run=True, calls=(key,), plan=plan))
    wish = ClosePosition(calls=(key,), by=caller_of(request), reason=body.reason)
    calls = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    return json(Closing(ok=True, dry_run=False, calls=calls, plan=plan))


async def get_orders(request: web.Request) -> web.Response:
    """`GET /orders` - all orders of open calls and the newest of ended ones, newest first."""
    ledger = desk_of(request).view()
    orders = [*ledger.finished_orders(), *ledger.orders.values()]
    return json(Orders(orders=tuple(_order(order) for order in sorted(orders, key=lambda order: -order.at))))


def _position(call: Call, *, mark: Decimal | None) -> PositionShown:
    worth = None if mark is None else call.side.sign * (mark * call.qty - call.entry_value)
    return PositionShown(
        id=call.key, channel=call.channel, symbol=call.symbol, side=call.side, status=call.status,
        qty=plain(call.qty), entry_price=plain_or_none(_shown(call.entry_price)), mark=plain_or_none(mark),
        entry_value=plain(call.entry_value), open_profit=plain_or_none(worth), realised=plain(call.realised),
        fees=plain(call.fees), planned_loss=plain(call.planned_loss), stop=plain(call.stop),
        stop_source=call.stop_source,
        targets=tuple(TargetShown(price=plain(t.price), share=plain(t.share)) for t in call.targets),
        opened_at=call.opened_at, trace_id=call.trace,
    )  # fmt: skip


def _shown(price: Decimal | None) -> Decimal | None:
    return None if price is None else _SHOWN.plus(price)


def _order(order: Order) -> OrderShown:
    return OrderShown(
        cid=order.cid, call=order.call, role=order.role, symbol=order.symbol, side=order.side,
        type=order.type, tif=order.tif, state=order.state, qty=plain(order.qty),
        price=plain_or_none(order.price), trigger=plain_or_none(order.trigger), reduce_only=order.reduce_only,
        filled=plain(order.filled), fees=plain(order.fees), at=order.at, valid_until=order.valid_until,
        why=order.why,
    )  # fmt: skip
