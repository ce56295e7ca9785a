"""
What is decided at a moment hangs on nothing later: feed, candles and market list are cut off at random moments.

Whatever was written before the cut must be the same, whether or not there was more to come. Of the bar that is open
at the cut only its open is known then, and what fills within it is told at its end: orders are compared up to it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from levibotd.app.replay import ReplayInput, replay
from levibotd.config import load
from levibotd.domain.records import Logged, SignalScored
from levibotd.journal import TERMINAL, decode
from tests.open_policy import OPEN

START = 1_700_006_400.0
HOUR_S = 3600.0
HOURS = 90
# When its first bar begins, and when the venue listed it: in its own way each coin is new at some time.
COINS = {
    "BTC": (40_000.0, -24, -10_000),
    "ETH": (2_000.0, -24, -10_000),
    "SOL": (60.0, -24, 40),
    "ADA": (0.4, -24, None),
    "ZYXW": (5.0, 30, None),
    "QRPF": (8.0, -24, -60),
    "VWTK": (3.0, 20, 20),
}
OF_FILES = frozenset({"FILE_OPEN", "FILE_SEAL"})  # Their hashes carry the name of the run.
DECISIONS = frozenset({"SIGNAL_SCORED", "SIGNAL_EDITED", "RISK_TICKET", *TERMINAL})


class Recorded(NamedTuple):
    """All that a replay is given."""

    posts: list[dict[str, Any]]
    candles: list[tuple[str, int, tuple[float, ...], float]]  # Symbol, open time in ms, prices, volume.
    listed: list[dict[str, Any]]


def posts(chance: Random, count: int = 300) -> Iterator[dict[str, Any]]:
    """Calls, replies and noise of three channels."""
    at = START + HOUR_S
    for number in range(1, count + 1):
        at += chance.expovariate(count / (HOURS * 2400.0))
        coin = chance.choice(tuple(COINS))
        name = chance.choice((f"#{coin}/USDT", f"{coin}USDT", coin, coin.title()))
        side, sign = chance.choice((("LONG", 1), ("SHORT", -1)))
        levels = [COINS[coin][0] * (1 + sign * share) for share in (0.0, 0.02, 0.05, -0.03)]
        entry, first, second, stop = (f"{level:.6g}" for level in levels)
        text = chance.choice(
            (
                f"{name} {side}\nEntry: {entry}\nTargets: {first}, {second}\nStop Loss: {stop}",
                f"{name} {side}\nEntry: market\nTargets: {first}, {second}\nStop Loss: {stop}",
                f"{name} {side}\nEntry: market\nTargets: {first}, {second}",
                "Good morning everyone, have a nice day!",
                f"{coin} target 1 hit, +2.5% profit",
                f"Close {coin} now",
            )
        )
        yield {"id": f"c-{number}", "channel": f"@channel{number % 3}", "msg_id": number, "ts": at, "text": text}


def candles(chance: Random) -> Iterator[tuple[str, int, tuple[float, ...], float]]:
    for coin, (first, begins, _) in COINS.items():
        price = first
        for hour in range(begins, HOURS):
            last = first * (1 + chance.gauss(0, 0.012))  # Never far from where calls mean it to be.
            prices = (price, max(price, last) * 1.002, min(price, last) * 0.998, last)
            yield f"{coin}USDT", int(1000 * (START + HOUR_S * hour)), prices, 1e9 / price
            price = last


def listed() -> Iterator[dict[str, Any]]:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.0001"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000000"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ]
    for coin, (_, _, hour) in COINS.items():
        if hour is not None:
            yield {
                "symbol": f"{coin}USDT", "status": "TRADING", "baseAsset": coin, "quoteAsset": "USDT",
                "contractType": "PERPETUAL", "deliveryDate": 4_133_404_800_000, "filters": filters,
                "onboardDate": int(1000 * (START + HOUR_S * hour)),
            }  # fmt: skip


def until(recorded: Recorded, at: float) -> Recorded:
    """What was known at `at`: of the bar that is open then, its open."""
    kept = []
    for symbol, ts, prices, volume in recorded.candles:
        if ts / 1000 + HOUR_S <= at:
            kept.append((symbol, ts, prices, volume))
        elif ts / 1000 <= at:
            kept.append((symbol, ts, (prices[0],) * 4, volume))
    return Recorded(
        posts=[post for post in recorded.posts if post["ts"] < at],
        candles=kept,
        listed=[one for one in recorded.listed if one["onboardDate"] / 1000 <= at],
    )


def play(recorded: Recorded, folder: Path) -> list[Logged]:
    folder.mkdir()
    messages, bars, markets = folder / "posts.jsonl", folder / "candles.csv", folder / "markets.json"
    messages.write_text("".join(json.dumps(post) + "\n" for post in recorded.posts), "utf-8")
    rows = (f"{symbol},{ts},{','.join(map(repr, prices))},{volume}" for symbol, ts, prices, volume in recorded.candles)
    bars.write_text("\n".join(("symbol,ts,open,high,low,close,volume", *rows)) + "\n")
    of_day = int(1000 * (START - 86_400))
    markets.write_text(json.dumps({"serverTime": of_day, "symbols": recorded.listed}))
    asked = ReplayInput(messages=(messages,), candles=(bars,), markets=markets, out=folder / "log")
    replay(load(environ=OPEN), asked, on_bad=lambda line: pytest.fail(str(line)))
    lines = [line for path in (folder / "log").rglob("*.jsonl") for line in path.read_bytes().splitlines(True)]
    return sorted((decode(line) for line in lines), key=lambda one: one.seq)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    chance = Random(7)
    return Recorded(list(posts(chance)), list(candles(chance)), list(listed()))


@pytest.fixture(scope="module")
def whole(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> list[Logged]:
    return play(recorded, tmp_path_factory.mktemp("whole") / "files")


def test_the_recording_has_readings_of_every_kind(whole: list[Logged]) -> None:
    readings = [one.entry.record for one in whole if isinstance(one.entry.record, SignalScored)]
    seen = [one.terms for one in readings if one.terms is not None]
    assert sum(terms.bias is not None for terms in seen) > 20
    assert any(leg.trend is not None for terms in seen for leg in terms.legs)
    kinds = {one.event_type for one in whole}
    assert kinds >= {"AUTO_ROUTE_EXECUTED", "SIGNAL_REJECTED", "AUTO_ROUTE_SKIPPED", "ORDER_FILLED"}


@pytest.mark.parametrize("seed", range(6))
def test_what_comes_later_leaves_every_earlier_record_as_it_was(
    recorded: Recorded, whole: list[Logged], tmp_path: Path, seed: int
) -> None:
    cut = START + HOUR_S * Random(seed).uniform(15, 85)
    less = play(until(recorded, cut), tmp_path / "cut")

    decided = [[one.entry for one in log if one.ts < cut and one.event_type in DECISIONS] for log in (whole, less)]
    assert len(decided[0]) > 50
    assert decided[1] == decided[0]
    closed = cut // HOUR_S * HOUR_S
    everything = [
        [(one.ts, one.entry) for one in log if one.ts < closed and one.event_type not in OF_FILES]
        for log in (whole, less)
    ]
    assert everything[1] == everything[0]
