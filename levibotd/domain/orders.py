"""
Orders: their identity, their states, and where a crash is tried.

A client order id is a pure function of durable data, so the same intent has the same id in
every life of the daemon. An order moves by records alone (`advance`), in memory and in the
fold alike; a record that may not follow raises AssertionError. Call `advance` *before* the
record is committed, so that an impossible record never reaches the log.
"""

import re
from base64 import b32encode
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.order_records import (
    CancelDone,
    CancelIntent,
    OrderAbandoned,
    OrderAck,
    OrderDone,
    OrderFill,
    OrderIntent,
    OrderNew,
    OrderReject,
    OrderResolved,
    OrderUnknown,
)
from levibotd.domain.records import Record
from levibotd.domain.signal import CallKey, Side, Symbol

ENTRY = "e"
STOP = "s"
TARGET = "t"
CLOSE = "c"
ROLES = (ENTRY, STOP, TARGET, CLOSE)
CLOSE_SLOT = 0  # The way out of all that is held.
PART_SLOT = 1  # What closes a part of it.

ENVIRONMENTS = "ptd"  # production, testnet, demo and paper.

_PREFIX = "lv"
_VERSION = "1"
_INSTALLATION = re.compile(r"[a-z0-9]{2}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

# Before and after every step that a kill -9 can separate. Reached through the journal and venue ports.
_STEPS = (
    "intent.before",
    "intent.after",
    "send.before",
    "send.after",
    "answer.before",
    "answer.after",
    "fill.before",
    "fill.after",
    "done.before",
    "done.after",
    "cancel_intent.before",
    "cancel_intent.after",
    "cancel_send.after",
)
POINTS: tuple[str, ...] = (
    "ticket.before",
    "ticket.after",
    *(f"{name}.{step}" for name in ("entry", "stop", "target", "close") for step in _STEPS),
    "position_opened.before",
    "position_closed.before",
    "decision.before",
    "decision.after",
)


class OrderState(StrEnum):
    """Where an order stands. The last five are terminal."""

    PLANNED = "planned"
    READY = "ready"
    SENT = "sent"
    ACKED = "acked"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    FENCED = "fenced"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    ABANDONED = "abandoned"


TERMINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABANDONED}
)
_ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED})
_LIVE = frozenset(OrderState) - TERMINAL - {OrderState.PLANNED}
_FILLED_OR_ENDED = _ENDED | {OrderState.PARTIAL}


class Order(Struct, frozen=True, kw_only=True):
    """
    One order as its records tell it.

    `filled` counts the trades we hold; `cum_qty` is at least that, and more where the venue's last word
    names trades that have not reached us yet.
    """

    cid: str
    call: CallKey
    role: str
    slot: int
    attempt: int
    symbol: Symbol
    side: Side
    type: str
    tif: str
    qty: Decimal
    at: float
    price: Decimal | None = None
    trigger: Decimal | None = None
    reduce_only: bool = False
    valid_until: float | None = None
    state: OrderState = OrderState.PLANNED
    venue_id: str | None = None
    filled: Decimal = Decimal(0)
    value: Decimal = Decimal(0)  # Sum of price x quantity of the trades.
    fees: Decimal = Decimal(0)
    cum_qty: Decimal = Decimal(0)
    trade_ids: tuple[str, ...] = ()
    fence_at: float | None = None
    absent: bool = False  # Abandoned because nobody knew it, not because somebody said no.
    cancelling: bool = False
    why: str = ""
    revision: int = 0

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def live(self) -> bool:
        """May it still fill?"""
        return self.state in _LIVE

    @property
    def resting(self) -> bool:
        """Does the venue know it, and is it open there?"""
        return self.state in (OrderState.ACKED, OrderState.PARTIAL)

    @property
    def remaining(self) -> Decimal:
        """What it may still fill: nothing once it is terminal."""
        return self.qty - self.cum_qty if self.live else Decimal(0)

    @property
    def untold(self) -> Decimal:
        """Trades that the venue has counted and not told yet."""
        return self.cum_qty - self.filled

    @property
    def average(self) -> Decimal | None:
        """Average price of its trades, for showing: sums use `value`, which is exact."""
        return self.value / self.filled if self.filled else None


def client_order_id(*, env: str, installation: str, call: CallKey, role: str, slot: int, attempt: int) -> str:
    """
    Name one attempt of one slot of a call: 32 characters `[a-z0-9]`, the same in every life.

    Environment and installation stand readable in front, role and attempt at the end; the hash covers the rest.
    """
    assert env in set(ENVIRONMENTS), f"no environment: {env!r}"
    assert _INSTALLATION.fullmatch(installation), f"no installation: {installation!r}"
    assert role in ROLES, f"no role: {role!r}"
    digest = blake2b(f"{call}|{role}|{slot}|{attempt}".encode(), digest_size=15).digest()
    name = b32encode(digest).decode().lower()
    return f"{_PREFIX}{env}{_VERSION}{installation}{name}{role}{_DIGITS[min(attempt, 35)]}"


def ours(cid: str, *, env: str, installation: str) -> bool:
    """Was this id made by this installation?"""
    return len(cid) == 32 and cid.startswith(f"{_PREFIX}{env}{_VERSION}{installation}")


