"""Everything the handlers may use. Made by the composition root; nothing else reaches the daemon over HTTP."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from levibotd.admin.feed import Feed
from levibotd.admin.totp import Totp
from levibotd.archiving.watch import Watch
from levibotd.config import Config
from levibotd.domain.acts import Tally
from levibotd.domain.archive_plan import DayState
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.card import Board
from levibotd.domain.climate.record import Climate
from levibotd.domain.ledger import Ledger
from levibotd.domain.pictures.reliability import Reliability
from levibotd.domain.signal import Post, Scored, Symbol, TraceId
from levibotd.domain.trust import Trust
from levibotd.kernel.clock import Clock
from levibotd.kernel.dead_letters import DeadLetters
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.status import GroupStatus
from levibotd.messages import (
    Append,
    ArchiverMessage,
    AwaitDecision,
    ClosePosition,
    IngestPost,
    SetKillSwitch,
    SetLeverage,
    SetPolicy,
    SetStage,
    Switch,
    TryOrder,
)
from levibotd.observe.logging import Log
from levibotd.observe.metrics import Metrics
from levibotd.policies import policy_names
from levibotd.ports.event_index import EventIndex
from levibotd.ports.learning import LearningDesk
from levibotd.ports.market import Market
from levibotd.ports.reports import Reports

ExecWish = Switch | SetKillSwitch | SetStage | ClosePosition
RiskWish = SetPolicy | SetLeverage | TryOrder


class Actors(Protocol):
    """What there is to see of the running actors: a `kernel.supervisor.System`."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Messages that reached nobody."""

    def tree(self) -> GroupStatus:
        """What each of them is doing now."""

    def restart(self, name: str) -> bool:
        """Let one of them, or a group, begin anew. False: there is none of that name."""

    def requeue(self, letter_id: int) -> bool:
        """Send a dead letter again. False: unknown, or no room."""


class Change(Protocol):
    """What a change of the configuration comes to: keys that changed, that wait for a restart, that allow more."""

    @property
    def changed(self) -> tuple[str, ...]: ...

    @property
    def needs_restart(self) -> tuple[str, ...]: ...

    @property
    def loosened(self) -> tuple[str, ...]: ...

    @property
    def hidden(self) -> tuple[str, ...]:
        """Those that changed in the file, under what was put over it."""


class Configuring(Protocol):
    """How the configuration is changed while the daemon runs. What raises has changed nothing."""

    async def reload(self, *, by: str) -> Change:
        """Read it anew. Raises ConfigError with every fault."""

    async def override(
        self,
        risk: Mapping[str, object],
        *,
        by: str,
        reason: str,
        permit: Callable[[tuple[str, ...]], Awaitable[None]],
    ) -> Change:
        """
        Put keys of `[risk]` over the file, None takes one away. Raises ConfigError with every fault.

        `permit` is asked about the keys that allow more than before, and raises what forbids it.
        """


class Archiving(Protocol):
    """How far the archive is, and who runs it."""

    @property
    def ref(self) -> Ref[ArchiverMessage]: ...

    @property
    def watch(self) -> Watch: ...

    async def days(self) -> tuple[DayState, ...]:
        """Every day of the log, here and in the archive."""


class Desk(Struct, frozen=True, kw_only=True):
    """
    What handlers may use.

    `view` is the fold over all committed records, `last_seq` the end of them, `decisions` how many posts
    ended how since this start. `readiness` gives the reasons why the daemon is not ready (none: it is).
    `score` reads a post without side effects, as `parse` prints it. `cards` is the fold over what became of each
    channel's calls, `acts` what labels say of our last acts under these names, `board` the cards made lately,
    `reliability` what p_call of the served model is worth. `trust` is what is held of a channel now, and of its calls
    on these sides, `is_unproven` whether it stands where it does by the operator's word. `why` tells the story of a
    trace, None where nobody knows it; `climate` is what is around calls now, with the trends of symbols. `configured`
    is what rules now; `stage_of` is a channel's own stage, the global one for None, and `stages` are those that may be
    set. `started_at` is monotonic.
    """

    telegram: Ref[IngestPost]
    risk: Ref[RiskWish]
    exec_: Ref[ExecWish]
    logger: Ref[AwaitDecision | Append]
    view: Callable[[], Ledger]
    last_seq: Callable[[], int]
    decisions: Callable[[], Mapping[str, int]]
    events: EventIndex
    reports: Reports
    feed: Feed
    system: Actors
    metrics: Metrics
    log: Log
    clock: Clock
    configured: Callable[[], Config]
    configuring: Configuring
    second_factor: Totp
    market: Market
    score: Callable[[Post], Scored]
    cards: Callable[[], CardBook]
    acts: Callable[[Sequence[str]], Tally]
    board: Callable[[], Awaitable[Board]]
    reliability: Callable[[], Reliability]
    trust: Callable[[str, Sequence[str]], Trust]
    is_unproven: Callable[[str], bool]
    readiness: Callable[[], tuple[str, ...]]
    why: Callable[[TraceId], Awaitable[object]]
    climate: Callable[[Iterable[Symbol]], Climate]
    stage_of: Callable[[str | None], str]
    stages: tuple[str, ...]
    started_at: float
    version: str
    archive: Archiving | None = None  # None: no archive is configured.
    learning: LearningDesk | None = None
    ask_timeout_s: float = 5.0
    decision_timeout_s: float = 10.0

    @property
    def config(self) -> Config:
        return self.configured()

    @property
    def policies(self) -> tuple[str, ...]:
        """Those that may be switched to."""
        return policy_names(self.config)
