from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest

from levibotd.adapters.candle_sort import WIDTH, CandleSort
from levibotd.domain.signal import Symbol

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
START_MS = 1_600_041_600_000
MINUTE_MS = 60_000


def test_rows_come_out_by_symbol_and_time_whatever_the_chunks(tmp_path: Path) -> None:
    # Five months of 4 h bars of two symbols in shuffled pieces: several heaps, and pieces in each.
    rows = [(place, START_MS + n * 240 * MINUTE_MS) for place in (0, 1) for n in range(900)]
    Random(3).shuffle(rows)
    with CandleSort(tmp_path / "aside") as sort:
        for first in range(0, len(rows), 77):
            part = rows[first : first + 77]
            places = np.array([place for place, _ in part])
            numbers = np.array([[float(ts), 2.0, 3.0, 1.0, 2.5, float(place)] for place, ts in part])
            # In another order of symbols than that of their names.
            sort.add([ETH, BTC], places, numbers, file=0)
        series = sort.write(tmp_path / "spool")

    table = np.fromfile(tmp_path / "spool").reshape(-1, WIDTH)
    assert list(series) == [BTC, ETH]
    for symbol, volume in ((BTC, 1.0), (ETH, 0.0)):
        found = table[series[symbol].first_row : series[symbol].first_row + series[symbol].rows]
        assert found[:, 0].tolist() == [(START_MS + n * 240 * MINUTE_MS) / 1000 for n in range(900)]
        assert set(found[:, 5]) == {volume}
        assert set(found[:, 6]) == {14_400.0}
        assert list(series[symbol].pages) == found[::256, 0].tolist()


def test_a_longer_bar_gives_way_to_any_shorter_one_within_it(tmp_path: Path) -> None:
    with CandleSort(tmp_path / "aside") as sort:
        _add(sort, [START_MS + n * 60 * MINUTE_MS for n in range(6)], file=0)
        # Inside the third hour, not at its beginning, and at the beginning of the fifth.
        _add(sort, [START_MS + (150 + n) * MINUTE_MS for n in range(3)], file=1)
        _add(sort, [START_MS + (240 + n) * MINUTE_MS for n in range(3)], file=1)
        sort.write(tmp_path / "spool")

    table = np.fromfile(tmp_path / "spool").reshape(-1, WIDTH)
    minutes = ((table[:, 0] - START_MS / 1000) / 60).astype(int).tolist()
    assert minutes == [0, 60, 150, 151, 152, 180, 240, 241, 242, 300]
    assert all(one[0] + one[6] <= two[0] for one, two in pairwise(table.tolist()))


@pytest.mark.parametrize("seed", range(30))
def test_no_two_bars_overlap_whatever_their_lengths_and_wherever_they_begin(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    with CandleSort(tmp_path / "aside") as sort:
        for file in range(chance.randint(1, 3)):
            step = chance.choice((60, 7 * 60, 24 * 60, 9 * 24 * 60, 30 * 24 * 60)) * MINUTE_MS
            begun = START_MS + chance.randrange(step)
            times = [begun + number * step + chance.choice((0, 0, chance.randrange(step // 3))) for number in range(60)]
            _add(sort, chance.sample(times, 50), file=file)
        sort.write(tmp_path / "spool")

    table = np.fromfile(tmp_path / "spool").reshape(-1, WIDTH).tolist()
    assert all(one[0] + one[6] <= two[0] for one, two in pairwise(table))
    assert len(table) >= 50


def test_the_rows_put_aside_are_removed(tmp_path: Path) -> None:
    with CandleSort(tmp_path / "aside") as sort:
        _add(sort, [START_MS], file=0)
        series = sort.write(tmp_path / "spool")

    assert [path.name for path in tmp_path.iterdir()] == ["spool"]
    assert (series[BTC].rows, series[BTC].interval_s) == (1, 60.0)


def _add(sort: CandleSort, times_ms: list[int], *, file: int) -> None:
    numbers = np.array([[float(ts), 2.0, 3.0, 1.0, 2.5, 1.0] for ts in times_ms])
    sort.add([BTC], np.zeros(len(times_ms), dtype=np.int64), numbers, file=file)
