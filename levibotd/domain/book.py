"""
What the ledger holds: control, tickets, calls, orders, counters. One tree of plain structs.

Everything in here is made from records alone (`ledger.py`) and can be written as bytes and read
back. Nothing in here decides anything.
"""

from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from levibotd.domain.archive import ArchiveBook
from levibotd.domain.leg_read import LegRead
from levibotd.domain.order_records import PositionClosed
from levibotd.domain.orders import Order
from levibotd.domain.records import DayAnchor, SignalIngest, TgCursor
from levibotd.domain.signal import CallKey, Post, Side, Symbol, TraceId
from levibotd.domain.trade_plan import CloseStop, Target, TradePlan

ACTIVE = "ACTIVE"
REDUCING = "REDUCING"
HALTED = "HALTED"

# Why a risk state restrains: what each is lifted by differs.
KILL_SWITCH = "kill_switch"
DISK = "disk"
LOG_DAMAGE = "log_damage"
LOG_ROLLBACK = "log_rollback"

PENDING = "pending"  # Orders, and no fill yet.
OPEN = "open"
CLOSING = "closing"  # A close order is out.
CLOSED = "closed"  # Was filled and is flat; its last orders are being ended.


class KillState(Struct, kw_only=True):
    """The kill switch as it was last set."""

    tripped: bool = False
    why: str = ""
    by: str = ""
    equity: Decimal | None = None
    anchor: Decimal | None = None
    limit: Decimal | None = None


class ControlState(Struct, kw_only=True):
    """What says whether calls may be opened at all. `stage` and `policy` are None until a record set them."""

    switch_on: bool = True
    risk_state: str = ACTIVE
    risk_why: str = ""
    kill: KillState
    stage: str | None = None
    channel_stages: dict[str, str] = {}
    unproven: dict[str, bool] = {}  # Channels whose stage was last set by the operator's word, not by evidence.
    policy: str | None = None
    leverage_cap: int | None = None
    call_caps: dict[TraceId, Decimal] = {}  # What an operator's own call may spend at most, until it is decided.
    confirmed: list[int] = []  # Steps of the one-time passwords that were taken, the newest ones.
    risk_over: dict[str, str | int | float] = {}  # Keys of `[risk]` that were put over the file.
    damage: str = ""  # Of the log, as last found.
    damage_accepted: list[str] = []  # What a human has looked at restrains no more.
    rollback: str = ""  # The manifest in the bucket that knows another log than this one, as last found.
    rollback_accepted: list[str] = []
    safe_mode: list[str] = []  # Groups of actors that gave up.


class Ticket(Struct, kw_only=True):
    """A permission that may still be spent, and the post it came from."""

    call: CallKey
    channel: str
    plan: TradePlan
    at: float
    entry_valid_until: float
    expires_at: float
    trace: TraceId | None = None
    leg: LegRead | None = None
    said: str = ""
    revision: int = 0


class Call(Struct, kw_only=True):
    """
    One leg that spent its ticket, from its first intent until it is flat and its orders are over.

    `qty` and `entry_value` are what is open now: the exact quantity and what was paid for it. The
    totals (`bought`, `sold` and their values) only grow. `realised` is before fees.
    """

    key: CallKey
    channel: str
    trace: TraceId | None
    symbol: Symbol
    side: Side
    plan: TradePlan
    ticket_at: float  # Of the plan that rules.
    entry_valid_until: float
    stop: Decimal
    stop_source: str
    targets: tuple[Target, ...]
    targets_source: str
    close_stop: CloseStop | None = None
    status: str = PENDING
    ended: bool = False  # Nothing more will be placed for it.
    qty: Decimal = Decimal(0)
    entry_value: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    bought_value: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    sold_value: Decimal = Decimal(0)
    sold_early: Decimal = Decimal(0)  # Of entries whose trades have not been told yet, and what that brought.
    sold_early_value: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    opened_at: float | None = None
    changed_at: float | None = None  # Last fill.
    exit_role: str | None = None  # Role of the order that exited last: s, t or c.
    leg: LegRead | None = None  # As it was judged.
    said: str = ""  # The print of its post's text.
    revision: int = 0  # Of the plan that rules: how often it was replaced.
    reductions: dict[str, Decimal] = {}  # What its channel has asked to close of it, by what said so.
    levels_by: str = ""  # What of its channel was carried out last.
    entries_over: str = ""  # Why its channel, or its deletion, ended what has not filled yet.
    orders: list[str] = []  # Client ids in the order of their intents.

    @property
    def planned_loss(self) -> Decimal:
        return self.plan.planned_loss

    @property
    def to_reduce(self) -> Decimal:
        """What its channel has asked to close of it, all in all."""
        return sum(self.reductions.values(), Decimal(0))

    @property
    def flat(self) -> bool:
        return not self.qty

    @property
    def entry_price(self) -> Decimal | None:
        """Average price of what is open; None while flat. For showing and for stop moves, never for sums."""
        return self.entry_value / self.qty if self.qty else None


