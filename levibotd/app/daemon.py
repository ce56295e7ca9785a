"""
The daemon: recover, start, serve, stop.

`run` takes a configuration to an exit code. What it is made of is put together in
`levibotd/app/assembly.py`.
"""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from random import SystemRandom
from typing import TextIO

import anyio
import msgspec

from levibotd.adapters.post_lines import BadLine
from levibotd.admin.server import listen
from levibotd.app import rescue, restraint
from levibotd.app.assembly import Assembly, Surroundings
from levibotd.app.memory import Memory
from levibotd.app.reload import Reloader
from levibotd.app.sources import sources_of
from levibotd.config import Config, read_secret
from levibotd.config_checks import check_usable
from levibotd.credentials import SECRET_NAMES
from levibotd.domain.masking import Masker
from levibotd.domain.records import Boot, ClockStep, Entry, Error, Record, SystemNote
from levibotd.exit_codes import ExitCode
from levibotd.journal import EVENT_OF
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.messages import Append
from levibotd.observe.logging import Log as OperatorLog
from levibotd.observe.logging import capture_libraries, make_log
from levibotd.observe.memory import give_back, keep_together
from levibotd.observe.notify import Herald, Notifier
from levibotd.observe.watchdog import JumpWatch, LoopWatchdog

STOP_DEADLINE_S = 18.0
SAVE_S = 300.0  # Between two snapshots.
SAME_SIGNAL_S = 0.5


def run(
    config: Config, *, out: TextIO, reread: Callable[[], Config] | None = None, forget_overrides: bool = False
) -> int:
    """
    Run until a signal, and return the exit code: 0 after SIGTERM or SIGINT, 75 when a restart may help.

    SIGHUP takes what `reread` returns then; without it, and on a terminal, it ends the process as ever.
    With `forget_overrides` what rules by the log and is unknown to `config` is let go of first, and that is logged.

    Raises ConfigError and Unavailable (port, lock) before anything was started.
    """
    secrets = {name: secret for name in SECRET_NAMES if (secret := read_secret(config, name)) is not None}
    check_usable(config, has_keys="api_keys" in secrets)
    keep_together()
    with ExitStack() as stack:
        listener = stack.enter_context(listen(config.http.bind))
        daemon = _Daemon(config, secrets, listener=listener, stack=stack, out=out)
        daemon.reread, daemon.hears_hangup = reread, not out.isatty()
        daemon.forget_overrides = forget_overrides
        return asyncio.run(daemon.main())