def planned(intent: OrderIntent, *, symbol: Symbol) -> Order:
    """The order that `intent` would make; PLANNED until the intent is committed."""
    return Order(
        cid=intent.cid,
        call=intent.call,
        role=intent.role,
        slot=intent.slot,
        attempt=intent.attempt,
        symbol=symbol,
        side=intent.side,
        type=intent.type,
        tif=intent.tif,
        qty=intent.qty,
        at=intent.at,
        price=intent.price,
        trigger=intent.trigger,
        reduce_only=intent.reduce_only,
        valid_until=intent.valid_until,
        revision=intent.revision,
    )


def advance(order: Order, record: Record) -> Order:
    """
    Move an order by one record. The same object comes back when the record tells nothing new.

    A fill is a fact and is booked in every state, once per trade id; it never takes an order out of a
    terminal state. An ack or an end that lost the race against a fill only adds what it knows.
    Raises AssertionError for a record that may not follow.
    """
    match record:
        case OrderIntent():
            _legal(order, record, {OrderState.PLANNED})
            return replace(order, state=OrderState.READY)
        case OrderNew():
            # Not from SENT, ACKED or UNKNOWN: that would be a second send.
            _legal(order, record, {OrderState.READY} | _FILLED_OR_ENDED)
            return replace(order, state=OrderState.SENT) if order.state is OrderState.READY else order
        case OrderAck():
            return _acked(order, record)
        case OrderFill():
            return _filled(order, record)
        case OrderDone():
            return _done(order, record)
        case OrderReject():
            _legal(order, record, {OrderState.READY, OrderState.SENT})
            return replace(order, state=OrderState.REJECTED, why=record.category)
        case OrderUnknown():
            _legal(order, record, _LIVE)
            # Whether an earlier cancel arrived is not known either: it may be asked for again.
            fence_at, cause = record.fence_at, record.cause
            return replace(order, state=OrderState.UNKNOWN, fence_at=fence_at, why=cause, cancelling=False)
        case OrderResolved():
            return _resolved(order, record)
        case OrderAbandoned():
            _legal(
                order,
                record,
                {OrderState.PLANNED, OrderState.READY, OrderState.UNKNOWN, OrderState.FENCED, OrderState.ABANDONED},
            )
            return replace(order, state=OrderState.ABANDONED, why=record.why)
        case CancelIntent():
            return replace(order, cancelling=True, why=record.why) if order.live else order
        case CancelDone():
            return order
        case _:
            raise AssertionError(f"{type(record).__name__} is not about an order")


def fence(order: Order, *, now: float) -> Order:
    """UNKNOWN becomes FENCED once no copy of the request can arrive any more. Lives in memory; no record tells it."""
    if order.state is OrderState.UNKNOWN and order.fence_at is not None and now > order.fence_at:
        return replace(order, state=OrderState.FENCED)
    return order


def entry_room(orders: tuple[Order, ...], *, planned_qty: Decimal) -> Decimal:
    """How much of a call may still be sent as entries: planned less what is filled, open or unresolved."""
    taken = Decimal(0)
    for order in orders:
        if order.role == ENTRY:
            taken += order.cum_qty + order.remaining
    return max(planned_qty - taken, Decimal(0))


def _legal(order: Order, record: Record, states: "set[OrderState] | frozenset[OrderState]") -> None:
    assert order.state in states, f"{type(record).__name__} may not follow {order.state} ({order.cid})"


def _acked(order: Order, record: OrderAck) -> Order:
    _legal(order, record, {OrderState.READY, OrderState.SENT} | _FILLED_OR_ENDED)
    if order.state in (OrderState.READY, OrderState.SENT):
        return replace(order, state=OrderState.ACKED, venue_id=record.venue_id)
    return replace(order, venue_id=record.venue_id)


def _filled(order: Order, record: OrderFill) -> Order:
    assert order.state is not OrderState.PLANNED, f"a fill of what was never intended ({order.cid})"
    if record.trade_id in order.trade_ids:
        return order
    filled = order.filled + record.qty
    state = order.state
    if not order.terminal:
        state = OrderState.FILLED if filled >= order.qty else OrderState.PARTIAL
    return replace(
        order,
        state=state,
        filled=filled,
        value=order.value + record.qty * record.price,
        fees=order.fees + record.fee,
        cum_qty=max(order.cum_qty, filled),
        trade_ids=(*order.trade_ids, record.trade_id),
    )


def _done(order: Order, record: OrderDone) -> Order:
    final = OrderState(record.final)
    assert final in TERMINAL, f"{record.final} ends nothing"
    cum_qty = max(order.cum_qty, record.cum_qty)
    if order.state is OrderState.FILLED or order.state is final:
        return order if cum_qty == order.cum_qty else replace(order, cum_qty=cum_qty)
    _legal(order, record, _LIVE)
    return replace(order, state=final, cum_qty=cum_qty, why=record.why or order.why)


def _resolved(order: Order, record: OrderResolved) -> Order:
    # A fill may have proven it before the query did.
    _legal(order, record, {OrderState.UNKNOWN, OrderState.FENCED} | _FILLED_OR_ENDED)
    if order.state in _FILLED_OR_ENDED:
        assert record.outcome == "ADOPTED", f"{order.cid} has trades and cannot be absent"
        return order
    if record.outcome == "ADOPTED":
        return replace(order, state=OrderState.PARTIAL if order.filled else OrderState.ACKED)
    assert record.outcome == "ABSENT", f"no outcome: {record.outcome}"
    assert not order.filled, f"{order.cid} has trades and cannot be absent"
    return replace(order, state=OrderState.ABANDONED, absent=True)