class Position(Struct, frozen=True, kw_only=True):
    """What is held on one symbol: signed quantity (long > 0), what was paid for it, and whose it is."""

    symbol: Symbol
    qty: Decimal
    entry_value: Decimal
    owner: CallKey

    @property
    def entry_price(self) -> Decimal:
        return self.entry_value / abs(self.qty)


class Held(Struct, frozen=True, kw_only=True):
    """A call that holds, or may come to hold, a position: what exposure is counted from."""

    call: CallKey
    channel: str
    symbol: Symbol
    side: Side
    planned_loss: Decimal


class PendingPost(Struct, kw_only=True):
    """An ingested post without its decision yet; `text` is that of its newest revision."""

    ingest: SignalIngest
    revision: int = 0
    text: str
    edited_at: float | None = None

    @property
    def post(self) -> Post:
        """The post as its newest revision says."""
        if not self.revision:
            return self.ingest.post
        return replace(self.ingest.post, text=self.text, edited_at=self.edited_at)


class Revision(Struct, frozen=True, kw_only=True):
    """How often a post was edited, and what it says now."""

    number: int
    text: str  # Its print.
    at: float = 0.0  # When it was edited.


class Opened(Struct, frozen=True, kw_only=True):
    """A call that was opened, and when its post was judged."""

    call: CallKey
    at: float


class Tally(Struct, kw_only=True):
    """Closed calls of one channel, or of all, since the first record."""

    closed: int = 0
    won: int = 0
    stopped: int = 0
    pnl: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    net: Decimal = Decimal(0)
    r: float = 0.0


class State(Struct, kw_only=True):
    """All that the fold knows."""

    start: Decimal
    cooldown_keep_s: float
    control: ControlState
    cash: Decimal
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    anchor: DayAnchor | None = None
    net_at_anchor: Decimal = Decimal(0)  # Realised less fees when the day began.
    tickets: dict[CallKey, Ticket] = {}
    spent: dict[CallKey, str] = {}  # How: intent | armed | blocked. The newest ones.
    calls: dict[CallKey, Call] = {}
    owners: dict[Symbol, CallKey] = {}
    orders: dict[str, Order] = {}  # Of calls that are not over.
    finished: dict[str, Order] = {}  # The newest of calls that are, so that a late word about them is understood.
    orphan_fills: int = 0  # Fills of orders we do not know: for reconciliation, never guessed into a position.
    contradictions: int = 0  # Records about orders that could not follow what was before; they changed nothing.
    closed_at: dict[Symbol, float] = {}
    stopped_at: dict[Symbol, float] = {}
    stop_distances: dict[str, list[float]] = {}  # By channel.
    pending: dict[TraceId, PendingPost] = {}
    decided: dict[TraceId, str] = {}
    revisions: dict[TraceId, Revision] = {}  # Of posts that were edited, the newest ones.
    deleted: dict[TraceId, None] = {}  # Posts that are gone, the newest ones.
    opened: dict[str, Opened] = {}  # By channel and print: so that nothing is opened by being told again.
    cursors: dict[str, TgCursor] = {}
    total: Tally
    channels: dict[str, Tally] = {}
    trades: list[PositionClosed] = []
    archive: ArchiveBook = field(default_factory=ArchiveBook)