class _Daemon:
    """One life of the process, from recovery to the sealed log."""

    reread: Callable[[], Config] | None = None
    hears_hangup = False
    forget_overrides = False

    def __init__(
        self, config: Config, secrets: dict[str, str], *, listener: socket.socket, stack: ExitStack, out: TextIO
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._listener = listener
        self._clock: Clock = LoopClock()
        self._log: OperatorLog = make_log(out, clock=self._clock, masker=Masker(secrets.values()))
        self._notifier = Notifier(config.notify_socket)
        self._notifier.send("STATUS=recovering")
        self._boot = SystemRandom().randbytes(8).hex()
        self._memory = Memory(config, boot=self._boot, log_key=secrets.get("log_key", "").encode())
        stack.callback(self._memory.journal.close)
        self._state = self._memory.state
        self._sources = sources_of(config, clock=self._clock, stack=stack, on_bad=self._on_bad_line)

    async def main(self) -> int:
        capture_libraries(self._log)
        if self.forget_overrides:
            self._let_go()
        self._assembly = self._assemble()
        self._herald = self._make_herald()
        await self._first_records()
        self._memory.index.start()
        # Until it has caught up nobody can say which posts were seen before.
        await self._memory.index.settled()
        # It looks at every call there is: later, the first post would wait for that, and with it the loop.
        await offload.call(self._assembly.wired.trust.prior, at=self._clock.time())
        stop = anyio.Event()
        self._on_signals(stop)
        reloader = self._reloader()
        await self._assembly.system.start()
        self._assembly.started = True
        _spare_what_stays()
        self._log.info("ready", url=f"http://{self._config.http.bind}", boot=self._boot)
        async with anyio.create_task_group() as tasks:
            for job in (self._herald.run, self._watch_time, self._keep_snapshots, self._look_back):
                tasks.start_soon(job)
            tasks.start_soon(self._until_over, stop)
            tasks.start_soon(reloader.run)
            await stop.wait()
            code = await self._stop()
            tasks.cancel_scope.cancel()
        return code

    async def _until_over(self, stop: anyio.Event) -> None:
        await self._assembly.system.wait()
        stop.set()

    async def _stop(self) -> int:
        self._herald.stopping()
        report = await self._assembly.system.stop(STOP_DEADLINE_S)
        for left in report.unstopped:
            self._log.error("unstopped", actor=left.name, stack=left.stack)
        await self._memory.index.stop()
        await self._save()
        gave_up = self._assembly.gave_up
        self._log.info("stopped", elapsed_s=round(report.elapsed_s, 3), gave_up=gave_up)
        return ExitCode.OK if gave_up is None else ExitCode.TEMPORARY

    def _let_go(self) -> None:
        records = rescue.let_go(self._state.ledger().control, self._config)
        self._memory.write_down(records, ts=self._clock.time(), mono=self._clock.monotonic())
        for record in records:
            self._log.warning("let_go", event_type=EVENT_OF[type(record)].name, **msgspec.to_builtins(record))

    def _assemble(self) -> Assembly:
        return Assembly(
            Surroundings(
                config=self._config,
                secrets=self._secrets,
                listener=self._listener,
                clock=self._clock,
                log=self._log,
                memory=self._memory,
                sources=self._sources,
                boot=self._boot,
            )
        )

    def _make_herald(self) -> Herald:
        return Herald(
            self._notifier,
            clock=self._clock,
            log=self._log,
            watchdog_s=self._config.watchdog_s,
            missing=self._assembly.not_ready,
            stalled=self._assembly.system.stalled,
            doing=f"{self._config.exchange.stage} on {self._config.exchange.id}, http://{self._config.http.bind}",
        )

    # What is done now and then.

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
                    self._assembly.offer(ClockStep(step_s=round(jump.step_s, 3), at=self._clock.time()))
                if jump.pause_s:
                    self._assembly.offer(SystemNote(note="paused", detail=f"nothing ran for {jump.pause_s:.1f} s"))
        finally:
            watchdog.stop()

    async def _keep_snapshots(self) -> None:
        while True:
            await self._clock.sleep(SAVE_S)
            await self._save()
            # The bytes of each snapshot leave holes, which would add up to megabytes over the days.
            await offload.call(give_back)

    async def _save(self) -> None:
        try:
            await self._memory.save(self._assembly.parts.log.position)
        except OSError as fault:
            self._log.warning("snapshot", error=str(fault))

    async def _look_back(self) -> None:
        """Look at what the start left unread of a long log: old damage is no reason to start late."""
        damage = await self._memory.damage_before()
        if damage is not None:
            self._log.error("log_damage", damage=str(damage))
            restraints = restraint.of_damage(self._state.ledger().control, str(damage))
            self._assembly.offer(Error(code="LOG_DAMAGE", detail=str(damage)), *restraints)

    # What happens to it.

    def _on_signals(self, stop: anyio.Event) -> None:
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
                self._assembly.system.hurry(keep=("logger",))

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, heard)

    def _reloader(self) -> Reloader:
        rulebook = self._assembly.wired.rulebook
        reloader = Reloader(
            self.reread or (lambda: rulebook.file),
            rulebook=rulebook,
            has_keys="api_keys" in self._secrets,
            logger=self._assembly.wired.logger,
            herald=self._herald,
            log=self._log,
        )
        self._assembly.window.configuring = reloader
        if self.reread is not None and self.hears_hangup:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
        return reloader

    def _on_bad_line(self, line: BadLine) -> None:
        self._log.warning("bad_line", line=str(line))

    async def _first_records(self) -> None:
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
        await self._assembly.wired.logger.tell(Append(entries=tuple(Entry(record) for record in records)))


# What a start leaves lives as long as the process: a full collection that walks over it every time holds the loop
# for tens of milliseconds and finds nothing. Once more now, while nobody waits, and never again.
def _spare_what_stays() -> None:
    gc.collect()
    gc.freeze()
