import csv
import gzip
import json
import os
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.adapters.candle_files import CandleFiles
from levibotd.adapters.candle_rows import UnreadableInput
from levibotd.domain.signal import Symbol
from levibotd.ports.market import Bar

HOUR_MS = 3_600_000
START_MS = 1_600_002_000_000 // HOUR_MS * HOUR_MS
START = START_MS / 1000
BTC = Symbol("BTCUSDT")
Row = tuple[str, int, float, float, float, float, float]


def test_files_of_all_formats_in_any_order_are_one_sorted_series(tmp_path: Path) -> None:
    rows = _rows("BTC/USDT", 900)
    mixed = rows[:]
    random.Random(1).shuffle(mixed)
    paths = [
        _csv(tmp_path / "a.csv", mixed[:300]),
        _jsonl(tmp_path / "b.jsonl.gz", mixed[300:600]),
        _csv(tmp_path / "c.csv.gz", mixed[600:]),
    ]

    with CandleFiles(paths) as candles:
        found = candles.read(BTC, 0, candles.count(BTC))

    assert found == [Bar(row[1] / 1000, *row[2:], 3600.0) for row in rows]


def test_base_and_quote_are_kept_where_they_are_written_apart(tmp_path: Path) -> None:
    rows = [*_rows("ETH/BTC:BTC", 2), *_rows("btc-usdt", 2), *_rows("XRPUSDT", 2)]

    with CandleFiles([_csv(tmp_path / "a.csv", rows)]) as candles:
        assert candles.symbols == ("BTCUSDT", "ETHBTC", "XRPUSDT")
        assert candles.pairs == {"ETHBTC": ("ETH", "BTC"), "BTCUSDT": ("BTC", "USDT")}


def test_places_are_found_by_time_over_pages_and_gaps(tmp_path: Path) -> None:
    rows = [*_rows("BTCUSDT", 700), *_rows("BTCUSDT", 300, first=2_000)]

    with CandleFiles([_csv(tmp_path / "a.csv", rows)]) as candles:
        bars = candles.read(BTC, 0, 2_000)
        assert len(bars) == 1_000
        for at in (START - 1, START, START + 0.5, START + 699 * 3600, START + 1500 * 3600, START + 9e9):
            assert candles.before(BTC, at) == sum(bar.ts < at for bar in bars)
        assert candles.read(BTC, 250, 260) == bars[250:260]
        assert candles.read(BTC, -5, 3) == bars[:3]
        assert candles.read(BTC, 999, 5_000) == bars[999:]
        assert candles.read(Symbol("NONE"), 0, 5) == []
        assert (candles.before(Symbol("NONE"), START), candles.interval_s(Symbol("NONE"))) == (0, None)


def test_the_file_given_last_wins_and_identical_bars_count_once(tmp_path: Path) -> None:
    old, new = _rows("BTCUSDT", 5), [(*row[:6], 99.0) for row in _rows("BTCUSDT", 3)]
    one, two = _csv(tmp_path / "a.csv", [*old, *old]), _csv(tmp_path / "b.csv", new)

    with CandleFiles([one, two]) as candles:
        assert [bar.volume for bar in candles.read(BTC, 0, 9)] == [99.0, 99.0, 99.0, 1.0, 1.0]
    with CandleFiles([two, one]) as candles:
        assert [bar.volume for bar in candles.read(BTC, 0, 9)] == [1.0] * 5


