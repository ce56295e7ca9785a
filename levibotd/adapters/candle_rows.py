"""
The rows of one candle file, whatever its format, as chunks of columns.

Numbers are checked here: what cannot be a candle is reported as `file:line: reason`, counted and left out.
"""

import csv
import gzip
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from levibotd.adapters import parquet_rows
from levibotd.errors import ConfigError

COLUMNS = ("ts", "open", "high", "low", "close", "volume")
PROBLEMS_MAX = 1_000

_CHUNK_BYTES = 2 << 20
_CHILDREN_MAX = 2  # At once: each takes memory of its own.
_GZIP_MAGIC = b"\x1f\x8b"
# Milliseconds of 2009 and 2100: seconds or microseconds fall outside.
_TS_LEAST, _TS_MOST = 1.23e12, 4.1e12
_PRICE_MOST = 1e12

_CSV_ROW = np.dtype([("symbol", "S40"), *((name, "<f8") for name in COLUMNS)])

Floats = NDArray[np.float64]
_Row = tuple[int, str, tuple[float | str, ...]]  # Line, symbol, numbers as written.


class _JsonRow(msgspec.Struct):
    symbol: str
    ts: float | str
    open: float | str
    high: float | str
    low: float | str
    close: float | str
    volume: float | str


class UnreadableInput(OSError):
    """An input file is missing, or is not what its name says. The caller gave the wrong file."""


class Chunk(NamedTuple):
    """Sound rows in the order of the file: `names[place]` is the symbol as written, columns are as `COLUMNS`."""

    names: Sequence[str]
    places: NDArray[np.int64]
    numbers: Floats


class BadRows:
    """Rows that are no candles: all counted, the first thousand with place and reason."""

    def __init__(self) -> None:
        self.count = 0
        self.problems: list[str] = []

    def add(self, path: Path, line: int, reason: str) -> None:
        self.count += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(f"{path}:{line}: {reason}")


def read_rows(path: Path, bad: BadRows) -> Iterator[Chunk]:
    """All sound rows of a file. Raises UnreadableInput, ConfigError (Parquet without its extra)."""
    with CandleRows((path,)) as rows:
        for _, chunk in rows.chunks(bad):
            yield chunk


