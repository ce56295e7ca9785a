"""`archive` from outside: words, exit codes, and what is said where something is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.config import environ_with
from levibotd.exit_codes import ExitCode

pytestmark = pytest.mark.real_time


def run(tmp_path: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    over = {"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state")} | {f"LEVI_{k.upper()}": v for k, v in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "levibotd", "archive", *words],
        env=environ_with(over), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", [["run"], ["prune"], ["verify"], ["restore", "--day", "2026-01-31", "--out", "x"]])
def test_without_an_archive_each_says_which_key_is_missing(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, *words)

    assert (done.returncode, done.stdout) == (ExitCode.CONFIG, "")
    assert "$.archive.endpoint" in done.stderr


def test_without_its_credential_it_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "verify", archive__endpoint="http://127.0.0.1:1", archive__bucket="levi")

    assert done.returncode == ExitCode.CONFIG
    assert "the credential s3" in done.stderr


def test_a_store_that_nobody_reaches_is_temporary(tmp_path: Path) -> None:
    pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "s3").write_text("access\nvery-secret\n")
    (secrets / "s3").chmod(0o600)
    settings = {
        "archive__endpoint": "http://127.0.0.1:1", "archive__bucket": "levi", "daemon__secrets_dir": str(secrets),
    }  # fmt: skip
    for words in (["run"], ["verify", "--installation", "aa"]):
        done = run(tmp_path, *words, **settings)
        assert (done.returncode, done.stdout) == (ExitCode.TEMPORARY, "")
        assert "very-secret" not in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [["archive"], ["archive", "restore", "--day", "2026-01-31"], ["archive", "restore", "--day", "x", "--out", "y"],
     ["archive", "verify", "--day", "2026-02-30"]],
)  # fmt: skip
def test_wrong_words_are_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == ExitCode.USAGE


@pytest.mark.parametrize("command", ["run", "verify", "restore", "prune"])
def test_each_has_an_example_in_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["archive", command, "-h"])
    assert f"example:\n  levibotd archive {command}" in capsys.readouterr().out
