"""
What became of a call in the shadow ledger, traded or not: the records that verdicts on channels rest on.

Two ledgers follow each call. `as_posted` is the canonical follower, the same for every channel and
never tuned; `as_followed` takes our policy, our stop and our targets. What the same trade makes at random times
stands beside them as `placebo`: once when the call must be over, and once more when times after it are, too.
"""

from decimal import Decimal

from levibotd.domain.records import Record, SignalIngest, SignalScored
from levibotd.domain.risk import day_of
from levibotd.domain.signal import CallKey, Side

AS_POSTED = "as_posted"
AS_FOLLOWED = "as_followed"
PLACEBO = "placebo"

WITNESSED_WITHIN_S = 120.0
FIRST_TEXT_WITHIN_S = 600.0  # A backfilled post edited later than this after it was posted: nobody knows what it said.

_LIVE = frozenset({"demo", "file", "http", "telethon"})


class ShadowOutcome(Record, frozen=True, kw_only=True):
    """
    A call is over in one ledger. One record per call and ledger, and no second one; of the placebo two.

    `status` is filled, unfilled, cancelled, unpriced or unknown (a backfilled post whose first text
    nobody has); `reason` says more: no_candles, quote, delisted, unreadable, target_traded, announced …
    R is net of all costs over the planned loss of the full plan; `r_low` and `r_high` are the worst and
    best order of events within a bar, `undecided` where they differ in sign. Times are unix seconds.
    """

    call: CallKey
    channel: str
    ledger: str  # as_posted | as_followed | placebo
    side: Side
    status: str
    reason: str | None = None
    witnessed: bool
    posted_at: float
    decided_at: float  # Receive time and latency: nothing fills before.
    at: float  # When it was over, by the bars.
    opened_at: float | None = None
    entry: Decimal | None = None  # Average of what filled.
    exit: Decimal | None = None
    filled_share: float = 0.0  # Of the plan.
    r: float | None = None
    r_low: float | None = None
    r_high: float | None = None
    undecided: bool = False
    return_pct: float | None = None  # Net, of the notional.
    worst_pct: float | None = None  # Deepest excursion against it while it was held.
    ended_by: str | None = None  # stop | target | horizon | announced | delisted | liquidation
    posted_stop: bool = True  # False: the stop is ours, the result stands apart.
    imputed_r: float | None = None  # As posted and without a stop there is no R of its own: this is R with our stop.
    proxy: bool = False  # Priced on another market than the one it names.
    synthetic: bool = False  # Priced through a cross.
    contaminated: bool = False
    times: int = 0  # Of a placebo: that its mean is of.


def is_witnessed(ingest: SignalIngest) -> bool:
    """
    Did the first revision of this post reach us live and at once? All else is backfilled, and proves nothing.

    What is fetched out of a hole is what was left there by then.
    """
    if ingest.source not in _LIVE or ingest.late or ingest.post.known_at > ingest.post.posted_at:
        return False
    return abs(ingest.received_at - ingest.post.posted_at) <= WITNESSED_WITHIN_S


def has_unknown_text(ingest: SignalIngest) -> bool:
    """Was this post rewritten so long after it was posted that what it first said is unknown?"""
    return ingest.post.known_at - ingest.post.posted_at > FIRST_TEXT_WITHIN_S


def knew_later(record: SignalScored, posted_at: float) -> bool:
    """Was a post read by what was known only later: a model that learned from younger posts, a younger market list?"""
    if record.trained_until is not None and record.trained_until > posted_at:
        return True
    return record.markets_as_of is not None and record.markets_as_of > day_of(posted_at)
