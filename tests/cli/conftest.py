"""What the commands are tried on."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.recordings import Recording, recording, replayed
from tests.cli.surroundings import written


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
