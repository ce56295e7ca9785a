"""
The record structs of the event log: the schema that folds, index, reports and panel rely on.

A record is the payload of one line; `Entry` adds the trace and the symbol that stand beside
it. Which event type, class and schema version a record has stands in `levibotd/journal.py`.
State is a fold over records, so a record carries every value that a fold needs, its time
(`at`, unix seconds) included.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.climate.terms import Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import CallKey, Change, Post, Side, Symbol, TraceId
from levibotd.domain.trust import Trust

# str | float | Decimal | None. Text and Decimal are both strings in JSON, so a Decimal is read back as its string.
GateValue = object


class Record(Struct, frozen=True, kw_only=True):
    """Root of all payloads."""


class Entry(Struct, frozen=True):
    """One record with what it is about; what actors hand to the log."""

    record: Record
    trace: TraceId | None = None
    symbol: Symbol | None = None


class Logged(Struct, frozen=True, kw_only=True):
    """An entry as it stands in the log."""

    seq: int
    ts: float
    event_type: str
    entry: Entry


# --- What a plan consists of ------------------------------------------------------------------


class Rung(Struct, frozen=True, kw_only=True):
    """
    One entry order of a plan.

    `limit` rests at `price`; `ioc` takes at once up to `price`; `trigger` waits until a trade
    beyond `trigger` and then takes up to `price`.
    """

    style: str  # limit | ioc | trigger
    qty: Decimal
    price: Decimal
    trigger: Decimal | None = None


class Target(Struct, frozen=True, kw_only=True):
    """One take-profit: `share` of the position at `price`. Shares of a plan sum to 1."""

    price: Decimal
    share: Decimal


class StopTerms(Struct, frozen=True, kw_only=True):
    """The three terms of an imputed stop distance, as shares of the entry; the largest rules."""

    atr: float | None = None
    channel_median: float | None = None
    half_first_target: float | None = None


class TradePlan(Struct, frozen=True, kw_only=True):
    """What one leg may do at most, in quote prices and base quantities on the venue's steps."""

    symbol: Symbol
    side: Side
    rungs: tuple[Rung, ...]
    targets: tuple[Target, ...]
    stop: Decimal
    stop_source: str  # signal | imputed
    targets_source: str  # signal | imputed
    qty: Decimal  # Sum of the rungs.
    notional: Decimal  # Sum of rung price x quantity.
    planned_loss: Decimal  # All rungs filled, stopped out, costs included.
    leverage: int
    mark: Decimal  # Price at decision; the slippage cap is measured from it.
    price_cap: Decimal  # The worst price an entry may pay.
    stop_terms: StopTerms | None = None
    notes: tuple[str, ...] = ()  # Which legs were merged, which cap lowered the size.


class Gate(Struct, frozen=True, kw_only=True):
    """A gate that was looked at: its name, the value found and the limit."""

    name: str
    value: GateValue = None
    limit: GateValue = None


class Resolved(Struct, frozen=True, kw_only=True):
    """A setting as it ruled for one call, and who said so: signal, channel, global, policy or built-in."""

    name: str
    value: str
    source: str


class LegOutcome(Struct, frozen=True, kw_only=True):
    """What became of one leg of a post."""

    symbol: str
    outcome: str  # intent | armed | blocked | rejected | closed | cancelled | reduced | replaced | moved | targets
    gate: str | None = None


def one_symbol(symbols: Iterable[str | None]) -> Symbol | None:
    """The symbol that a record about one coin is filed under; None for several, and for one that no venue knows."""
    found = set(symbols)
    symbol = found.pop() if len(found) == 1 else None
    return None if symbol is None else Symbol(symbol)


# --- Posts ------------------------------------------------------------------------------------


class SignalIngest(Record, frozen=True, kw_only=True):
    """A post reached us. Written before anything else happens with it."""

    post: Post
    received_at: float
    source: str  # demo | file | http | replay | telethon
    late: bool = False  # Out of a hole or older than the TTL: no new exposure.


