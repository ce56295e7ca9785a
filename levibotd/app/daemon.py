"""
The daemon: recover, start, serve, stop.

`run` takes a configuration to an exit code. Everything that outlives an actor is made here: the
lock and the journal, the committed state, the listening socket, the paper exchange.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from random import Random, SystemRandom
from typing import TextIO

import anyio

from actors.logger import Log
from actors.market import MarketActor
from actors.sampler import SamplerActor
from levibotd import __version__
from levibotd.adapters.post_lines import BadLine
from levibotd.admin.auth import parse_keys
from levibotd.admin.routes import ROUTES
from levibotd.admin.server import AdminHttp, listen
from levibotd.app import restraint
from levibotd.app.events import Supervision
from levibotd.app.memory import Memory
from levibotd.app.paper import paper_venue, restore
from levibotd.app.reload import Reloader
from levibotd.app.scoring import TextReader, classifier_of
from levibotd.app.sources import sources_of
from levibotd.app.telemetry import Telemetry
from levibotd.app.tree import Parts, Wired
from levibotd.app.version import git_sha
from levibotd.app.window import Window
from levibotd.config import Config, check_bind, check_supported, read_secret
from levibotd.domain.masking import Masker
from levibotd.domain.records import (
    Boot,
    ClockStep,
    Entry,
    Error,
    Heartbeat,
    Record,
    SafeMode,
    SystemNote,
)
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.mailbox import DROP_NEWEST, Box, Ref
from levibotd.kernel.supervisor import ONE_FOR_ONE, Child, Group, System
from levibotd.messages import Append, Message
from levibotd.observe.logging import Log as OperatorLog
from levibotd.observe.logging import capture_libraries, make_log
from levibotd.observe.metrics import Metrics
from levibotd.observe.notify import Herald, Notifier
from levibotd.observe.watchdog import JumpWatch, LoopWatchdog
from levibotd.ports.journal_file import DiskState, LogDeviceDead

STOP_DEADLINE_S = 18.0
SAMPLE_S = 5.0
QUOTES_S = 10.0
SAVE_S = 300.0  # Between two snapshots.
SAME_SIGNAL_S = 0.5
ACTORS = ("logger", "exec", "risk", "scorer", "market", "telegram", "http", "sampler")
SECRETS = (
    "api_keys", "exchange_api", "log_key", "news_llm", "redis", "s3", "telegram_api", "telegram_bot_token",
    "telegram_session", "totp",
)  # fmt: skip


def run(config: Config, *, out: TextIO, reread: Callable[[], Config] | None = None) -> int:
    """
    Run until a signal, and return the exit code: 0 after SIGTERM or SIGINT, 75 when a restart may help.

    SIGHUP takes what `reread` returns then; without it, and on a terminal, it ends the process as ever.

    Raises ConfigError and Unavailable (port, lock) before anything was started.
    """
    check_supported(config)
    secrets = {name: secret for name in SECRETS if (secret := read_secret(config, name)) is not None}
    check_bind(config, has_keys="api_keys" in secrets)
    with ExitStack() as stack:
        listener = stack.enter_context(listen(config.http.bind))
        daemon = _Daemon(config, secrets, listener=listener, stack=stack, out=out)
        daemon.reread = None if out.isatty() else reread
        return asyncio.run(daemon.main())


class _Daemon:
    """One life of the process, from recovery to the sealed log."""

    reread: Callable[[], Config] | None = None

    def __init__(
        self, config: Config, secrets: dict[str, str], *, listener: socket.socket, stack: ExitStack, out: TextIO
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._listener = listener
        self._stack = stack
        self._clock: Clock = LoopClock()
        self._log: OperatorLog = make_log(out, clock=self._clock, masker=Masker(secrets.values()))
        self._notifier = Notifier(config.notify_socket)
        self._notifier.send("STATUS=recovering")
        self._boot = SystemRandom().randbytes(8).hex()
        self._memory = Memory(config, boot=self._boot, log_key=secrets.get("log_key", "").encode())
        stack.callback(self._memory.journal.close)
        self._state = self._memory.state
        self._sources = sources_of(config, clock=self._clock, stack=stack, on_bad=self._on_bad_line)
        self._started = False
        self._gave_up: str | None = None

    async def main(self) -> int:
        capture_libraries(self._log)
        wired, system = self._wire()
        await self._first_records(wired)
        self._memory.index.start()
        # Until it has caught up nobody can say which posts were seen before.
        await self._memory.index.settled()
        stop = anyio.Event()
        self._on_signals(stop, system)
        reloader = self._reloader()
        await system.start()
        self._started = True
        self._log.info("ready", url=f"http://{self._config.http.bind}", boot=self._boot)
        async with anyio.create_task_group() as tasks:
            for job in (self._herald.run, self._watch_time, self._keep_snapshots, self._look_back):
                tasks.start_soon(job)
            tasks.start_soon(self._until_over, system, stop)
            if reloader is not None:
                tasks.start_soon(reloader.run)
            await stop.wait()
            code = await self._stop(system)
            tasks.cancel_scope.cancel()
        return code

    async def _until_over(self, system: System, stop: anyio.Event) -> None:
        await system.wait()
        stop.set()

    async def _stop(self, system: System) -> int:
        self._herald.stopping()
        report = await system.stop(STOP_DEADLINE_S)
        for left in report.unstopped:
            self._log.error("unstopped", actor=left.name, stack=left.stack)
        await self._memory.index.stop()
        await self._save()
        self._log.info("stopped", elapsed_s=round(report.elapsed_s, 3), gave_up=self._gave_up)
        return ExitCode.OK if self._gave_up is None else ExitCode.TEMPORARY

    # Wiring.

    def _wire(self) -> tuple[Wired, System]:
        config, clock, memory, state = self._config, self._clock, self._memory, self._state
        metrics = Metrics(
            version=__version__, git_sha=git_sha(), routes=[route.template for route in ROUTES], actors=ACTORS
        )
        venue = paper_venue(config, self._sources.market, clock)
        log = Log(
            memory.journal, on_commit=state.observe, on_runs=memory.index.feed, on_disk=lambda disk: self._on_disk(disk)
        )
        classifier = classifier_of(config)
        parts = Parts(
            config=config,
            clock=clock,
            state=state,
            log=log,
            preparer=Preparer(masker=Masker(self._secrets.values())),
            posts=self._sources.posts,
            market=self._sources.market,
            venue=venue,
            classifier=classifier,
            installation=memory.installation,
            decision_of=memory.index.decision,
            was_seen=lambda trace: memory.index.decision(trace) is not None,
        )
        self._wired = wired = Wired(parts)
        self._equity = wired.equity_watch()
        restore(venue, state.ledger(), equity=self._equity.equity(clock.time()))
        self._telemetry = Telemetry(metrics, state=state, equity=self._equity, clock=clock, venue=venue.name)
        state.watch(self._telemetry.observe)
        supervision = Supervision(
            logger=wired.logger, telegram=wired.telegram, log=self._log, metrics=metrics, on_gave_up=self._on_gave_up
        )
        reader = TextReader(classifier, market=self._sources.market, clock=clock)
        window = Window(
            config=config,
            wired=wired,
            memory=memory,
            metrics=metrics,
            log=self._log,
            score=reader,
            decisions=self._telemetry.decisions,
            readiness=self._not_ready,
        )
        tree = Group(
            "root",
            ONE_FOR_ONE,
            intensity=3,
            period_s=300,
            children=(wired.infra(), wired.trading(), wired.intake(self._market_child()), self._edge(window)),
        )
        self._system = system = System(
            tree,
            clock=clock,
            on_event=supervision,
            rng=Random(self._boot),
            stop_order=("edge", "intake", "trading"),
            fatal=(ConfigError, LogDeviceDead),
        )
        window.system = system
        self._herald = self._make_herald()
        return wired, system

    def _make_herald(self) -> Herald:
        return Herald(
            self._notifier,
            clock=self._clock,
            log=self._log,
            watchdog_s=self._config.watchdog_s,
            missing=self._not_ready,
            stalled=self._system.stalled,
            doing=f"{self._config.exchange.stage} on {self._config.exchange.id}, http://{self._config.http.bind}",
        )

    def _market_child(self) -> Child:
        market: Ref[Message] = Ref("market", Box(16, DROP_NEWEST))

        def make() -> MarketActor:
            return MarketActor(
                market=self._sources.market,
                symbols=self._sources.watched,
                heartbeat=self._heartbeat,
                log=self._wired.logger,
                clock=self._clock,
                interval_s=QUOTES_S,
            )

        return Child(market, make)

    def _edge(self, window: Window) -> Group:
        keyring = parse_keys(self._secrets.get("api_keys"))
        http: Ref[None] = Ref("http", Box(16, DROP_NEWEST))
        sampler: Ref[Message] = Ref("sampler", Box(16, DROP_NEWEST))
        return Group(
            "edge",
            ONE_FOR_ONE,
            essential=False,
            children=(
                Child(http, lambda: AdminHttp(window.desk(), listener=self._listener, keyring=keyring)),
                Child(sampler, self._make_sampler),
            ),
        )

    def _make_sampler(self) -> SamplerActor:
        metrics = self._telemetry.metrics
        return SamplerActor(
            sample=self._sample, on_lag=metrics.loop_lag.observe, clock=self._clock, interval_s=SAMPLE_S
        )

    # What is done now and then.

    def _sample(self) -> None:
        self._telemetry.sample(self._system, tasks=len(asyncio.all_tasks()))
        groups = self._state.ledger().control.safe_mode
        if groups and self._system.all_running():
            self._offer(*(SafeMode(on=False, group=group) for group in groups))

    async def _watch_time(self) -> None:
        """Feed the watchdog, and tell when time did not go on as it should. Whoever sends asks for the time himself."""
        watchdog = LoopWatchdog(limit_s=self._config.daemon.watchdog_s, err=sys.stderr)
        jumps = JumpWatch(self._clock, interval_s=watchdog.interval_s)
        try:
            while True:
                watchdog.feed()
                await self._clock.sleep(watchdog.interval_s)
                jump = jumps.look()
                if jump is None:
                    continue
                self._log.warning("time_jump", step_s=round(jump.step_s, 3), pause_s=round(jump.pause_s, 3))
                if jump.step_s:
                    self._offer(ClockStep(step_s=round(jump.step_s, 3), at=self._clock.time()))
                if jump.pause_s:
                    self._offer(SystemNote(note="paused", detail=f"nothing ran for {jump.pause_s:.1f} s"))
        finally:
            watchdog.stop()

    async def _keep_snapshots(self) -> None:
        while True:
            await self._clock.sleep(SAVE_S)
            await self._save()

    async def _save(self) -> None:
        try:
            await self._memory.save(self._wired.parts.log.position)
        except OSError as fault:
            self._log.warning("snapshot", error=str(fault))

    async def _look_back(self) -> None:
        """Look at what the start left unread of a long log: old damage is no reason to start late."""
        damage = await self._memory.damage_before()
        if damage is not None:
            self._log.error("log_damage", damage=str(damage))
            restraints = restraint.of_damage(self._state.ledger().control, str(damage))
            self._offer(Error(code="LOG_DAMAGE", detail=str(damage)), *restraints)

    def _heartbeat(self) -> Heartbeat:
        ledger = self._state.ledger()
        equity = self._equity.equity(self._clock.time())
        return Heartbeat(equity=equity, open_positions=len(ledger.positions), pending_posts=len(ledger.pending))

    def _not_ready(self) -> tuple[str, ...]:
        """Why the daemon is not ready; nothing when it is."""
        if not self._started:
            return ("starting",)
        reasons = [f"actor {name} makes no progress" for name in self._system.stalled()]
        if not self._system.all_running():
            reasons.append("an actor is down")
        reasons += [f"safe mode: {group}" for group in self._state.ledger().control.safe_mode]
        return tuple(reasons)

    # What happens to it.

    def _on_signals(self, stop: anyio.Event, system: System) -> None:
        first_at: list[float] = []

        def heard() -> None:
            now = self._clock.monotonic()
            if not first_at:
                first_at.append(now)
                self._log.info("stopping")
                self._herald.stopping()
                stop.set()
            elif now - first_at[0] > SAME_SIGNAL_S:
                # A terminal tells the whole process group, and so does make: that is one wish, not two.
                system.hurry(keep=("logger",))

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, heard)

    def _reloader(self) -> Reloader | None:
        if self.reread is None:
            return None
        reloader = Reloader(
            self.reread,
            rulebook=self._wired.rulebook,
            has_keys="api_keys" in self._secrets,
            logger=self._wired.logger,
            herald=self._herald,
            log=self._log,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
        return reloader

    def _on_gave_up(self, name: str) -> None:
        if name in ("root", "infra"):
            self._gave_up = name

    def _on_bad_line(self, line: BadLine) -> None:
        self._log.warning("bad_line", line=str(line))

    def _on_disk(self, disk: DiskState) -> None:
        self._log.warning("disk", state=str(disk))
        self._offer(*restraint.of_disk(self._state.ledger().control, disk))

    async def _first_records(self, wired: Wired) -> None:
        ledger, recovery = self._state.ledger(), self._memory.recovery
        downtime_s = 0.0 if recovery.last_ts is None else max(self._clock.time() - recovery.last_ts, 0.0)
        damage = None if recovery.damage is None else str(recovery.damage)
        records: list[Record] = [
            Boot(
                records=self._state.last_seq,
                pending_posts=len(ledger.pending),
                open_orders=len(ledger.open_orders()),
                open_positions=len(ledger.positions),
                downtime_s=round(downtime_s, 3),
                damage=damage,
            )
        ]
        records += restraint.of_start(ledger.control)
        if damage is not None:
            self._log.error("log_damage", damage=damage)
            records += restraint.of_damage(ledger.control, damage)
        await wired.logger.tell(Append(entries=tuple(Entry(record) for record in records)))

    def _offer(self, *records: Record) -> None:
        if records:
            self._wired.logger.offer(Append(entries=tuple(Entry(record) for record in records)))
