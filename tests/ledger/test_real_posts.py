"""
The hand-labelled posts, replayed alone under an open policy; and two months of all posts.

Needs LEVIBOT_DATA, and DuckDB to read its candles. Nothing of it is kept.
"""

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from levibotd.app.replay import ReplayInput, replay
from levibotd.config import load
from levibotd.domain.gates import GateName
from tests.ledger.comparing import compared, records
from tests.open_policy import OPEN

DATA = os.environ.get("LEVIBOT_DATA")  # noqa: TID251
POSTS = Path(DATA or ".", "signals", "dev")
CANDLES = Path(DATA or ".", "ohlcv", "dev")
REASON = "LEVIBOT_DATA is not set: no real post was replayed"
FILES = (CANDLES / "binance_spot_1h.parquet", CANDLES / "binance_spot_wide_1h.parquet")
# Every limit of risk is open; what is left are the gates of the call itself.
WIDE_OPEN = {**OPEN, "LEVI_RISK__MAX_OPEN": "200", "LEVI_RISK__NO_SL_RR_MIN": "0"}
NO_PRICE = frozenset({"no_price", "quote", "not_tradable"})  # Gates of what cannot be priced in the account's money.
DECISIONS = frozenset({"AUTO_ROUTE_EXECUTED", "AUTO_ROUTE_SKIPPED", "SIGNAL_REJECTED", "SIGNAL_EXPIRED"})
STALE_S = 86_400.0
TWO_MONTHS = (1_617_235_200.0, 1_622_505_600.0)  # April and May of 2021, when most was posted.

pytestmark = [pytest.mark.needs_data, pytest.mark.skipif(DATA is None, reason=REASON), pytest.mark.timeout(900)]


class Story(NamedTuple):
    """What a log says of each post, by trace."""

    posts: dict[str, dict[str, Any]]
    decisions: dict[str, list[tuple[str, str]]]
    opened: Counter[str]
    entered: dict[str, set[float]]  # When the entry orders of a call were made.


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    wanted = {json.loads(line)["id"] for line in (POSTS / "labels.jsonl").read_text("utf-8").splitlines()}
    with gzip.open(POSTS / "messages.jsonl.gz", "rt", encoding="utf-8") as file:
        chosen = [line for line in file if json.loads(line)["id"] in wanted]
    (folder / "posts.jsonl").write_text("".join(chosen), "utf-8")
    return folder / "posts.jsonl"


@pytest.fixture(scope="module")
def log(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _replayed(labelled, tmp_path_factory.mktemp("replayed") / "log")


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    since, until = TWO_MONTHS
    return _replayed(POSTS / "messages.jsonl.gz", tmp_path_factory.mktemp("months") / "log", since=since, until=until)


@pytest.mark.parametrize("which", ["log", "months"])
def test_both_followers_agree_on_every_priced_call(request: pytest.FixtureRequest, which: str) -> None:
    pytest.importorskip("duckdb", reason="pip install 'levibotd[reports]': the candles are Parquet")
    from tests.ledger.real_candles import RealCandles

    found = list(compared(request.getfixturevalue(which), RealCandles(CANDLES)))
    assert len(found) > 50
    assert {(one.dollars, one.theirs["synthetic"]) for one in found} >= {(True, False), (False, True)}
    assert [f"{one.call}: {one.differs}" for one in found if one.differs is not None] == []


def test_a_priced_call_is_traded_or_names_its_gate(log: Path) -> None:
    story = _told(log)
    outcomes = Counter(decision for told in story.decisions.values() for decision in told)
    priced = {
        (event, why): count
        for (event, why), count in outcomes.items()
        if event == "AUTO_ROUTE_EXECUTED" or (event == "SIGNAL_REJECTED" and why not in NO_PRICE)
    }
    gates = {gate.value for gate in GateName}
    assert [why for event, why in priced if event == "SIGNAL_REJECTED" and why not in gates] == []
    traded = sum(n for (event, why), n in priced.items() if event == "AUTO_ROUTE_EXECUTED" or why == "symbol_busy")
    assert sum(priced.values()) > 50
    assert traded / sum(priced.values()) >= 0.8, priced


def test_the_same_posts_again_are_the_same_bytes(labelled: Path, log: Path, tmp_path: Path) -> None:
    again = _replayed(labelled, tmp_path / "log")
    assert list(_bytes(again)) == list(_bytes(log))


@pytest.mark.parametrize("which", ["log", "months"])
def test_every_post_ends_once_and_no_call_opens_twice(request: pytest.FixtureRequest, which: str) -> None:
    story = _told(request.getfixturevalue(which))
    assert [trace for trace in story.posts if len(story.decisions[trace]) != 1] == []
    assert [call for call, times in story.opened.items() if times > 1] == []
    assert [call for call, moments in story.entered.items() if len(moments) > 1] == []


@pytest.mark.parametrize("which", ["log", "months"])
def test_a_stale_forward_never_trades(request: pytest.FixtureRequest, which: str) -> None:
    story = _told(request.getfixturevalue(which))
    stale = [
        trace
        for trace, post in story.posts.items()
        if post["forwarded_at"] is not None and post["posted_at"] - post["forwarded_at"] > STALE_S
    ]
    assert len(stale) > 20
    assert Counter(story.decisions[trace][0][0] for trace in stale)["AUTO_ROUTE_EXECUTED"] == 0


def test_a_text_that_is_copied_or_posted_again_opens_once(months: Path) -> None:
    story = _told(months)
    texts = Counter(
        " ".join(re.findall(r"\w+", post["text"].lower()))
        for trace, post in story.posts.items()
        if story.decisions[trace][0] == ("AUTO_ROUTE_EXECUTED", "opened")
    )
    assert sum(texts.values()) > 50
    assert [text for text, times in texts.items() if times > 1] == []


def _replayed(messages: Path, out: Path, *, since: float = 0.0, until: float = float("inf")) -> Path:
    asked = ReplayInput(messages=(messages,), candles=FILES, out=out, since=since, until=until)
    replay(load(environ=WIDE_OPEN), asked, on_bad=lambda line: pytest.fail(str(line)))
    return out


def _told(log: Path) -> Story:
    story = Story({}, {}, Counter(), {})
    for record in records(log):
        event, payload, trace = record["event_type"], record["payload"], record["trace_id"]
        if event == "SIGNAL_INGEST":
            story.posts[trace] = payload["post"]
        elif event in DECISIONS:
            why = payload.get("gate") or payload.get("reason") or payload.get("effect") or ""
            story.decisions.setdefault(trace, []).append((event, why))
        elif event == "POSITION_OPENED":
            story.opened[payload["call"]] += 1
        elif event == "ORDER_INTENT" and payload["role"] == "e":
            story.entered.setdefault(payload["call"], set()).add(record["ts"])
    return story


def _bytes(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*.jsonl")):
        yield path.relative_to(folder).as_posix(), path.read_bytes()
