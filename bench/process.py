"""The real process: how soon it is ready, and how much memory it takes when it has nothing to do."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Effort, Figure, Row, at_most, in_turns, now, resident_bytes, spread

ROOT = Path(__file__).parents[1]
TURNS = 9
SETTLED_S = 6.0  # By then everything that a start leaves behind is done.
READY_S = 30.0
# What any asyncio program pays that answers HTTP: the interpreter, the library, one route.
BARE_SERVER = """
import asyncio, sys
from aiohttp import web
async def ready(request): return web.json_response({"ready": True})
async def main():
    app = web.Application(); app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None); await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
    await asyncio.sleep(3600)
asyncio.run(main())
"""
BARE_MEMORY = "import aiohttp, numpy, time; time.sleep(3600)"


def start(effort: Effort) -> Sequence[Figure]:
    """
    From `exec` to the first 200, files warm, a state directory that is new.

    By the clock, and in CPU: what a start takes when nobody else wants the processor.
    """
    cpu: dict[str, list[float]] = {"daemon": [], "bare": []}
    costs = in_turns(
        effort,
        {
            "daemon": lambda: _ready_after(_daemon, cpu["daemon"]),
            "bare": lambda: _ready_after(_bare_server, cpu["bare"]),
        },
    )
    return [
        Figure(
            what="start → /readyz, paper, CPU",
            spread=spread(cpu["daemon"]),
            unit="s",
            gate=at_most(1.2),
            aim=at_most(0.8),
        ),
        Figure(what="start → /readyz, paper, by the clock", spread=spread(costs["daemon"]), unit="s"),
        Figure(what="start → first answer, bare aiohttp, CPU", spread=spread(cpu["bare"]), unit="s"),
        Figure(what="start → first answer, bare aiohttp, by the clock", spread=spread(costs["bare"]), unit="s"),
    ]


def memory(effort: Effort) -> Sequence[Figure]:
    """Resident memory some seconds after the start, and that of its two largest libraries alone."""
    turns = min(effort.turns, 3)  # It does not wander.
    wait_s = SETTLED_S if effort.turns > 1 else 0.0
    sides = {"daemon": lambda: _resident(_daemon, wait_s), "bare": lambda: _resident(_bare_memory, wait_s)}
    costs = in_turns(Effort(turns, effort.share), sides)
    mebibytes = {name: spread([cost / 2**20 for cost in found]) for name, found in costs.items()}
    return [
        Figure(what="idle, paper", spread=mebibytes["daemon"], unit="MiB", gate=at_most(90), aim=at_most(70)),
        Figure(what="aiohttp and numpy imported, no more", spread=mebibytes["bare"], unit="MiB"),
    ]


def _daemon(port: int, directory: Path) -> Sequence[str]:
    config = directory / "levibotd.toml"
    config.write_text(
        f'[daemon]\nstate_dir = "{directory}"\n[http]\nbind = "127.0.0.1:{port}"\n'
        f'[telegram]\nsource = "file"\nfile = "{directory / "posts.jsonl"}"\n'
        '[market]\nsource = "demo"\n'
    )
    (directory / "posts.jsonl").touch()
    return [sys.executable, "-m", "levibotd", "run", "--config", str(config)]


def _bare_server(port: int, directory: Path) -> Sequence[str]:
    return [sys.executable, "-c", BARE_SERVER, str(port)]


def _bare_memory(port: int, directory: Path) -> Sequence[str]:
    return [sys.executable, "-c", BARE_MEMORY]


def _ready_after(command: Callable[[int, Path], Sequence[str]], cpu: list[float]) -> float:
    begun = now()
    with _running(command) as (process, port):
        _wait_until_ready(process, port)
        waited = now() - begun
        cpu.append(_cpu_of(process.pid))
        return waited


# Of all threads, in the nanoseconds that the scheduler counts.
def _cpu_of(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _resident(command: Callable[[int, Path], Sequence[str]], wait_s: float) -> float:
    with _running(command) as (process, port):
        if command is _daemon:
            _wait_until_ready(process, port)
        time.sleep(wait_s)
        return float(resident_bytes(process.pid))


@contextmanager
def _running(command: Callable[[int, Path], Sequence[str]]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        port = _free_port()
        # A start from source that may not keep its compiled files would pay for them each time.
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(
            command(port, Path(name)), cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(READY_S)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = now() + READY_S
    while now() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with exit code {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=READY_S) as client:
                client.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
                if client.recv(65536).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.002)
    raise TimeoutError(f"nothing is ready on port {port} after {READY_S} s")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


ROWS = (
    Row(name="process.start", floor="a bare aiohttp server", measure=start),
    Row(name="process.memory", floor="its two largest libraries, imported", measure=memory),
)
