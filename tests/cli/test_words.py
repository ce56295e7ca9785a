"""What all commands share."""

from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode


@pytest.mark.parametrize("command", [["run"], ["check"], ["why", "1"], ["log", "tail"]], ids=" ".join)
def test_a_configuration_file_that_is_not_there_is_usage(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.toml"

    assert main([*command, "--config", str(missing)]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"levibotd: {missing}: No such file or directory\n"
