"""Time stands still for the process, or in it."""

import json
import signal
import sys
from pathlib import Path

import pytest

from levibotd.domain.records import SignalExpired, SystemNote
from levibotd.journal import TERMINAL
from levibotd.kernel.clock import LoopClock
from tests.process.daemon import Daemon, call_text, daemon, fold, posts, records, verified
from tests.until import until

pytestmark = pytest.mark.real_time

PAUSE_S = 6.5
TTL_S = 4.0
BLOCKED_S = 2.0
CALLS = 4


def line(number: int) -> str:
    call = {"channel": "@paused", "msg_id": number, "ts": LoopClock().time(), "text": call_text(number)}
    return json.dumps(call) + "\n"


def decided(one: Daemon) -> dict[str, str]:
    return {str(each.entry.trace): each.event_type for each in records(one.log) if each.event_type in TERMINAL}


@pytest.mark.fault("F2")
def test_calls_that_grew_old_while_the_process_was_stopped_are_not_sent(tmp_path: Path) -> None:
    said = tmp_path / "posts.jsonl"
    said.write_text(line(1))
    clock = LoopClock()
    settings = {
        "telegram__source": "file",
        "telegram__file": str(said),
        "strategy__signal_ttl_s": str(TTL_S),
        "risk__max_open": "50",
    }
    with daemon(tmp_path / "state", **settings) as one:
        one.wait_ready()
        until(lambda: len(decided(one)) == 1, within_s=10, what="a decision before the pause")
        one.process.send_signal(signal.SIGSTOP)
        stopped_at = clock.monotonic()
        with said.open("a") as file:
            file.writelines(line(number) for number in range(2, 2 + CALLS))
        until(lambda: clock.monotonic() - stopped_at >= PAUSE_S, within_s=PAUSE_S + 5, what="the pause")
        one.process.send_signal(signal.SIGCONT)
        with said.open("a") as file:
            file.write(line(2 + CALLS))
        until(lambda: len(decided(one)) == CALLS + 2, within_s=10, what="a decision for each")
        until(lambda: paused(one), within_s=5, what="a word about the pause")
        assert one.get("/readyz")["ready"]
        assert one.stop() == 0

    kinds = list(decided(one).values())
    assert kinds[1 : CALLS + 1] == ["SIGNAL_EXPIRED"] * CALLS
    assert kinds[0] == kinds[-1] == "AUTO_ROUTE_EXECUTED"
    expired = [each.entry.record for each in records(one.log) if isinstance(each.entry.record, SignalExpired)]
    assert len(expired) == CALLS
    verified(one.log)


def paused(one: Daemon) -> list[SystemNote]:
    notes = [each.entry.record for each in records(one.log) if isinstance(each.entry.record, SystemNote)]
    return [note for note in notes if note.note == "paused"]


@pytest.mark.fault("F3")
def test_a_blocked_loop_ends_the_process_and_the_next_one_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "trigger").mkdir(parents=True)
    blocked = (sys.executable, "-m", "tests.process.blocked")
    with daemon(state, command=blocked, daemon__watchdog_s=str(BLOCKED_S)) as one:
        one.wait_ready().wait_posts(1)
        sent = one.send_calls(CALLS)
        (state / "trigger" / "block").touch()
        code = one.process.wait(BLOCKED_S + 20)
        assert code == 1
        assert "Timeout" in one.said()
        assert "in mark" in one.said(), "the stack that blocked"
        for connection in sent:
            connection.close()
    before = records(one.log)

    with daemon(state) as one:
        one.wait_ready()
        ingested = {str(each.entry.trace) for each in posts(before)}
        until(lambda: ingested <= set(decided(one)), within_s=20, what="a decision for every post")
        assert one.stop() == 0
    told = records(one.log)
    assert told[: len(before)] == before
    verified(one.log)
    decisions = [each.entry.trace for each in told if each.event_type in TERMINAL]
    assert len(decisions) == len(set(decisions))
    cids = [each.entry.record.cid for each in told if each.event_type == "ORDER_INTENT"]
    assert len(cids) == len(set(cids))
    assert fold(told).orphan_fills == 0
