"""Clients that come and go, and posts that pass, leave nothing behind in the process. A long run: `make soak`."""

import socket
from pathlib import Path
from typing import Any

import pytest

from bench.flatness import Samples, table, verdicts
from tests.process.daemon import Daemon, call_text, daemon
from tests.until import until

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(120)]

ROUNDS = 96
CLIENTS = 60  # Each round; every sixth one opens a websocket and is gone in the midst of it.
POSTS = 4
SLACK = 8  # Files of the log and of the index come and go.
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n"
NONCE = "AAAAAAAAAAAAAAAAAAAAAA=="


def come_and_go(one: Daemon, number: int) -> None:
    """Ask for something; read the answer, or walk off without."""
    path, more = ("/ws/events", UPGRADE.format(NONCE)) if number % 6 == 0 else ("/status", "")
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n{more}\r\n".encode())
        if number % 7:
            assert wire.recv(4096).startswith(b"HTTP/1.1 ")


def answered(one: Daemon, method: str, path: str, body: object = None) -> Any:
    """The answer of 200; so many clients ask too much at times, and then this one waits for its turn."""

    def ask() -> Any:
        status, answer = one.ask(method, path, body)
        return answer if status == 200 else None

    return until(ask, within_s=20, what=f"{method} {path} is answered")


def post(one: Daemon, number: int) -> None:
    body = {"text": call_text(number), "channel": "@leaks", "message_id": number + 1}
    answered(one, "POST", "/signals/ingest-and-score", body)


def descriptors(one: Daemon) -> int:
    return sum(1 for _ in Path("/proc", str(one.process.pid), "fd").iterdir())


def look(one: Daemon, *, idle: int) -> dict[str, float]:
    """How much the process holds, once nobody is connected any more."""
    until(lambda: descriptors(one) <= idle + SLACK, within_s=20, what="all connections are gone")
    status = Path("/proc", str(one.process.pid), "status").read_text("utf-8").splitlines()
    threads = next(line.split()[1] for line in status if line.startswith("Threads:"))
    tasks = answered(one, "GET", "/metrics")["levibot_tasks"]
    return {"descriptors": float(descriptors(one)), "threads": float(threads), "tasks": float(tasks)}


@pytest.mark.fault("F7")
def test_clients_that_come_and_go_leave_no_descriptor_thread_or_task(tmp_path: Path) -> None:
    samples = Samples()
    with daemon(tmp_path / "state", risk__cooldown_s="0") as one:
        one.wait_ready()
        idle = descriptors(one)
        for number in range(ROUNDS):
            for client in range(CLIENTS):
                come_and_go(one, client)
            for text in range(POSTS):
                post(one, number * POSTS + text)
            samples.add(**look(one, idle=idle))
        assert one.stop() == 0

    found = verdicts(samples.series)
    assert all(each.is_flat for each in found), table(found)
