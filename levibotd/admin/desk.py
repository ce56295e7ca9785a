"""Everything the handlers may use. Made by the composition root; nothing else reaches the daemon over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from msgspec import Struct

from levibotd.config import Config, policy_names
from levibotd.domain.ledger import Ledger
from levibotd.domain.signal import Post, Scored, TraceId
from levibotd.kernel.clock import Clock
from levibotd.kernel.dead_letters import DeadLetters
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.status import GroupStatus
from levibotd.messages import AwaitDecision, ClosePosition, IngestPost, SetKillSwitch, SetPolicy, SetStage, Switch
from levibotd.observe.logging import Log
from levibotd.observe.metrics import Metrics
from levibotd.ports.event_index import EventIndex
from levibotd.ports.market import Market

ExecWish = Switch | SetKillSwitch | SetStage | ClosePosition


class Actors(Protocol):
    """What there is to see of the running actors: a `kernel.supervisor.System`."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Messages that reached nobody."""

    def tree(self) -> GroupStatus:
        """What each of them is doing now."""


class Desk(Struct, frozen=True, kw_only=True):
    """
    What handlers may use.

    `view` is the fold over all committed records, `last_seq` the end of them, `decisions` how many posts
    ended how since this start. `readiness` gives the reasons why the daemon is not ready (none: it is).
    `score` reads a post without side effects, as `parse` prints it. `why` tells the story of a trace,
    None where nobody knows it. `configured` is what rules now, `stages` are those that may be set;
    `started_at` is monotonic.
    """

    telegram: Ref[IngestPost]
    risk: Ref[SetPolicy]
    exec_: Ref[ExecWish]
    logger: Ref[AwaitDecision]
    view: Callable[[], Ledger]
    last_seq: Callable[[], int]
    decisions: Callable[[], Mapping[str, int]]
    events: EventIndex
    system: Actors
    metrics: Metrics
    log: Log
    clock: Clock
    configured: Callable[[], Config]
    market: Market
    score: Callable[[Post], Scored]
    readiness: Callable[[], tuple[str, ...]]
    why: Callable[[TraceId], Awaitable[object]]
    stages: tuple[str, ...]
    started_at: float
    version: str
    ask_timeout_s: float = 5.0
    decision_timeout_s: float = 10.0

    @property
    def config(self) -> Config:
        return self.configured()

    @property
    def policies(self) -> tuple[str, ...]:
        """Those that may be switched to."""
        return policy_names(self.config)
