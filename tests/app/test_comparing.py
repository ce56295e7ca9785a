"""A log beside recorded prices: what its calls would have made at other times."""

import math
from pathlib import Path
from random import Random

import pytest

from levibotd.adapters.os_files import OsFiles
from levibotd.app.comparing import compared
from levibotd.config import load
from levibotd.domain.signal import Leg, Side
from tests.app.card_logs import write_log
from tests.domain.cards.log import BEGIN, DAY, Hand

HOURS = 24 * 90


@pytest.fixture(scope="module")
def prices() -> list[float]:
    chance, price, found = Random(6), 100.0, []
    for _ in range(HOURS):
        price *= math.exp(chance.gauss(0, 0.004))
        found.append(price)
    return found


@pytest.fixture(scope="module")
def candles(prices: list[float], tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines, before = ["symbol,ts,open,high,low,close,volume"], prices[0]
    for number, price in enumerate(prices):
        ts = int((BEGIN - 20 * DAY + number * 3600) * 1000)
        high, low = max(before, price) * 1.001, min(before, price) * 0.999
        lines.append(f"BTCUSDT,{ts},{before:.4f},{high:.4f},{low:.4f},{price:.4f},1000")
        before = price
    path = tmp_path_factory.mktemp("candles") / "btc.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def log_of(prices: list[float], directory: Path) -> tuple[OsFiles, Hand]:
    hand = Hand()
    for number in range(24):
        at = BEGIN + number * 2 * DAY
        price = prices[int((at - BEGIN + 20 * DAY) // 3600) - 1]
        leg = Leg(
            symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(price * 0.995,), tps=(price * 1.04,),
            sl=price * 0.96, sl_kind="price",
        )  # fmt: skip
        posted = hand.post("@c" if number % 2 else "@d", at, legs=(leg,))
        hand.end("@c" if number % 2 else "@d", posted, at + DAY, 0.5)
    return OsFiles(write_log(directory, hand.entries)), hand


def test_each_call_of_the_channels_that_are_asked_for_is_followed_at_other_times(
    prices: list[float], candles: Path, tmp_path: Path
) -> None:
    files, hand = log_of(prices, tmp_path)
    told: list[tuple[int, int]] = []

    found = compared(
        files, [candles], load(environ={}), until=BEGIN + 70 * DAY, channels=frozenset({"@c"}),
        progress=lambda done, whole: told.append((done, whole)),
    )  # fmt: skip

    assert set(found.calls) == {"@c"}
    assert set(found.calls["@c"]) == set(hand.book.channels["@c"].calls)
    assert all(one.times >= 150 and one.placebo_r is not None for one in found.calls["@c"].values())
    assert found.hold_btc_pct == found.equal_weight_pct
    assert told == []  # Twelve calls are no work to tell of.


def test_the_same_log_and_prices_give_the_same_comparison(prices: list[float], candles: Path, tmp_path: Path) -> None:
    files, _ = log_of(prices, tmp_path)
    asked = {"until": BEGIN + 70 * DAY, "channels": frozenset({"@c", "@d"})}

    first, second = (compared(files, [candles], load(environ={}), **asked) for _ in range(2))  # type: ignore[arg-type]

    assert first == second


def test_without_calls_there_is_nothing_to_compare(candles: Path, tmp_path: Path) -> None:
    files = OsFiles(write_log(tmp_path, Hand().entries))

    assert compared(files, [candles], load(environ={}), until=BEGIN, channels=frozenset({"@c"})).calls == {}
