"""The daemon as its user meets it: it starts, shows whole trades, stops, and goes on."""

import json
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.client import OK
from pathlib import Path
from random import Random
from typing import Any

import pytest

from levibotd.domain.records import Boot
from levibotd.journal import TERMINAL
from levibotd.kernel.clock import LoopClock
from tests.process.daemon import BALANCE, Daemon, daemon, fold, posts, records, verified
from tests.until import until

pytestmark = pytest.mark.real_time

SHOWN_WITHIN_S = 60.0
WITHIN_A_MINUTE = {"SIGNAL_INGEST", "SIGNAL_SCORED", "ORDER_INTENT", "ORDER_FILLED", "POSITION_CLOSED"}
STOP_S = 5.0
EVENTS = "/events?order=asc&limit=1000"
KILLS = 3
BURST = 5  # Each order without an answer is asked for at the next start, and that takes its time.


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "state"


@pytest.fixture(scope="module")
def shown(state: Path) -> Iterator[Daemon]:
    """One demo for all that only look; it is stopped, and its log kept, by the first test that needs that."""
    with daemon(state) as one:
        yield one.wait_ready()


def types_over_http(one: Daemon) -> set[str]:
    return {kind for kind in WITHIN_A_MINUTE if one.get(f"/events?type={kind}&limit=1")["events"]}


def seconds(do: Callable[[], object]) -> float:
    clock = LoopClock()
    before = clock.monotonic()
    do()
    return clock.monotonic() - before


def settled_books(one: Daemon) -> tuple[int, Decimal, Decimal, dict[str, Decimal]]:
    """What it says of itself at one seq: cash, realised PnL, positions."""

    def look() -> tuple[int, Decimal, Decimal, dict[str, Decimal]] | None:
        before, held, after = one.get("/status"), one.get("/positions")["positions"], one.get("/status")
        if before["last_seq"] != after["last_seq"]:
            return None
        signed = {each["symbol"]: Decimal(each["qty"]) * (1 if each["side"] == "BUY" else -1) for each in held}
        return after["last_seq"], Decimal(after["cash"]), Decimal(after["realised"]), signed

    books = until(look, within_s=20, what="a moment without a commit")
    assert books is not None
    return books


def assert_books_are_folded(one: Daemon) -> None:
    seq, cash, realised, held = settled_books(one)
    ledger = fold(records(one.log), up_to=seq)
    assert (cash, realised) == (ledger.cash, ledger.realised)
    assert held == {symbol: position.qty for symbol, position in ledger.positions.items()}


def boots(one: Daemon) -> list[Boot]:
    return [each.entry.record for each in records(one.log) if isinstance(each.entry.record, Boot)]


def test_a_whole_trade_is_seen_within_a_minute_of_ready(shown: Daemon) -> None:
    until(lambda: types_over_http(shown) == WITHIN_A_MINUTE, within_s=SHOWN_WITHIN_S, what="all of a trade in /events")
    status = shown.get("/status")
    assert status["mode"] == "paper demo"
    assert status["closed"] >= 1
    assert_books_are_folded(shown)


def test_events_are_the_lines_of_the_log(shown: Daemon) -> None:
    def full_page() -> list[Any]:
        found: list[Any] = shown.get("/events?order=asc&limit=40")["events"]
        return found if len(found) == 40 else []

    page = until(full_page, within_s=SHOWN_WITHIN_S, what="forty records")
    assert [each["seq"] for each in page] == list(range(1, 41))
    assert page[0]["event_type"] == "FILE_OPEN"
    (segment,) = shown.log.glob("*/*.jsonl")
    assert page == [json.loads(line) for line in segment.read_bytes().splitlines()[:40]]


