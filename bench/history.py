"""Looking back over a long log: one post's story by the index, and sums by hour against Parquet."""

import asyncio
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from bench.big_day import write_days
from bench.measure import Effort, Figure, NotHere, Row, at_most, in_turns_here, now, ratio, spread
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.sqlite_index import SqliteIndex
from levibotd.ports.event_index import EventQuery

EVENTS = 1_000_000
LOOKUPS = 200


def trace(effort: Effort) -> Sequence[Figure]:
    """All records of one post, among a million of a day. Time is the clock's: the loop waits for it."""
    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        directory = Path(name)
        (written,) = write_days(directory / "logs", events=effort.of(EVENTS))
        return asyncio.run(_trace(effort, directory, written.traces, written.events))


async def _trace(effort: Effort, directory: Path, traces: Sequence[Any], events: int) -> Sequence[Figure]:
    index = SqliteIndex(directory / "index.sqlite", OsFiles(directory / "logs"))
    index.start()
    await index.settled()
    chance = Random(1)
    waits: list[float] = []
    for _ in range(effort.of(LOOKUPS)):
        query = EventQuery(trace_id=chance.choice(traces), limit=1000)
        begun = now()
        found = index.find(query)
        waits.append((now() - begun) * 1e3)
        if len(found) < 10:
            raise AssertionError(f"a call has more than {len(found)} records")
    await index.stop()
    worst = sorted(waits)[int(0.99 * (len(waits) - 1))]
    return [
        Figure(what=f"a trace in {events:,} records", spread=spread(waits), unit="ms", gate=at_most(5)),
        Figure(what="99th percentile", spread=spread([worst]), unit="ms", gate=at_most(5)),
    ]


def hourly(effort: Effort) -> Sequence[Figure]:
    """Records by hour and type: from the index's counts, and by DuckDB over the same columns in Parquet."""
    if find_spec("duckdb") is None:
        raise NotHere("DuckDB is not installed (pip install 'levibotd[reports]')")
    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        directory = Path(name)
        (written,) = write_days(directory / "logs", events=effort.of(EVENTS))
        return asyncio.run(_hourly(effort, directory, written.events))


async def _hourly(effort: Effort, directory: Path, events: int) -> Sequence[Figure]:
    import duckdb

    index = SqliteIndex(directory / "index.sqlite", OsFiles(directory / "logs"))
    index.start()
    await index.settled()
    database = duckdb.connect(config={"threads": 1})
    columns = "{seq: 'UBIGINT', ts: 'DOUBLE', event_type: 'VARCHAR', symbol: 'VARCHAR', trace_id: 'VARCHAR'}"
    segments = f"read_json('{directory}/logs/*/*.jsonl', format = 'newline_delimited', columns = {columns})"
    parquet = directory / "day.parquet"
    database.execute(f"COPY (SELECT * FROM {segments}) TO '{parquet}' (FORMAT parquet)")

    async def from_index() -> float:
        begun = now()
        found = await index.hours(since=0.0, until=1e11)
        cost = now() - begun
        _check(sum(one.count for one in found), events)
        return cost

    async def from_parquet() -> float:
        query = f"SELECT CAST(floor(ts / 3600) AS BIGINT) AS hour, event_type, count(*) FROM '{parquet}' GROUP BY ALL"
        begun = now()
        rows = database.execute(query).fetchall()
        cost = now() - begun
        _check(sum(row[2] for row in rows), events)
        return cost

    costs = await in_turns_here(effort, {"index": from_index, "parquet": from_parquet})
    await index.stop()
    return [
        Figure(what=f"index / Parquet, {events:,} records", spread=ratio(costs, "index", "parquet"), gate=at_most(1.5)),
        Figure(what="from the index", spread=spread([cost * 1e3 for cost in costs["index"]]), unit="ms"),
        Figure(what="from Parquet", spread=spread([cost * 1e3 for cost in costs["parquet"]]), unit="ms"),
    ]


def _check(found: int, events: int) -> None:
    if found < events:
        raise AssertionError(f"only {found} of {events} records were counted")


ROWS = (
    Row(name="history.trace", floor="an index lookup", measure=trace),
    Row(name="history.hourly", floor="the same columns in Parquet", measure=hourly),
)
