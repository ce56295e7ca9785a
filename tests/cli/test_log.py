"""`why` and `log` from outside."""

import subprocess
import sys
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode
from tests.until import until


@pytest.mark.parametrize("command", [["log", "verify"], ["log", "repair"], ["log", "tail"], ["why", "1", "--logs"]])
def test_a_log_that_is_not_there_is_usage(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"

    assert main([*command, str(missing)]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"levibotd: {missing}: No such file or directory\n"
    assert not missing.exists()


def test_a_message_nobody_knows_fails_with_its_name(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "4711", "--logs", str(logs)]) == ExitCode.FAILED

    printed = capsys.readouterr()
    assert (printed.out, "4711" in printed.err, str(logs) in printed.err) == ("", True, True)


# A suite that runs in the background hands on that interrupts are ignored.
_INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from levibotd.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.real_time
def test_follow_prints_what_is_written_later_and_ends_quietly_when_interrupted(tmp_path: Path, logs: Path) -> None:
    (segment, *_) = sorted(logs.rglob("*.jsonl"))
    copy = tmp_path / "log" / segment.relative_to(logs)
    copy.parent.mkdir(parents=True)
    first, *others = segment.read_bytes().splitlines(keepends=True)
    copy.write_bytes(first)
    printed = tmp_path / "printed"
    command = [sys.executable, "-c", _INTERRUPTIBLE, "log", "tail", str(tmp_path / "log"), "--follow"]
    with printed.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE) as follower:
        try:
            until(lambda: printed.read_bytes() == first, within_s=30, what="the first record")
            with copy.open("ab") as log:
                log.write(others[0])
            until(lambda: printed.read_bytes() == first + others[0], within_s=30, what="the next record")
        finally:
            follower.send_signal(2)
            _, err = follower.communicate(timeout=30)

    assert (follower.returncode, err) == (ExitCode.OK, b"")
