"""
Days of the demo on simulated time: the daemon's own assembly, its log on a real disk, in this process.

Every job that watches the clock runs: quotes, heartbeats, samples, snapshots, the turn of the day.
"""

import asyncio
import io
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.flatness import Samples
from bench.lived import live_before
from bench.weights import Weight, weights
from levibotd.adapters.journal_check import verify
from levibotd.adapters.os_files import OsFiles
from levibotd.admin.server import listen
from levibotd.app.assembly import Assembly, Surroundings
from levibotd.app.memory import Memory
from levibotd.app.reload import Reloader
from levibotd.app.sources import Sources
from levibotd.config import Config, demo_config
from levibotd.domain.masking import Masker
from levibotd.domain.records import Boot, Entry
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import run_virtual
from levibotd.messages import Append
from levibotd.observe.logging import make_log
from levibotd.observe.memory import give_back, keep_together
from levibotd.observe.notify import Herald, Notifier
from levibotd.sim.demo_feed import GAP_S, DemoFeed
from levibotd.sim.demo_market import DemoMarket

START = 1_750_000_000.0
HOUR_S = 3600.0
LOOKS_PER_H = 12


@dataclass
class Life:
    """What is lived through, and how it went; `weights` are those of its folds at the end."""

    config: Config
    load: float
    hours: float
    samples: Samples = field(default_factory=Samples)
    weights: Sequence[Weight] = ()

    async def live(self, clock: Clock) -> None:
        with ExitStack() as stack:
            memory = Memory(self.config, boot="soak", log_key=b"")
            stack.callback(memory.journal.close)
            assembly = Assembly(self._surroundings(memory, clock, stack))
            self._lend_configuring(assembly, clock)
            boot = Boot(records=0, pending_posts=0, open_orders=0, open_positions=0, downtime_s=0.0, damage=None)
            await assembly.wired.logger.tell(Append(entries=(Entry(boot),)))
            memory.index.start()
            await memory.index.settled()
            await assembly.system.start()
            assembly.started = True
            for look in range(1, int(self.hours * LOOKS_PER_H) + 1):
                await clock.sleep(HOUR_S / LOOKS_PER_H)
                await memory.save(assembly.parts.log.position)
                give_back()  # As the daemon does after each snapshot.
                self._look(assembly, look / LOOKS_PER_H)
            await assembly.system.stop()
            await memory.index.stop()
            self.weights = weights(memory.state)

    def _surroundings(self, memory: Memory, clock: Clock, stack: ExitStack) -> Surroundings:
        market = DemoMarket()
        gap_s = (GAP_S[0] / self.load, GAP_S[1] / self.load)
        feed = DemoFeed(market, symbols=market.symbols, clock=clock, gap_s=gap_s)
        return Surroundings(
            config=self.config,
            secrets={},
            listener=stack.enter_context(listen(self.config.http.bind)),
            clock=clock,
            log=make_log(io.StringIO(), clock=clock, masker=Masker(())),
            memory=memory,
            sources=Sources(posts=feed, market=market, watched=market.symbols),
            boot="soak",
        )

    # Nobody asks for a reload here, but the HTTP actor wants to know whom it would ask.
    def _lend_configuring(self, assembly: Assembly, clock: Clock) -> None:
        rulebook, log = assembly.wired.rulebook, make_log(io.StringIO(), clock=clock, masker=Masker(()))
        herald = Herald(
            Notifier(None),
            clock=clock,
            log=log,
            watchdog_s=None,
            missing=assembly.not_ready,
            stalled=assembly.system.stalled,
            doing="soak",
        )
        assembly.window.configuring = Reloader(
            lambda: rulebook.file,
            rulebook=rulebook,
            has_keys=False,
            logger=assembly.wired.logger,
            herald=herald,
            log=log,
        )

    def _look(self, assembly: Assembly, hour: float) -> None:
        proc = Path("/proc/self")
        status = dict(line.split(":") for line in (proc / "status").read_text("utf-8").splitlines() if ":" in line)
        rss_kib = float(status["VmRSS"].split()[0])
        self.samples.add(
            rss_kib=rss_kib,
            descriptors=float(len(list((proc / "fd").iterdir()))),
            threads=float(status["Threads"]),
            tasks=float(len(asyncio.all_tasks())),
        )
        self.samples.answers += 1
        reasons = assembly.not_ready()
        if reasons:
            print(f"\r{hour:6.2f} h  not ready: {', '.join(reasons)}", file=sys.stderr, flush=True)
            self.samples.errors += 1
        print(f"\r{hour:6.2f} h  {rss_kib / 1024:.1f} MiB ", end="", file=sys.stderr, flush=True)


def live_through(scratch: Path, *, hours: float, load: float) -> Life:
    """
    Live through `hours` of simulated time at `load` times the demo's pace; the log must verify at the end.

    The daemon has lived long before: see `lived.py`.
    """
    settings = {
        "LEVI_DAEMON__STATE_DIR": str(scratch / "state"),
        "LEVI_HTTP__BIND": "127.0.0.1:0",
        "LEVI_RISK__DAILY_LOSS_LIMIT": "1.0",
    }
    keep_together()  # As the daemon does, too.
    life = Life(demo_config(environ=settings), load, hours)
    asyncio.run(live_before(life.config, until=START))
    run_virtual(life.live, start=START)
    print(file=sys.stderr)
    damage = verify(OsFiles(scratch / "state" / "logs")).damage
    if damage is not None:
        print(damage, file=sys.stderr)
        life.samples.errors += 1
    return life
