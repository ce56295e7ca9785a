"""Who is wired to whom: from the parts of a run to its tree of actors."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from actors.comparer import ComparerActor
from actors.exec import ExecActor, ExecMessage
from actors.logger import LoggerActor
from actors.risk import RiskActor
from actors.scorer import ScorerActor, ScorerSetup
from actors.shadow import ShadowActor
from actors.telegram import TelegramActor, WorkList
from levibotd.app import restraint
from levibotd.app.climate import ClimateWatch
from levibotd.app.committed import CommittedState
from levibotd.app.demotion import Demotion
from levibotd.app.following import OurPlan, pricing_of
from levibotd.app.rules import Rulebook
from levibotd.config import Config
from levibotd.domain.cards.book import id_of
from levibotd.domain.cards.trusting import TrustDesk
from levibotd.domain.exits import Split
from levibotd.domain.outcomes import AS_FOLLOWED
from levibotd.domain.reader import Reader
from levibotd.domain.records import (
    AutoRouteSkipped,
    Logged,
    SignalDeleted,
    SignalEdited,
    SignalExpired,
    SignalIngest,
    SignalRejected,
    SignalScored,
    TgCursor,
)
from levibotd.domain.signal import TraceId, trace_id
from levibotd.execution.equity import EquityWatch
from levibotd.execution.protocol import Fence, OrderProtocol
from levibotd.execution.settler import Naming, Settler
from levibotd.execution.shadowing import Shadowing
from levibotd.execution.wishes import ExecRules
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import BLOCK, CONFLATE, DROP_NEWEST, Box, Ref
from levibotd.kernel.poison import itself
from levibotd.kernel.supervisor import ONE_FOR_ONE, REST_FOR_ONE, Child, Group
from levibotd.messages import (
    Decision,
    LoggerMessage,
    LookAtBook,
    RiskMessage,
    ScorerMessage,
    TelegramMessage,
)
from levibotd.ports.market import Market
from levibotd.ports.posts import Posts
from levibotd.ports.venue import Venue
from levibotd.recording.log import Log

ACCOUNT = "paper"
PAPER_ENV = "d"

# They move no position, no order and no limit.
_OF_POSTS = frozenset(
    {
        AutoRouteSkipped,
        SignalDeleted,
        SignalEdited,
        SignalExpired,
        SignalIngest,
        SignalRejected,
        SignalScored,
        TgCursor,
    }
)


class Parts(Struct, frozen=True, kw_only=True):
    """All that a run is made of. Live, replay and tests differ in these and in nothing else."""

    config: Config
    clock: Clock
    state: CommittedState
    log: Log
    preparer: Preparer
    posts: Posts
    market: Market
    venue: Venue
    reader: Reader
    installation: str
    in_place: bool = False  # The log writes in the loop's own thread: replay.
    on_exhausted: Callable[[], None] | None = None
    decision_of: Callable[[TraceId], Decision | None] = lambda trace: None
    was_seen: Callable[[TraceId], bool] = lambda trace: False  # Beyond what the fold remembers.


class Wired:
    """
    The addresses of all actors and the groups they live in.

    Consumers stand before producers: the log first, then what trades, then where posts come in.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.rulebook = Rulebook(parts.config, parts.state.ledger, on_adopt=lambda: parts.venue.rest(None))
        parts.state.watch(self._moved, concerns=lambda kind: kind not in _OF_POSTS)
        parts.state.watch(self._scored, concerns=lambda kind: kind is SignalScored)
        self.climate = ClimateWatch(
            market=parts.market,
            record=lambda: parts.state.climate,
            features=lambda: self.rulebook.config.features,
            eager=parts.in_place,
        )
        self.trust = TrustDesk(parts.state.cards, running=self._running)
        self._shadowing: Shadowing | None = None
        self.logger: Ref[LoggerMessage] = Ref("logger", Box(8192, BLOCK, for_s=None, shed=Box(8192, DROP_NEWEST)))
        self.exec_: Ref[ExecMessage] = Ref("exec", Box(64, BLOCK))
        self.risk: Ref[RiskMessage] = Ref("risk", Box(256, BLOCK))
        self._demotion = Demotion(
            cards=parts.state.cards,
            trust=self.trust,
            acts=parts.state.acts,
            stage_of=self.rulebook.channel_stage,
            is_unproven=self.rulebook.is_unproven,
            names_of=self.rulebook.names_of,
            tell=self.exec_.offer,
            clock=parts.clock,
        )
        parts.state.watch(self._demotion.observe, concerns=self._demotion.concerns)
        self.scorer: Ref[ScorerMessage] = Ref("scorer", Box(1024, BLOCK, for_s=1.0))
        self.telegram: Ref[TelegramMessage] = Ref("telegram", Box(256, BLOCK))
        self.shadow: Ref[LookAtBook] = Ref("shadow", Box(2, CONFLATE, key=_by_timer))
        self._taken_up = parts.state.shadow.taken_up

    def infra(self, *more: Child | Group) -> Group:
        logger = Child(self.logger, self._make_logger, shutdown_s=10.0, drain=True, same=itself)
        return Group("infra", REST_FOR_ONE, intensity=1, children=(logger, *more))

    def trading(self) -> Group:
        children = (
            Child(self.exec_, self._make_exec, waits_on=(self.logger,), shutdown_s=10.0, drain=True),
            Child(self.risk, self._make_risk, waits_on=(self.exec_, self.logger), drain=True),
            Child(self.scorer, self._make_scorer, waits_on=(self.risk, self.exec_, self.logger), drain=True),
        )
        return Group("trading", ONE_FOR_ONE, children=children)

    def intake(self, *more: Child) -> Group:
        telegram = Child(self.telegram, self._make_telegram, waits_on=(self.scorer, self.logger))
        return Group("intake", ONE_FOR_ONE, children=(*more, telegram))

    def shadowing(self) -> Child:
        return Child(self.shadow, self._make_shadow, waits_on=(self.logger,))

    def comparing(self) -> Child:
        """Not where time is played: there nothing is witnessed."""
        return Child(Ref("comparer", Box(2, CONFLATE, key=type)), self._make_comparer, waits_on=(self.logger,))

    def equity_watch(self) -> EquityWatch:
        """A watch of its own for each who asks: its last good prices are its memory."""
        return EquityWatch(
            ledger=self.parts.state.ledger,
            market=self.parts.market,
            daily_loss_limit=lambda: self.rulebook.policy.daily_loss_limit,
            peak_loss_limit=lambda: self.rulebook.peak_loss_limit,
        )

    # What was thought of prices may hold no more, unless it was only a post that was read.
    def _moved(self, _committed: Sequence[Logged]) -> None:
        self.parts.venue.rest(None)

    def _scored(self, _committed: Sequence[Logged]) -> None:
        taken_up = self.parts.state.shadow.taken_up
        if taken_up != self._taken_up:
            self._taken_up = taken_up
            self.shadow.offer(LookAtBook())

    def _make_logger(self) -> LoggerActor:
        return LoggerActor(
            log=self.parts.log,
            preparer=self.parts.preparer,
            clock=self.parts.clock,
            is_decided=self.parts.state.is_decided,
            decision_of=self.parts.decision_of,
            in_place=self.parts.in_place,
        )

    def _make_exec(self) -> ExecActor:
        parts = self.parts
        protocol = OrderProtocol(
            venue=parts.venue, log=self.logger, ledger=parts.state.ledger, clock=parts.clock, fence=Fence()
        )
        naming = Naming(env=PAPER_ENV, installation=parts.installation, venue=parts.venue.name)

        return ExecActor(
            protocol=protocol,
            settler=lambda on_fill: Settler(
                protocol=protocol,
                ledger=parts.state.ledger,
                market=parts.market,
                clock=parts.clock,
                naming=naming,
                stop_mover=self.rulebook.stop_mover,
                on_fill=on_fill,
            ),
            venue=parts.venue,
            market=parts.market,
            ledger=parts.state.ledger,
            equity=self.equity_watch(),
            clock=parts.clock,
            rules=ExecRules(
                flatten_on_trip=lambda: self.rulebook.config.risk.on_trip == "flatten",
                max_open=lambda: self.rulebook.policy.max_open,
                stage_of=self.rulebook.stage_of,
                disk_is_low=lambda: restraint.disk_is_low(parts.log.disk),
                splits=self._splits,
            ),
        )

    def _splits(self, channel: str) -> tuple[Split, int]:
        rules = self.rulebook.rules(channel)
        return rules.tp_split, rules.max_tps

    def _make_risk(self) -> RiskActor:
        return RiskActor(
            setup=lambda: self.rulebook.setup(ACCOUNT),
            market=self.parts.market,
            ledger=self.parts.state.ledger,
            equity=self.equity_watch(),
            orders=self.exec_,
            log=self.logger,
            clock=self.parts.clock,
        )

    def _make_scorer(self) -> ScorerActor:
        return ScorerActor(
            setup=ScorerSetup(
                account=ACCOUNT,
                signal_ttl_s=lambda: self.rulebook.config.strategy.signal_ttl_s,
                speech=self.rulebook.speech,
                around=lambda scored, at: self.climate.around(scored, at=at),
                trust=lambda channel, at, sides: self.trust.of(channel, at=at, sides=sides),
            ),
            reader=self.parts.reader,
            market=self.parts.market,
            ledger=self.parts.state.ledger,
            risk=self.risk,
            exec_=self.exec_,
            log=self.logger,
            clock=self.parts.clock,
        )

    def _make_telegram(self) -> TelegramActor:
        ledger = self.parts.state.ledger
        work = WorkList(
            seen=self._seen,
            pending=self._pending,
            cursors=lambda: ledger().cursors,
            revision=lambda trace: ledger().revision(trace),
            deleted=lambda trace: ledger().deleted(trace),
            open_text=lambda trace: next((c.said for c in ledger().calls.values() if c.trace == trace), None),
        )
        return TelegramActor(
            posts=self.parts.posts,
            work=work,
            scorer=self.scorer,
            log=self.logger,
            clock=self.parts.clock,
            on_exhausted=self.parts.on_exhausted,
        )

    def _make_shadow(self) -> ShadowActor:
        parts = self.parts
        planned = OurPlan(self.rulebook, parts.market, account=ACCOUNT)
        self._shadowing = Shadowing(parts.market, pricing=lambda: pricing_of(self.rulebook.config), planned=planned)
        return ShadowActor(
            book=lambda: parts.state.shadow,
            shadowing=self._shadowing,
            log=self.logger,
            clock=parts.clock,
        )

    def _make_comparer(self) -> ComparerActor:
        parts = self.parts
        return ComparerActor(
            book=lambda: parts.state.shadow,
            market=parts.market,
            pricing=lambda: pricing_of(self.rulebook.config),
            log=self.logger,
            clock=parts.clock,
        )

    # As of now: what an open call has lost so far counts at once.
    def _running(self, channel: str) -> dict[str, float]:
        if self._shadowing is None:
            return {}
        standings = self._shadowing.standings(channel, at=self.parts.clock.time())
        return {id_of(one.call): one.r for one in standings if one.ledger == AS_FOLLOWED}

    def _seen(self, channel: str, message_id: int) -> bool:
        ledger, trace = self.parts.state.ledger(), trace_id(channel, message_id)
        return trace in ledger.pending or ledger.decision(trace) is not None or self.parts.was_seen(trace)

    def _pending(self) -> Iterable[SignalIngest]:
        pending = self.parts.state.ledger().pending.values()
        return [replace(one.ingest, post=one.post) if one.revision else one.ingest for one in pending]


# A nudge and its own timer stand for all there is to see.
def _by_timer(message: LookAtBook) -> bool:
    return message.timed
