"""
The reports port: what a day or a week of the event log came to.

A report is derived from the log alone and can be made again at any time. Money is a decimal string, exact; times are
unix seconds.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct

from levibotd.errors import Refused

Format = Literal["json", "csv", "parquet"]
Kind = Literal["daily", "weekly"]

MEDIA: dict[Format, str] = {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class NoLog(Refused):
    """The log has nothing of these days: they are not there yet, were before it began, or were pruned."""

    code = "NO_LOG"


class LogDamaged(Refused):
    """A record of these days is not as it was written, or is missing. The message names its seq."""

    code = "LOG_DAMAGED"


class ReportQuery(Struct, frozen=True, kw_only=True):
    """Which report: of the UTC day `last` (YYYY-MM-DD), or of the seven days that end with it. None: the newest day."""

    kind: Kind
    last: str | None = None
    format: Format = "json"


class Made(Struct, frozen=True, kw_only=True):
    """
    A report as it goes out.

    `complete`: its days are over and every record of them was read. Else it reaches as far as `through_seq`.
    """

    body: bytes
    format: Format
    first: str
    last: str
    complete: bool
    through_seq: int


class Reports(Protocol):
    """Makes reports, elsewhere: its caller's loop goes on."""

    async def make(self, query: ReportQuery, *, on_progress: Callable[[str], None] = ...) -> Made:
        """
        Make one, or take it from those made before. Cancelling ends the work.

        Raises NoLog; LogDamaged; ConfigError where what it needs is not installed; MailboxFull when too many wait
        already; Unavailable when it took too long, or failed otherwise.
        """


# --- What a report says -----------------------------------------------------------------------


class ChannelPart(Struct, frozen=True, kw_only=True):
    """
    One channel; None are posts of which the log of these days does not know the channel.

    `calls` are posts read as actionable, `taken` those that were acted on, `refused` the rest by gate.
    """

    channel: str | None
    posts: int = 0
    calls: int = 0
    taken: int = 0
    refused: dict[str, int]
    opened: int = 0
    closed: int = 0
    won: int = 0
    pnl: str = "0"
    fees: str = "0"
    net: str = "0"
    r: float = 0.0


class DayPart(Struct, frozen=True, kw_only=True):
    """One day in brief. `has_log` False: nothing of it was there to be read."""

    day: str
    has_log: bool
    records: int = 0
    posts: int = 0
    opened: int = 0
    closed: int = 0
    net: str = "0"


class ClosedCall(Struct, frozen=True, kw_only=True):
    """One call that ended."""

    call: str
    trace_id: str | None
    channel: str
    symbol: str | None
    side: str
    net: str
    r: float
    reason: str
    at: float


class Change(Struct, frozen=True, kw_only=True):
    """Kill switch, risk state, safe mode, stage, policy, start and stop: what was changed, by whom."""

    at: float
    event_type: str
    to: str
    why: str
    by: str


class OrdersPart(Struct, frozen=True, kw_only=True):
    """Orders that were intended, and how those ended that did."""

    intended: int
    ended: dict[str, int]
    rejected: int
    unknown: int
    abandoned: int


class FillsPart(Struct, frozen=True, kw_only=True):
    """Trades at the venue: their worth in quote, and fees by currency."""

    count: int
    volume: str
    fees: dict[str, str]


class EquityPart(Struct, frozen=True, kw_only=True):
    """
    Equity as far as the log tells it: day anchors, heartbeats and tickets. None where it tells nothing.

    The drawdown is the deepest fall below the highest point before it, in quote and as share of that point.
    """

    start: str | None
    end: str | None
    max_drawdown: str
    max_drawdown_share: float


class NakedPart(Struct, frozen=True, kw_only=True):
    """
    Positions that stood without a stop the venue knew: how many, and for how long at most.

    `down_s` is the longest time one stood so while we were down.
    """

    windows: int
    worst_s: float
    down_s: float


class LatencyPart(Struct, frozen=True, kw_only=True):
    """From the record of a post to the record of its first order, in milliseconds; None without any."""

    count: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class ProcessPart(Struct, frozen=True, kw_only=True):
    """The process itself: starts, time it was down before them, crashes by actor, what went wrong."""

    starts: int
    downtime_s: float
    crashes: dict[str, int]
    restarts: int
    dead_letters: int
    errors: dict[str, int]
    log_shed: int


class Report(Struct, frozen=True, kw_only=True):
    """
    One day, or the seven days from `first` to `last`.

    `decisions` are named as in the summary of a replay: `REJECTED confidence`, `SKIPPED kind.chatter`. Money of
    closed calls: `pnl` before fees, `net` after them.
    """

    kind: str
    first: str
    last: str
    complete: bool
    through_seq: int
    records: int
    posts: int
    edits: int
    deletions: int
    calls: int
    decisions: dict[str, int]
    blocked: dict[str, int]  # Refused by Exec after Risk had let it pass, by gate.
    opened: int
    closed: int
    won: int
    pnl: str
    fees: str
    net: str
    r: float
    orders: OrdersPart
    fills: FillsPart
    equity: EquityPart
    naked: NakedPart
    latency: LatencyPart
    process: ProcessPart
    channels: tuple[ChannelPart, ...]
    days: tuple[DayPart, ...]
    best: tuple[ClosedCall, ...]
    worst: tuple[ClosedCall, ...]
    changes: tuple[Change, ...]  # The newest hundred, in order.
