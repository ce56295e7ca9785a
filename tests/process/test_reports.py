"""Reports by the real daemon: of a day that goes on, and while it is told to stop."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from bench.big_day import DAY, write_days
from levibotd.exit_codes import ExitCode
from tests.process.daemon import daemon, records
from tests.until import until

pytestmark = pytest.mark.real_time

EVENTS = 150_000


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def test_todays_report_is_that_of_the_log_so_far(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    with daemon(tmp_path / "state") as one:
        one.wait_ready().wait_for("SIGNAL_SCORED")
        before = len(records(one.log))
        report = one.get("/reports/daily")
        after = records(one.log)

    assert before <= report["through_seq"] <= len(after)
    seen = [record.event_type for record in after[: report["through_seq"]]]
    assert (report["complete"], report["posts"]) == (False, seen.count("SIGNAL_INGEST"))
    assert report["orders"]["intended"] == seen.count("ORDER_INTENT")
    assert report["process"]["starts"] == 1


def test_a_stop_ends_the_report_that_is_being_made(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    write_days(tmp_path / "state" / "logs", events=EVENTS)
    with daemon(tmp_path / "state") as one:
        one.wait_ready()
        with socket.create_connection(("127.0.0.1", one.port)) as asking:
            head = f"GET /reports/daily?date={DAY} HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n\r\n"
            asking.sendall(head.encode())
            (child,) = until(lambda: children(one.process.pid), within_s=10, what="a child")

            assert one.stop(signal.SIGTERM) == ExitCode.OK

    assert not Path(f"/proc/{child}").exists()
