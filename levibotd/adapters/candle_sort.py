"""
The external sort of candles: rows in any order in, one file of packed rows by (symbol, ts) out.

Rows are put aside in heaps by symbol and four weeks, then each heap is sorted alone. A row on disk is
seven doubles: ts in seconds, open, high, low, close, volume, length of the bar.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from levibotd.domain.signal import Symbol

WIDTH = 7
ROW_BYTES = 8 * WIDTH
PAGE_ROWS = 256

# Heaps begin on Mondays, so that no bar of up to a week lies in two.
_HEAP_S = 28 * 86_400.0
_MONDAY_S = 4 * 86_400.0
_LENGTH_OF_ONE_BAR_S = 60.0  # Where a single bar of a symbol does not tell.

Table = NDArray[np.float64]


class Series(NamedTuple):
    """Where the bars of one symbol lie in the file: rows from `first_row`, and the ts that each page begins with."""

    first_row: int
    rows: int
    interval_s: float  # Of the finest bars.
    pages: "array[float]"


class CandleSort:
    """Add all rows of file 0, then of file 1 …; then `write`. The file with what is put aside goes at the end."""

    def __init__(self, aside: Path) -> None:
        self._path = aside
        self._aside = aside.open("w+b")
        self._end = 0
        # By symbol, then heap: offset and rows of each piece, alternating.
        self._pieces: dict[Symbol, dict[int, array[int]]] = {}

    def __enter__(self) -> "CandleSort":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._aside.close()
        self._path.unlink()

    def add(self, symbols: list[Symbol], places: NDArray[np.int64], numbers: Table, *, file: int) -> None:
        """`numbers` are ts in ms, open, high, low, close, volume of the symbol at each place."""
        if not len(places):
            return
        rows = np.empty((len(places), WIDTH), dtype=np.float64)
        rows[:, 0] = numbers[:, 0] / 1000.0
        rows[:, 1:6] = numbers[:, 1:6]
        rows[:, 6] = file  # Its length is not known yet; the place is used for where it came from.
        heaps = np.floor((rows[:, 0] - _MONDAY_S) / _HEAP_S).astype(np.int64)
        order = np.lexsort((heaps, places))
        sorted_places, sorted_heaps = places[order], heaps[order]
        turns = np.flatnonzero((np.diff(sorted_places) != 0) | (np.diff(sorted_heaps) != 0)) + 1
        bounds = [0, *turns.tolist(), len(order)]
        for first, last in pairwise(bounds):
            heap = self._pieces.setdefault(symbols[int(sorted_places[first])], {})
            piece = heap.setdefault(int(sorted_heaps[first]), array("q"))
            piece.extend((self._end + first * ROW_BYTES, last - first))
        self._aside.write(rows[order].tobytes())
        self._end += len(order) * ROW_BYTES

    def write(self, path: Path) -> dict[Symbol, Series]:
        """Sort everything into `path`, by symbol and time."""
        found: dict[Symbol, Series] = {}
        first_row = 0
        with path.open("wb") as spool:
            for symbol in sorted(self._pieces):
                intervals = self._intervals(symbol)
                pages = array("d")
                rows = 0
                for kept in self._kept(symbol, intervals):
                    pages.extend(kept[-rows % PAGE_ROWS :: PAGE_ROWS, 0].tolist())
                    rows += len(kept)
                    spool.write(kept.tobytes())
                found[symbol] = Series(first_row, rows, min(intervals.values()), pages)
                first_row += rows
        return found

    # No two bars overlap: the last one of a heap ends where the next heap begins, as the others end at their next.
    def _kept(self, symbol: Symbol, intervals: dict[int, float]) -> Iterator[Table]:
        before: Table | None = None
        for heap in self._heaps(symbol):
            kept = _resolved(heap, intervals)
            if before is not None:
                before[-1, 6] = min(before[-1, 6], kept[0, 0] - before[-1, 0])
                yield before
            before = kept
        if before is not None:
            yield before

    # The heaps of a symbol in order of time, each sorted by time and file.
    def _heaps(self, symbol: Symbol) -> Iterator[Table]:
        heaps = self._pieces[symbol]
        for number in sorted(heaps):
            pieces = heaps[number]
            body = bytearray()
            for offset, rows in zip(pieces[::2], pieces[1::2], strict=True):
                self._aside.seek(offset)
                body += self._aside.read(rows * ROW_BYTES)
            table = np.frombuffer(body, dtype=np.float64).reshape(-1, WIDTH)
            yield table[np.lexsort((table[:, 6], table[:, 0]))]

    # By file: the usual distance of two bars. The most frequent one, so that a gap or a stray bar does not matter.
    def _intervals(self, symbol: Symbol) -> dict[int, float]:
        distances: dict[int, Counter[float]] = {}
        before: dict[int, float] = {}
        for heap in self._heaps(symbol):
            for file in np.unique(heap[:, 6]).astype(int).tolist():
                times = heap[heap[:, 6] == file, 0]
                counted = distances.setdefault(file, Counter())
                steps = np.diff(times, prepend=before.get(file, times[0]))
                lengths, counts = np.unique(steps[steps > 0], return_counts=True)
                counted.update(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
                before[file] = float(times[-1])
        usual = {file: _most_frequent(counted) for file, counted in distances.items()}
        known = [length for length in usual.values() if length is not None]
        fallback = min(known, default=_LENGTH_OF_ONE_BAR_S)
        return {file: fallback if length is None else length for file, length in usual.items()}


def _most_frequent(counted: "Counter[float]") -> float | None:
    return min(counted, key=lambda length: (-counted[length], length), default=None)


# One bar for each time: the finest, of the file given last; longer ones only where no shorter one lies within.
def _resolved(heap: Table, intervals: dict[int, float]) -> Table:
    files = heap[:, 6]
    known = sorted(intervals)
    lengths = np.array([intervals[file] for file in known])[np.searchsorted(known, files)]
    if len(intervals) > 1:
        order = np.lexsort((files, -lengths, heap[:, 0]))
        heap, lengths = heap[order], lengths[order]
    last_of_its_time = np.append(heap[1:, 0] != heap[:-1, 0], True)
    heap, lengths = heap[last_of_its_time].copy(), lengths[last_of_its_time]
    for length in np.unique(lengths)[1:].tolist():
        finer = heap[lengths < length, 0]
        ends = np.searchsorted(finer, heap[:, 0] + length)
        covered = (lengths == length) & (ends > np.searchsorted(finer, heap[:, 0]))
        heap, lengths = heap[~covered], lengths[~covered]
    heap[:, 6] = np.minimum(lengths, np.diff(heap[:, 0], append=np.inf))
    return heap
