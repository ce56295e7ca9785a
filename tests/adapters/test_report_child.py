"""The process that makes reports: a job in, a report out, and nothing else on standard output."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.report_child import Job, days_of
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import EVENTS, Prepared
from levibotd.ports.journal_file import Stamped
from levibotd.ports.reports import Format
from tests.adapters.day_logs import DAY, at, notes, write
from tests.until import until

pytestmark = pytest.mark.real_time


def job(directory: Path, *, format_: Format = "json", timeout_s: int = 60, last: str = DAY) -> Job:
    (directory / "scratch").mkdir(exist_ok=True)
    return Job(
        root=str(directory / "log"), kind="daily", last=last, today="2027-01-01", format=format_,
        scratch=str(directory / "scratch"), timeout_s=timeout_s,
    )  # fmt: skip


def done(what: Job) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "levibotd.adapters.report_child"]
    return subprocess.run(command, input=msgspec.json.encode(what), capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("format_", ["json", "csv", "parquet"])
def test_a_report_stands_behind_one_line_about_it(tmp_path: Path, format_: Format) -> None:
    pytest.importorskip("duckdb")
    write(tmp_path / "log", notes((1.0, 2.0)))

    child = done(job(tmp_path, format_=format_))

    head, _, body = child.stdout.partition(b"\n")
    assert (child.returncode, json.loads(head)) == (0, {"first": DAY, "complete": True, "through_seq": 6})
    assert body.startswith({"json": b'{"kind":"daily"', "csv": b"first,last,", "parquet": b"PAR1"}[format_])
    steps = [json.loads(line)["progress"] for line in child.stderr.splitlines()]
    assert steps == ["checking segment 1 of 2", "checking segment 2 of 2", "adding up"]


@pytest.mark.fault("D2")
def test_damage_is_told_and_nothing_is_printed(tmp_path: Path) -> None:
    write(tmp_path / "log", notes((1.0, 2.0)))
    path = min((tmp_path / "log" / DAY).iterdir())
    path.write_bytes(path.read_bytes().replace(b"xx", b"xy", 1))

    child = done(job(tmp_path))

    told = json.loads(child.stderr.splitlines()[-1])
    assert (child.returncode, child.stdout) == (1, b"")
    assert (told["code"], "at seq 2 in" in told["error"]) == ("LOG_DAMAGED", True)


def test_a_day_without_log_is_told(tmp_path: Path) -> None:
    write(tmp_path / "log", notes((1.0,)))

    child = done(job(tmp_path, last="2025-01-01"))

    assert (child.returncode, child.stdout) == (1, b"")
    assert json.loads(child.stderr)["code"] == "NO_LOG"


def test_what_duckdb_cannot_do_is_told_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    journal = LocalJournal(OsFiles(tmp_path / "log"), boot="a", sync=False)
    journal.recover()
    strange = Prepared(Entry(SystemNote(note="")), EVENTS["SYSTEM"], b'{"n":"many"}')  # Of a version to come.
    list(journal.commit([Stamped((strange,), at(1.0), 1.0)]))
    journal.seal(ts=at(1.0), mono=1.0)
    journal.close()

    child = done(job(tmp_path))

    told = json.loads(child.stderr.splitlines()[-1])
    assert (child.returncode, child.stdout, told["code"]) == (1, b"", "UNAVAILABLE")
    assert told["error"].startswith("DuckDB: ")
    assert "many" in told["error"]


def test_it_ends_by_itself_when_nobody_ends_it() -> None:
    code = "import signal; from levibotd.adapters.report_child import restrain; restrain(1); signal.pause()"

    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == -signal.SIGALRM


def test_it_ends_with_the_process_that_asked() -> None:
    parent = (
        "import os, subprocess, sys; command = [sys.executable, '-c', sys.argv[1]]; "
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True); "
        "print(child.stdout.readline().decode(), flush=True); os.kill(os.getpid(), 9)"
    )
    child = (
        "import os, signal; from levibotd.adapters.report_child import restrain; restrain(60); "
        "print(os.getpid(), flush=True); signal.pause()"
    )
    done = subprocess.run([sys.executable, "-c", parent, child], capture_output=True, timeout=60, check=False)

    assert done.returncode == -9, done.stderr
    until(lambda: not Path(f"/proc/{int(done.stdout)}/exe").exists(), within_s=10, what="the child is gone")


def test_a_week_ends_with_its_last_day() -> None:
    assert days_of("daily", "2026-03-01") == ("2026-03-01",)
    assert days_of("weekly", "2026-03-01") == (
        "2026-02-23", "2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01",
    )  # fmt: skip


def test_a_week_may_begin_with_the_calendar() -> None:
    assert days_of("weekly", "0001-01-02") == ("0001-01-01", "0001-01-02")
