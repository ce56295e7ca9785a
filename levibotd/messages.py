"""
Everything actors say to each other, one screen per actor.

Messages are frozen structs. What is about a post carries its `trace`, so that one id can be
followed across actors. A `Request[R]` is asked and answered with an `R`.
"""

from decimal import Decimal

from msgspec import Struct

from levibotd.domain.archive import ArchiveOutcome
from levibotd.domain.gates import Refusal
from levibotd.domain.records import (
    Entry,
    Gate,
    LegOutcome,
    Logged,
    RiskTicket,
    SignalDeleted,
    SignalEdited,
    StageEvidence,
)
from levibotd.domain.signal import CallKey, Change, Leg, Post, Scored, Side, TraceId
from levibotd.domain.trade_plan import TradePlan
from levibotd.kernel.mailbox import Request


class Message(Struct, frozen=True, kw_only=True):
    """Root of all messages; `trace` is None where no post is the cause."""

    trace: TraceId | None = None


# --- To LoggerActor ---------------------------------------------------------------------------


class Committed(Struct, frozen=True):
    """The records stand in the log, from `first_seq` to `last_seq`, and survive power loss."""

    first_seq: int
    last_seq: int


class Append(Message, Request[Committed], frozen=True, kw_only=True):
    """Write these in this order, without another record between. Asked: class D. Told: class E. Shed: class S."""

    entries: tuple[Entry, ...]


class CatchUp(Message, Request[Committed], frozen=True, kw_only=True):
    """
    Answered once all that was taken before is committed.

    Asked by a new incarnation before it looks at the log's state: the one before may have died between
    giving a record and hearing that it stands.
    """


class Decision(Struct, frozen=True, kw_only=True):
    """How a post ended: its terminal record, and its SIGNAL_SCORED where there is one."""

    terminal: Logged
    scored: Logged | None


class AwaitDecision(Message, Request[Decision], frozen=True, kw_only=True):
    """Answered as soon as the terminal decision of `trace` is committed."""


# --- To TelegramActor -------------------------------------------------------------------------


class Ingested(Struct, frozen=True, kw_only=True):
    """`fresh` is False when this post had been ingested before."""

    trace: TraceId
    fresh: bool


class IngestPost(Message, Request[Ingested], frozen=True, kw_only=True):
    """HTTP -> Telegram: a post that did not come through the posts port."""

    post: Post


class Redeliver(Message, frozen=True, kw_only=True):
    """Supervision -> Telegram: Scorer, Risk or Exec began anew; tell the work list of the log again."""


# --- To ScorerActor ---------------------------------------------------------------------------


class PostArrived(Message, frozen=True, kw_only=True):
    """Telegram -> Scorer: ingested and on disk; decide about it. A second delivery is harmless."""

    post: Post
    received_at: float
    late: bool = False
    revision: int = 0


class PostEdited(Message, frozen=True, kw_only=True):
    """Telegram -> Scorer: a post says something else now. Told again until its SIGNAL_EDITED stands in the log."""

    post: Post
    received_at: float
    revision: int


class PostDeleted(Message, frozen=True, kw_only=True):
    """Telegram -> Scorer: a post is gone. Told again until its SIGNAL_DELETED stands in the log."""

    channel: str
    message_id: int
    seen_by: str
    received_at: float


# --- To RiskActor -----------------------------------------------------------------------------


class ScoredSignal(Message, frozen=True, kw_only=True):
    """Scorer -> Risk: an actionable call, fresh enough, with its probabilities."""

    post: Post
    received_at: float
    scored: Scored
    revision: int = 0
    hybrids: tuple[float, ...] = ()  # Of the legs, once the score has proved itself.
    ev_r: float | None = None  # What its channel's calls make on average, as held at the decision.


class SetPolicy(Message, Request[str], frozen=True, kw_only=True):
    """Admin -> Risk: switch the policy; answered with the one before."""

    policy: str
    by: str
    reason: str


class SetLeverage(Message, Request[int], frozen=True, kw_only=True):
    """Admin -> Risk: no call gets more leverage from now on, None lifts that; answered with the cap before, 0: none."""

    leverage: int | None
    by: str
    reason: str


class Tried(Struct, frozen=True, kw_only=True):
    """What would be sent for an order now, and the first gate that would refuse it as a call."""

    plan: TradePlan
    refused_by: Gate | None


class TryOrder(Message, Request[Tried | Refusal], frozen=True, kw_only=True):
    """
    Admin -> Risk: what would an entry of at most `notional` come to now? Nothing is written, and nothing is sent.

    Without `entry` it takes the market, without `stop` and `targets` they are imputed. Answered with a Refusal when
    no order of this kind can be made: what the venue's filters refuse, no policy allows.
    """

    channel: str
    symbol: str
    side: Side
    notional: Decimal | None = None
    entry: Decimal | None = None
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()


# --- To ExecActor -----------------------------------------------------------------------------


