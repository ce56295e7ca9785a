"""Clients that come and go, and posts that pass, leave nothing behind in the process. A long run: `make soak`."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.process.daemon import Daemon, call_text, daemon
from tests.until import until

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(120)]

WARM_CLIENTS = 100
CLIENTS = 3_000  # Every sixth one opens a websocket and is gone in the midst of it.
POST_EVERY = 20
SLACK = 8  # Orders under way have tasks, files of log and index come and go; a leak would show 3,000 times as often.
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


def held(one: Daemon) -> dict[str, int]:
    """What the process holds: descriptors and threads as of now, tasks as of its last sample."""
    proc = Path("/proc", str(one.process.pid))
    threads = next(line.split()[1] for line in (proc / "status").read_text("utf-8").splitlines() if "Threads:" in line)
    tasks = answered(one, "GET", "/metrics")["levibot_tasks"]
    return {"descriptors": sum(1 for _ in (proc / "fd").iterdir()), "threads": int(threads), "tasks": int(tasks)}


def settled(one: Daemon, *, least: Mapping[str, int]) -> dict[str, int]:
    """The same, once nobody is connected any more and a sample has been taken since."""
    found = held(one)

    def is_back() -> bool:
        found.update(held(one))
        return all(found[name] <= count + SLACK for name, count in least.items())

    until(is_back, within_s=20, what=f"all is given back: {least} at first")
    return found


@pytest.mark.fault("F7")
def test_clients_that_come_and_go_leave_no_descriptor_thread_or_task(tmp_path: Path) -> None:
    with daemon(tmp_path / "state", risk__cooldown_s="0") as one:
        one.wait_ready()
        until(lambda: held(one)["tasks"] > 0, within_s=20, what="a first sample")
        for number in range(WARM_CLIENTS):
            come_and_go(one, number)
        least = settled(one, least=held(one))
        for number in range(CLIENTS):
            come_and_go(one, number)
            if number % POST_EVERY == 0:
                post(one, number)
        settled(one, least=least)
        assert one.stop() == 0
