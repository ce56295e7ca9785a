"""Two followers that share no code agree on every call that has a price."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from levibotd.app.replay import ReplayInput, replay
from levibotd.config import load
from tests.ledger.comparing import Compared, Series, compared
from tests.ledger.made_up import write
from tests.ledger.second_follower import Bar

OPEN = {"LEVI_STRATEGY__CONFIDENCE_MIN": "0", "LEVI_RISK__MIN_VOLUME_24H": "0"}
SEEDS = (2, 10, 26)  # With these every kind of end is met.
POSTS = 250


def disagreements(found: Iterable[Compared]) -> list[str]:
    return [f"{one.call}: {one.differs}" for one in found if one.differs is not None]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(300)
def test_both_followers_agree_on_made_up_calls(tmp_path: Path, seed: int) -> None:
    found = followed(tmp_path, seed, "USDT")
    ends = {one.ours.reason for one in found}
    assert disagreements(found) == []
    assert len(found) > POSTS / 2
    assert {"stop", "target", "horizon", "lifetime", "target_traded", "chased", "announced"} <= ends, ends


@pytest.mark.timeout(300)
def test_both_followers_agree_on_made_up_calls_in_bitcoin(tmp_path: Path) -> None:
    found = followed(tmp_path, SEEDS[0], "BTC")
    ways = Counter(bool(one.theirs["synthetic"]) for one in found)
    assert disagreements(found) == []
    assert min(ways[True], ways[False]) > 20, ways


def followed(folder: Path, seed: int, quote: str) -> list[Compared]:
    messages, candles, bars = write(folder, seed, POSTS, quote)
    asked = ReplayInput(messages=(messages,), candles=(candles,), out=folder / "log")
    replay(load(environ=OPEN), asked, on_bad=print)
    bitcoin = [row[4] for row in bars["BTCUSDT"]]
    series = {}
    for name, rows in bars.items():
        worth = bitcoin if name.endswith("BTC") else [1.0] * len(rows)
        traded = [row[5] * row[4] * one for row, one in zip(rows, worth, strict=True)]
        series[name] = Series([Bar(*row[:5]) for row in rows], traded)
    for name in [name for name in series if name.endswith("USDT")]:
        crossed = [
            Bar(one.ts, first := one.open / by.open, max(first, last := one.close / by.close), min(first, last), last)
            for one, by in zip(series[name].bars, series["BTCUSDT"].bars, strict=True)
        ]
        series[name.replace("USDT", "BTC*")] = Series(crossed, [0.0] * len(crossed))
    return list(compared(folder / "log", series))
