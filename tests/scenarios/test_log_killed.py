"""kill -9 of a real process that writes the log: what was acknowledged is there, and the log is clean."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from levibotd.adapters.journal_check import verify
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Logged
from levibotd.ports.journal_file import LockHeld
from tests.until import until

ROOT = Path(__file__).parents[2]


def start_writer(directory: Path, boot: str, acknowledged: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.scenarios.log_writer", str(directory), boot, str(acknowledged)]
    return subprocess.Popen(command, cwd=ROOT)


def acknowledged_by(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()]


def has_heard(path: Path, commits: int) -> bool:
    return len(acknowledged_by(path)) >= commits


@pytest.mark.real_time
@pytest.mark.fault("D1", "F5")
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    directory, acknowledged = tmp_path / "logs", tmp_path / "acknowledged"
    for number, commits in enumerate((150, 337, 561)):
        writer = start_writer(directory, f"b{number}", acknowledged)
        try:
            until(partial(has_heard, acknowledged, commits), within_s=30, what=f"{commits} commits")
            with pytest.raises(LockHeld, match=f"b{number}"):
                LocalJournal(OsFiles(directory), boot="second").recover()
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()

    seen: list[Logged] = []
    journal = LocalJournal(OsFiles(directory), boot="reader")
    recovery = journal.recover(seen.extend)
    journal.close()
    assert recovery.damage is None
    assert [logged.seq for logged in seen] == list(range(1, len(seen) + 1))
    assert len(seen) >= acknowledged_by(acknowledged)[-1]
    assert verify(OsFiles(directory)).is_clean
