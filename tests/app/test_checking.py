"""`check`: what it looks at, what it says is wrong, and what to do about it."""

import io
import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from levibotd.app.checking import check, look
from levibotd.config import Config, load
from levibotd.exit_codes import ExitCode

EVERYTHING = (
    "configuration",
    "state directory",
    "log directory",
    "disk",
    "credentials",
    "bind",
    "port",
    "prices",
    "posts",
    "model",
    "clock",
    "archive",
)


def configured(tmp_path: Path, **settings: object) -> Config:
    """A configuration out of the environment: `http_bind` is LEVI_HTTP__BIND."""
    environ = {"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state"), "LEVI_HTTP__BIND": "127.0.0.1:0"}
    for key, value in settings.items():
        section, _, name = key.partition("_")
        environ[f"LEVI_{section.upper()}__{name.upper()}"] = str(value)
    return load(environ=environ)


def failed(config: Config) -> Mapping[str, str]:
    """What is wrong, by name; each with what was found and what to do."""
    return {one.name: f"{one.found} | {one.remedy}" for one in look(config) if not one.ok}


def checked(config: Config, *, as_json: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = check(lambda: config, as_json=as_json, out=out)
    return code, out.getvalue()


def test_a_fresh_machine_is_fine_and_nothing_is_made(tmp_path: Path) -> None:
    code, text = checked(configured(tmp_path))

    assert code == ExitCode.OK
    assert [line.split(":")[0].removeprefix("ok").strip() for line in text.splitlines()] == list(EVERYTHING)
    assert "will be made" in text
    assert list(tmp_path.iterdir()) == []


def test_as_json_every_check_is_there(tmp_path: Path) -> None:
    code, text = checked(configured(tmp_path), as_json=True)

    told = json.loads(text)
    assert (code, told["ok"]) == (ExitCode.OK, True)
    assert [one["name"] for one in told["checks"]] == list(EVERYTHING)
    assert {one["remedy"] for one in told["checks"]} == {None}


def test_the_clock_says_who_vouches_for_it(tmp_path: Path) -> None:
    _, text = checked(configured(tmp_path))
    line = next(line for line in text.splitlines() if " clock: " in line)
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; (kept by|its offset from true time is not known)", line)


def test_a_refused_configuration_is_78_with_a_line_for_each_fault(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[strategy]\nconfidence_min = 2\nnonsense = 1\n")
    out = io.StringIO()

    code = check(lambda: load(file, environ={}), as_json=False, out=out)

    faults = [line for line in out.getvalue().splitlines() if line.startswith("FAIL")]
    assert code == ExitCode.CONFIG
    assert faults == [
        "FAIL  configuration: $.strategy.nonsense: unknown key",
        "FAIL  configuration: $.strategy.confidence_min: expected <= 1.0",
    ]


def test_what_this_version_cannot_do_is_78(tmp_path: Path) -> None:
    code, text = checked(configured(tmp_path, telegram_source="telethon"))

    assert code == ExitCode.CONFIG
    assert "$.telegram.source" in text


@pytest.mark.parametrize("inside", [False, True], ids=["itself", "its parent"])
def test_a_file_where_the_log_should_be(tmp_path: Path, inside: bool) -> None:
    taken = tmp_path / "taken"
    taken.touch()

    found = failed(configured(tmp_path, log_dir=taken / "logs" if inside else taken))

    assert list(found) == ["log directory"]
    assert f"{taken} is no directory" in found["log directory"]
    assert "set log.dir" in found["log directory"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directories_without_rights(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    found = failed(configured(tmp_path, daemon_state_dir=closed, log_dir=closed / "logs"))

    assert list(found) == ["state directory", "log directory"]


def test_too_little_disk(tmp_path: Path) -> None:
    low = failed(configured(tmp_path, log_min_free_bytes=1 << 60))
    none = failed(configured(tmp_path, log_min_free_bytes=1 << 60, log_reduce_free_bytes=1 << 59))

    assert "sheddable records are not written" in low["disk"]
    assert "nothing is opened" in none["disk"]


def test_a_credential_open_to_others_is_told_without_its_content(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    secret = secrets / "log_key"
    secret.write_text("very-secret")
    secret.chmod(0o644)

    found = failed(configured(tmp_path, daemon_secrets_dir=secrets))

    assert list(found) == ["credential log_key"]
    assert f"chmod 600 {secret}" in found["credential log_key"]
    assert "very-secret" not in str(found)
    assert "none that can be used" in checked(configured(tmp_path, daemon_secrets_dir=secrets))[1]

    secret.chmod(0o600)
    assert failed(configured(tmp_path, daemon_secrets_dir=secrets)) == {}
    assert "log_key" in checked(configured(tmp_path, daemon_secrets_dir=secrets))[1]


@pytest.mark.parametrize(
    ("name", "good"), [("api_keys", f"a:read:{'0' * 64}"), ("totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
)
def test_a_credential_that_no_start_could_read_is_told_without_its_content(
    tmp_path: Path, name: str, good: str
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for written, faults in (("very-secret!", [f"credential {name}"]), (good, [])):
        (secrets / name).write_text(written)
        (secrets / name).chmod(0o600)
        found = failed(configured(tmp_path, daemon_secrets_dir=secrets))
        assert list(found) == faults
        assert "very-secret" not in str(found)


def test_a_directory_of_secrets_that_is_not_there(tmp_path: Path) -> None:
    found = failed(configured(tmp_path, daemon_secrets_dir=tmp_path / "missing"))

    assert list(found) == ["credentials"]


def test_a_public_bind_without_keys(tmp_path: Path) -> None:
    found = failed(configured(tmp_path, http_bind="0.0.0.0:0"))

    assert list(found) == ["bind"]
    assert "api_keys" in found["bind"]


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    assert "192.0.2.1" in failed(configured(tmp_path, http_bind="192.0.2.1:80"))["port"]


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bind = f"127.0.0.1:{listener.getsockname()[1]}"
        code, text = checked(configured(tmp_path, http_bind=bind))

    assert code == ExitCode.FAILED
    assert f"FAIL  port: http.bind: {bind} is in use by another process\n      stop that process" in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("", "no column 'symbol'"),
        ("symbol,ts,open,high,low,close,volume\n", "no candles"),
        ("symbol,ts,open,high,low,close,volume\nBTCUSDT,5,1,1,1,1,1\n", "ts is not in milliseconds"),
    ],
)
def test_candles_that_are_none(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "candles.csv"
    if content is not None:
        file.write_text(content)

    found = failed(configured(tmp_path, market_source="candles", market_candles=json.dumps([str(file)])))

    assert list(found) == ["prices"]
    assert str(file) in found["prices"]
    assert reason in found["prices"]


def test_candles_that_are_some(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text("symbol,ts,open,high,low,close,volume\nBTCUSDT,1700000000000,1,1,1,1,1\n")

    assert failed(configured(tmp_path, market_source="candles", market_candles=json.dumps([str(file)]))) == {}


def followed(tmp_path: Path, file: Path) -> Config:
    return configured(tmp_path, telegram_source="file", telegram_file=file, market_source="demo")


def test_a_file_of_posts_may_come_later_but_its_directory_may_not(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").touch()

    assert failed(followed(tmp_path, tmp_path / "posts.jsonl")) == {}
    assert failed(followed(tmp_path, tmp_path / "later.jsonl")) == {}
    assert list(failed(followed(tmp_path, tmp_path / "missing" / "posts.jsonl"))) == ["posts"]
    assert list(failed(followed(tmp_path, tmp_path))) == ["posts"]


def test_a_model_that_is_none(tmp_path: Path) -> None:
    model: Any = tmp_path / "model.npz"
    model.write_bytes(b"no model")

    found = failed(configured(tmp_path, model_file=model))

    assert list(found) == ["model"]
    assert "levibotd model rollback" in found["model"]


def with_archive(tmp_path: Path, **settings: object) -> Config:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "s3").write_text("access\nsecret\n")
    (secrets / "s3").chmod(0o600)
    names = {"archive_endpoint": "http://127.0.0.1:1", "archive_bucket": "levi", "daemon_secrets_dir": secrets}
    return configured(tmp_path, **(names | settings))


def test_an_archive_that_nobody_reaches_is_a_failure_and_offline_it_is_not_asked(tmp_path: Path) -> None:
    pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
    config = with_archive(tmp_path)

    assert "levi at http://127.0.0.1:1" in failed(config)["archive"]
    out = io.StringIO()
    assert check(lambda: config, as_json=False, out=out, offline=True) == ExitCode.OK
    assert "archive: levi at http://127.0.0.1:1, not asked" in out.getvalue()


def test_an_archive_without_its_credential_is_a_failure(tmp_path: Path) -> None:
    config = with_archive(tmp_path)
    (tmp_path / "secrets/s3").unlink()

    assert "credential s3" in failed(config)["archive"]


@pytest.mark.fault("G20")
def test_a_channel_without_authors_is_told_to_be_observed_only_where_it_is_a_group(tmp_path: Path) -> None:
    file = tmp_path / "levibotd.toml"
    file.write_text('[[telegram.channels]]\nid = "@a"\n[[telegram.channels]]\nid = "@b"\nauthors = [4711]\n')
    environ = {"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state"), "LEVI_HTTP__BIND": "127.0.0.1:0"}
    code, text = checked(load(file, environ=environ))

    assert code == ExitCode.OK
    (line,) = [line for line in text.splitlines() if " authors: " in line]
    assert "none for @a: a group without authors is observed only" in line