class PlaceOrder(Message, frozen=True, kw_only=True):
    """
    Risk -> Exec. One ticket a leg: permission to carry out its plan once, until it expires.

    `refused` are the legs of the same post that Risk did not let pass; they stand in the post's one decision.
    """

    tickets: tuple[RiskTicket, ...]
    refused: tuple[LegOutcome, ...] = ()
    revision: int = 0


class EndCalls(Message, frozen=True, kw_only=True):
    """
    Scorer -> Exec: the channel itself says so. Unfilled parts are cancelled, filled ones closed.

    A call that is still on its way to Exec is not opened any more. `only_entries` leaves what is held alone.
    What ends with it is the post of `trace`, or the edit or deletion that is given.
    """

    calls: tuple[CallKey, ...]
    received_at: float
    only_entries: bool = False
    edit: SignalEdited | None = None
    deletion: SignalDeleted | None = None


class Asked(Struct, frozen=True, kw_only=True):
    """
    What is asked of one open call: the words of an update, or the leg as an edit has it now.

    `wants_plan`: other entries than those that rest, while nothing has filled. Risk answers with a `ticket`, or
    with the gate that `refused` it; then the entries that the channel wants no more are cancelled.
    """

    call: CallKey
    what: Change | Leg
    p_call: float = 1.0  # Of the edited text.
    wants_plan: bool = False
    ticket: RiskTicket | None = None
    refused: str | None = None


class ReviseCalls(Message, frozen=True, kw_only=True):
    """
    Scorer -> Exec, or by way of Risk where a new plan is asked for: a channel changes its own calls.

    `only_protects`: of all wishes only tighter stops and ways out are granted. `tries` counts how often a call was
    waited for that is still on its way.
    """

    asked: tuple[Asked, ...]
    received_at: float
    edit: SignalEdited | None = None
    only_protects: bool = False
    tries: int = 0

    @property
    def needs_plan(self) -> bool:
        """Is there something for Risk to plan? What only protects does not pass through there."""
        return not self.only_protects and any(one.wants_plan and one.refused is None for one in self.asked)


class Switch(Message, Request[bool], frozen=True, kw_only=True):
    """Admin -> Exec: may calls be opened at all? Answered with the state before. Survives a restart."""

    on: bool
    by: str
    reason: str


class SetKillSwitch(Message, Request[bool], frozen=True, kw_only=True):
    """
    Admin -> Exec: trip or re-arm; answered with whether it was tripped before.

    Re-arming also lifts what damage in the log, or a log set back, has restrained: a human has looked.
    A low disk is lifted by room on it alone.
    """

    tripped: bool
    by: str
    reason: str


class SetStage(Message, Request[str], frozen=True, kw_only=True):
    """
    Admin -> Exec: the global stage, or that of one channel; answered with the one before.

    `unproven`: up although the evidence is missing. `names` and `evidence` go with it to the log.
    """

    stage: str
    by: str
    reason: str
    channel: str | None = None
    unproven: bool = False
    names: tuple[str, ...] = ()
    evidence: StageEvidence | None = None


class ClosePosition(Message, Request[tuple[str, ...]], frozen=True, kw_only=True):
    """Admin -> Exec: close these calls (all of ours when empty); answered with the call keys it acts on."""

    calls: tuple[CallKey, ...] = ()
    by: str
    reason: str


# --- To ArchiverActor -------------------------------------------------------------------------


class SegmentClosed(Message, frozen=True, kw_only=True):
    """Logger -> Archiver: this segment is never written again."""

    path: str


class RunArchive(Message, Request[ArchiveOutcome], frozen=True, kw_only=True):
    """Admin -> Archiver: run now; answered when it is over, refused while another run is under way."""

    by: str
    upload: bool = True
    prune: bool = True


# --- To ShadowActor ---------------------------------------------------------------------------


class LookAtBook(Message, frozen=True, kw_only=True):
    """Commits -> Shadow: calls were taken up, or their channel ended some. `timed`: its own timer says so."""

    timed: bool = False


# --- To ComparerActor -------------------------------------------------------------------------


class CompareNext(Message, frozen=True, kw_only=True):
    """Its own timer -> Comparer: it has rested long enough."""


# --- To TrainerActor --------------------------------------------------------------------------


class TrainingBegun(Struct, frozen=True, kw_only=True):
    """A training is under way since then. `fresh` is False when it was already."""

    fresh: bool
    since: float


class Retrain(Message, Request[TrainingBegun], frozen=True, kw_only=True):
    """Admin -> Trainer: train now; answered at once, the log tells how it ended."""

    by: str


# --- What each mailbox takes ------------------------------------------------------------------

LoggerMessage = Append | AwaitDecision | CatchUp
TelegramMessage = IngestPost | Redeliver
ScorerMessage = PostArrived | PostEdited | PostDeleted
RiskMessage = ScoredSignal | ReviseCalls | SetPolicy | SetLeverage | TryOrder
ArchiverMessage = SegmentClosed | RunArchive
