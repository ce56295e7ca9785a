"""What a query becomes in SQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest

from levibotd.adapters.index_rows import HOURS_SQL, SCHEMA_SQL, Rows, select
from levibotd.domain.records import Entry, Logged, SystemNote
from levibotd.domain.signal import Symbol, TraceId
from levibotd.ports.event_index import EventQuery
from levibotd.ports.journal_file import Position, Run


def run_of(*traces: str | None, first: int = 1) -> Run:
    logged = [
        Logged(
            seq=first + place, ts=100.0 + place, event_type="SYSTEM",
            entry=Entry(SystemNote(note="n"), None if trace is None else TraceId(trace), Symbol("BTCUSDT")),
        )
        for place, trace in enumerate(traces)
    ]  # fmt: skip
    return Run("day/segment", 50, [b"x" * (10 + place) for place in range(len(logged))], logged, 0, "h")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA_SQL)
        yield connection


def found(connection: sqlite3.Connection, query: EventQuery) -> list[tuple[int, str, int, int]]:
    return connection.execute(*select(query, limit=100)).fetchall()


@pytest.mark.parametrize("trace", ["00000000000000aa", "0123456789012345", "odd", "00000000000000AA", "z" * 16])
def test_any_trace_is_found_as_itself(connection: sqlite3.Connection, trace: str) -> None:
    rows = Rows()
    rows.insert(connection, rows.of_runs([run_of("00000000000000ab", trace, None)]))
    assert found(connection, EventQuery(trace_id=TraceId(trace))) == [(2, "day/segment", 60, 11)]


def test_names_keep_their_numbers_over_a_restart(connection: sqlite3.Connection) -> None:
    rows = Rows()
    rows.insert(connection, rows.of_runs([run_of("a")]))
    again = Rows()
    again.load(connection)
    again.insert(connection, again.of_runs([run_of("b", first=2)]))
    assert [row[0] for row in found(connection, EventQuery(symbol="BTCUSDT", types=("SYSTEM",)))] == [1, 2]


def test_a_record_is_indexed_once(connection: sqlite3.Connection) -> None:
    rows = Rows()
    for _ in range(2):
        rows.insert(connection, rows.of_runs([run_of("a", "b")]))
    assert len(found(connection, EventQuery())) == 2


def test_hours_count_each_record_once(connection: sqlite3.Connection) -> None:
    rows = Rows()
    for first in (1, 1, 3):  # The second time it is told again.
        rows.insert(connection, rows.of_runs([run_of("a", "b", first=first)]))
    assert connection.execute(HOURS_SQL, (0, 10)).fetchall() == [(0, "SYSTEM", 4)]
    assert connection.execute(HOURS_SQL, (1, 10)).fetchall() == []


def test_the_place_in_the_log_comes_back(connection: sqlite3.Connection) -> None:
    position = Position(segment="day/segment", offset=5, seq=6, hash="h")
    connection.execute("REPLACE INTO place VALUES (0, ?)", (msgspec.json.encode(position).decode(),))
    rows = Rows()
    rows.load(connection)
    assert rows.position == position
    connection.execute("REPLACE INTO place VALUES (0, '{')")
    with pytest.raises(sqlite3.DatabaseError):
        rows.load(connection)


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(trace_id=TraceId("00000000000000aa")),
        EventQuery(trace_id=TraceId("00000000000000aa"), types=("X", "Y")),
        EventQuery(types=("X",)),
        EventQuery(types=("X",), beyond=5, newest_first=True),
        EventQuery(symbol="X"),
    ],
)
def test_every_condition_has_its_index(connection: sqlite3.Connection, query: EventQuery) -> None:
    statement, values = select(query, limit=10)
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))
    assert "SEARCH events USING INDEX" in plan
    assert "TEMP B-TREE" not in plan
