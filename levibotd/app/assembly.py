"""
From a configuration and a recovered past to a tree of actors that can be started.

Everything that outlives an actor is given or made here; what the daemon does with the tree is
`levibotd/app/daemon.py`.
"""

import asyncio
import socket
from collections.abc import Sequence
from random import Random

from msgspec import Struct

from actors.market import MarketActor
from actors.sampler import SamplerActor
from levibotd import __version__
from levibotd.adapters.answer_file import AnswerFile
from levibotd.adapters.os_files import OsFiles
from levibotd.admin.auth import parse_keys
from levibotd.admin.idempotency import Answers
from levibotd.admin.routes import ROUTES
from levibotd.admin.server import AdminHttp
from levibotd.admin.totp import parse_secret
from levibotd.app import restraint
from levibotd.app.archive import Archive, store_of
from levibotd.app.buckets import buckets_of
from levibotd.app.events import Supervision
from levibotd.app.learning import Learning
from levibotd.app.memory import Memory
from levibotd.app.paper import paper_venue, restore
from levibotd.app.scoring import TextReader
from levibotd.app.sources import Sources
from levibotd.app.telemetry import Telemetry
from levibotd.app.tree import Parts, Wired
from levibotd.app.version import git_branch, git_sha
from levibotd.app.window import Window
from levibotd.config import Config
from levibotd.domain.masking import Masker
from levibotd.domain.reader import Reader
from levibotd.domain.records import Entry, Heartbeat, Record, SafeMode
from levibotd.errors import ConfigError
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import DROP_NEWEST, Box, Ref
from levibotd.kernel.supervisor import ONE_FOR_ONE, Child, Group, System
from levibotd.messages import Append, Message
from levibotd.observe.logging import Log as OperatorLog
from levibotd.observe.metrics import Metrics
from levibotd.ports.journal_file import DiskState, LogDeviceDead, Run
from levibotd.ports.object_store import ObjectStore
from levibotd.recording.log import Log

SAMPLE_S = 5.0
QUOTES_S = 10.0
ACTORS = (
    "logger", "archiver", "exec", "risk", "scorer", "market", "telegram", "http", "sampler", "shadow", "comparer",
    "trainer",
)  # fmt: skip


class Surroundings(Struct, frozen=True, kw_only=True):
    """What one life of the process is given. `secrets` are those that are there, by name."""

    config: Config
    secrets: dict[str, str]
    listener: socket.socket
    clock: Clock
    log: OperatorLog
    memory: Memory
    sources: Sources
    boot: str


