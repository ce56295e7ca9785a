"""`run`, `check` and `version` from outside: what they refuse, where, and how they end."""

import fcntl
import json
import os
from pathlib import Path

import pytest

from levibotd.cli.main import main
from levibotd.exit_codes import ExitCode
from tests.cli.surroundings import written

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


def test_version_says_version_and_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == ExitCode.OK
    assert main(["version", "--json"]) == ExitCode.OK

    text, as_json = capsys.readouterr().out.splitlines()
    told = json.loads(as_json)
    assert text == f"levibotd {told['version']} ({told['git_sha']})"


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
    shipped = Path(__file__).parent.parent.parent / "etc" / "levibotd.toml"

    main(["check", "--config", str(shipped)])

    assert "ok    configuration" in capsys.readouterr().out
