"""The commands as one: words, help, exit codes, pipes."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode

COMMANDS = (
    ("run",),
    ("check",),
    ("parse",),
    ("replay",),
    ("train",),
    ("evaluate",),
    ("why",),
    ("log", "verify"),
    ("log", "repair"),
    ("log", "tail"),
    ("version",),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_every_command_has_an_example(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "-h"])

    assert ended.value.code == 0
    example = capsys.readouterr().out.partition("example:\n")[2]
    assert f"levibotd {' '.join(words)}" in example


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    printed = capsys.readouterr().out
    assert [words[0] for words in COMMANDS if f"    {words[0]} " not in printed] == []
    assert [code for code in ExitCode if f"  {code.value:<4}" not in printed] == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "COMMAND"),
        (["frobnicate"], "frobnicate"),
        (["log"], "ACTION"),
        (["log", "frobnicate"], "frobnicate"),
        (["parse", "--nonsense"], "--nonsense"),
        (["replay"], "--messages"),
        (["replay", "--messages", "a"], "--candles"),
        (["replay", "--messages", "a", "--candles", "b", "--since", "yesterday"], "yesterday"),
        (["replay", "--messages", "a", "--candles", "b", "--until", "nan"], "nan"),
        (["replay", "--messages", "a", "--candles", "b", "--seed", "x"], "--seed"),
        (["log", "tail", ".", "--lines", "-1"], "-1"),
        (["log", "tail", ".", "--type", "ORDER_FILED"], "ORDER_FILLED"),
        (["run", "--demo", "--config", "f"], "not allowed with"),
    ],
)
def test_wrong_words_are_usage(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == ExitCode.USAGE
    assert named in capsys.readouterr().err


@pytest.mark.real_time
def test_a_reader_that_has_enough_is_no_error(logs: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "levibotd", "log", "tail", str(logs), "--lines", "1000"]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (ExitCode.OK, b"")
