"""
The event index in SQLite: which record stands where, by trace, type, symbol and time.

It lies beside the log and can be deleted at any time: it is read anew from the segments. Its own
thread writes it, and nothing waits for that; what a crash left out is caught up at the next start.
"""

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from levibotd.adapters.index_rows import (
    DROP_HOURS_SQL,
    HOUR_S,
    HOURS_SQL,
    SCHEMA_SQL,
    SCHEMA_VERSION,
    Row,
    Rows,
    select,
)
from levibotd.adapters.journal_reader import located, stands_at
from levibotd.domain.records import Logged
from levibotd.domain.signal import TraceId
from levibotd.errors import Unavailable
from levibotd.journal import TERMINAL, Damaged, decode
from levibotd.kernel import offload
from levibotd.messages import Decision
from levibotd.ports.event_index import EventQuery, HourCount
from levibotd.ports.files import Files
from levibotd.ports.journal_file import Position, Run

LIMIT_MAX = 1000

_QUEUE = 4096
_CATCH_UP_ROWS = 5000
_SPAN_MAX = 1 << 20


class _CatchUp:
    """Work for the thread: read from the log what is not indexed yet."""


class _Forget:
    """Work for the thread: records up to here are going."""

    def __init__(self, seq: int) -> None:
        self.seq = seq


_Work = Sequence[Run] | _CatchUp | _Forget


