"""
A systemd of the test's own, in a clean root, as a machine to install the daemon on.

Runs only where LEVIBOT_SYSTEMD=1 asks for it. Needs root, the Debian packages `systemd`, `util-linux` and `mount`,
cgroups and user namespaces. Where these cannot be had `boot` skips the test and says what is missing. Whatever it
starts ends with it, by id. Nothing that runs in it can change the host: root.sh says why, test_machine.py tries.
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
ASKED_FOR = "LEVIBOT_SYSTEMD"
BOOT_S = 15.0
COMMAND_S = 30.0
READY_S = 20.0
TOOLS = ("systemctl", "systemd-analyze", "journalctl", "unshare", "nsenter", "mount", "pivot_root", "ldconfig")
# The units of an ordinary boot are not started here.
ALONE = "[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.socket\nAfter=systemd-journald.socket\n"
GET = "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1],timeout=5).read().decode())"
# Of the host's environment nothing is passed on.
CLEAN = ("env", "-i", "HOME=/root", "PATH=/opt/python/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8")
# In place of an installation: the code as it stands, under the interpreter of the tests and with their packages.
# Modules of the tests stand in for the command where MODULE names one.
COMMAND = """#!/bin/sh
export PYTHONPATH=/opt/source:/opt/site PYTHONDONTWRITEBYTECODE=1
cd /opt/source && exec /opt/python/bin/python3 -P -m "${MODULE:-levibotd}" "$@"
"""


class Machine:
    """A booted systemd; `init` is its first process, seen from here."""

    def __init__(self, init: int) -> None:
        self.init = init

    def path(self, inside: str) -> Path:
        """Where a file of the machine is seen from here, to be read only: what it links to is the machine's choice."""
        return Path(f"/proc/{self.init}/root{inside}")

    def write(self, inside: str, text: str, *, mode: int = 0o644) -> None:
        script = f"mkdir -p '{Path(inside).parent}' && umask 077 && cat >'{inside}' && chmod {mode:o} '{inside}'"
        self.tell("sh", "-c", script, given=text)

    def run(self, *words: str, given: str = "", within_s: float = COMMAND_S) -> "subprocess.CompletedProcess[str]":
        """Run a command inside with `given` as its input and return how it ended."""
        inside = ("nsenter", f"--target={self.init}", "--all", *CLEAN, *words)
        return subprocess.run(inside, input=given, capture_output=True, text=True, timeout=within_s, check=False)

    def tell(self, *words: str, given: str = "") -> str:
        """Run a command inside that has to succeed; return what it printed."""
        done = self.run(*words, given=given)
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.last_words())
        return done.stdout

    def unpack(self, inside: str, archive: bytes) -> None:
        """Unpack a tar archive into a directory."""
        words = ("nsenter", f"--target={self.init}", "--all", *CLEAN, "tar", "-C", inside, "-xf", "-")
        subprocess.run(words, input=archive, capture_output=True, timeout=COMMAND_S, check=True)

    def install(self, *units: str) -> None:
        """Put the code as it stands, and the shipped `units`, where the guide puts them."""
        self.write("/opt/levibotd/bin/levibotd", COMMAND, mode=0o755)
        for unit in units:
            self.write(f"/etc/systemd/system/{unit}", (ROOT / "systemd" / unit).read_text("utf-8"))
        self.leave_alone(*units)

    def leave_alone(self, *units: str) -> None:
        """Let `units` start, now or once they are there, without an ordinary boot before them."""
        for unit in units:
            self.write(f"/run/systemd/system/{unit}.d/alone.conf", ALONE)
        self.tell("systemctl", "daemon-reload")

    def journal(self, form: str, *more: str, unit: str = UNIT) -> str:
        return self.run("journalctl", "--unit", unit, "--output", form, "--no-pager", *more).stdout

    def last_words(self) -> str:
        """The end of the journal, of all units."""
        return self.run("journalctl", "--lines", "60", "--output", "short", "--no-pager").stdout[-6000:]

    def get(self, path: str) -> Any:
        return json.loads(self.tell("/opt/python/bin/python3", "-c", GET, f"http://127.0.0.1:8000{path}"))


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
        self.machine.write(f"/run/systemd/system/{UNIT}.d/test.conf", text)
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
    directory = Path(tempfile.mkdtemp(prefix="levibotd-"))
    words = (Path(__file__).with_name("boot.sh"), directory, ROOT, sys.base_prefix, sysconfig.get_path("purelib"))
    log = directory / "boot.log"
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        try:
            machine = Machine(until(lambda: _init(process), within_s=BOOT_S, what="systemd runs"))
            until(lambda: _is_up(machine), within_s=BOOT_S, what="systemd has booted")
        except StillWaiting as late:
            pytest.fail(f"{late}\n{log.read_text('utf-8', 'replace')[-2000:]}")
        yield machine
    finally:
        process.kill()  # Its child is PID 1 of the namespace, which takes all others with it.
        process.wait(COMMAND_S)
        until(lambda: _swept(directory), within_s=COMMAND_S, what="its cgroups are empty")
        # By name: what is removed recursively had better not be a mount point of somebody else.
        for name in ("boot.log", "cgroups"):
            (directory / name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            (directory / "root").rmdir()
        directory.rmdir()


def _skip_unless_possible() -> None:
    # It mounts and makes cgroups as root. Nobody who only types `make test` has asked for that.
    if os.environ.get(ASKED_FOR) != "1":  # noqa: TID251
        pytest.skip(f"NO SYSTEMD HERE: as root, and only where asked for: {ASKED_FOR}=1 make test")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0:
        pytest.skip("NO SYSTEMD HERE: only root can make its namespaces")
    if missing or not Path("/lib/systemd/systemd").exists():
        pytest.skip(f"NO SYSTEMD HERE: apt-get install systemd util-linux mount; missing: {' '.join(missing)}")
    tried = subprocess.run(("unshare", "--user", "--mount", "--pid", "--net", "--fork", "true"), capture_output=True)
    if tried.returncode != 0:
        pytest.skip(f"NO SYSTEMD HERE: no namespaces: {tried.stderr.decode().strip()}")
    if not any(os.access(f"/sys/fs/cgroup{name}/cgroup.procs", os.W_OK) for name in ("", "/systemd")):
        pytest.skip("NO SYSTEMD HERE: no cgroups that can be written at /sys/fs/cgroup")


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
