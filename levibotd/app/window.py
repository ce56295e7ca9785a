"""What the HTTP interface gets to see and to touch: the desk, and the story behind a trace."""

from collections.abc import Callable, Mapping

from levibotd import __version__
from levibotd.adapters.duckdb_reports import DuckDbReports
from levibotd.admin.desk import Configuring, Desk
from levibotd.admin.totp import Totp
from levibotd.app.archive import Archive
from levibotd.app.cards import BoardWatch
from levibotd.app.memory import Memory
from levibotd.app.story import story_of
from levibotd.app.tree import Wired
from levibotd.domain.pictures.reliability import UNMEASURED, Reliability
from levibotd.domain.risk import STAGES
from levibotd.domain.signal import Post, Scored, TraceId
from levibotd.kernel.supervisor import System
from levibotd.observe.logging import Log
from levibotd.observe.metrics import Metrics
from levibotd.ports.event_index import EventQuery
from levibotd.ports.learning import LearningDesk

TRACE_MAX = 1000


class Window:
    """
    Makes the desk, anew for each incarnation of the HTTP actor.

    `system` is set once the tree exists: the tree holds the actor that shows it. So is `configuring`.
    """

    system: System
    configuring: Configuring
    archive: Archive | None = None
    learning: LearningDesk | None = None
    reliability: Callable[[], Reliability] = staticmethod(lambda: UNMEASURED)

    def __init__(
        self,
        *,
        wired: Wired,
        memory: Memory,
        metrics: Metrics,
        log: Log,
        score: Callable[[Post], Scored],
        decisions: Mapping[str, int],
        readiness: Callable[[], tuple[str, ...]],
        totp: bytes | None = None,
    ) -> None:
        self._wired = wired
        self._memory = memory
        self._metrics = metrics
        self._log = log
        self._score = score
        self._decisions = decisions
        self._readiness = readiness
        self._reports = DuckDbReports(memory.log_dir, clock=wired.parts.clock, key=memory.log_key)
        self._second_factor = Totp(
            totp, clock=wired.parts.clock, confirmed=lambda: memory.state.ledger().control.confirmed
        )
        self._boards = BoardWatch(memory.state, config=lambda: wired.rulebook.config, clock=wired.parts.clock)
        self._started_at = wired.parts.clock.monotonic()

    def desk(self) -> Desk:
        parts, state = self._wired.parts, self._memory.state
        highest = STAGES.index(parts.config.exchange.stage)
        return Desk(
            telegram=self._wired.telegram,
            risk=self._wired.risk,
            exec_=self._wired.exec_,
            logger=self._wired.logger,
            view=state.ledger,
            last_seq=lambda: state.last_seq,
            decisions=lambda: self._decisions,
            events=self._memory.index,
            reports=self._reports,
            feed=self._memory.feed,
            system=self.system,
            metrics=self._metrics,
            log=self._log,
            clock=parts.clock,
            configured=lambda: self._wired.rulebook.config,
            configuring=self.configuring,
            second_factor=self._second_factor,
            market=parts.market,
            score=self._score,
            cards=lambda: state.cards,
            acts=lambda names: state.acts.tally(*names),
            board=self._boards.get,
            reliability=self.reliability,
            trust=lambda channel, sides: self._wired.trust.of(channel, at=parts.clock.time(), sides=sides),
            is_unproven=self._wired.rulebook.is_unproven,
            readiness=self._readiness,
            why=self._why,
            climate=lambda symbols: self._wired.climate.seen(at=parts.clock.time(), symbols=symbols),
            stage_of=self._wired.rulebook.stage_of,
            stages=STAGES[: highest + 1],
            started_at=self._started_at,
            version=__version__,
            archive=self.archive,
            learning=self.learning,
        )

    async def _why(self, trace: TraceId) -> object:
        return story_of(await self._memory.index.lines(EventQuery(trace_id=trace, limit=TRACE_MAX)))
