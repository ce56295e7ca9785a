"""The recorded hourly candles of LEVIBOT_DATA as the comparison of followers wants them. Parquet needs DuckDB."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from tests.ledger.comparing import Series
from tests.ledger.second_follower import Bar

FILES = ("binance_spot_1h.parquet", "binance_spot_wide_1h.parquet")
_RENAMED = {"XBT": "BTC"}


class RealCandles(Mapping[str, Series]):
    """Series by symbol ("BTCUSDT"); with a star, the coin in USDT over its quote (BTC, ETH, BNB) in USDT."""

    def __init__(self, folder: Path) -> None:
        self._files = [str(folder / name) for name in FILES]
        self._known: dict[str, Series] = {}

    def __getitem__(self, symbol: str) -> Series:
        if symbol not in self._known:
            self._known[symbol] = self._crossed(symbol[:-1]) if symbol.endswith("*") else self._read(symbol)
        return self._known[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _read(self, symbol: str) -> Series:
        for before, now in _RENAMED.items():
            symbol = now + symbol.removeprefix(before) if symbol.startswith(before) else symbol
        rows = duckdb.execute(
            "SELECT ts / 1000.0, open, high, low, close, volume * close FROM read_parquet(?)"
            " WHERE replace(symbol, '/', '') = ? ORDER BY ts",
            [self._files, symbol],
        ).fetchall()
        bars = [Bar(*map(float, row[:5])) for row in rows]
        traded = [float(row[5]) for row in rows]
        if symbol.endswith("BTC"):
            bitcoin = self["BTCUSDT"].bars
            times = [bar.ts for bar in bitcoin]
            traded = [  # Before the first price of bitcoin nobody knows what it was in dollars.
                value * bitcoin[place - 1].close if (place := bisect_right(times, bar.ts)) else 0.0
                for value, bar in zip(traded, bars, strict=True)
            ]
        return Series(bars, traded)

    def _crossed(self, symbol: str) -> Series:
        coin, quote = symbol[:-3], symbol[-3:]
        divisor = {bar.ts: bar for bar in self[f"{quote}USDT"].bars}
        bars = []
        for bar in self[f"{coin}USDT"].bars:
            if (other := divisor.get(bar.ts)) is not None:
                first, last = bar.open / other.open, bar.close / other.close
                bars.append(Bar(bar.ts, first, max(first, last), min(first, last), last))
        return Series(bars, [0.0] * len(bars))
