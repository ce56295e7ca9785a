"""Replay: the same input twice gives the same bytes, and every post one decision."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from levibotd.adapters import replay_posts
from levibotd.adapters.candle_files import CandleFiles
from levibotd.adapters.journal_check import verify
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.post_lines import read_post
from levibotd.app.paper import recorded_market
from levibotd.app.replay import ReplayInput, Summary, replay
from levibotd.app.scoring import classifier_of
from levibotd.config import load
from levibotd.domain.features import score
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.posts.reading import read
from levibotd.domain.reader import ReadAhead
from levibotd.domain.records import SignalScored
from levibotd.domain.signal import Post
from levibotd.errors import Refused
from levibotd.journal import TERMINAL, decode
from levibotd.ports.as_of import MarketAsOf
from tests.app.recordings import CALL, POSTS, recording
from tests.open_policy import OPEN

ROOT = Path(__file__).parents[2]
START = 1_700_006_400.0
HOURS = 90
COINS = {"BTC": 40_000.0, "ETH": 2_000.0, "SOL": 60.0, "ADA": 0.4}


def posts(chance: Random, count: int) -> Iterator[dict[str, object]]:
    """Calls, replies and noise of three channels, a few of them told twice or edited later."""
    at = START + 3600.0
    for number in range(1, count + 1):
        at += chance.expovariate(count / (HOURS * 2400.0))
        coin = chance.choice(tuple(COINS))
        side, sign = chance.choice((("LONG", 1), ("SHORT", -1)))
        levels = [COINS[coin] * (1 + sign * share) for share in (0.0, 0.02, 0.05, -0.03)]
        entry, first, second, stop = (f"{level:.6g}" for level in levels)
        text = chance.choice(
            (
                f"#{coin}/USDT {side}\nEntry: {entry}\nTargets: {first}, {second}\nStop Loss: {stop}",
                f"#{coin}/USDT {side}\nEntry: market\nTargets: {first}, {second}\nStop Loss: {stop}",
                "Good morning everyone, have a nice day!",
                f"{coin} target 1 hit, +2.5% profit",
                f"Close {coin} now",
            )
        )
        yield {"id": f"c-{number}", "channel": f"@channel{number % 3}", "msg_id": number, "ts": at, "text": text}


def candles(chance: Random) -> Iterator[str]:
    yield "symbol,ts,open,high,low,close,volume"
    for coin, first in COINS.items():
        price = first
        for hour in range(-24, HOURS):
            last = first * (1 + chance.gauss(0, 0.012))  # Never far from where calls mean it to be.
            high, low = max(price, last) * 1.002, min(price, last) * 0.998
            volume = 1e9 / price
            row = (f"{one:.6g}" for one in (price, high, low, last, volume))
            yield f"{coin}USDT,{1000 * (int(START) + 3600 * hour)},{','.join(row)}"
            price = float(f"{last:.6g}")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("recorded")
    chance = Random(7)
    messages, bars = directory / "posts.jsonl", directory / "candles.csv"
    messages.write_text("".join(json.dumps(post) + "\n" for post in posts(chance, 300)), encoding="utf-8")
    bars.write_text("\n".join(candles(chance)) + "\n", encoding="utf-8")
    return messages, bars


def play(recorded: tuple[Path, Path], out: Path, *, seed: int = 0) -> Summary:
    asked = ReplayInput(messages=(recorded[0],), candles=(recorded[1],), out=out, seed=seed)
    return replay(load(environ=OPEN), asked, on_bad=lambda line: None)


def bytes_below(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_same_input_twice_gives_the_same_bytes(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = play(recorded, tmp_path / "a"), play(recorded, tmp_path / "b")

    assert first == second
    assert first.fills >= 20
    assert len(bytes_below(tmp_path / "a")) >= 10
    assert bytes_below(tmp_path / "a") == bytes_below(tmp_path / "b")


def test_another_seed_is_another_run(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = play(recorded, tmp_path / "a"), play(recorded, tmp_path / "b", seed=1)

    assert first == second  # Nothing is drawn by chance;
    assert bytes_below(tmp_path / "a") != bytes_below(tmp_path / "b")  # the name of the boot is another one.


@pytest.mark.timeout(120)
def test_the_order_in_which_python_hashes_reaches_no_byte(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    for name, hash_seed in (("a", "1"), ("b", "4242")):
        words = ["replay", "--messages", str(recorded[0]), "--candles", str(recorded[1]), "--out", str(tmp_path / name)]
        subprocess.run(
            [sys.executable, "-m", "levibotd", *words],
            cwd=ROOT,
            env={**OPEN, "PYTHONHASHSEED": hash_seed, "HOME": str(tmp_path)},
            check=True,
            capture_output=True,
        )
    found = bytes_below(tmp_path / "a")
    assert found
    assert found == bytes_below(tmp_path / "b")


def test_every_post_has_one_decision_and_the_figures_are_those_of_the_log(
    recorded: tuple[Path, Path], tmp_path: Path
) -> None:
    summary = play(recorded, tmp_path / "log")
    lines = [line for path in (tmp_path / "log").rglob("*.jsonl") for line in path.read_bytes().splitlines(True)]
    records = sorted((decode(line) for line in lines), key=lambda one: one.seq)

    assert verify(OsFiles(tmp_path / "log")).is_clean
    ingested = [one.entry.trace for one in records if one.event_type == "SIGNAL_INGEST"]
    ended = Counter(one.entry.trace for one in records if one.event_type in TERMINAL)
    assert len(ingested) == summary.messages == 300
    assert ended == Counter(ingested)
    assert sum(summary.decisions.values()) == 300

    ledger = Ledger(balance=Decimal(10_000))
    for one in records:
        ledger.apply(one.entry)
    assert (ledger.realised, ledger.fees) == (summary.pnl, summary.fees)
    assert summary.net == summary.pnl - summary.fees
    assert summary.orders == sum(one.event_type == "ORDER_INTENT" for one in records)
    assert sum(channel.closed for channel in summary.channels.values()) == ledger.total.closed
    assert len(ledger.calls) == summary.open_calls


def test_each_post_is_scored_as_if_it_were_read_alone_in_its_time(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    play(recorded, tmp_path)
    records = [decode(line) for path in tmp_path.rglob("*.jsonl") for line in path.read_bytes().splitlines(True)]
    said = {one.entry.trace: one.entry.record for one in records if isinstance(one.entry.record, SignalScored)}
    config = load(environ=OPEN)
    judge = classifier_of(config)
    with CandleFiles([recorded[1]]) as bars:
        market = recorded_market(config, bars)
        for raw in recorded[0].read_bytes().splitlines():
            post = read_post(raw)
            alone = score(post, read(post, MarketAsOf(market, at=post.known_at)), judge)
            scored = said.pop(post.trace)
            assert (scored.kind, scored.label, scored.probs) == (alone.reading.kind, alone.label, alone.probs)
            assert scored.legs == tuple(LegRead.of(leg) for leg in alone.reading.legs)
    assert not said


@pytest.mark.parametrize("before", [0, 1])
def test_a_fault_in_reading_ahead_ends_the_replay_at_once_and_by_its_name(
    recorded: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    told: list[int] = []

    def fail(_self: ReadAhead, posts: Sequence[Post]) -> None:
        told.append(len(posts))
        if len(told) > before + 2:
            raise SystemExit("it began anew")  # Not to hang where it would do so for ever.
        if len(told) > before:
            raise LookupError("planted")

    monkeypatch.setattr(ReadAhead, "__call__", fail)
    monkeypatch.setattr(replay_posts, "AHEAD", 150)

    with pytest.raises(LookupError, match="planted"):
        play(recorded, tmp_path)
    assert told[: before + 1] == [150, 150][: before + 1]
    assert list(tmp_path.rglob("*.jsonl"))  # What was written until then is there to be looked at.


def test_a_window_leaves_out_what_was_posted_before_and_after(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    since, until = START + 30 * 3600.0, START + 40 * 3600.0
    asked = ReplayInput(messages=(recorded[0],), candles=(recorded[1],), out=tmp_path / "log", since=since, until=until)
    summary = replay(load(environ=OPEN), asked, on_bad=lambda line: None)

    posted = [json.loads(line)["ts"] for line in recorded[0].read_text().splitlines()]
    assert 0 < summary.messages == sum(since <= at < until for at in posted)


def test_a_log_is_never_written_into_another(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "something").write_text("mine")

    with pytest.raises(Refused, match="not empty"):
        play(recorded, tmp_path)
    assert (tmp_path / "something").read_text() == "mine"


def test_a_bad_line_is_told_and_ends_a_strict_replay(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    messages = tmp_path / "posts.jsonl"
    messages.write_text(recorded[0].read_text() + "{half a line\n")
    told: list[str] = []
    asked = ReplayInput(messages=(messages,), candles=(recorded[1],), out=tmp_path / "log")
    summary = replay(load(environ=OPEN), asked, on_bad=lambda line: told.append(str(line)))

    assert (summary.messages, summary.bad_lines) == (300, 1)
    assert "posts.jsonl:301" in told[0]
    strict = ReplayInput(messages=(messages,), candles=(recorded[1],), out=tmp_path / "strict", strict=True)
    with pytest.raises(Refused, match="301"):
        replay(load(environ=OPEN), strict, on_bad=lambda line: None)


def test_the_call_of_the_last_post_is_played_to_its_end(tmp_path: Path) -> None:
    files = recording(tmp_path, [post for post in POSTS if post["text"] == CALL])
    asked = ReplayInput(messages=(files.messages,), candles=(files.candles,), out=files.out)
    summary = replay(load(environ=OPEN), asked, on_bad=lambda line: None)

    assert summary.decisions == {"EXECUTED opened": 1}
    assert summary.channels["@alpha"].closed == 1
    assert summary.open_calls == 0
