"""
The real daemon in a process of its own, on a free loopback port and a state directory of the test's.

Whatever a test starts is ended by its own id, however the test ends.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from levibotd.adapters.journal_reader import scan
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Logged
from levibotd.journal import decode
from levibotd.kernel.clock import LoopClock
from levibotd.sim.demo_market import DemoMarket
from tests.until import StillWaiting, until

ROOT = Path(__file__).parents[2]
RUN = (sys.executable, "-m", "levibotd", "run", "--demo")
BALANCE = Decimal(10_000)
READY_S = 20.0
ANSWER_S = 5.0
EXIT_S = 15.0


class Daemon:
    """One process. `log` is its event log, `said` what it wrote to the terminal."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, port: int, state_dir: Path, output: Path) -> None:
        self.process = process
        self.state_dir = state_dir
        self.port = port
        self._output = output

    @property
    def log(self) -> Path:
        return self.state_dir / "logs"

    def said(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == http.client.OK, (path, status, answer)
        return answer

    def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> tuple[int, Any]:
        """Raises OSError when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            data = None if body is None else json.dumps(body)
            headers = {} if body is None else {"Content-Type": "application/json"}
            headers |= {} if key is None else {"Idempotency-Key": key}
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except http.client.HTTPException as broken:
            raise ConnectionError(str(broken)) from broken
        finally:
            connection.close()

    def wait_ready(self) -> "Daemon":
        until(self._is_ready, within_s=READY_S, what="/readyz answers 200")
        return self

    def wait_for(self, *event_types: str, within_s: float = 60.0) -> None:
        """Return when the log holds each of these."""
        wanted = set(event_types)
        until(lambda: wanted <= {one.event_type for one in records(self.log)}, within_s=within_s, what=str(wanted))

    def wait_posts(self, more: int, *, within_s: float = 60.0) -> None:
        """Return when `more` posts were ingested beyond those of now."""
        wanted = len(posts(records(self.log))) + more
        until(lambda: len(posts(records(self.log))) >= wanted, within_s=within_s, what=f"{more} more posts")

    def send_calls(self, count: int) -> list[socket.socket]:
        """Post `count` calls at once around the price of now, without waiting for answers."""
        return [self._send_call(number) for number in range(count)]

    def _send_call(self, number: int) -> socket.socket:
        body = json.dumps({"channel": "@process", "text": call_text(number)}).encode()
        head = (
            f"POST /signals/ingest-and-score HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S)
        connection.sendall(head.encode() + body)
        return connection

    def log_size(self) -> int:
        return sum(file.stat().st_size for file in self.log.glob("*/*.jsonl"))

    def stop(self, sign: int = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(EXIT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(EXIT_S)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}: {self.said()}")
        return self.ask("GET", "/readyz")[0] == http.client.OK


@contextmanager
def daemon(state_dir: Path, *, command: Sequence[str] = RUN, **settings: str) -> Iterator[Daemon]:
    """Start `command` on `state_dir`; kill it at the end if it still runs. `settings` are further LEVI_ variables."""
    state_dir.parent.mkdir(parents=True, exist_ok=True)
    port = int(settings.pop("port", 0)) or free_port()
    output = state_dir.parent / f"{state_dir.name}.{port}.out"
    with output.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(state_dir, port, settings), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield Daemon(process, port=port, state_dir=state_dir, output=output)
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
        process.wait(EXIT_S)


def run_to_end(state_dir: Path, **settings: str) -> tuple[int, str]:
    """Start it where it should refuse; return how it ended and what it said."""
    with daemon(state_dir, **settings) as one:
        try:
            code = one.process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            raise StillWaiting(f"it still runs: {one.said()}") from None
        return code, one.said()


def run_command(*words: str) -> tuple[int, str]:
    """One short `levibotd` command: exit code and both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "levibotd", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def verified(log: Path) -> dict[str, Any]:
    """What `log verify` says of a log that is clean."""
    code, said = run_command("log", "verify", str(log), "--json")
    assert code == 0, said
    report: dict[str, Any] = json.loads(said)
    return report


def records(log: Path) -> list[Logged]:
    """All records that stand in the log, in order."""
    return [decode(line) for line in scan(OsFiles(log))]


def fold(told: Sequence[Logged], *, up_to: int | None = None) -> Ledger:
    """What the records say, folded anew by this process."""
    ledger = Ledger(balance=BALANCE)
    for one in told:
        if up_to is None or one.seq <= up_to:
            ledger.apply(one.entry)
    return ledger


def posts(told: Sequence[Logged]) -> list[Logged]:
    return [one for one in told if one.event_type == "SIGNAL_INGEST"]


def call_text(number: int, *, market: DemoMarket = DemoMarket()) -> str:  # noqa: B008 - it holds no state
    """A call that the demo's own prices fill at once: they are the same in every process."""
    symbol = market.symbols[number % len(market.symbols)]
    mark = market.mark(symbol, LoopClock().time())
    assert mark is not None
    price = float(mark.price)
    return (
        f"{symbol.removesuffix('USDT')}/USDT LONG\nEntry: {price * 1.002:.6g}\n"
        f"Targets: {price * 1.007:.6g}, {price * 1.01:.6g}\nStop Loss: {price * 0.99:.6g}"
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _environment(state_dir: Path, port: int, settings: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("LEVI_")}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    own["LEVI_DAEMON__STATE_DIR"] = str(state_dir)
    own["LEVI_HTTP__BIND"] = f"127.0.0.1:{port}"
    return own | {f"LEVI_{name.upper()}": value for name, value in settings.items()}
