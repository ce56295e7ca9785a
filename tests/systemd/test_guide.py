"""docs/how-to/vps.md as its reader walks it: each block of commands, from the text, on a machine with nothing on it."""

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from levibotd.domain.records import Boot
from levibotd.exit_codes import ExitCode
from tests.process.daemon import records
from tests.systemd.machine import ROOT, UNIT, Machine, Service, boot
from tests.systemd.test_train_unit import labels

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(900)]

GUIDE = ROOT / "docs" / "how-to" / "vps.md"
CLONE = "/root/levibotd"
SESSION = "/root/.session"  # What the reader's shell would remember.
REQUIREMENTS = ("tools.txt", "ml.txt")  # The latter has all of base.txt.
BLOCK_S = 240.0
STATE = "/var/lib/private/levibotd"
VERIFY = ("log", "verify", "/var/lib/levibotd/logs", "--key-file", "/etc/credstore/levibotd.log_key")
# Inside is no network: packages are where pip is told to look, and what apt would bring has to be there.
PIP = "[global]\nno-index = true\nfind-links = /root/wheels\ndisable-pip-version-check = true\n"
APT = '#!/bin/sh\n[ "$*" = "install -y python3-venv" ] && exec python3 -c "import ensurepip, venv"\nexit 100\n'


def sections() -> dict[str, list[str]]:
    """The blocks of commands below each heading."""
    found = {}
    for part in GUIDE.read_text("utf-8").split("\n## ")[1:]:
        heading, text = part.split("\n", 1)
        found[heading] = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return found


