"""`report` from outside."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode
from tests.adapters.day_logs import DAY, notes, write

pytestmark = pytest.mark.real_time

DAILY = ["report", "daily", "--logs"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    pytest.importorskip("duckdb")
    write(tmp_path / "log", notes((1.0, 2.0)))
    return tmp_path / "log"


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "levibotd", *words], capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("more", [[], ["--json"], ["--format", "json"], ["--date", DAY]])
def test_a_day_is_printed_as_json(log: Path, more: list[str]) -> None:
    done = run(*DAILY, str(log), *more)

    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (ExitCode.OK, b"", 1)
    assert (report["kind"], report["first"], report["records"], report["complete"]) == ("daily", DAY, 6, True)


def test_a_week_is_printed_as_csv_and_says_what_it_lacks(log: Path) -> None:
    done = run("report", "weekly", "--logs", str(log), "--format", "csv", "--date", "2026-03-04")

    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    found = {(row["section"], row["subject"], row["name"]): row["value"] for row in rows}
    assert done.returncode == ExitCode.OK
    assert found["days", DAY, "has_log"] == "true"
    assert found["days", "2026-03-04", "has_log"] == "false"
    assert done.stderr == b"levibotd: not complete: 2026-02-26 to 2026-03-04 as far as seq 6\n"


@pytest.mark.parametrize(("format_", "head"), [("json", b"{"), ("csv", b"first,"), ("parquet", b"PAR1")])
def test_a_report_goes_into_a_file(log: Path, tmp_path: Path, format_: str, head: bytes) -> None:
    done = run(*DAILY, str(log), "--format", format_, "--out", str(tmp_path / "file"))

    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, b"", b"")
    assert (tmp_path / "file").read_bytes().startswith(head)


def test_parquet_may_be_piped(log: Path) -> None:
    assert run(*DAILY, str(log), "--format", "parquet").stdout[-4:] == b"PAR1"


@pytest.mark.fault("D2")
def test_a_damaged_log_fails_with_the_seq(log: Path) -> None:
    path = min((log / DAY).iterdir())
    path.write_bytes(path.read_bytes().replace(b"xx", b"xy", 1))

    done = run(*DAILY, str(log))

    said = f"levibotd: the log is damaged at seq 2 in {DAY}/events-01.jsonl: hash does not match the record\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (ExitCode.FAILED, b"", said)


def test_a_day_without_log_fails_and_says_why(log: Path) -> None:
    done = run(*DAILY, str(log), "--date", "2026-03-01")
    assert (done.returncode, done.stderr) == (
        ExitCode.FAILED,
        b"levibotd: nothing of 2026-03-01: the log begins on 2026-03-02\n",
    )


def test_a_keyed_log_takes_its_key_from_a_file(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    write(tmp_path / "log", notes((1.0,)), key=b"secret")
    (tmp_path / "key").write_text("secret\n")

    assert run(*DAILY, str(tmp_path / "log")).returncode == ExitCode.CONFIG
    assert run(*DAILY, str(tmp_path / "log"), "--key-file", str(tmp_path / "key")).returncode == ExitCode.OK


def test_a_log_that_is_not_there_is_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*DAILY, str(tmp_path / "missing")]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"levibotd: {tmp_path / 'missing'}: No such file or directory\n"


@pytest.mark.parametrize("bad", ["../../", "2026-02-30", "20260302", "yesterday", ""])
def test_what_is_no_day_is_usage(tmp_path: Path, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*DAILY, str(tmp_path), "--date", bad])
    assert ended.value.code == ExitCode.USAGE
    assert "is no day" in capsys.readouterr().err