class TgCursor(Record, frozen=True, kw_only=True):
    """
    Per channel a watermark with holes: every id <= `upto` outside `holes` was ingested or is proven absent.

    `position` is where a followed file goes on, in bytes; `head` names how that file began, so that
    another one in its place is told from it.
    """

    channel: str
    upto: int
    holes: tuple[tuple[int, int], ...] = ()
    position: int | None = None
    head: str | None = None


class SignalEdited(Record, frozen=True, kw_only=True):
    """
    A later revision of a post, what it was read as, and what it changed of ours.

    `effect` is noted (nothing of ours), chatter (not the channel's word), ignored (by `on_edit`), review (asked
    for what an edit may not do; `reason` says what), or closed, cancelled, replaced, moved, targets.
    """

    channel: str
    message_id: int
    revision: int
    text: str
    edited_at: float
    effect: str
    reason: str = ""
    kind: str | None = None
    legs: tuple[LegRead, ...] = ()


class SignalDeleted(Record, frozen=True, kw_only=True):
    """A post is gone from its channel. `effect` is noted, cancelled or closed."""

    channel: str
    message_id: int
    seen_by: str
    at: float
    effect: str = "noted"


class SignalScored(Record, frozen=True, kw_only=True):
    """The reading of a post and its probabilities, with all that they rest on."""

    channel: str
    kind: str
    label: str
    probs: Mapping[str, float]
    p_call: float
    stale: bool
    legs: tuple[LegRead, ...]
    reasons: tuple[str, ...]
    revision: int
    last_price: Mapping[str, Decimal]  # By symbol of the legs, as of the decision.
    markets_as_of: str | None
    model_sha: str
    trained_until: float | None
    prior_sha: str | None = None
    symbols: tuple[str, ...] = ()  # The coins that a command names, or means by the post it replies to.
    every_call: bool = False
    change: Change | None = None
    terms: Terms | None = None  # Of an actionable call, where `[features]` are on.
    trust: Trust | None = None  # In its channel, as of the decision; of a call alone.


class SignalRejected(Record, frozen=True, kw_only=True):
    """A call refused by a gate."""

    gate: str
    value: GateValue = None
    limit: GateValue = None
    owner: CallKey | None = None
    side: Side | None = None
    reason: str | None = None
    legs: tuple[LegOutcome, ...] = ()


class SignalExpired(Record, frozen=True, kw_only=True):
    """A call too old to act on."""

    age_s: float
    limit_s: float


class AutoRouteSkipped(Record, frozen=True, kw_only=True):
    """No call and no command of ours."""

    reason: str


class AutoRouteDryrun(Record, frozen=True, kw_only=True):
    """A call that passed every gate in stage observe."""

    legs: tuple[LegOutcome, ...]


class AutoRouteExecuted(Record, frozen=True, kw_only=True):
    """A call with at least one committed intent, or a command that changed something of ours."""

    legs: tuple[LegOutcome, ...]
    effect: str  # opened | closed | cancelled | reduced | replaced | moved | targets


# --- Risk and control -------------------------------------------------------------------------


class RiskTicket(Record, frozen=True, kw_only=True):
    """
    Risk's permission: this plan, once, until `expires_at`.

    `leg` is the call as it was judged. A `revision` above 0 takes the place of the plan of a call that has not
    filled anything yet. `resolved` names the settings that ruled, each with its source.
    """

    call: CallKey
    channel: str
    plan: TradePlan
    gates: tuple[Gate, ...]
    policy: str
    policy_hash: str
    equity: Decimal
    exposure_seq: int
    entry_valid_until: float
    expires_at: float
    at: float
    leg: LegRead | None = None
    said: str = ""  # The print of the post's text.
    revision: int = 0
    resolved: tuple[Resolved, ...] = ()


