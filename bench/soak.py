"""
A long run under load: `python -m bench.soak --minutes 30 --load 50`, `python -m bench.soak --simulated-h 24`.

The first starts a real daemon, posts many times as fast as the demo does, and has clients come and
go at its HTTP interface; the second lives through days of the demo on simulated time in this
process. Both begin on the state of a daemon that has lived long (`lived.py`): how its memory fills
is not what is asked. They print what its folds weigh, and what memory, descriptors, tasks and
threads did, and exit 1 when one drifts.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientError, ClientSession, ClientTimeout

from bench.flatness import Samples, table, verdicts
from bench.lived import live_before
from bench.weights import Weight, weights
from bench.weights import table as weights_table
from levibotd.app.memory import Memory
from levibotd.config import demo_config
from levibotd.domain.records import TgCursor
from levibotd.kernel.clock import LoopClock
from levibotd.ports.posts import Posted
from levibotd.sim.demo_feed import GAP_S, DemoFeed
from levibotd.sim.demo_market import DemoMarket
from tests.process.daemon import Daemon, daemon

SAMPLE_S = 5.0
ASK_S = 0.2
PATHS = ("/status", "/metrics/prom", "/positions", "/orders", "/signals?limit=50", "/events?limit=200", "/actors")

# Wide limits, so that the load reaches orders and fills and is not refused at the first gate.
SETTINGS = {
    "telegram__source": "file",
    "market__source": "demo",
    "risk__heat_max": "1.0",
    "risk__heat_channel_share": "1.0",
    "risk__heat_side_share": "1.0",
    "risk__daily_loss_limit": "1.0",
    "risk__max_open": "8",
    "risk__cooldown_s": "0",
    "risk__cooldown_stop_s": "0",
    "log__min_free_h": "0",
    "log__reduce_free_h": "0",
}


def main(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    with TemporaryDirectory(prefix="levibotd-soak-") as scratch:
        if options.simulated_h:
            from bench.soak_simulated import live_through

            life = live_through(Path(scratch), hours=options.simulated_h, load=options.load)
            samples, folds = life.samples, life.weights
        else:
            samples, folds = _under_load(Path(scratch), minutes=options.minutes, load=options.load)
    found = verdicts(samples.series)
    print(weights_table(folds))
    print(table(found))
    if options.json is not None:
        options.json.write_text(json.dumps({"series": samples.series, "answers": samples.answers}), "utf-8")
    print(f"{samples.answers} answers over HTTP, {samples.errors} errors")
    return int(samples.errors > 0 or not all(each.is_flat for each in found))


def _under_load(scratch: Path, *, minutes: float, load: float) -> tuple[Samples, Sequence[Weight]]:
    posts = scratch / "posts.jsonl"
    posts.touch()
    samples = Samples()
    config = demo_config(environ={"LEVI_DAEMON__STATE_DIR": str(scratch / "state")})
    cursors = asyncio.run(live_before(config, until=time.time()))
    with daemon(scratch / "state", command=(sys.executable, "-m", "levibotd", "run"), **SETTINGS,
                telegram__file=str(posts)) as one:  # fmt: skip
        one.wait_ready()
        asyncio.run(_soak(one, posts, samples, cursors, minutes=minutes, load=load))
        code = one.stop(signal.SIGTERM)
        verified = subprocess.run([sys.executable, "-m", "levibotd", "log", "verify", str(one.log)], check=False)
        samples.errors += (code != 0) + (verified.returncode != 0)
    memory = Memory(config, boot="after", log_key=b"")
    memory.journal.close()
    return samples, weights(memory.state)


async def _soak(
    one: Daemon, posts: Path, samples: Samples, cursors: Mapping[str, TgCursor], *, minutes: float, load: float
) -> None:
    over = time.monotonic() + minutes * 60
    jobs = [
        asyncio.create_task(_write(posts, cursors, load=load, until=lambda _: time.monotonic() > over)),
        asyncio.create_task(_come_and_go(one, samples)),
        asyncio.create_task(_watch(one, samples, until=over)),
    ]
    done, others = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    for job in others:
        job.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for job in done:
        job.result()


async def _write(posts: Path, cursors: Mapping[str, TgCursor], *, load: float, until: Callable[[int], bool]) -> None:
    # The demo's prices are the same in every process, so these posts name the price of their moment.
    market, clock = DemoMarket(), LoopClock()
    feed = DemoFeed(market, symbols=market.symbols, clock=clock, gap_s=(GAP_S[0] / load, GAP_S[1] / load))
    written = 0
    with posts.open("a", encoding="utf-8") as file:
        async for event in feed.events(cursors):
            assert isinstance(event, Posted)
            post = event.post
            line = {"id": f"{post.channel}/{post.message_id}", "channel": post.channel, "msg_id": post.message_id}
            file.write(json.dumps({**line, "text": post.text, "lang": post.language}) + "\n")
            file.flush()
            written += 1
            if written % 1000 == 0:
                print(f"\r{written} posts ", end="", file=sys.stderr, flush=True)
            if until(written):
                break


# Each request on a connection of its own: what a connection leaves behind would add up.
async def _come_and_go(one: Daemon, samples: Samples) -> None:
    root = f"http://127.0.0.1:{one.port}"
    turn = 0
    while True:
        path = PATHS[turn % len(PATHS)]
        turn += 1
        try:
            async with ClientSession(timeout=ClientTimeout(total=10)) as session:
                async with session.get(root + path) as answer:
                    await answer.read()
                    samples.errors += answer.status != 200
                if turn % 5 == 0:
                    async with session.ws_connect(f"{root}/ws/events") as wire:
                        await asyncio.wait_for(wire.receive(), 10)
            samples.answers += 1
        except (ClientError, TimeoutError) as error:
            samples.errors += 1
            print(f"{path}: {type(error).__name__} {error}", file=sys.stderr, flush=True)
        await asyncio.sleep(ASK_S)


async def _watch(one: Daemon, samples: Samples, *, until: float) -> None:
    proc = Path("/proc", str(one.process.pid))
    since = time.monotonic()
    while time.monotonic() < until:
        await asyncio.sleep(SAMPLE_S)
        memory = dict(line.split(":") for line in (proc / "status").read_text().splitlines() if ":" in line)
        gauges = await asyncio.to_thread(one.get, "/metrics")
        samples.add(
            rss_kib=float(memory["VmRSS"].split()[0]),
            descriptors=float(len(list((proc / "fd").iterdir()))),
            threads=float(memory["Threads"]),
            tasks=float(gauges["levibot_tasks"]),
        )
        status = await asyncio.to_thread(one.get, "/status")
        elapsed = time.monotonic() - since
        rss = samples.series["rss_kib"][-1] / 1024
        print(f"\r{elapsed / 60:5.1f} min  {status['last_seq']} records  {status['closed']} closed  {rss:.1f} MiB ",
              end="", file=sys.stderr, flush=True)  # fmt: skip
    print(file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="Run long under load, and look for leaks."
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the real daemon runs (default: 30)")
    parser.add_argument("--load", type=float, default=50.0, help="times the demo's own pace (default: 50)")
    parser.add_argument("--simulated-h", type=float, default=0.0, metavar="H", help="hours of simulated time instead")
    parser.add_argument("--json", type=Path, metavar="F", help="keep all samples here")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
