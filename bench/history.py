"""Looking back over a long log: one post's story by the index, and sums by hour against Parquet."""

import asyncio
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from bench.big_day import DAY, write_days
from bench.measure import Effort, Figure, NotHere, Row, at_most, in_turns, now, ratio, spread
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.sqlite_index import SqliteIndex
from levibotd.ports.event_index import EventQuery

EVENTS = 1_000_000
AGGREGATE_EVENTS = 500_000
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
    """Records by hour and type, by DuckDB: over the segments as they stand, and over the same columns in Parquet."""
    if find_spec("duckdb") is None:
        raise NotHere("DuckDB is not installed (pip install 'levibotd[reports]')")
    import duckdb

    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        directory = Path(name)
        (written,) = write_days(directory / "logs", events=effort.of(AGGREGATE_EVENTS))
        database = duckdb.connect(config={"threads": 1})
        columns = "{seq: 'UBIGINT', ts: 'DOUBLE', event_type: 'VARCHAR', symbol: 'VARCHAR', trace_id: 'VARCHAR'}"
        segments = f"read_json('{directory}/logs/*/*.jsonl', format = 'newline_delimited', columns = {columns})"
        parquet = directory / "day.parquet"
        database.execute(f"COPY (SELECT * FROM {segments}) TO '{parquet}' (FORMAT parquet)")

        def summed(source: str) -> float:
            begun = now()
            query = f"SELECT CAST(floor(ts / 3600) AS BIGINT) AS hour, event_type, count(*) FROM {source} GROUP BY ALL"
            rows = database.execute(query).fetchall()
            cost = now() - begun
            if sum(row[2] for row in rows) < written.events:
                raise AssertionError("records are missing")
            return cost

        costs = in_turns(effort, {"segments": lambda: summed(segments), "parquet": lambda: summed(f"'{parquet}'")})
    return [
        Figure(
            what=f"segments / Parquet, {DAY}, {written.events:,} records",
            spread=ratio(costs, "segments", "parquet"),
            gate=at_most(1.5),
        ),
        Figure(what="segments", spread=spread(costs["segments"]), unit="s"),
        Figure(what="Parquet", spread=spread(costs["parquet"]), unit="s"),
    ]


ROWS = (
    Row(name="history.trace", floor="an index lookup", measure=trace),
    Row(name="history.hourly", floor="the same columns in Parquet", measure=hourly),
)
