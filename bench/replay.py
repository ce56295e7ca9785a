"""
Replay's rows: bars that the matching engine consumes, and posts, both through the actors.

What a replay costs beside (reading and sorting candles, starting) is taken off by running it twice: with a
position that stays open from the first bar to the last, and with the same candles and nothing to trade.
"""

import gzip
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.made_up import posts
from bench.measure import Effort, Figure, Row, at_least, at_most, in_turns, spread
from levibotd.app.parsing import parse
from levibotd.app.replay import ReplayInput, replay
from levibotd.config import load
from levibotd.domain.signal import Post

BARS = 60_000
POSTS = 2_000
RECORDED = 4_000
RECORDED_FROM = 40_000  # In the middle of them, by their time: nearly two hundred a day, of 66 channels.
BEGUN = 1_700_000_040.0
MINUTE_S = 60.0
PRICE = 60_000.0
CALL = "#BTCUSDT LONG\nEntry: 59900 - 60100\nTarget: 90000\nStop loss: 45000"
CHATTER = "Good morning everybody, patience pays."
SETTINGS = {
    "LEVI_RISK__MIN_VOLUME_24H": "0",
    "LEVI_STRATEGY__CONFIDENCE_MIN": "0",
    "LEVI_RISK__DAILY_LOSS_LIMIT": "0.9",
}

cpu = time.process_time


class _Sent(Struct):
    """When a recorded message was sent."""

    ts: float


_SENT = msgspec.json.Decoder(_Sent)


def bars(effort: Effort) -> Sequence[Figure]:
    """Bars a second of CPU, one position open all the while."""
    count = effort.of(BARS)
    with _directory() as directory:
        candles = directory / "candles.csv"
        candles.write_text("".join(_candle_lines(count)))
        call, chatter = _messages(directory, "call", [CALL]), _messages(directory, "chatter", [CHATTER])
        costs = in_turns(
            effort,
            {
                "open": lambda: _replayed(directory, call, candles, fills=1),
                "nothing": lambda: _replayed(directory, chatter, candles, fills=0),
                "loop": lambda: _bare_loop(count),
            },
        )
    rates = [count / (held - idle) for held, idle in zip(costs["open"], costs["nothing"], strict=True)]
    return [
        Figure(
            what="bars through the matching engine",
            spread=spread(rates),
            unit="/s",
            gate=at_least(100_000),
            aim=at_least(500_000),
        ),
        Figure(what="bars, whole replay", spread=spread([count / cost for cost in costs["open"]]), unit="/s"),
        Figure(what="a bare loop over them", spread=spread([count / cost for cost in costs["loop"]]), unit="/s"),
    ]


def messages(effort: Effort) -> Sequence[Figure]:
    """
    Posts through every actor, log included, against reading and scoring them alone.

    Made-up ones, and, where LEVIBOT_DATA names a directory of recorded posts, some of these too. Most made-up ones
    repeat a text word for word, and a replay reads that once: it is the recorded ones that tell what reading costs.
    """
    with _directory() as directory:
        made_up = [_line(post).encode() for post in posts(effort.of(POSTS), begun=BEGUN)]
        figures = _against_parse(effort, directory, made_up, "made-up posts")
        recorded = Path(os.environ.get("LEVIBOT_DATA", "")) / "signals" / "dev" / "messages.jsonl.gz"
        if recorded.is_file():
            with gzip.open(recorded) as lines:
                in_order = sorted(lines, key=lambda line: _SENT.decode(line).ts)
            found = in_order[RECORDED_FROM : RECORDED_FROM + effort.of(RECORDED)]
            figures += _against_parse(effort, directory, found, "recorded posts")
        else:
            figures.append(Figure(what="recorded posts", absent="LEVIBOT_DATA names no directory"))
    return figures


def _against_parse(effort: Effort, directory: Path, lines: Sequence[bytes], what: str) -> list[Figure]:
    candles, many, few = directory / "candles.csv", directory / "many.jsonl", directory / "few.jsonl"
    candles.write_text("".join(_candle_lines(10)))
    many.write_bytes(b"".join(lines))
    few.write_bytes(lines[0])
    costs = in_turns(
        effort,
        {
            "replay": lambda: _replayed(directory, many, candles),
            "start": lambda: _replayed(directory, few, candles),
            "parse": lambda: _parsed(many),
            "parse one": lambda: _parsed(few),
        },
    )
    parts = zip(costs["replay"], costs["start"], costs["parse"], costs["parse one"], strict=True)
    ratios = [(whole - start) / (alone - one) for whole, start, alone, one in parts]
    return [
        Figure(what=f"replay / parse, {what}", spread=spread(ratios), gate=at_most(1.6)),
        Figure(what=f"replay, {what}", spread=spread([len(lines) / cost for cost in costs["replay"]]), unit="/s"),
    ]


def _parsed(file: Path) -> float:
    lines = io.BytesIO(file.read_bytes())
    begun = cpu()
    parse(lines, io.BytesIO(), markets=None, explain=False)
    return cpu() - begun


# The logs are kept until all is measured. To make a file, ext4 without a journal walks past every inode that was
# deleted within the last minutes: a replay that follows the deletion of another one pays ten times for its files.
def _replayed(directory: Path, messages: Path, candles: Path, *, fills: int | None = None) -> float:
    asked = ReplayInput(messages=(messages,), candles=(candles,), out=Path(tempfile.mkdtemp(dir=directory)))
    config = load(environ=SETTINGS)
    begun = cpu()
    summary = replay(config, asked, on_bad=_refuse)
    cost = cpu() - begun
    if fills is not None and (summary.open_calls > 0) != (fills > 0):
        raise AssertionError(f"that is not what should be measured: {summary}")
    return cost


def _refuse(line: object) -> None:
    raise AssertionError(f"a bad line: {line}")


def _bare_loop(count: int) -> float:
    prices = [_bar(number) for number in range(count)]
    begun = cpu()
    hits = 0
    for high, low, _close in prices:
        if low <= 45_000.0 or high >= 90_000.0:
            hits += 1
    return cpu() - begun


def _bar(number: int) -> tuple[float, float, float]:
    close = PRICE + number * 7 % 20
    return close + 20.0, close - 20.0, close


def _candle_lines(count: int) -> Iterator[str]:
    yield "symbol,ts,open,high,low,close,volume\n"
    for number in range(-300, count):
        high, low, close = _bar(number)
        yield f"BTCUSDT,{int((BEGUN + number * MINUTE_S) * 1000)},{close},{high},{low},{close},100\n"


def _messages(directory: Path, name: str, texts: Sequence[str]) -> Path:
    found = [
        Post(channel="@calls", message_id=number + 1, posted_at=BEGUN + 5.0 + number, text=text)
        for number, text in enumerate(texts)
    ]
    file = directory / f"{name}.jsonl"
    file.write_text("".join(_line(post) for post in found))
    return file


def _line(post: Post) -> str:
    fields = {"channel": post.channel, "msg_id": post.message_id, "ts": post.posted_at, "text": post.text}
    return json.dumps(fields, ensure_ascii=False) + "\n"


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        yield Path(name)


ROWS = (
    Row(name="replay.bars", floor="a pure-Python loop over the bars", measure=bars),
    Row(name="replay.posts", floor="`parse` of the same posts", measure=messages),
)
