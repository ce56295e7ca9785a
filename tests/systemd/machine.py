"""
A systemd of the test's own, and the daemon as its service: the shipped unit, installed as the guide says.

Runs only where LEVIBOT_SYSTEMD=1 asks for it. Needs root, the Debian packages `systemd`, `util-linux` and
`mount`, cgroups and overlays. Where these cannot be had `boot` skips the test and says what is missing.
Whatever it starts ends with it, by id.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.until import StillWaiting, until

ROOT = Path(__file__).parents[2]
UNIT = "levibotd.service"
UNIT_FILE = ROOT / "systemd" / UNIT
ASKED_FOR = "LEVIBOT_SYSTEMD"
TMPFS = Path("/dev/shm")
BOOT_S = 15.0
COMMAND_S = 30.0
READY_S = 20.0
TOOLS = ("systemctl", "systemd-analyze", "journalctl", "unshare", "nsenter", "mount")
# The units of an ordinary boot are not started here.
ALONE = "[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.socket\nAfter=systemd-journald.socket\n"
GET = "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1],timeout=5).read().decode())"


class Machine:
    """A booted systemd; `init` is its first process, seen from here."""

    def __init__(self, init: int) -> None:
        self.init = init

    def path(self, inside: str) -> Path:
        """Where a file of the machine is seen from here."""
        return Path(f"/proc/{self.init}/root{inside}")

    def write(self, inside: str, text: str, *, mode: int = 0o644) -> None:
        file = self.path(inside)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command inside and return how it ended."""
        inside = ("nsenter", f"--target={self.init}", "--all", *words)
        return subprocess.run(inside, capture_output=True, text=True, timeout=COMMAND_S, check=False)

    def tell(self, *words: str) -> str:
        """Run a command inside that has to succeed; return what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.journal("short")[-3000:])
        return done.stdout

    def journal(self, form: str, *more: str) -> str:
        return self.run("journalctl", "--unit", UNIT, "--output", form, "--no-pager", *more).stdout

    def get(self, path: str) -> Any:
        python = "/opt/levibotd/python/bin/python3"
        return json.loads(self.tell(python, "-c", GET, f"http://127.0.0.1:8000{path}"))


class Service:
    """The daemon under that systemd."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @property
    def log(self) -> Path:
        """The event log, seen from here."""
        return self.machine.path("/var/lib/private/levibotd/logs")

    def configure(self, text: str) -> None:
        self.machine.write("/etc/levibotd/levibotd.toml", text)

    def drop_in(self, text: str) -> None:
        """Put `text` over the unit, until the test's end."""
        self.machine.write(f"/run/systemd/system/{UNIT}.d/test.conf", ALONE + text)
        self.machine.tell("systemctl", "daemon-reload")

    def start(self) -> None:
        """Returns once it is active, which is when it said READY."""
        self.machine.tell("systemctl", "start", UNIT)

    def kill(self, sign: signal.Signals) -> None:
        self.machine.tell("systemctl", "kill", "--kill-whom=main", f"--signal={sign.name}", UNIT)

    def show(self, name: str) -> str:
        return self.machine.tell("systemctl", "show", "--value", "--property", name, UNIT).strip()

    def wait_restarted(self, times: int, *, within_s: float = READY_S) -> None:
        """Return when it was started anew `times` times and is active."""
        until(
            lambda: (self.show("NRestarts"), self.show("ActiveState")) == (str(times), "active"),
            within_s=within_s,
            what=f"{times} restarts and active again",
        )

    def said(self) -> list[dict[str, Any]]:
        """What the daemon wrote on its standard output, line by line; raises ValueError for what is no JSON."""
        out = self.machine.journal("cat", "_TRANSPORT=stdout", "SYSLOG_IDENTIFIER=levibotd", "PRIORITY=6")
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.said()]


@contextmanager
def boot() -> Iterator[Machine]:
    """Boot one; it is gone afterwards, with everything in it. Skips where it cannot be had."""
    _skip_unless_possible()
    directory = Path(tempfile.mkdtemp(prefix="levibotd-", dir=TMPFS))
    words = (Path(__file__).with_name("boot.sh"), directory, ROOT, sys.base_prefix, sysconfig.get_path("purelib"))
    log = directory / "boot.log"
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        try:
            machine = Machine(until(lambda: _init(process), within_s=BOOT_S, what="systemd runs"))
            until(lambda: _is_up(machine), within_s=BOOT_S, what="systemd has booted")
        except StillWaiting as late:
            pytest.skip(f"NO SYSTEMD HERE: {late}\n{log.read_text('utf-8', 'replace')[-2000:]}")
        yield machine
    finally:
        process.kill()  # Its child is PID 1 of the namespace, which takes all others with it.
        process.wait(COMMAND_S)
        until(lambda: _swept(directory), within_s=COMMAND_S, what="its cgroups are empty")
        shutil.rmtree(directory)


def _skip_unless_possible() -> None:
    # It mounts and makes cgroups as root. Nobody who only types `make test` has asked for that.
    if os.environ.get(ASKED_FOR) != "1":  # noqa: TID251
        pytest.skip(f"NO SYSTEMD HERE: as root, and only where asked for: {ASKED_FOR}=1 make test")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0:
        pytest.skip("NO SYSTEMD HERE: only root can make its namespaces")
    if missing or not Path("/lib/systemd/systemd").exists():
        pytest.skip(f"NO SYSTEMD HERE: apt-get install systemd util-linux mount; missing: {' '.join(missing)}")
    if not TMPFS.is_dir():
        pytest.skip(f"NO SYSTEMD HERE: no tmpfs at {TMPFS} for its overlays")


def _init(process: "subprocess.Popen[bytes]") -> int | None:
    # The child of unshare, once it has become systemd.
    if process.poll() is not None:
        raise StillWaiting(f"boot.sh ended with {process.returncode}")
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
            return int(child)
    return None


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")


def _swept(directory: Path) -> bool:
    # A cgroup can be removed once the last process in it is reaped, and from the leaves up.
    listed = directory / "cgroups"
    for top in listed.read_text().split() if listed.exists() else ():
        for inner, _, _ in os.walk(top, topdown=False):
            with suppress(FileNotFoundError):
                Path(inner).rmdir()
    return True
