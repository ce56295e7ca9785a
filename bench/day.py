"""A day of a million records: its report in the child, and what the daemon's loop notices of it."""

import asyncio
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.big_day import write_days
from bench.measure import Effort, Figure, NotHere, Row, at_most, now, spread
from levibotd.adapters.duckdb_reports import DuckDbReports
from levibotd.kernel.clock import LoopClock
from levibotd.ports.reports import ReportQuery

EVENTS = 1_000_000
TICK_S = 0.005


def report(effort: Effort) -> Sequence[Figure]:
    """Time is the clock's: somebody waits for the report. The loop that asks for it ticks meanwhile."""
    if find_spec("duckdb") is None:
        raise NotHere("DuckDB is not installed (pip install 'levibotd[reports]')")
    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        (written,) = write_days(Path(name), events=effort.of(EVENTS))
        waits, lags = asyncio.run(_made(effort, Path(name)))
    lags.sort()
    return [
        Figure(what=f"daily report of {written.events:,} records", spread=spread(waits), unit="s", gate=at_most(3)),
        Figure(
            what="loop lag meanwhile, 99th percentile",
            spread=spread([lags[int(0.99 * (len(lags) - 1))] * 1e3]),
            unit="ms",
            gate=at_most(20),
        ),
    ]


async def _made(effort: Effort, directory: Path) -> tuple[list[float], list[float]]:
    waits: list[float] = []
    lags: list[float] = []

    async def tick() -> None:
        while True:
            begun = now()
            await asyncio.sleep(TICK_S)
            lags.append(now() - begun - TICK_S)

    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(tick())
        for _ in range(effort.turns):
            reports = DuckDbReports(directory, clock=LoopClock())  # A fresh one: nothing is kept from the turn before.
            begun = now()
            await reports.make(ReportQuery(kind="daily"))
            waits.append(now() - begun)
        ticking.cancel()
    return waits, lags


ROWS = (Row(name="day.report", floor="3 s", measure=report),)
