"""
The child that reads Parquet candles: `python -m levibotd.adapters.parquet_rows FILE`.

DuckDB stays in here, out of the daemon's memory. Writes frames to standard output, each a letter and a
size: `S` the symbols as a JSON array, then `R` rows of seven little-endian doubles: place of the symbol,
ts, open, high, low, close, volume, in the order of the file; a missing value is NaN. What is wrong with the
file goes to standard error as one line, with exit code 2.
"""

import json
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

NUMBERS = ("ts", "open", "high", "low", "close", "volume")
FRAME = "<cQ"
_CHUNK_ROWS = 200_000
_FRAME_ROWS = 25_000  # The parent takes one at a time.


def main(arguments: list[str]) -> int:
    import duckdb  # Here: the parent imports this module for its frames.

    connection = duckdb.connect(config={"memory_limit": "512MB", "threads": "2"})
    connection.execute("SET enable_progress_bar = false")
    try:
        _send(connection, arguments[0], sys.stdout.buffer)
    except duckdb.Error as error:
        sys.stderr.write(str(error).splitlines()[0] + "\n")
        return 2
    return 0


def _send(connection: Any, path: str, out: BinaryIO) -> None:
    numbers = ", ".join(f"coalesce(try_cast({name} AS DOUBLE), 'nan'::DOUBLE) AS {name}" for name in NUMBERS)
    connection.execute(
        "CREATE TEMP TABLE candles AS "
        f"SELECT coalesce(symbol::VARCHAR, '') AS symbol, {numbers} FROM read_parquet($path)",
        {"path": path},
    )
    connection.execute(
        "CREATE TEMP TABLE names AS SELECT symbol, (row_number() OVER (ORDER BY symbol) - 1)::DOUBLE AS place "
        "FROM (SELECT DISTINCT symbol FROM candles)"
    )
    names = [row[0] for row in connection.execute("SELECT symbol FROM names ORDER BY place").fetchall()]
    _frame(out, b"S", json.dumps(names).encode())
    counted = connection.execute("SELECT count(*) FROM candles").fetchone()
    for first in range(0, counted[0] if counted else 0, _CHUNK_ROWS):
        columns = connection.execute(
            f"SELECT place, {', '.join(NUMBERS)} FROM candles JOIN names USING (symbol) "
            "WHERE candles.rowid >= $first AND candles.rowid < $last ORDER BY candles.rowid",
            {"first": first, "last": first + _CHUNK_ROWS},
        ).fetchnumpy()
        rows = np.column_stack([columns["place"], *(columns[name] for name in NUMBERS)]).astype("<f8")
        for start in range(0, len(rows), _FRAME_ROWS):
            _frame(out, b"R", rows[start : start + _FRAME_ROWS].tobytes())


def _frame(out: BinaryIO, kind: bytes, body: bytes) -> None:
    out.write(struct.pack(FRAME, kind, len(body)))
    out.write(body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
