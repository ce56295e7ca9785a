"""Secrets: where they are looked for, and which files are no place for one."""

import os
import re
from pathlib import Path

import pytest

from levibotd.config import Config, load, read_secret
from levibotd.errors import ConfigError

HOME = {"HOME": "/home/levi"}


@pytest.fixture
def secrets(tmp_path: Path) -> Config:
    return load(
        environ={
            **HOME,
            "LEVI_DAEMON__SECRETS_DIR": str(tmp_path),
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        }
    )


def put(path: Path, content: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_secret_that_is_nowhere_is_none(secrets: Config) -> None:
    assert read_secret(secrets, "api_keys") is None
    assert read_secret(load(environ=HOME), "api_keys") is None


def test_a_secret_is_the_content_of_its_file(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "log_key", "abc def\n")

    assert read_secret(secrets, "log_key") == "abc def"


def test_the_credentials_of_the_service_manager_go_first(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "log_key", "mine")
    put(tmp_path / "credentials" / "log_key", "systemd's", 0o444)

    assert read_secret(secrets, "log_key") == "systemd's"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_secret_that_others_may_read_is_refused_with_the_remedy(secrets: Config, tmp_path: Path, mode: int) -> None:
    file = put(tmp_path / "log_key", "a-secret-value", mode)

    with pytest.raises(ConfigError, match=re.escape(f"chmod 600 {file}")) as caught:
        read_secret(secrets, "log_key")
    assert "a-secret-value" not in str(caught.value)


def test_an_unreadable_secret_is_named(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "target", "x")
    (tmp_path / "log_key").symlink_to(tmp_path / "target")
    (tmp_path / "totp").mkdir()
    os.mkfifo(tmp_path / "s3", 0o600)

    with pytest.raises(ConfigError, match="log_key: cannot be read"):
        read_secret(secrets, "log_key")
    with pytest.raises(ConfigError, match="totp: not a plain file"):
        read_secret(secrets, "totp")
    with pytest.raises(ConfigError, match="s3: not a plain file"):
        read_secret(secrets, "s3")


@pytest.mark.parametrize(("content", "why"), [("", "empty"), (" \n", "empty"), ("x" * 70_000, "larger than")])
def test_a_file_that_is_no_secret_is_refused(secrets: Config, tmp_path: Path, content: str, why: str) -> None:
    put(tmp_path / "log_key", content)

    with pytest.raises(ConfigError, match=why):
        read_secret(secrets, "log_key")


def test_a_secret_that_is_no_text_is_refused(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "log_key", "x").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="not UTF-8"):
        read_secret(secrets, "log_key")
