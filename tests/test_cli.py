"""The commands from outside: what they print, where, and how they end. Most run in this process."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from levibotd.cli import main
from levibotd.exit_codes import ExitCode
from tests.app.recordings import POSTS, Recording, recording, replayed
from tests.until import until

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


@pytest.fixture
def files(tmp_path: Path) -> Recording:
    return recording(tmp_path)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a replay. Nobody writes to it."""
    directory = tmp_path_factory.mktemp("replayed")
    replayed(directory)
    return directory / "log"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that can run: its own state, any free port."""
    return written(tmp_path, "")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def written(tmp_path: Path, more: str, *, bind: str = "127.0.0.1:0", state: str = "state") -> Path:
    path = tmp_path / "levibotd.toml"
    path.write_text(f'[daemon]\nstate_dir = "{tmp_path / state}"\n[http]\nbind = "{bind}"\n{more}\n')
    return path


def child(words: Sequence[str], *, given: bytes = b"", cwd: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "levibotd", *words]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False, cwd=cwd)


# Words.


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


def test_version_says_version_and_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == ExitCode.OK
    assert main(["version", "--json"]) == ExitCode.OK

    text, as_json = capsys.readouterr().out.splitlines()
    told = json.loads(as_json)
    assert text == f"levibotd {told['version']} ({told['git_sha']})"


# A configuration that cannot be.

BAD_SETTINGS = (
    ("[strategy]\nconfidence_max = 1", "$.strategy.confidence_max"),
    ("[strategies]\nconfidence_min = 1", "$.strategies"),
    ("[strategy]\nconfidence_min = 1.5", "$.strategy.confidence_min"),
    ('[strategy]\nconfidence_min = "high"', "$.strategy.confidence_min"),
    ('[risk]\npolicy = "reckless"', "$.risk.policy"),
    ("[risk]\nmax_open = 0", "$.risk.max_open"),
    ("[risk]\nmax_open = 2.5", "$.risk.max_open"),
    ('[risk]\nnotional_max = "a lot"', "$.risk.notional_max"),
    ("[risk]\non_trip = true", "$.risk.on_trip"),
    ("strategy = 3", "$.http.strategy"),
    ('[exchange]\nstage = "live"', "$.exchange.stage"),
    ('[exchange]\nid = "binance"', "$.exchange.id"),
    ('[telegram]\nsource = "telethon"', "$.telegram.source"),
    ('[telegram]\nsource = "file"', "$.telegram.file"),
    ('[[telegram.channels]]\nid = "@a"\n[[telegram.channels]]\nid = "@a"', "$.telegram.channels[1].id"),
    ('[market]\nsource = "candles"', "$.market.candles"),
    ("[log]\nmin_free_bytes = -1", "$.log.min_free_bytes"),
    ("[paper]\nbalance = 10000", "$.paper.balance"),
    ('[model]\nfile = "no-such-model.npz"', "no-such-model.npz"),
    ("[strategy", "not a TOML document"),
)


@pytest.mark.parametrize(("settings", "named"), BAD_SETTINGS)
def test_run_refuses_a_configuration_by_its_path(
    settings: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(written(tmp_path, settings))]) == ExitCode.CONFIG

    printed = capsys.readouterr()
    assert named in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_all_faults_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, "[strategy]\nconfidence_min = 2\nnonsense = 1\n[risk]\nmax_open = 0")

    assert main(["run", "--config", str(config)]) == ExitCode.CONFIG

    err = capsys.readouterr().err
    assert [name for name in ("confidence_min", "nonsense", "max_open") if name not in err] == []


@pytest.mark.parametrize("command", [["run"], ["check"], ["why", "1"], ["log", "tail"]], ids=" ".join)
def test_a_configuration_file_that_is_not_there_is_usage(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.toml"

    assert main([*command, "--config", str(missing)]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"levibotd: {missing}: No such file or directory\n"


def test_replay_refuses_a_bad_configuration(
    files: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, "[strategy]\nconfidence_min = 2")

    assert main(["replay", *files.words, "--config", str(config)]) == ExitCode.CONFIG
    assert "$.strategy.confidence_min" in capsys.readouterr().err


# What is taken by others, or cannot be written.


def test_a_port_in_use_is_temporary(tmp_path: Path, taken_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, "", bind=f"127.0.0.1:{taken_port}")

    assert main(["run", "--config", str(config)]) == ExitCode.TEMPORARY
    assert f"127.0.0.1:{taken_port}" in capsys.readouterr().err
    assert not (tmp_path / "state").exists(), "nothing was begun"


def test_a_lock_held_by_another_daemon_is_temporary(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "state" / "logs"
    logs.mkdir(parents=True)
    with (logs / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("another\n")
        lock.flush()

        assert main(["run", "--config", str(config)]) == ExitCode.TEMPORARY

    err = capsys.readouterr().err
    assert str(logs / ".lock") in err
    assert "another" in err


@pytest.mark.parametrize("key", ["log.dir", "daemon.state_dir"])
def test_a_file_where_a_directory_should_be_is_configuration(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    if key == "log.dir":
        config = written(tmp_path, f'[log]\ndir = "{taken}"')
    else:
        config = written(tmp_path, "", state="taken")

    assert main(["run", "--config", str(config)]) == ExitCode.CONFIG

    err = capsys.readouterr().err
    assert f"$.{key}" in err
    assert str(taken) in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_log_directory_without_rights_is_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    config = written(tmp_path, f'[log]\ndir = "{closed}"')

    assert main(["run", "--config", str(config)]) == ExitCode.CONFIG
    assert f"$.log.dir: cannot write to {closed}" in capsys.readouterr().err


def test_a_public_bind_without_keys_is_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(written(tmp_path, "", bind="0.0.0.0:0"))]) == ExitCode.CONFIG
    assert "api_keys" in capsys.readouterr().err


# Commands that read.


def test_check_is_content_with_a_good_configuration(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(config), "--offline"]) == ExitCode.OK
    assert "FAIL" not in capsys.readouterr().out


def test_check_fails_when_the_port_is_taken(
    tmp_path: Path, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, "", bind=f"127.0.0.1:{taken_port}")

    assert main(["check", "--config", str(config), "--json"]) == ExitCode.FAILED

    told = json.loads(capsys.readouterr().out)
    (failed,) = [one for one in told["checks"] if not one["ok"]]
    assert (told["ok"], failed["name"]) == (False, "port")
    assert failed["remedy"]


def test_the_complete_configuration_file_is_one_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    shipped = Path(__file__).parent.parent / "etc" / "levibotd.toml"

    main(["check", "--config", str(shipped)])

    assert "FAIL  configuration" not in capsys.readouterr().out


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


def test_labels_that_are_not_there_are_usage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "labels.jsonl"

    assert main(["train", "--labels", str(missing), "--out", str(tmp_path / "out")]) == ExitCode.USAGE
    assert main(["evaluate", "--labels", str(missing)]) == ExitCode.USAGE

    assert capfd.readouterr().err.count(str(missing)) >= 2


# As a process: pipes and signals.


@pytest.mark.real_time
def test_parse_answers_junk_in_its_place_and_fails_at_the_end() -> None:
    given = b'{"id": 1, "text": "hello"}\njunk\n{"id": 3}\n{"id": 4, "text": "bye"}'

    done = child(["parse"], given=given)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("id") for answer in answers] == [1, None, 3, 4]
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, b"")


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


@pytest.mark.real_time
def test_follow_prints_what_is_written_later_and_ends_quietly_when_interrupted(tmp_path: Path, logs: Path) -> None:
    (segment, *_) = sorted(logs.rglob("*.jsonl"))
    copy = tmp_path / "log" / segment.relative_to(logs)
    copy.parent.mkdir(parents=True)
    first, *others = segment.read_bytes().splitlines(keepends=True)
    copy.write_bytes(first)
    printed = tmp_path / "printed"
    command = [sys.executable, "-m", "levibotd", "log", "tail", str(tmp_path / "log"), "--follow"]
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