class Assembly:
    """
    The actors of a daemon, their groups and what looks at them.

    `started` is set by whoever started `system`; `gave_up` names the group without which nothing goes on.
    """

    started = False
    gave_up: str | None = None

    def __init__(self, given: Surroundings) -> None:
        self._given = given
        self._masker = Masker(given.secrets.values())
        self.metrics = Metrics(
            version=__version__,
            git_sha=git_sha(),
            branch=git_branch(),
            routes=[route.template for route in ROUTES],
            actors=ACTORS,
        )
        config, clock, memory = given.config, given.clock, given.memory
        store = store_of(config, given.secrets, clock=clock)
        venue = paper_venue(config, given.sources.market, clock)
        self.learning = Learning(
            config, logger=lambda: self.wired.logger, metrics=self.metrics, clock=clock, log=given.log,
            acts=lambda: memory.state.acts, masker=self._masker,
        )  # fmt: skip
        self.parts = Parts(
            config=config,
            clock=clock,
            state=memory.state,
            log=self._make_log(),
            preparer=Preparer(masker=self._masker),
            posts=given.sources.posts,
            market=given.sources.market,
            venue=venue,
            reader=Reader(self.learning.served),
            installation=memory.installation,
            decision_of=memory.index.decision,
            was_seen=lambda trace: memory.index.decision(trace) is not None,
        )
        self.wired = Wired(self.parts)
        self.archive = None if store is None else self._make_archive(store)
        self._equity = self.wired.equity_watch()
        restore(venue, memory.state.ledger(), equity=self._equity.equity(clock.time()))
        self._telemetry = Telemetry(
            self.metrics, state=memory.state, equity=self._equity, clock=clock, venue=venue.name
        )
        memory.state.watch(self._telemetry.observe)
        memory.state.watch(self.learning.observe)
        self.window = Window(
            wired=self.wired,
            memory=memory,
            metrics=self.metrics,
            log=given.log,
            score=TextReader(self.learning.served, market=given.sources.market, clock=clock),
            decisions=self._telemetry.decisions,
            readiness=self.not_ready,
            totp=parse_secret(given.secrets.get("totp")),
        )
        self.window.archive, self.window.learning = self.archive, self.learning
        self.window.reliability = lambda: self.learning.served.current.reliability
        self.system = self.window.system = self._make_system()

    def not_ready(self) -> tuple[str, ...]:
        """Why the daemon is not ready; nothing when it is."""
        if not self.started:
            return ("starting",)
        reasons = [f"actor {name} makes no progress" for name in self.system.stalled()]
        if not self.system.all_running():
            reasons.append("an actor is down")
        reasons += [f"safe mode: {group}" for group in self._given.memory.state.ledger().control.safe_mode]
        return tuple(reasons)

    def offer(self, *records: Record) -> None:
        """Have these written, all in one piece, without waiting for it."""
        if records:
            self.wired.logger.offer(Append(entries=tuple(Entry(record) for record in records)))

    # The tree.

    def _make_system(self) -> System:
        given = self._given
        supervision = Supervision(
            logger=self.wired.logger,
            telegram=self.wired.telegram,
            log=given.log,
            metrics=self.metrics,
            on_gave_up=self._on_gave_up,
        )
        archive = () if self.archive is None else (self.archive.group(),)
        infra = self.wired.infra(*archive, self.learning.group())
        children = (infra, self.wired.trading(), self.wired.intake(self._market()), self._edge())
        return System(
            Group("root", ONE_FOR_ONE, intensity=3, period_s=300, children=children),
            clock=given.clock,
            on_event=supervision,
            rng=Random(given.boot),
            stop_order=("edge", "intake", "trading"),
            fatal=(ConfigError, LogDeviceDead),
        )

    def _make_archive(self, store: ObjectStore) -> Archive:
        given, log = self._given, self.parts.log
        return Archive(
            given.config,
            store=store,
            memory=given.memory,
            logger=self.wired.logger,
            position=lambda: log.position,
            clock=given.clock,
            log=given.log,
        )

    def _take_note(self, runs: Sequence[Run]) -> None:
        self._given.memory.take_note(runs)
        if self.archive is not None:
            self.archive.take_note(runs)

    def _make_log(self) -> Log:
        memory = self._given.memory
        return Log(
            memory.journal,
            on_commit=memory.state.observe,
            on_runs=lambda runs: self._take_note(runs),
            on_disk=lambda disk: self._on_disk(disk),
        )

    def _market(self) -> Child:
        given = self._given
        market: Ref[Message] = Ref("market", Box(16, DROP_NEWEST))

        def make() -> MarketActor:
            return MarketActor(
                market=given.sources.market,
                symbols=given.sources.watched,
                heartbeat=self._heartbeat,
                log=self.wired.logger,
                clock=given.clock,
                interval_s=QUOTES_S,
            )

        return Child(market, make)

    def _edge(self) -> Group:
        given = self._given
        keyring = parse_keys(given.secrets.get("api_keys"))
        buckets = buckets_of(
            given.config, password=given.secrets.get("redis"), clock=given.clock, metrics=self.metrics, log=given.log
        )
        http: Ref[None] = Ref("http", Box(16, DROP_NEWEST))

        # Like the rate limits they outlive AdminHttp; unlike these, the process as well.
        answers = Answers(
            store=AnswerFile(OsFiles(given.memory.state_dir)),
            on_fault=lambda fault: given.log.warning("answers_not_kept", error=str(fault)),
        )
        answers.load(now=given.clock.time())

        def make_http() -> AdminHttp:
            return AdminHttp(
                self.window.desk(),
                listener=given.listener,
                keyring=keyring,
                buckets=buckets,
                masker=self._masker,
                answers=answers,
            )

        sampler: Ref[Message] = Ref("sampler", Box(16, DROP_NEWEST))
        return Group(
            "edge",
            ONE_FOR_ONE,
            essential=False,
            children=(
                Child(http, make_http),
                Child(sampler, self._make_sampler),
                self.wired.shadowing(),
                self.wired.comparing(),
            ),
        )

    def _make_sampler(self) -> SamplerActor:
        return SamplerActor(
            sample=self._sample,
            on_lag=self.metrics.loop_lag.observe,
            clock=self._given.clock,
            interval_s=SAMPLE_S,
        )

    # What is done now and then, and what happens to it.

    def _sample(self) -> None:
        self._telemetry.sample(self.system, tasks=len(asyncio.all_tasks()))
        self.learning.sample()
        self.wired.climate.warm(at=self._given.clock.time())
        if self.archive is not None:
            self.metrics.archive_unverified.set(self.archive.watch.unverified_bytes)
        self.metrics.ready.set(not self.not_ready())
        groups = self._given.memory.state.ledger().control.safe_mode
        if groups and self.system.all_running():
            self.offer(*(SafeMode(on=False, group=group) for group in groups))

    def _heartbeat(self) -> Heartbeat:
        ledger = self._given.memory.state.ledger()
        equity = self._equity.equity(self._given.clock.time())
        return Heartbeat(equity=equity, open_positions=len(ledger.positions), pending_posts=len(ledger.pending))

    def _on_gave_up(self, name: str) -> None:
        if name in ("root", "infra"):
            self.gave_up = name

    def _on_disk(self, disk: DiskState) -> None:
        self._given.log.warning("disk", state=str(disk))
        self.metrics.log_disk_state.set(tuple(DiskState).index(disk))
        self.offer(*restraint.of_disk(self._given.memory.state.ledger().control, disk))