def test_a_stop_is_quick_and_leaves_a_sealed_log_that_the_next_start_continues(shown: Daemon) -> None:
    codes: list[int] = []
    assert seconds(lambda: codes.append(shown.stop())) < STOP_S
    assert codes == [0]
    before = records(shown.log)
    assert before[-1].event_type == "FILE_SEAL"
    assert verified(shown.log)["last_seq"] == before[-1].seq
    last_ids = {each.entry.record.post.channel: each.entry.record.post.message_id for each in posts(before)}

    with daemon(shown.state_dir) as second:
        second.wait_ready()
        assert_books_are_folded(second)
        second.wait_posts(2)
        assert second.stop(signal.SIGINT) == 0
    after = records(shown.log)
    verified(shown.log)

    assert after[: len(before)] == before
    assert [each.seq for each in after] == list(range(1, len(after) + 1))
    boot = next(each.entry.record for each in after[len(before) :] if isinstance(each.entry.record, Boot))
    was = fold(before)
    assert (boot.records, boot.open_positions, boot.damage) == (before[-1].seq, len(was.positions), None)
    for each in posts(after[len(before) :]):
        post = each.entry.record.post
        assert post.message_id == last_ids.get(post.channel, 0) + 1
        last_ids[post.channel] = post.message_id


def test_snapshot_and_index_may_be_lost_or_bent(shown: Daemon) -> None:
    if shown.process.poll() is None:  # The suite may be divided so that this one comes first.
        assert shown.stop() == 0
    state_dir, told = shown.state_dir, len(records(shown.log))
    for lose in (lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-9] + b"bent bits")):
        for name in ("snapshot", "index.sqlite"):
            lose(state_dir / name)
        with daemon(state_dir) as again:
            again.wait_ready()
            assert_books_are_folded(again)
            # A bent index may be found out by the one who asks: he is told to ask again.
            until(lambda again=again: again.ask("GET", EVENTS)[0] == OK, within_s=10, what="the index, made anew")
            page = again.get(EVENTS)["events"]
            assert [each["seq"] for each in page[:told]] == list(range(1, min(told, 1000) + 1))
            assert again.stop() == 0
    assert all(boot.damage is None for boot in boots(shown))


@pytest.mark.fault("C13", "E3", "F5")
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_it_goes_on_without_a_loss(tmp_path: Path, seed: int) -> None:
    """
    SIGKILL at random moments of a burst of calls; to the process, the kernel's OOM killer is just that signal.
    """
    chance = Random(seed)
    last_seq = 0
    for life in range(KILLS):
        with daemon(tmp_path / "state") as one:
            one.wait_ready()
            told = records(one.log)
            assert told[last_seq - 1].seq == last_seq or not last_seq, "what was there is there no more"
            assert_books_are_folded(one)
            size, grown = one.log_size(), chance.randrange(1, 9_000)
            sent = one.send_calls(BURST)
            until(lambda size=size, one=one, grown=grown: one.log_size() >= size + grown, within_s=20, what="records")
            one.kill()
            for connection in sent:
                connection.close()
            last_seq = len(records(one.log))
            assert [each.seq for each in records(one.log)] == list(range(1, last_seq + 1)), life

    with daemon(tmp_path / "state") as one:
        one.wait_ready()
        ingested = {each.entry.trace for each in posts(records(one.log))}

        def decided() -> list[str]:
            return [str(each.entry.trace) for each in records(one.log) if each.event_type in TERMINAL]

        until(lambda: ingested <= set(decided()), within_s=20, what="a decision for every post")
        assert_books_are_folded(one)
        assert one.stop() == 0
    assert verified(one.log)["torn_bytes"] == 0
    told = records(one.log)
    decisions = [each.entry.trace for each in told if each.event_type in TERMINAL]
    assert len(decisions) == len(set(decisions)), "a post was decided twice"
    cids = [each.entry.record.cid for each in told if each.event_type == "ORDER_INTENT"]
    assert len(cids) == len(set(cids))
    assert len(boots(one)) == KILLS + 1
    ledger = fold(told)
    assert ledger.cash == BALANCE + ledger.realised - ledger.fees


def test_an_answer_under_an_idempotency_key_outlives_kill_and_restart(tmp_path: Path) -> None:
    body = {"text": "#BTCUSDT LONG", "channel": "desk"}
    with daemon(tmp_path / "state") as one:
        one.wait_ready()
        status, first = one.ask("POST", "/signals/ingest-and-score", body, key="desk-1")
        one.process.kill()
        one.process.wait()
    with daemon(tmp_path / "state") as two:
        two.wait_ready()
        assert two.ask("POST", "/signals/ingest-and-score", body, key="desk-1") == (status, first)
        refused, again = two.ask("POST", "/signals/ingest-and-score", {**body, "text": "other"}, key="desk-1")

    assert (status, refused, again["code"]) == (200, 422, "KEY_REUSED")
