"""
The records of orders and positions: from the intent that is committed before anything is sent to the closed trade.

They are as much the schema of the event log as those of `levibotd/domain/records.py`; only LoggerActor's journal
gives them their names.
"""

from decimal import Decimal

from levibotd.domain.records import GateValue, Record
from levibotd.domain.signal import CallKey, Side


class OrderIntent(Record, frozen=True, kw_only=True):
    """About to send. Committed before anything reaches a venue; never sent twice."""

    cid: str
    call: CallKey
    role: str  # e(ntry) s(top) t(p) c(lose)
    slot: int
    attempt: int
    side: Side
    type: str  # limit | market | stop | trigger
    tif: str  # GTC | IOC | GTX
    qty: Decimal
    venue: str
    at: float
    price: Decimal | None = None
    trigger: Decimal | None = None
    reduce_only: bool = False
    revision: int = 0
    valid_until: float | None = None


class OrderNew(Record, frozen=True, kw_only=True):
    """Written to the socket."""

    cid: str


class OrderAck(Record, frozen=True, kw_only=True):
    """The venue knows it."""

    cid: str
    venue_id: str
    status: str
    at: float


class OrderReject(Record, frozen=True, kw_only=True):
    cid: str
    code: str
    message: str
    category: str  # The class of the answer: REJECTED, POST_ONLY_REJECT, EXIT_NOW ...


class OrderUnknown(Record, frozen=True, kw_only=True):
    """The answer was lost. Nothing more for this order until `fence_at`."""

    cid: str
    cause: str
    fence_at: float


class OrderResolved(Record, frozen=True, kw_only=True):
    cid: str
    outcome: str  # ADOPTED | ABSENT
    evidence: tuple[str, ...]


class OrderFill(Record, frozen=True, kw_only=True):
    """One trade of an order. Root of the two fill records; never logged itself."""

    cid: str
    trade_id: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str  # maker | taker
    cum_qty: Decimal
    at: float
    filters: str = "venue"  # venue | default: whose steps and minimums ruled.


class OrderPartialFill(OrderFill, frozen=True, kw_only=True):
    """A trade after which the order still has something to do."""


class OrderFilled(OrderFill, frozen=True, kw_only=True):
    """The trade that completes the order."""


class OrderDone(Record, frozen=True, kw_only=True):
    """Terminal at the venue, with the cumulative quantity."""

    cid: str
    final: str  # filled | cancelled | expired | rejected
    cum_qty: Decimal
    why: str = ""


class OrderAbandoned(Record, frozen=True, kw_only=True):
    """An intent given up without execution."""

    cid: str
    why: str


class OrderBlocked(Record, frozen=True, kw_only=True):
    """Refused by Exec after Risk had let it pass."""

    call: CallKey
    gate: str
    value: GateValue = None
    limit: GateValue = None
    owner: CallKey | None = None


class CancelIntent(Record, frozen=True, kw_only=True):
    cid: str
    why: str


class CancelDone(Record, frozen=True, kw_only=True):
    cid: str
    found: bool  # False: the order was gone already.


class EntryArmed(Record, frozen=True, kw_only=True):
    """An entry that waits for a price."""

    call: CallKey
    cid: str
    trigger: Decimal
    price: Decimal
    valid_until: float


class Protect(Record, frozen=True, kw_only=True):
    """State of a position's protection; `down_s` = naked while we were down."""

    call: CallKey
    state: str  # armed | protected | moved | ended
    sl_cids: tuple[str, ...]
    tp_cids: tuple[str, ...]
    down_s: float = 0.0


class PosRecon(Record, frozen=True, kw_only=True):
    venue: Decimal
    ledger: Decimal
    action: str  # adopt | external | dust | orphan


class PositionOpened(Record, frozen=True, kw_only=True):
    """First fill of a call."""

    call: CallKey
    channel: str
    side: Side
    qty: Decimal
    price: Decimal
    at: float


class PositionClosed(Record, frozen=True, kw_only=True):
    """A call is flat again. `pnl` is before fees, `net` after them; `r` is net over the planned loss."""

    call: CallKey
    channel: str
    side: Side
    qty: Decimal
    entry: Decimal
    exit: Decimal
    pnl: Decimal
    fees: Decimal
    net: Decimal
    r: float
    reason: str  # stop | target | close | flatten | liquidation
    opened_at: float
    at: float
