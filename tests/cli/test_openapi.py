"""`openapi` from outside: it needs no daemon and no state, and says the same each time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from levibotd import __version__
from levibotd.cli.main import main
from levibotd.config import environ_with
from levibotd.exit_codes import ExitCode


def test_it_prints_the_document_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "openapi.json"

    assert main(["openapi"]) == ExitCode.OK
    assert main(["openapi", "--out", str(file)]) == ExitCode.OK

    printed = capsys.readouterr().out
    assert file.read_text() == printed
    assert json.loads(printed)["info"]["version"] == __version__


def test_it_takes_the_flag_of_every_command_that_prints_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi", "--json"]) == ExitCode.OK

    assert json.loads(capsys.readouterr().out)["info"]["title"] == "levibotd"


def test_it_cannot_write_where_there_is_nothing(tmp_path: Path) -> None:
    assert main(["openapi", "--out", str(tmp_path / "nowhere" / "openapi.json")]) == ExitCode.USAGE


def test_it_is_the_same_in_every_process_and_leaves_nothing_behind(tmp_path: Path) -> None:
    outputs = set()
    for seed in ("1", "2"):
        environ = environ_with({"PYTHONHASHSEED": seed, "HOME": str(tmp_path), "LEVI_HTTP__BIND": "no address"})
        command = [sys.executable, "-m", "levibotd", "openapi"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True, env=environ)
        outputs.add(done.stdout)

    assert len(outputs) == 1
    assert list(tmp_path.iterdir()) == []