class CandleRows:
    """
    The rows of several files, in their order.

    Parquet is read by child processes. The first few begin when this is made, whatever the caller does
    meanwhile, and wait with what they have read; `close` ends those that were not heard out.

    Raises UnreadableInput, ConfigError (Parquet without its extra), here and in `chunks`.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._to_begin = deque(path for path in paths if _kind(path) == ".parquet")
        self._children: deque[_Child] = deque()
        self._begin()

    def __enter__(self) -> "CandleRows":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._to_begin.clear()
        while self._children:
            self._children.popleft().close()

    def chunks(self, bad: BadRows) -> Iterator[tuple[int, Chunk]]:
        """All sound rows, each chunk with the place of its file. Once only."""
        for file, path in enumerate(self._paths):
            for chunk in self._rows(path, _kind(path), bad):
                yield file, chunk

    def _begin(self) -> None:
        while self._to_begin and len(self._children) < _CHILDREN_MAX:
            path = self._to_begin.popleft()
            try:
                self._children.append(_Child(path))
            except BaseException as error:
                self.close()
                if isinstance(error, OSError | EOFError | zlib.error):
                    raise _unreadable(path, error) from error
                raise

    def _rows(self, path: Path, kind: str, bad: BadRows) -> Iterator[Chunk]:
        if kind == ".parquet":
            yield from self._children[0].chunks(bad)
            self._children.popleft().close()
            self._begin()
            return
        try:
            with _opened(path) as file:
                yield from _csv(path, file, bad) if kind == ".csv" else _jsonl(path, file, bad)
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(path, error) from error


def _kind(path: Path) -> str:
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if kind not in (".csv", ".jsonl", ".parquet"):
        raise UnreadableInput(f"{path}: neither .csv, .jsonl nor .parquet")
    return kind


def _unreadable(path: Path, error: Exception) -> UnreadableInput:
    if isinstance(error, UnreadableInput):
        return error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UnreadableInput(f"{path}: {reason}")


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == _GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path, "rb") if zipped else path.open("rb"))


def _csv(path: Path, file: IO[bytes], bad: BadRows) -> Iterator[Chunk]:
    header = next(csv.reader([file.readline().decode("utf-8-sig", errors="replace")]), [])
    names = [name.strip() for name in header]
    missing = [name for name in ("symbol", *COLUMNS) if name not in names]
    if missing:
        raise UnreadableInput(f"{path}: no column {missing[0]!r}")
    wanted = [names.index(name) for name in ("symbol", *COLUMNS)]
    first_line = 2
    while lines := file.readlines(_CHUNK_BYTES):
        yield _csv_chunk(path, lines, first_line, wanted, bad)
        first_line += len(lines)


def _csv_chunk(path: Path, lines: list[bytes], first_line: int, wanted: list[int], bad: BadRows) -> Chunk:
    try:
        rows = np.loadtxt(lines, dtype=_CSV_ROW, delimiter=",", usecols=wanted, quotechar='"', comments=None, ndmin=1)
    except ValueError:
        rows = None
    if rows is None or len(rows) != len(lines):
        # Something in here is no row: take them one by one, to say which.
        return _chunk(path, list(_csv_rows(path, lines, first_line, wanted, bad)), bad)
    symbols = [name.decode(errors="replace") for name in rows["symbol"].tolist()]
    numbers = np.column_stack([rows[name] for name in COLUMNS])
    return _sound(path, symbols, numbers, range(first_line, first_line + len(lines)), bad)


def _csv_rows(path: Path, lines: list[bytes], first_line: int, wanted: list[int], bad: BadRows) -> Iterator[_Row]:
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            continue
        row = next(csv.reader([line.decode(errors="replace")]), [])
        if len(row) <= max(wanted):
            bad.add(path, number, f"{len(row)} fields, at least {max(wanted) + 1} expected")
            continue
        symbol, *numbers = (row[place] for place in wanted)
        yield number, symbol, tuple(numbers)


def _jsonl(path: Path, file: IO[bytes], bad: BadRows) -> Iterator[Chunk]:
    first_line = 1
    while lines := file.readlines(_CHUNK_BYTES):
        yield _chunk(path, list(_jsonl_rows(path, lines, first_line, bad)), bad)
        first_line += len(lines)


def _jsonl_rows(path: Path, lines: list[bytes], first_line: int, bad: BadRows) -> Iterator[_Row]:
    decode = msgspec.json.Decoder(_JsonRow).decode
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            continue
        try:
            row = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            bad.add(path, number, str(error))
            continue
        yield number, row.symbol, (row.ts, row.open, row.high, row.low, row.close, row.volume)


def _chunk(path: Path, rows: list[_Row], bad: BadRows) -> Chunk:
    kept: list[_Row] = []
    numbers: list[list[float]] = []
    for row in rows:
        try:
            numbers.append([float(number) for number in row[2]])
        except ValueError:
            bad.add(path, row[0], f"not a number: {next(text for text in row[2] if not _is_number(text))!r}")
        else:
            kept.append(row)
    table = np.array(numbers, dtype=np.float64).reshape(len(kept), len(COLUMNS))
    return _sound(path, [row[1] for row in kept], table, [row[0] for row in kept], bad)


def _is_number(text: float | str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sound(path: Path, symbols: list[str], numbers: Floats, lines: Sequence[int], bad: BadRows) -> Chunk:
    names: dict[str, int] = {}
    places = np.array([names.setdefault(symbol, len(names)) for symbol in symbols], dtype=np.int64)
    return _kept(path, Chunk(list(names), places, numbers), lines, bad)


# Leave out what is no candle, each with its reason.
def _kept(path: Path, chunk: Chunk, lines: Sequence[int], bad: BadRows) -> Chunk:
    ts, first, high, low, last, volume = chunk.numbers.T
    nameless = np.array([not name.strip() for name in chunk.names], dtype=bool)
    faults: tuple[tuple[NDArray[np.bool_], str], ...] = (
        (np.isin(chunk.places, np.flatnonzero(nameless)), "no symbol"),
        (~np.all(np.isfinite(chunk.numbers), axis=1), "not a finite number"),
        (~((ts >= _TS_LEAST) & (ts <= _TS_MOST)), "ts is not in milliseconds"),
        (~((low > 0) & (high <= _PRICE_MOST)), "a price out of range"),
        (~((low <= first) & (first <= high) & (low <= last) & (last <= high)), "open or close outside low and high"),
        (volume < 0, "a negative volume"),
    )
    ill = np.zeros(len(ts), dtype=bool)
    for fault, _ in faults:
        ill |= fault
    if not ill.any():
        return chunk
    for place in np.flatnonzero(ill).tolist():
        bad.add(path, lines[place], next(reason for fault, reason in faults if fault[place]))
    return Chunk(chunk.names, chunk.places[~ill], chunk.numbers[~ill])


class _Child:
    """A child process that reads one Parquet file."""

    def __init__(self, path: Path) -> None:
        if find_spec("duckdb") is None:
            raise ConfigError(f"{path}: reading Parquet needs an extra: pip install 'levibotd[reports]'")
        self._path = path
        with ExitStack() as stack:
            command = [sys.executable, "-m", parquet_rows.__name__, str(_unzipped(path, stack))]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self._stack = stack.pop_all()

    def chunks(self, bad: BadRows) -> Iterator[Chunk]:
        child = self._process
        assert child.stdout is not None
        assert child.stderr is not None
        yield from _frames(self._path, child.stdout, bad)
        words = child.stderr.read().decode(errors="replace").strip()
        if child.wait():
            raise UnreadableInput(f"{self._path}: {words.splitlines()[-1] if words else f'exit {child.returncode}'}")

    def close(self) -> None:
        with self._stack, self._process as child:
            child.kill()


def _unzipped(path: Path, stack: ExitStack) -> Path:
    with _opened(path) as file:
        if not isinstance(file, gzip.GzipFile):
            return path
        plain = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="levibotd-parquet-"))) / "plain.parquet"
        with plain.open("wb") as out:
            shutil.copyfileobj(file, out)
        return plain


def _frames(path: Path, pipe: IO[bytes], bad: BadRows) -> Iterator[Chunk]:
    names: list[str] = []
    first_row = 1
    while header := pipe.read(struct.calcsize(parquet_rows.FRAME)):
        kind, size = struct.unpack(parquet_rows.FRAME, header)
        body = pipe.read(size)
        if kind == b"S":
            names = json.loads(body)
            continue
        rows = np.frombuffer(body, dtype="<f8").reshape(-1, 1 + len(COLUMNS))
        chunk = Chunk(names, rows[:, 0].astype(np.int64), rows[:, 1:])
        yield _kept(path, chunk, range(first_row, first_row + len(rows)), bad)
        first_row += len(rows)