class Reader:
    """Types what the guide says, in one shell. `left` is what it has not typed yet."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._blocks = sections()
        self.left = {(heading, number) for heading, blocks in self._blocks.items() for number in range(len(blocks))}

    def attempt(self, heading: str, number: int) -> "subprocess.CompletedProcess[str]":
        self.left.discard((heading, number))
        script = (
            f"set -e; export PATH=/root/bin:$PATH; cd {CLONE}; touch {SESSION}; . {SESSION}\n"
            f"{self._blocks[heading][number]}\nset | grep -E '^(version|old|backup)=' >{SESSION}"
        )
        return self.machine.run("bash", "-c", script, within_s=BLOCK_S)

    def types(self, heading: str, number: int = 0) -> str:
        done = self.attempt(heading, number)
        assert done.returncode == 0, (heading, number, done.stdout, done.stderr, self.machine.last_words())
        return done.stdout

    def edit(self, file: str, pattern: str, text: str) -> None:
        self.machine.tell("sed", "-i", "-E", f"s/{pattern}/{text}/", f"{CLONE}/{file}")
        assert text in self.machine.tell("cat", f"{CLONE}/{file}")

    def upgrades(self) -> None:
        for number in range(3):
            self.types("Upgrade", number)

    def installed(self) -> str:
        return self.machine.tell("/opt/levibotd/bin/levibotd", "version").split()[1]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What `pip install` will ask for; skips where no index answers."""
    folder = tmp_path_factory.mktemp("wheels")
    wanted = [word for name in REQUIREMENTS for word in ("-r", str(ROOT / "requirements" / name))]
    words = (sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:", *wanted)
    done = subprocess.run((*words, "-d", str(folder)), capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"NO PACKAGE INDEX HERE: {done.stderr.strip()[-500:]}")
    return packed(folder, *(path.name for path in folder.iterdir()))


def packed(folder: Path, *names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            archive.add(folder / name, arcname=name, filter=_plain)
    return out.getvalue()


def _plain(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
    file.uid = file.gid = 0
    return None if "__pycache__" in file.name else file


@pytest.fixture
def reader(wheels: bytes) -> Iterator[Reader]:
    with boot() as machine:
        machine.leave_alone(UNIT, "levibotd-train.service", "levibotd-train.timer")
        machine.tell("mkdir", "-p", CLONE, "/root/wheels")
        machine.unpack("/root/wheels", wheels)
        clone = ("actors", "etc", "levibotd", "requirements", "systemd", "LICENSE", "README.md", "pyproject.toml")
        machine.unpack(CLONE, packed(ROOT, *clone))
        machine.write("/etc/pip.conf", PIP)
        machine.write("/root/bin/apt-get", APT, mode=0o755)
        yield Reader(machine)


@pytest.mark.fault("F9")
def test_the_guide_can_be_walked_from_top_to_bottom(reader: Reader) -> None:
    machine, service = reader.machine, Service(reader.machine)
    installs(reader, service)
    backs_up_and_restores(reader, service)
    upgrades_and_goes_back(reader, service)
    is_told_of_a_newer_schema(reader, service)
    trains(reader, service)

    reader.types("Uninstall")
    assert "could not be found" in machine.run("systemctl", "status", UNIT).stderr
    assert machine.run("ls", "/opt/levibotd").returncode != 0
    assert records(service.log)
    assert reader.left == set()


def installs(reader: Reader, service: Service) -> None:
    reader.types("Install", 0)
    reader.types("Install", 1)
    reader.types("Secrets")
    said = reader.types("Start")
    assert "Active: active (running)" in said
    assert service.machine.get("/readyz")["ready"] is True
    watched = reader.types("Watch").splitlines()
    assert any(line.startswith("{") and json.loads(line).get("event") == "ready" for line in watched)
    service.machine.tell("sed", "-i", "-E", "s/^cooldown_s = .*/cooldown_s = 900.0/", "/etc/levibotd/levibotd.toml")
    reader.types("Change the configuration")
    first = next(service.log.glob("*/*.jsonl")).read_text("utf-8").splitlines()[0]
    assert json.loads(first)["payload"]["keyed"] is True


def boots(service: Service) -> int:
    return len([one for one in records(service.log) if isinstance(one.entry.record, Boot)])


def backs_up_and_restores(reader: Reader, service: Service) -> None:
    reader.types("Back up and restore", 0)
    assert boots(service) == 2
    reader.types("Back up and restore", 1)
    assert boots(service) == 2  # That after the backup is put aside, this one is new.
    (aside,) = service.machine.path("/var/backups").glob("levibotd-put-aside-*")
    assert len(list(aside.glob("logs/*/*.jsonl"))) > 0


def upgrades_and_goes_back(reader: Reader, service: Service) -> None:
    before = reader.installed()
    reader.edit("levibotd/__init__.py", '__version__ = ".*"', '__version__ = "98.0"')
    reader.upgrades()
    assert reader.installed() == "98.0"
    assert service.machine.get("/readyz")["ready"] is True

    for number in range(3):
        reader.types("Roll back", number)
    assert reader.installed() == before
    assert service.machine.get("/readyz")["ready"] is True
    reader.machine.tell("/opt/levibotd/bin/levibotd", *VERIFY)


def is_told_of_a_newer_schema(reader: Reader, service: Service) -> None:
    before, written = reader.installed(), len(records(service.log))
    reader.edit("levibotd/__init__.py", '__version__ = ".*"', '__version__ = "99.0"')
    reader.edit("levibotd/journal.py", "^SCHEMA: Final = [0-9]+", "SCHEMA: Final = 99")
    reader.upgrades()
    assert reader.installed() == "99.0"

    refused = reader.attempt("Roll back", 0)
    assert refused.returncode == ExitCode.CONFIG
    assert "schema 99" in refused.stderr
    reader.types("Roll back", 1)
    reader.types("Back up and restore", 1)
    assert reader.installed() == before
    assert service.machine.get("/readyz")["ready"] is True
    assert len(records(service.log)) >= written
    assert not any(b'"schema":99' in file.read_bytes() for file in service.log.glob("*/*.jsonl"))


def trains(reader: Reader, service: Service) -> None:
    reader.machine.write(f"{CLONE}/labels.jsonl", labels())
    reader.types("Train the classifier")
    known = json.loads(reader.machine.path(f"{STATE}/models/serving.json").read_text())
    assert known["last"]["challenger"]["posts"] > 0
    reader.machine.tell("systemctl", "restart", UNIT)
    assert service.machine.get("/readyz")["ready"] is True