class RiskSltp(Record, frozen=True, kw_only=True):
    """Stop and targets of a call, set or moved, each with its source."""

    call: CallKey
    stop: Decimal
    stop_source: str  # signal | imputed | reply | edit, or the mover
    targets: tuple[Target, ...]
    targets_source: str  # signal | imputed | reply | edit
    why: str  # set | moved | replaced
    stop_terms: StopTerms | None = None


class RiskPolicyChanged(Record, frozen=True, kw_only=True):
    policy: str
    before: str
    by: str
    reason: str


class RiskState(Record, frozen=True, kw_only=True):
    """ACTIVE < REDUCING < HALTED."""

    state: str
    why: str
    by: str


class DayAnchor(Record, frozen=True, kw_only=True):
    """Equity at 00:00 UTC of `day` (YYYY-MM-DD)."""

    day: str
    equity: Decimal
    at: float


class KillSwitch(Record, frozen=True, kw_only=True):
    """The kill switch tripped, or a human re-armed it."""

    tripped: bool
    why: str
    by: str
    equity: Decimal | None = None
    anchor: Decimal | None = None
    limit: Decimal | None = None


class SafeMode(Record, frozen=True, kw_only=True):
    on: bool
    group: str


class Control(Record, frozen=True, kw_only=True):
    """
    A command of an operator, or of a channel about its own calls: `start`, `stop`, `flatten`, `close`, `cancel`,
    `reduce`, `call`, `leverage`, `confirm`, `restart`, `requeue`.
    """

    command: str
    by: str
    reason: str = ""
    effect: str = ""


class ChannelStage(Record, frozen=True, kw_only=True):
    """Stage changed; `channel` None = the global one. `unproven`: the operator's word in place of evidence."""

    stage: str
    before: str
    by: str
    reason: str
    channel: str | None = None
    unproven: bool = False


class ConfigUpdate(Record, frozen=True, kw_only=True):
    """
    Other settings rule from here on.

    `risk` is every key of `[risk]` that the operator has put over the file by then; None: as before.
    """

    sha: str
    changed: tuple[str, ...] = ()
    risk: Mapping[str, str | int | float] | None = None
    by: str = ""
    reason: str = ""


# --- Orders -----------------------------------------------------------------------------------


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


# --- The process ------------------------------------------------------------------------------


class Boot(Record, frozen=True, kw_only=True):
    """What a start found and did."""

    records: int
    pending_posts: int
    open_orders: int
    open_positions: int
    downtime_s: float
    damage: str | None = None


class ClockStep(Record, frozen=True, kw_only=True):
    step_s: float
    at: float


class FileOpen(Record, frozen=True, kw_only=True):
    """First line of a segment: what it continues."""

    schema: int
    keyed: bool
    version: str | None = None  # Not in replay.
    previous: str | None = None  # Segment, relative to the log directory.
    previous_seq: int = 0
    previous_hash: str = "0" * 32


class FileSeal(Record, frozen=True, kw_only=True):
    count: int
    sha256: str


class ActorCrash(Record, frozen=True, kw_only=True):
    actor: str
    incarnation: int
    error: str


class ActorRestart(Record, frozen=True, kw_only=True):
    actor: str
    incarnation: int
    backoff_s: float


class DeadLetter(Record, frozen=True, kw_only=True):
    actor: str
    reason: str
    message: str


class LogShed(Record, frozen=True, kw_only=True):
    n: int


class SystemNote(Record, frozen=True, kw_only=True):
    """Something about the process that fits no other record."""

    note: str
    detail: str = ""


class Error(Record, frozen=True, kw_only=True):
    """A fault that ended no actor."""

    code: str
    detail: str


class Heartbeat(Record, frozen=True, kw_only=True):
    equity: Decimal
    open_positions: int
    pending_posts: int


class MarketQuote(Record, frozen=True, kw_only=True):
    price: Decimal
    at: float
