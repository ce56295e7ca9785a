"""
The record structs of the event log: the schema that folds, index, reports and panel rely on.

A record is the payload of one line; `Entry` adds the trace and the symbol that stand beside
it. Which event type, class and schema version a record has stands in `levibotd/journal.py`.
Orders and positions have theirs in `levibotd/domain/order_records.py`, what a plan consists
of in `levibotd/domain/trade_plan.py`. State is a fold over records, so a record carries every
value that a fold needs, its time (`at`, unix seconds) included.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.climate.terms import Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import CallKey, Change, Post, Side, Symbol, TraceId
from levibotd.domain.trade_plan import CloseStop, StopTerms, Target, TradePlan
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


# --- What records consist of ------------------------------------------------------------------


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
    for what an edit may not do), or closed, cancelled, replaced, moved, targets. `reason` is the first thing that was
    asked for and not done.
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
    close_stop: CloseStop | None = None  # Of the plan; a moved stop leaves it as it is.
    said_by: str = ""  # Which post, and which revision of it, asked for this; so that it is known again.


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
    `reduce`, `call`, `leverage`, `confirm`, `restart`, `requeue`. The `reason` of a channel's close begins
    with the trace of the post that said it, or is `edited` or `deleted`.
    """

    command: str
    by: str
    reason: str = ""
    effect: str = ""


class StageEvidence(Struct, frozen=True, kw_only=True):
    """What was held of a channel when its stage was changed: witnessed calls alone. None is what nobody knows."""

    t: float
    n_eff: float
    ev_r: float
    prior_sha: str
    witnessed_calls: int
    days: float  # Since the first of them.
    parse_coverage: float | None = None
    since_stage_r: float = 0.0  # As followed, since the stage before was set.
    silent_days: float | None = None
    psi: float | None = None  # Of its format: its last posts against its first ones.
    judged_acts: int = 0  # Of the last ones that somebody labelled, since the stage before was set,
    wrong_acts: int = 0  # and those of them that were none, or the other side.
    lacking: str | None = None  # What the stage would have asked for besides.


class ChannelStage(Record, frozen=True, kw_only=True):
    """
    Stage changed; `channel` None = the global one. `unproven`: the operator's word in place of evidence.

    `names` are all that its posts may call the channel.
    """

    stage: str
    before: str
    by: str
    reason: str
    channel: str | None = None
    unproven: bool = False
    names: tuple[str, ...] = ()
    evidence: StageEvidence | None = None


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
