"""Rows of the event index: what stands in them, and how a query asks for them."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from levibotd.adapters.journal_reader import Located
from levibotd.domain.signal import TraceId
from levibotd.ports.event_index import EventQuery
from levibotd.ports.journal_file import Position, Run

SCHEMA_VERSION = 2
HOUR_S = 3600
SCHEMA_SQL = f"""
PRAGMA user_version={SCHEMA_VERSION};
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, ts REAL NOT NULL, type INTEGER NOT NULL, symbol INTEGER, trace BLOB,
    segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_trace ON events (trace) WHERE trace IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_type ON events (type);
CREATE INDEX IF NOT EXISTS by_symbol ON events (symbol) WHERE symbol IS NOT NULL;
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_ts REAL NOT NULL);
CREATE TABLE IF NOT EXISTS hours (
    hour INTEGER, type INTEGER, count INTEGER NOT NULL, PRIMARY KEY (hour, type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, position TEXT NOT NULL);
"""

HOURS_SQL = (
    "SELECT hour, name, count FROM hours JOIN names ON names.id = type WHERE hour >= ? AND hour < ? ORDER BY hour, name"
)
# Counts are as of whole hours; what is forgotten is forgotten by whole segments, which are hours.
DROP_HOURS_SQL = "DELETE FROM hours WHERE hour < (SELECT CAST(ts / 3600 AS INTEGER) FROM events ORDER BY seq LIMIT 1)"

# The rows of one type come from its index in order; those of several are gathered and sorted: ask for a trace as well.
_TYPE = "type = (SELECT id FROM names WHERE name = ?)"
_TYPES = "type IN (SELECT id FROM names WHERE name IN ({}))"

# seq, ts, type, symbol, trace, segment, offset, length; names as numbers.
Row = tuple[int, float, int, int | None, bytes | str | None, int, int, int]


class Rows:
    """
    Makes rows, and keeps the numbers that names have in one index file.

    `position` is the end of what is indexed.
    """

    def __init__(self) -> None:
        self.position = Position()
        self._numbers: dict[str, int] = {}
        self._new: list[tuple[int, str]] = []

    def load(self, connection: sqlite3.Connection) -> None:
        """Begin where the file stands. Raises sqlite3.DatabaseError for a file that makes no sense."""
        self._numbers = {name: number for number, name in connection.execute("SELECT id, name FROM names")}
        place = connection.execute("SELECT position FROM place").fetchone()
        try:
            self.position = Position() if place is None else msgspec.json.decode(place[0], type=Position)
        except msgspec.DecodeError as fault:
            raise sqlite3.DatabaseError(f"the place in the log cannot be read: {fault}") from fault

    def of_runs(self, runs: Sequence[Run]) -> Iterator[Row]:
        for run in runs:
            segment, offset = self._number(run.segment), run.offset
            for logged, line in zip(run.logged, run.lines, strict=True):
                entry, length = logged.entry, len(line)
                symbol = None if entry.symbol is None else self._number(entry.symbol)
                trace = None if entry.trace is None else _as_blob(entry.trace)
                yield logged.seq, logged.ts, self._number(logged.event_type), symbol, trace, segment, offset, length
                offset += length

    def of_line(self, found: Located) -> Row:
        line = found.line
        return (
            line.seq,
            line.ts,
            self._number(line.event_type),
            None if line.symbol is None else self._number(line.symbol),
            None if line.trace_id is None else _as_blob(line.trace_id),
            self._number(found.segment),
            found.offset,
            len(found.raw),
        )

    def end_of(self, found: Located) -> Position:
        line = found.line
        return Position(segment=found.segment, offset=found.offset + len(found.raw), seq=line.seq, hash=line.h)

    def insert(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        rows = list(rows)
        self._count(connection, rows)
        connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", self._new)
        self._new = []
        connection.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        spans: dict[int, tuple[int, float]] = {}
        for seq, ts, _, _, _, segment, _, _ in rows:
            first, last_ts = spans.get(segment, (seq, ts))
            spans[segment] = (min(first, seq), max(last_ts, ts))
        connection.executemany(
            "INSERT INTO segments VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " first_seq = min(first_seq, excluded.first_seq), last_ts = max(last_ts, excluded.last_ts)",
            [(segment, first, last_ts) for segment, (first, last_ts) in spans.items()],
        )

    # Counting hours anew would mean reading every row there is.
    def _count(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        counts = Counter((int(ts // HOUR_S), kind) for seq, ts, kind, *_ in rows if seq > last)
        connection.executemany(
            "INSERT INTO hours VALUES (?, ?, ?) ON CONFLICT (hour, type) DO UPDATE SET count = count + excluded.count",
            [(hour, kind, count) for (hour, kind), count in counts.items()],
        )

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._numbers) + 1
            self._new.append((number, name))
        return number


def select(query: EventQuery, *, limit: int) -> tuple[str, list[object]]:
    """
    The statement for a query and its values. Its rows are (seq, segment, offset, length), in the order asked for.

    The segment is None where the row was bent: nothing else would tell it from one that never was.
    """
    where: list[str] = []
    values: list[object] = []
    for condition, given in (
        ("trace = ?", _given(None if query.trace_id is None else _as_blob(query.trace_id))),
        (_TYPE if len(query.types) == 1 else _TYPES.format(", ".join("?" * len(query.types))), query.types),
        ("symbol = (SELECT id FROM names WHERE name = ?)", _given(query.symbol)),
        # Wall time may go back, so only whole segments can be passed over.
        ("seq >= (SELECT min(first_seq) FROM segments WHERE last_ts >= ?)", _given(query.since)),
        ("ts >= ?", _given(query.since)),
        ("seq < ?" if query.newest_first else "seq > ?", _given(query.beyond)),
    ):
        if given:
            where.append(condition)
            values += given
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    order = "DESC" if query.newest_first else "ASC"
    return (
        "SELECT seq, name, offset, length FROM events LEFT JOIN names ON names.id = segment"
        f"{conditions} ORDER BY seq {order} LIMIT ?",
        [*values, limit],
    )


def _given(value: object) -> tuple[object, ...]:
    return () if value is None else (value,)


# Eight bytes instead of sixteen characters, wherever it is the usual kind of trace.
def _as_blob(trace: TraceId) -> bytes | str:
    try:
        return bytes.fromhex(trace) if len(trace) == 16 and trace.islower() else trace
    except ValueError:
        return trace