@pytest.mark.parametrize("swapped", [False, True])
def test_the_finest_bars_are_used_where_they_exist(tmp_path: Path, swapped: bool) -> None:
    monday_ms = 1_600_041_600_000
    days = [("BTCUSDT", monday_ms + n * 24 * HOUR_MS, 100.0, 101.0, 99.0, 100.0, 24.0) for n in range(3)]
    hours = _rows("BTCUSDT", 30, start_ms=monday_ms + 24 * HOUR_MS)
    quarters = _rows("BTCUSDT", 8, start_ms=monday_ms + 26 * HOUR_MS, step_ms=HOUR_MS // 4)
    paths = [_csv(tmp_path / f"{name}.csv", rows) for name, rows in (("d", days), ("h", hours), ("q", quarters))]

    with CandleFiles(paths[::-1] if swapped else paths) as candles:
        bars = candles.read(BTC, 0, 99)
        assert candles.interval_s(BTC) == 900.0

    # One day; two hours, eight quarters for the next two, and the other 26 hours. The other days hold hours.
    assert [bar.interval_s for bar in bars] == [86_400.0] + [3600.0] * 2 + [900.0] * 8 + [3600.0] * 26
    assert all(one.ts + one.interval_s == two.ts for one, two in pairwise(bars))


def test_one_stray_bar_does_not_change_the_length_of_the_others(tmp_path: Path) -> None:
    rows = _rows("BTCUSDT", 20)
    stray = ("BTCUSDT", START_MS + 5 * HOUR_MS + 60_000, 100.0, 101.0, 99.0, 100.0, 1.0)

    with CandleFiles([_csv(tmp_path / "a.csv", [*rows, stray])]) as candles:
        assert candles.interval_s(BTC) == 3600.0
        bars = candles.read(BTC, 0, 99)
        assert all(one.ts + one.interval_s <= two.ts for one, two in pairwise(bars))


def test_the_digest_is_that_of_the_contents_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one, two = _csv(tmp_path / "a.csv", _rows("BTCUSDT", 3)), _csv(tmp_path / "b.csv", _rows("BTCUSDT", 4))
    copy = _csv(tmp_path / "elsewhere" / "z.csv", _rows("BTCUSDT", 3))

    digests = []
    for paths in ([one, two], [copy, two], [two, one], [one]):
        with CandleFiles(paths) as candles:
            digests.append(candles.digest)

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_the_spool_goes_when_it_is_closed(tmp_path: Path) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    path = _csv(tmp_path / "a.csv", _rows("BTCUSDT", 3))

    with CandleFiles([path], directory=spools):
        assert list(spools.iterdir())

    assert list(spools.iterdir()) == []


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    (tmp_path / "bad.csv").write_text("no,header\n1,2\n")

    with pytest.raises(UnreadableInput, match=r"bad\.csv"):
        CandleFiles([tmp_path / "bad.csv"], directory=spools)
    with pytest.raises(UnreadableInput, match=r"missing\.csv: No such file"):
        CandleFiles([tmp_path / "missing.csv"], directory=spools)

    assert list(spools.iterdir()) == []


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
def test_recorded_candles_are_all_there() -> None:
    folder = Path(os.environ["LEVIBOT_DATA"], "ohlcv")  # noqa: TID251
    with (folder / "coverage.csv").open() as file:
        counted = {
            row["symbol"].replace("/", ""): int(row["rows"]) for row in csv.DictReader(file) if row["file"] == "1h"
        }

    with CandleFiles([folder / "dev" / "binance_spot_1h.parquet"]) as candles:
        assert {symbol: candles.count(symbol) for symbol in candles.symbols} == counted
        assert candles.bad.count == 0
        assert {candles.interval_s(symbol) for symbol in candles.symbols} == {3600.0}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3_000), st.integers(1, 50)), min_size=1, max_size=60),
    st.integers(0, 3),
)
def test_the_spool_is_what_sorting_in_memory_gives(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int, int]], split: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("drawn")
    rows = [
        (f"C{coin}USDT", START_MS + hour * HOUR_MS, 100.0, 101.0, 99.0, 100.0, float(volume))
        for coin, hour, volume in drawn
    ]
    cut = len(rows) * split // 3
    paths = [_csv(tmp_path / "a.csv", rows[:cut]), _csv(tmp_path / "b.csv", rows[cut:])]
    wanted: dict[str, dict[float, float]] = {}
    for row in rows:
        wanted.setdefault(row[0], {})[row[1] / 1000] = row[6]

    with CandleFiles(paths) as candles:
        found = {symbol: {bar.ts: bar.volume for bar in candles.read(symbol, 0, 10_000)} for symbol in candles.symbols}
        assert candles.symbols == tuple(sorted(wanted))

    # Files of different usual lengths may hide each other's bars; one file may not.
    for symbol, bars in found.items():
        assert bars.items() <= wanted[symbol].items()
        assert list(bars) == sorted(bars)
        if split in (0, 3):
            assert bars == wanted[symbol]


def _rows(symbol: str, count: int, *, first: int = 0, start_ms: int = START_MS, step_ms: int = HOUR_MS) -> list[Row]:
    return [
        (symbol, start_ms + number * step_ms, 100.0 + number, 102.5 + number, 99.0, 101.25, 1.0)
        for number in range(first, first + count)
    ]


def _csv(path: Path, rows: Iterable[Row]) -> Path:
    text = "symbol,ts,open,high,low,close,volume\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    return _written(path, text)


def _jsonl(path: Path, rows: Iterable[Row]) -> Path:
    names = ("symbol", "ts", "open", "high", "low", "close", "volume")
    return _written(path, "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))


def _written(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
