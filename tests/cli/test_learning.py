"""`dataset` and `model` from outside: words and exit codes."""

import json
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "levibotd.toml"
    path.write_text(f'[daemon]\nstate_dir = "{tmp_path / "state"}"\n')
    return path


def test_a_label_is_given_in_words(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--config", str(config), "--text", "#ADA long", "--label", "BUY", "--channel", "c", "--ts", "2026-01-01"]
    assert main(["dataset", "append", *given]) == ExitCode.OK
    assert main(["dataset", "show", "--config", str(config), "--json"]) == ExitCode.OK
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "1 added, 0 known, 1 in all"
    assert json.loads(said[1])["labels"] == {"BUY": 1}


def test_a_class_that_is_none_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "append", "--config", str(config), "--text", "a", "--label", "HOLD"]) == ExitCode.FAILED
    assert "none of BUY, SELL, NO-TRADE" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--text", "a"], ["--label", "BUY"]])
def test_a_text_needs_its_label(config: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "append", "--config", str(config), *words]) == ExitCode.USAGE
    assert "--text with --label" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "append", "--config", str(config), "--file", "/gone.jsonl"]) == ExitCode.USAGE
    assert "/gone.jsonl" in capsys.readouterr().err


def test_the_model_is_shown_and_there_is_no_way_back_at_first(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "show", "--config", str(config)]) == ExitCode.OK
    assert "ships with the package" in capsys.readouterr().out
    assert main(["model", "rollback", "--config", str(config)]) == ExitCode.FAILED
    assert "nothing to go back to" in capsys.readouterr().err
