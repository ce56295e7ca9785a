"""A small recording, written for tests: two channels over two days, candles that take one call to its target."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from levibotd.app.replay import ReplayInput, Summary, replay
from levibotd.config import load

START = 1_700_006_400.0  # A full hour in November 2023, later than anything the default model has learned from.
CALL = "#BTCUSDT LONG\nEntry: 40100\nTargets: 41000, 42000\nStop: 39000"

POSTS: tuple[Mapping[str, Any], ...] = (
    {
        "id": "a-11",
        "channel": "@alpha",
        "msg_id": 11,
        "ts": START + 3600,
        "text": "Good morning everyone, have a nice day",
    },
    {"id": "a-12", "channel": "@alpha", "msg_id": 12, "ts": START + 7200, "text": CALL},
    {"id": "b-12", "channel": "@bravo", "msg_id": 12, "ts": START + 9000, "text": "BTC target 1 hit, +2.5% profit"},
    {"id": "b-13", "channel": "@bravo", "msg_id": 13, "ts": START + 9300, "text": CALL.replace("BTC", "NOSUCH")},
)


class Recording(NamedTuple):
    """Files of a replay, and the directory its log goes to."""

    messages: Path
    candles: Path
    out: Path

    @property
    def words(self) -> list[str]:
        return ["--messages", str(self.messages), "--candles", str(self.candles)]


def recording(directory: Path, posts: Iterable[Mapping[str, Any]] = POSTS) -> Recording:
    """Write the recording below `directory`."""
    messages, candles = directory / "posts.jsonl.gz", directory / "candles.csv"
    with gzip.open(messages, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(post, ensure_ascii=False) + "\n" for post in posts)
    candles.write_text("\n".join(["symbol,ts,open,high,low,close,volume", *_rows()]) + "\n")
    return Recording(messages, candles, directory / "log")


def replayed(directory: Path) -> Summary:
    """Replay it into `directory / "log"`."""
    files = recording(directory)
    asked = ReplayInput(messages=(files.messages,), candles=(files.candles,), out=files.out)
    return replay(load(environ={}), asked, on_bad=lambda line: None)


# A day before the first post, for the average true range; then up by 100 an hour once the call is in.
def _rows() -> Iterable[str]:
    for hour in range(-24, 48):
        price = 40_000 + 100 * max(hour - 6, 0)
        ts = int((START + 3600 * hour) * 1000)
        yield f"BTCUSDT,{ts},{price},{price + 150},{price - 150},{price + 100 * (hour >= 6)},1000"
