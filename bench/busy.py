"""The demo while everybody wants something: a report, an archive run and a hundred websockets at once."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import aiohttp

from bench.big_day import DAY, write_days
from bench.measure import Effort, Figure, NotHere, Row, at_most, spread
from tests.contracts import buckets
from tests.process.daemon import Daemon, daemon

EVENTS = 300_000
LISTENERS = 100
READY_S = 120.0
LISTENED_S = 30.0
NEEDS = ("duckdb", "aiobotocore", "moto")


def loop_lag(effort: Effort) -> Sequence[Figure]:
    """Lags of the daemon's own loop from the first request on; report and archive are of a day of 300,000 records."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise NotHere(f"{', '.join(missing)} not installed (make test)")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="levibotd-bench-")))
        (folder / "moto").mkdir()
        store = stack.enter_context(buckets.Moto(folder / "moto"))
        write_days(folder / "state" / "logs", events=effort.of(EVENTS))
        lags_file = folder / "lags.json"
        settings = _archive(folder, store.url)
        command = (sys.executable, "-m", "bench.probed_daemon", str(lags_file))
        with daemon(folder / "state", command=command, **settings) as one:
            _wait_ready(one)
            begun, done_s = asyncio.run(_everything(one))
            assert one.stop() == 0
        lags = [lag for at, lag in json.loads(lags_file.read_text("utf-8")) if begun <= at <= begun + done_s]
    ordered = sorted(lags)
    return [
        Figure(
            what="loop lag, 99th percentile, report + archive + 100 websockets",
            spread=spread([ordered[int(0.99 * (len(ordered) - 1))] * 1e3]),
            unit="ms",
            gate=at_most(20),
        ),
        Figure(what="the longest of them", spread=spread([ordered[-1] * 1e3]), unit="ms"),
    ]


def _archive(folder: Path, url: str) -> dict[str, str]:
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "s3").touch(mode=0o600)
    (secrets / "s3").write_text(f"{buckets.ACCESS_KEY}\n{buckets.SECRET_KEY}\n", "utf-8")
    return {
        "daemon__secrets_dir": str(secrets),
        "archive__endpoint": url,
        "archive__bucket": buckets.make_bucket(url),
    }


# A day without a snapshot is folded anew at the first start.
def _wait_ready(one: Daemon) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if one.ask("GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not ready: {one.said()}")


async def _everything(one: Daemon) -> tuple[float, float]:
    """When it began, on the clock that all processes share, and how long it took."""
    root = f"http://127.0.0.1:{one.port}"
    begun = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(
            _asked(session.get(f"{root}/reports/daily?date={DAY}")),
            _asked(session.post(f"{root}/archive/run")),
            *[_listen(session, root) for _ in range(LISTENERS)],
        )
    return begun, time.monotonic() - begun


async def _asked(request: "aiohttp.client._RequestContextManager") -> None:
    async with request as answer:
        said = await answer.read()
        assert answer.status in (200, 202), (answer.status, said)


async def _listen(session: aiohttp.ClientSession, root: str) -> None:
    async with session.ws_connect(f"{root}/ws/events") as socket:
        try:
            async with asyncio.timeout(LISTENED_S):
                async for _ in socket:
                    pass
        except TimeoutError:
            return
    raise AssertionError(f"closed with {socket.close_code}")


ROWS = (Row(name="busy.lag", floor="20 ms", measure=loop_lag),)
