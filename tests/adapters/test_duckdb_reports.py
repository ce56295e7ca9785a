"""Reports are made elsewhere: one at a time, bounded, and gone when nobody wants them any more."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest

from levibotd.adapters import duckdb_reports
from levibotd.adapters.duckdb_reports import KEPT_MAX, WAITING_MAX, DuckDbReports
from levibotd.errors import ConfigError, Unavailable
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.errors import MailboxFull
from levibotd.ports.reports import LogDamaged, NoLog, ReportQuery
from tests.adapters.day_logs import DAY, notes, write

pytestmark = pytest.mark.real_time

BAD = "tests.adapters.report_children"
DAILY = ReportQuery(kind="daily")
DAILY_OF_MARCH = ReportQuery(kind="daily", last=DAY)


def reports(root: Path, **how: object) -> DuckDbReports:
    return DuckDbReports(root, clock=LoopClock(), **how)  # type: ignore[arg-type]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def scratch_of(root: Path) -> Path:
    return Path((root / "scratch").read_text())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    pytest.importorskip("duckdb")
    write(tmp_path / "log", notes((1.0, 2.0)))
    return tmp_path / "log"


async def test_the_newest_day_is_meant_where_none_is_named(log: Path) -> None:
    steps: list[str] = []

    made = await reports(log).make(DAILY, on_progress=steps.append)

    assert (made.first, made.last, made.complete, made.through_seq) == (DAY, DAY, True, 6)
    assert json.loads(made.body)["records"] == 6
    assert steps[-1] == "adding up"


async def test_a_day_that_is_over_is_made_once(log: Path) -> None:
    made = reports(log)
    first = await made.make(DAILY)
    for path in (log / DAY).iterdir():
        path.write_bytes(b"")

    assert await made.make(DAILY_OF_MARCH) is first


async def test_a_day_that_goes_on_is_made_anew(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    write(tmp_path / "log", notes((1.0,)), seal=False)
    made = reports(tmp_path / "log")
    first = await made.make(DAILY)
    write(tmp_path / "log", notes((1.5,)), boot="b", seal=False)

    second = await made.make(DAILY)

    assert [(one.complete, one.through_seq) for one in (first, second)] == [(False, 2), (False, 4)]


async def test_no_more_than_so_many_are_kept(log: Path) -> None:
    made = reports(log)
    first = await made.make(DAILY)
    for number in range(KEPT_MAX):
        made._keep(ReportQuery(kind="daily", last=f"day {number}"), first)

    assert len(made._kept) == KEPT_MAX
    assert made._again(DAILY_OF_MARCH) is None


@pytest.mark.fault("D2")
async def test_damage_and_absence_come_through_by_class(log: Path) -> None:
    path = min((log / DAY).iterdir())
    path.write_bytes(path.read_bytes().replace(b"xx", b"xy", 1))

    with pytest.raises(LogDamaged, match="at seq 2 in"):
        await reports(log).make(DAILY)
    with pytest.raises(NoLog, match="the log begins on"):
        await reports(log).make(ReportQuery(kind="weekly", last="2025-01-01"))


async def test_a_log_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    with pytest.raises(NoLog, match="no event log yet"):
        await reports(tmp_path / "nowhere").make(DAILY)


@pytest.mark.parametrize(("how", "says"), [("dies", "ended with -9"), ("raises", "MemoryError: no more room")])
async def test_a_child_that_breaks_is_an_outage(tmp_path: Path, how: str, says: str) -> None:
    root = tmp_path / how
    root.mkdir()

    with pytest.raises(Unavailable, match=says):
        await reports(root, child=BAD).make(DAILY_OF_MARCH)

    assert not scratch_of(root).exists()


async def test_a_child_that_hangs_is_killed_in_time(tmp_path: Path) -> None:
    root = tmp_path / "hangs"
    root.mkdir()

    with pytest.raises(Unavailable, match="longer than 2 s"):
        await reports(root, child=BAD, timeout_s=2).make(DAILY_OF_MARCH)

    assert not is_running(int((root / "pid").read_text()))


async def test_a_child_that_nobody_waits_for_is_killed_and_its_files_are_gone(tmp_path: Path) -> None:
    root = tmp_path / "hangs"
    root.mkdir()
    made, up = reports(root, child=BAD), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(made.make, DAILY_OF_MARCH, on_progress=lambda step: up.set()))
        await up.wait()
        tasks.cancel_scope.cancel()

    assert not is_running(int((root / "pid").read_text()))
    assert not scratch_of(root).exists()


async def test_one_is_made_at_a_time_and_few_may_wait(tmp_path: Path) -> None:
    root = tmp_path / "hangs"
    root.mkdir()
    made, up = reports(root, child=BAD), anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(1 + WAITING_MAX):
            tasks.start_soon(partial(made.make, DAILY_OF_MARCH, on_progress=lambda step: up.set()))
        await up.wait()
        pid = (root / "pid").read_text()

        with pytest.raises(MailboxFull):
            await made.make(DAILY_OF_MARCH)

        assert (root / "pid").read_text() == pid
        tasks.cancel_scope.cancel()


async def test_without_the_extra_it_says_what_to_install(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_reports, "_NEEDS", "no_such_package")

    with pytest.raises(ConfigError, match=r"pip install 'levibotd\[reports\]'"):
        await reports(log).make(DAILY)


def test_who_asks_for_reports_does_not_import_duckdb() -> None:
    code = "import levibotd.adapters.duckdb_reports, sys; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
