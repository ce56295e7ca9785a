"""
Recorded candles: files of any order in, one sorted spool on disk out, read page by page.

`.csv` and `.jsonl` (columns `symbol, ts` in ms, `open, high, low, close, volume`), gzipped or not, and
`.parquet` through a child process that has DuckDB. Memory is the same for few candles and many.

Where a symbol has bars of several lengths, the finest are used where they exist: a longer bar counts only
where no shorter one lies within it. A bar that is given twice counts once, the file given last wins.
"""

import hashlib
import os
import struct
import tempfile
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from levibotd.adapters.candle_rows import BadRows, CandleRows, UnreadableInput
from levibotd.adapters.candle_sort import PAGE_ROWS, ROW_BYTES, WIDTH, CandleSort, Series
from levibotd.domain.signal import Symbol
from levibotd.ports.market import Bar

_PAGES_CACHED = 256
_ROW = struct.Struct(f"{WIDTH}d")


class Pair(NamedTuple):
    """Base and quote of a symbol, as a file wrote them apart."""

    base: str
    quote: str


class CandleFiles:
    """
    A spool of candles in a temporary directory, which `close` removes.

    Deterministic: the same files in the same order give the same bars and the same `digest`. `bad` tells of the
    rows that were no candles. `rows` are those of `paths`, where reading has begun already.

    Raises UnreadableInput (a file is missing, or is none of its kind), ConfigError (a missing extra).
    """

    def __init__(self, paths: Sequence[Path], *, directory: Path | None = None, rows: CandleRows | None = None) -> None:
        self.digest = _digest(paths)
        self.bad = BadRows()
        self.pairs: dict[Symbol, Pair] = {}
        self._pages: OrderedDict[tuple[Symbol, int], bytes] = OrderedDict()
        self._directory = tempfile.TemporaryDirectory(prefix="levibotd-candles-", dir=directory)
        try:
            with rows or CandleRows(paths) as begun:
                self._series = self._sorted(begun, Path(self._directory.name))
            self._spool = os.open(Path(self._directory.name) / "spool", os.O_RDONLY)
        except BaseException:
            self._directory.cleanup()
            raise

    def __enter__(self) -> "CandleFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._spool)
        self._directory.cleanup()

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All symbols with at least one bar, sorted."""
        return tuple(self._series)

    def interval_s(self, symbol: Symbol) -> float | None:
        """Length of the finest bars; None for a symbol without any."""
        series = self._series.get(symbol)
        return series.interval_s if series is not None else None

    def count(self, symbol: Symbol) -> int:
        """How many bars a symbol has."""
        series = self._series.get(symbol)
        return series.rows if series is not None else 0

    def before(self, symbol: Symbol, ts: float) -> int:
        """How many bars of the symbol begin before `ts`: the place of the first that does not."""
        series = self._series.get(symbol)
        if series is None:
            return 0
        number = bisect_left(series.pages, ts) - 1
        if number < 0:
            return 0
        page = self._page(symbol, series, number)
        times = memoryview(page).cast("d")[::WIDTH]
        return number * PAGE_ROWS + bisect_left(times, ts)

    def read(self, symbol: Symbol, first: int, last: int) -> list[Bar]:
        """The bars at places first <= place < last, with their own lengths."""
        series = self._series.get(symbol)
        found: list[Bar] = []
        if series is None:
            return found
        place, last = max(first, 0), min(last, series.rows)
        while place < last:
            number, offset = divmod(place, PAGE_ROWS)
            end = min(last, (number + 1) * PAGE_ROWS)
            page = self._page(symbol, series, number)
            body = page[offset * ROW_BYTES : (offset + end - place) * ROW_BYTES]
            found.extend(map(Bar._make, _ROW.iter_unpack(body)))
            place = end
        return found

    def _page(self, symbol: Symbol, series: Series, number: int) -> bytes:
        key = (symbol, number)
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
            return page
        rows = min(PAGE_ROWS, series.rows - number * PAGE_ROWS)
        page = os.pread(self._spool, rows * ROW_BYTES, (series.first_row + number * PAGE_ROWS) * ROW_BYTES)
        self._pages[key] = page
        if len(self._pages) > _PAGES_CACHED:
            self._pages.popitem(last=False)
        return page

    def _sorted(self, rows: CandleRows, directory: Path) -> dict[Symbol, Series]:
        with CandleSort(directory / "aside") as sort:
            for file, chunk in rows.chunks(self.bad):
                symbols = [self._symbol(name) for name in chunk.names]
                sort.add(symbols, chunk.places, chunk.numbers, file=file)
            return sort.write(directory / "spool")

    def _symbol(self, written: str) -> Symbol:
        parts = written.strip().upper().partition(":")[0].replace("-", "/").replace("_", "/").split("/")
        symbol = Symbol("".join(parts))
        if len(parts) == 2:
            self.pairs[symbol] = Pair(*parts)
        return symbol


def _digest(paths: Sequence[Path]) -> str:
    """What is in the files, in their order: names and places do not count. Raises UnreadableInput."""
    whole = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UnreadableInput(f"{path}: {error.strerror}") from error
    return whole.hexdigest()
