"""A Redis of the test's own, on a free loopback port; it keeps nothing."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.until import until

PASSWORD = "not-much-of-a-secret"
HOW_TO_GET_IT = "apt-get install redis-server, and pip install 'levibotd[redis]'"


class RedisServer:
    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        words = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen(
            [self._program, *words, "--requirepass", PASSWORD, "--dir", str(self._directory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, within_s=10, what="Redis answers")

    def say(self, *words: str) -> bytes:
        """One command, one answer, as it stands on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as wire:
            for command in (("AUTH", PASSWORD), words):
                parts = [part.encode() for part in command]
                wire.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
                answer = wire.recv(1 << 20)
        return answer

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait(10)

    def _answers(self) -> bool:
        return self.say("PING") == b"+PONG\r\n"


@contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    """Start one, and end it by its own id. Skips where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip(f"no redis-server here: {HOW_TO_GET_IT}")
    pytest.importorskip("redis", reason=f"no redis client here: {HOW_TO_GET_IT}")
    server = RedisServer(os.fspath(program), directory)
    try:
        yield server
    finally:
        server.stop()
