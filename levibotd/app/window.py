"""What the HTTP interface gets to see and to touch: the desk, and the two readers behind it."""

from collections.abc import Callable, Mapping, Sequence

from levibotd import __version__
from levibotd.admin.desk import Desk, EventQuery
from levibotd.app.memory import Memory
from levibotd.app.story import story_of
from levibotd.app.tree import Wired
from levibotd.config import Config
from levibotd.domain.risk import STAGES
from levibotd.domain.signal import Post, TraceId
from levibotd.journal import parse
from levibotd.kernel.supervisor import System
from levibotd.observe.logging import Log
from levibotd.observe.metrics import Metrics
from levibotd.ports import event_index
from levibotd.ports.event_index import EventIndex

TRACE_MAX = 1000


class IndexedEvents:
    """The event reader of the HTTP interface over the event index."""

    def __init__(self, index: EventIndex) -> None:
        self._index = index

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        await self._index.settled()
        found: list[bytes] = []
        for event_type in query.types or (None,):
            found += self._index.find(_indexed(query, event_type)).lines
        if len(query.types) > 1:
            found.sort(key=lambda line: parse(line).seq)
        if query.newest_first:
            found.reverse()
        return found[: query.limit]


class Window:
    """
    Makes the desk, anew for each incarnation of the HTTP actor.

    `system` is set once the tree exists: the tree holds the actor that shows it.
    """

    system: System

    def __init__(
        self,
        *,
        config: Config,
        wired: Wired,
        memory: Memory,
        metrics: Metrics,
        log: Log,
        score: Callable[[Post], Mapping[str, object]],
        decisions: Mapping[str, int],
        readiness: Callable[[], tuple[str, ...]],
    ) -> None:
        self._config = config
        self._wired = wired
        self._memory = memory
        self._metrics = metrics
        self._log = log
        self._score = score
        self._decisions = decisions
        self._readiness = readiness
        self._events = IndexedEvents(memory.index)
        self._started_at = wired.parts.clock.monotonic()

    def desk(self) -> Desk:
        parts, state = self._wired.parts, self._memory.state
        highest = STAGES.index(self._config.exchange.stage)
        return Desk(
            telegram=self._wired.telegram,
            risk=self._wired.risk,
            exec_=self._wired.exec_,
            logger=self._wired.logger,
            view=state.ledger,
            last_seq=lambda: state.last_seq,
            decisions=lambda: self._decisions,
            events=self._events,
            system=self.system,
            metrics=self._metrics,
            log=self._log,
            clock=parts.clock,
            config=self._config,
            market=parts.market,
            score=self._score,
            readiness=self._readiness,
            why=self._why,
            policies=tuple(self._wired.rulebook.policies),
            stages=STAGES[: highest + 1],
            started_at=self._started_at,
            version=__version__,
        )

    async def _why(self, trace: TraceId) -> object:
        return story_of(await self._events.lines(EventQuery(limit=TRACE_MAX, trace_id=trace)))


def _indexed(query: EventQuery, event_type: str | None) -> event_index.EventQuery:
    beyond = query.beyond
    return event_index.EventQuery(
        trace_id=None if query.trace_id is None else TraceId(query.trace_id),
        event_type=event_type,
        symbol=query.symbol,
        since=query.since,
        cursor=0 if query.newest_first else beyond or 0,
        before=beyond if query.newest_first else None,
        limit=query.limit,
        newest=query.newest_first,
    )
