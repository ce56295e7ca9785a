"""`parse` and `replay` from outside."""

import json
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode
from tests.app.recordings import POSTS, Recording
from tests.cli.surroundings import child, written


def test_replay_refuses_a_bad_configuration(
    files: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, "[strategy]\nconfidence_min = 2")

    assert main(["replay", *files.words, "--config", str(config)]) == ExitCode.CONFIG
    assert "$.strategy.confidence_min" in capsys.readouterr().err


def test_replay_prints_its_summary_and_keeps_no_log_unasked(
    files: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(files.out.parent.iterdir())

    assert main(["replay", *files.words, "--json"]) == ExitCode.OK

    assert json.loads(capsys.readouterr().out)["messages"] == len(POSTS)
    assert sorted(files.out.parent.iterdir()) == before


def test_replay_then_verify_then_why(files: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *files.words, "--out", str(files.out)]) == ExitCode.OK
    assert main(["log", "verify", str(files.out)]) == ExitCode.OK
    assert main(["why", "@alpha/12", "--logs", str(files.out)]) == ExitCode.OK
    assert main(["log", "tail", str(files.out), "--lines", "1"]) == ExitCode.OK

    assert "POSITION_CLOSED" in capsys.readouterr().out


@pytest.mark.real_time
def test_parse_answers_junk_in_its_place_and_fails_at_the_end() -> None:
    given = b'{"id": 1, "text": "hello"}\njunk\n{"id": 3}\n{"id": 4, "text": "bye"}'

    done = child(["parse"], given=given)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("id") for answer in answers] == [1, None, 3, 4]
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, b"")
