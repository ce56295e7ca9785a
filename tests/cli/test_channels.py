"""`levibotd channels` from outside."""

import json
from pathlib import Path

import pytest

from levibotd.exit_codes import ExitCode
from tests.app.card_logs import hand, write_log
from tests.app.recordings import recording
from tests.cli.surroundings import child, written

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("cards"), hand().entries)


def test_cards_are_printed_and_drawn(logs: Path, tmp_path: Path) -> None:
    done = child(["channels", "alpha", "--logs", str(logs), "--out", str(tmp_path)])

    assert done.returncode == ExitCode.OK
    assert done.stdout.decode().startswith("@alpha\n")
    assert (tmp_path / "alpha.equity.svg").read_bytes().startswith(b"<svg ")


def test_json_is_one_line_and_the_same_each_time(logs: Path) -> None:
    first, second = (child(["channels", "--json", "--logs", str(logs)]) for _ in range(2))

    assert first.stdout == second.stdout
    assert first.stdout.count(b"\n") == 1
    assert len(json.loads(first.stdout)["cards"]) == 3


def test_a_log_of_a_replay_has_cards(tmp_path: Path) -> None:
    files = recording(tmp_path)
    child(["replay", *files.words, "--out", str(files.out)])
    done = child(["channels", "--json", "--logs", str(files.out)])

    assert done.returncode == ExitCode.OK
    assert {card["channel"] for card in json.loads(done.stdout)["cards"]} <= {"@alpha", "@bravo"}


def test_the_log_of_the_configuration_is_read_where_none_is_named(tmp_path: Path) -> None:
    config = written(tmp_path, "")
    write_log(tmp_path / "state" / "logs", hand().entries[:40])

    assert child(["channels", "--config", str(config)]).returncode == ExitCode.OK


@pytest.mark.parametrize("words", [["--logs", "missing"], ["--logs", "."], ["--config", "missing.toml"]])
def test_what_is_not_there_is_wrong_usage(tmp_path: Path, words: list[str]) -> None:
    done = child(["channels", *words], cwd=tmp_path)

    assert (done.returncode, done.stdout) == (ExitCode.USAGE, b"")
    assert done.stderr.startswith(b"levibotd: ")
