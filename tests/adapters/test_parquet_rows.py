import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from levibotd.adapters.candle_files import CandleFiles
from levibotd.adapters.candle_rows import UnreadableInput
from levibotd.domain.signal import Symbol

duckdb = pytest.importorskip("duckdb")

COLUMNS = (
    "'BTC/USDT' AS symbol, 1600000000000 + i * 60000 AS ts, 100.0 AS open, 101.0 AS high, 99.0 AS low, 100.5 AS close"
)


def test_parquet_is_read_row_by_row_through_a_child(tmp_path: Path) -> None:
    # More rows than one frame and more than one query take.
    path = _written(
        tmp_path / "a.parquet", f"SELECT {COLUMNS}, i::FLOAT AS volume FROM range(210000) t(i) ORDER BY i % 7"
    )

    with CandleFiles([path]) as candles:
        assert candles.count(Symbol("BTCUSDT")) == 210_000
        assert candles.interval_s(Symbol("BTCUSDT")) == 60.0
        bars = candles.read(Symbol("BTCUSDT"), 209_000, 209_003)
    assert [bar.volume for bar in bars] == [209_000.0, 209_001.0, 209_002.0]
    assert [bar.ts for bar in bars] == [1_600_000_000.0 + n * 60 for n in (209_000, 209_001, 209_002)]


def test_parquet_may_be_gzipped(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.parquet", f"SELECT {COLUMNS}, 1.0 AS volume FROM range(3) t(i)")
    zipped = tmp_path / "b.parquet.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))

    with CandleFiles([zipped]) as candles:
        assert candles.count(Symbol("BTCUSDT")) == 3


def test_missing_values_are_bad_rows(tmp_path: Path) -> None:
    query = f"SELECT {COLUMNS}, CASE WHEN i = 1 THEN NULL ELSE 1.0 END AS volume FROM range(3) t(i)"

    with CandleFiles([_written(tmp_path / "a.parquet", query)]) as candles:
        assert candles.count(Symbol("BTCUSDT")) == 2
        assert candles.bad.problems == [f"{tmp_path / 'a.parquet'}:2: not a finite number"]


def test_without_its_extra_parquet_is_refused_with_the_line_that_installs_it(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.parquet", f"SELECT {COLUMNS}, 1.0 AS volume FROM range(3) t(i)")
    program = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from pathlib import Path\n"
        "from levibotd.adapters.candle_files import CandleFiles\n"
        "from levibotd.errors import ConfigError\n"
        "try: CandleFiles([Path(sys.argv[1])])\n"
        "except ConfigError as error: print(error)\n"
    )

    told = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)

    assert told.stdout == f"{path}: reading Parquet needs an extra: pip install 'levibotd[reports]'\n"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.parquet", f"SELECT {COLUMNS} FROM range(3) t(i)")

    with pytest.raises(UnreadableInput, match="volume"):
        CandleFiles([path])


def _written(path: Path, query: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path
