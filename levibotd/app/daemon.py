"""
The daemon: recover, start, serve, stop.

`run` takes a configuration to an exit code. Everything that outlives an actor is made here: the
lock and the journal, the committed state, the listening socket, the paper exchange.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from random import Random, SystemRandom
from typing import TextIO

import anyio

from actors.logger import Log
from actors.market import MarketActor
from actors.sampler import SamplerActor
from levibotd import __version__
from levibotd.admin.auth import Keyring
from levibotd.admin.routes import ROUTES
from levibotd.admin.server import AdminHttp, listen
from levibotd.app.events import Supervision
from levibotd.app.memory import Memory
from levibotd.app.paper import paper_venue, restore
from levibotd.app.scoring import classifier_of
from levibotd.app.sources import Sources, sources_of
from levibotd.app.telemetry import Telemetry
from levibotd.app.tree import Parts, Wired
from levibotd.app.window import Window
from levibotd.config import Config, check_bind, check_supported, read_secret
from levibotd.domain.book import ACTIVE, REDUCING
from levibotd.domain.masking import Masker
from levibotd.domain.records import Boot, Entry, Heartbeat, Record, RiskState, SafeMode
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.mailbox import DROP_NEWEST, Box, Ref
from levibotd.kernel.supervisor import ONE_FOR_ONE, Child, Group, System
from levibotd.messages import Append, Message
from levibotd.observe.logging import Log as OperatorLog
from levibotd.observe.logging import capture_libraries, make_log
from levibotd.observe.metrics import Metrics
from levibotd.ports.journal_file import DiskState

EXIT_OK = 0
EXIT_TEMPORARY = 75
STOP_DEADLINE_S = 18.0
SAMPLE_S = 5.0
QUOTES_S = 10.0
SAVE_EVERY = 60  # Samples between two snapshots.
SECRETS = (
    "api_keys", "exchange_api", "log_key", "news_llm", "redis", "s3", "telegram_api", "telegram_bot_token",
    "telegram_session", "totp",
)  # fmt: skip


def run(config: Config, *, out: TextIO) -> int:
    """
    Run until a signal, and return the exit code: 0 after SIGTERM or SIGINT, 75 when a restart may help.

    Raises ConfigError and Unavailable (port, lock) before anything was started.
    """
    check_supported(config)
    secrets = {name: secret for name in SECRETS if (secret := read_secret(config, name)) is not None}
    check_bind(config, has_keys="api_keys" in secrets)
    with ExitStack() as stack:
        listener = stack.enter_context(listen(config.http.bind))
        return asyncio.run(_Daemon(config, secrets, listener=listener, stack=stack, out=out).main())


class _Daemon:
    def __init__(
        self, config: Config, secrets: dict[str, str], *, listener: socket.socket, stack: ExitStack, out: TextIO
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._listener = listener
        self._stack = stack
        self._clock: Clock = LoopClock()
        self._masker = Masker(secrets.values())
        self._log: OperatorLog = make_log(out, clock=self._clock, masker=self._masker)
        self._samples = 0
        self._hurried = False

    async def main(self) -> int:
        clock, config = self._clock, self._config
        boot = SystemRandom().randbytes(8).hex()
        memory = Memory(config, boot=boot, log_key=self._secrets.get("log_key", "").encode())
        self._stack.callback(memory.close)
        sources = sources_of(config, clock=clock, stack=self._stack, on_bad=self._on_bad_line)
        wired, system = self._wire(memory, sources)
        await self._first_records(wired, memory)
        stop = self._on_signals(system)
        await system.start()
        self._log.info("ready", url=f"http://{config.http.bind}", state_dir=str(memory.state_dir), boot=boot)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._until_over, system, stop)
            await stop.wait()
            tasks.cancel_scope.cancel()
        report = await system.stop(STOP_DEADLINE_S)
        for left in report.unstopped:
            self._log.error("unstopped", actor=left.name, stack=left.stack)
        memory.save()
        self._log.info("stopped", elapsed_s=round(report.elapsed_s, 3))
        return EXIT_TEMPORARY if self._gave_up else EXIT_OK