class SqliteIndex:
    """
    The index at `path` over the segments in `files`.

    `start` once the loop runs and the log is recovered, and wait until it is `settled` where a
    record that is not found must mean that there is none; `stop` at the end. `find` may be called
    from the loop: it reads at most a thousand lines, a trace takes far less than 5 ms.
    """

    def __init__(self, path: Path, files: Files, *, on_rebuild: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._files = files
        self._on_rebuild = on_rebuild
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._rows = Rows()
        self._is_behind = False
        self._is_stale = False  # Found by a reader; the thread makes it anew.
        self._is_whole = False  # Has it once reached the end of the log? Until then a missing row means nothing.
        self._generation = 0  # Counts the files there have been at `path`.
        self._read_generation = 0
        self._worker: offload.Worker[_Work, None] = offload.Worker(
            "index", self._handle, on_done=self._done, on_failed=self._failed, capacity=_QUEUE
        )

    def start(self) -> None:
        """Begin to catch up with the log, in the index's own thread."""
        self._worker.offer(_CatchUp())

    async def forget(self, seq: int) -> None:
        """Return when no record up to `seq` is told of any more, so that their segments can go."""
        await self._worker.put(_Forget(seq))
        await self.settled()

    async def stop(self) -> None:
        """Index what was fed and close the file."""
        await self._worker.stop()
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    async def settled(self) -> None:
        await self._worker.idle()

    def feed(self, runs: Sequence[Run]) -> None:
        if self._is_behind and self._worker.offer(_CatchUp()):
            self._is_behind = False
        elif not self._worker.offer(runs):
            self._is_behind = True

    @property
    def indexed_seq(self) -> int:
        return self._rows.position.seq  # Moved on by the thread, once the rows are there.

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        await self.settled()
        return self.find(query)

    def find(self, query: EventQuery) -> list[bytes]:
        limit = max(1, min(query.limit, LIMIT_MAX))
        try:
            rows = self._connection_to_read().execute(*select(query, limit=limit)).fetchall()
        except sqlite3.DatabaseError as fault:
            raise self._stale(f"{fault}") from fault
        if not query.newest_first:
            return self._lines(rows)
        return self._lines(rows[::-1])[::-1]  # Neighbours are read at once as they stand in the log.

    async def hours(self, *, since: float, until: float) -> list[HourCount]:
        await self.settled()
        span = int(since // HOUR_S), math.ceil(until / HOUR_S)
        try:
            rows = self._connection_to_read().execute(HOURS_SQL, span).fetchall()
        except sqlite3.DatabaseError as fault:
            raise self._stale(f"{fault}") from fault
        return [HourCount(at=hour * HOUR_S, event_type=name, count=count) for hour, name, count in rows]

    def decision(self, trace: TraceId) -> Decision | None:
        scored: Logged | None = None
        for line in self.find(EventQuery(trace_id=trace, limit=LIMIT_MAX)):
            try:
                logged = decode(line)
            except Damaged:
                continue  # Told of at the start.
            if logged.event_type in TERMINAL:
                return Decision(terminal=logged, scored=scored)
            if logged.event_type == "SIGNAL_SCORED":
                scored = logged
        return None

    # --- Reading --------------------------------------------------------------------------------

    def _connection_to_read(self) -> sqlite3.Connection:
        if not self._is_whole:
            raise Unavailable("the event index is still reading the log")
        if self._reader is not None and self._read_generation != self._generation:
            self._reader.close()
            self._reader = None
        if self._reader is None:
            self._read_generation = self._generation
            # SQLite serialises the calls; the loop and one-shot threads may share it.
            self._reader = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, check_same_thread=False)
        return self._reader

    def _lines(self, rows: Sequence[tuple[int, str | None, int, int]]) -> list[bytes]:
        lines: list[bytes] = []
        begin = 0
        while begin < len(rows):
            # Neighbours of one segment are read at once.
            segment, first = rows[begin][1], rows[begin][2]
            if segment is None:
                raise self._stale(f"seq {rows[begin][0]} stands nowhere")
            end = begin
            while end < len(rows) and rows[end][1] == segment and 0 <= rows[end][2] - first < _SPAN_MAX:
                end += 1
            span = rows[end - 1][2] + rows[end - 1][3] - first
            try:
                data = self._files.read(segment, offset=first, length=span)
            except OSError as fault:
                raise self._stale(f"{segment}: {fault.strerror}") from fault
            for seq, _, offset, length in rows[begin:end]:
                line = data[offset - first : offset - first + length]
                if not (line.startswith(b'{"seq":%d,' % seq) and line.endswith(b"}\n")):
                    raise self._stale(f"{segment}: seq {seq} is not at {offset}")
                lines.append(line)
            begin = end
        return lines

    # The index does not fit the log, or is broken: it is made anew, and until then there is none.
    def _stale(self, why: str) -> Unavailable:
        self._is_stale = True
        self._worker.offer(_CatchUp())
        return Unavailable(f"the event index is made anew: {why}")

    # --- The index's own thread -----------------------------------------------------------------

    def _handle(self, batch: Sequence[_Work]) -> None:
        try:
            self._handle_all(batch)
        except sqlite3.DatabaseError as fault:
            self._delete(str(fault))
            self._catch_up()

    def _handle_all(self, batch: Sequence[_Work]) -> None:
        pending: list[Run] = []
        for work in batch:
            if isinstance(work, _CatchUp):
                self._catch_up()
            elif isinstance(work, _Forget):
                self._drop_rows(work.seq)
            else:
                pending += work
        self._opened()
        position = self._rows.position
        fresh = [run for run in pending if run.logged[-1].seq > position.seq]
        if not _follow(position, fresh):
            self._catch_up()  # Something was never fed.
        elif fresh:
            self._insert(self._opened(), self._rows.of_runs(fresh), fresh[-1].end)

    def _catch_up(self) -> None:
        connection = self._opened()
        since = self._rows.position
        if self._is_stale or not stands_at(self._files, since):
            self._delete("it does not fit the log")
            connection, since = self._opened(), Position()
        rows: list[Row] = []
        for found in located(self._files, since=since):
            rows.append(self._rows.of_line(found))
            if len(rows) >= _CATCH_UP_ROWS:
                self._insert(connection, rows, self._rows.end_of(found))
                rows = []
        if rows:
            self._insert(connection, rows, self._rows.end_of(found))
        self._is_whole = True

    # In pieces: what is fed meanwhile waits no longer than for one of them.
    def _drop_rows(self, seq: int) -> None:
        connection = self._opened()
        while True:
            with connection:
                (begin,) = connection.execute("SELECT min(seq) FROM events").fetchone()
                if begin is None or begin > seq:
                    connection.execute(DROP_HOURS_SQL)
                    return
                connection.execute("DELETE FROM events WHERE seq <= ?", (min(seq, begin + _CATCH_UP_ROWS),))

    def _insert(self, connection: sqlite3.Connection, rows: Iterable[Row], position: Position) -> None:
        with connection:
            self._rows.insert(connection, rows)
            connection.execute("REPLACE INTO place VALUES (0, ?)", (msgspec.json.encode(position).decode(),))
        self._rows.position = position

    def _opened(self) -> sqlite3.Connection:
        if self._writer is not None:
            return self._writer
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return self._open()
        except sqlite3.DatabaseError as fault:
            self._delete(str(fault))
            return self._open()

    def _open(self) -> sqlite3.Connection:
        if self._path.is_symlink():
            raise sqlite3.DatabaseError("a link lies where the index should be")  # It is removed, never followed.
        connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            # Derived data: a power cut may cost the index, never the log.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA_VERSION):
                raise sqlite3.DatabaseError(f"schema {version} of the index")
            connection.executescript(SCHEMA_SQL)
            self._rows = Rows()
            self._rows.load(connection)
        except BaseException:
            connection.close()
            raise
        self._writer = connection
        return connection

    def _delete(self, why: str) -> None:
        if self._on_rebuild is not None and self._path.exists():
            self._on_rebuild(why)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).unlink()
        self._rows = Rows()
        self._is_stale = self._is_whole = False
        self._generation += 1

    def _done(self, _batch: Sequence[_Work], _: None) -> None:
        """Whoever waits asks the worker."""

    # The log goes on without an index; the next feed tries again from where it stands.
    def _failed(self, _batch: Sequence[_Work], _failure: BaseException) -> None:
        self._is_behind = True


def _follow(position: Position, runs: Sequence[Run]) -> bool:
    seq = position.seq
    for run in runs:
        if run.logged[0].seq > seq + 1:
            return False
        seq = run.logged[-1].seq
    return True
