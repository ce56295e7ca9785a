"""What systemd itself says of the shipped units, without booting one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.machine import ROOT

ANALYZE = "systemd-analyze"
UNITS = ROOT / "systemd"
COMMAND = "/opt/levibotd/bin/levibotd"
SERVICES = ["levibotd.service", "levibotd-train.service"]
EXPOSURE_MAX = 1.2
# What an operator could take for granted of one because the other has it.
OWN = ("NoNewPrivileges", "ProtectSystem", "User", "DynamicUser", "StateDirectory", "StateDirectoryMode", "UMask")

needs_analyze = pytest.mark.skipif(
    shutil.which(ANALYZE) is None, reason=f"NO {ANALYZE} HERE: apt-get install --no-install-recommends systemd"
)


def analyzed(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run((ANALYZE, *words), capture_output=True, text=True, timeout=60, check=False)


def verified(folder: Path, name: str, text: str) -> tuple[int, str]:
    """Exit code of `verify` and what it had to say. Whether the command is installed is not the unit's fault."""
    file = folder / name
    file.write_text(text.replace(COMMAND, "/bin/true"), encoding="utf-8")
    done = analyzed("verify", "--man=no", str(file))
    return done.returncode, done.stderr


def settings(name: str) -> dict[str, list[str]]:
    """Every setting of a unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text("utf-8").splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@needs_analyze
@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.iterdir()))
def test_a_unit_has_no_fault_that_systemd_knows_of(tmp_path: Path, name: str) -> None:
    # A timer is looked at together with what it starts.
    (tmp_path / "levibotd-train.service").write_text(
        (UNITS / "levibotd-train.service").read_text("utf-8").replace(COMMAND, "/bin/true"), encoding="utf-8"
    )
    assert verified(tmp_path, name, (UNITS / name).read_text("utf-8")) == (0, "")


@needs_analyze
def test_a_setting_that_systemd_does_not_know_would_be_seen(tmp_path: Path) -> None:
    text = (UNITS / "levibotd.service").read_text("utf-8").replace("ProtectClock=", "ProtectClocks=")
    _, said = verified(tmp_path, "levibotd.service", text)
    assert "ProtectClocks" in said


@needs_analyze
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened(name: str) -> None:
    done = analyzed("security", "--offline=true", str(UNITS / name))
    assert done.returncode == 0, done.stderr
    exposure = float(done.stdout.split(f"Overall exposure level for {name}: ")[1].split()[0])
    assert exposure <= EXPOSURE_MAX


def test_both_services_are_one_user_with_one_state_directory() -> None:
    daemon, train = (settings(name) for name in SERVICES)
    assert {key: train[key] for key in OWN} == {key: daemon[key] for key in OWN}


def test_training_gives_way_to_the_daemon_and_is_made_up_for() -> None:
    train, timer = settings("levibotd-train.service"), settings("levibotd-train.timer")
    assert int(train["Nice"][0]) > 0
    assert train["MemoryMax"] == ["2G"]
    assert train["PrivateNetwork"] == ["yes"]
    assert timer["Persistent"] == ["yes"]
    assert "RandomizedDelaySec" in timer
