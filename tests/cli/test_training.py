"""`train` and `evaluate` from outside."""

from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode


def test_labels_that_are_not_there_are_usage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "labels.jsonl"

    assert main(["train", "--labels", str(missing), "--out", str(tmp_path / "out")]) == ExitCode.USAGE
    assert main(["evaluate", "--labels", str(missing)]) == ExitCode.USAGE

    assert capfd.readouterr().err.count(str(missing)) >= 2
