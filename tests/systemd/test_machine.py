"""Nothing that runs in the tests' machine can change the host, also not as root."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import ROOT, Machine, boot

pytestmark = pytest.mark.real_time

MARK = ".levibotd-may-write"
OF_THE_HOST = ("/", "/etc", "/home", "/opt", "/root", "/tmp", "/usr", "/usr/bin", "/var", "/work", "/dev/shm")
SHOWN = ("/opt/source", "/opt/python", "/opt/site", "/usr", "/lib/", "/etc/alternatives", "/sys")
# Own to the machine by what they are: a procfs asks who the user is, a cgroup was given to it or was not.
RULED_BY_USER = ("proc", "cgroup", "cgroup2")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with boot() as one:
        yield one


def mounts(table: str) -> list[tuple[str, str, str, str]]:
    """Device, place, options and kind of each line of a mountinfo."""
    found = []
    for line in table.splitlines():
        left, right = line.split(" - ")
        fields = left.split()
        found.append((fields[2], fields[4], fields[5], right.split()[0]))
    return found


def test_no_file_system_of_the_host_is_mounted_writable(machine: Machine) -> None:
    hosts = {device for device, *_ in mounts(Path("/proc/self/mountinfo").read_text("utf-8"))}
    inside = mounts(machine.tell("cat", "/proc/self/mountinfo"))
    assert inside
    for device, place, options, kind in inside:
        assert device not in hosts or kind in RULED_BY_USER or "ro" in options.split(","), (place, kind)
    assert [place for device, place, _, _ in inside if place == "/" and device in hosts] == []


@pytest.mark.parametrize("place", [*OF_THE_HOST, str(ROOT), str(Path(__file__).parent)])
def test_what_is_written_in_the_machine_is_not_seen_by_the_host(machine: Machine, place: str) -> None:
    machine.run("touch", f"{place}/{MARK}")
    assert not Path(place, MARK).exists()


@pytest.mark.parametrize("place", SHOWN)
def test_what_it_sees_of_the_host_it_can_neither_write_nor_make_writable(machine: Machine, place: str) -> None:
    assert machine.run("touch", f"{place}/{MARK}").returncode != 0
    assert machine.run("mount", "-o", "remount,bind,rw", place).returncode != 0
    assert machine.run("umount", place).returncode != 0
    assert machine.run("touch", f"{place}/{MARK}").returncode != 0


def test_its_root_is_an_ordinary_user_to_the_kernel(machine: Machine) -> None:
    assert machine.tell("id", "-u").strip() == "0"
    _, outside, _ = machine.tell("cat", "/proc/self/uid_map").split()
    assert int(outside) > 0
    for words in (
        ("mknod", "/tmp/disk", "b", "254", "0"),
        ("mount", "-t", "devtmpfs", "none", "/mnt"),
        ("sh", "-c", "echo 1 >/proc/sys/vm/drop_caches"),
        ("sh", "-c", "cat /proc/sys/fs/file-max >/proc/sys/fs/file-max"),
        ("sh", "-c", ": >/proc/sysrq-trigger"),
        ("date", "--set", "2020-01-01"),
    ):
        assert machine.run(*words).returncode != 0, words


def test_it_can_set_no_limit_but_those_of_its_own_services(machine: Machine) -> None:
    script = "cd /sys/fs/cgroup && ls -d */memory.limit_in_bytes */pids.max memory.max pids.max 2>/dev/null || true"
    for file in machine.tell("sh", "-c", script).split():
        assert machine.run("sh", "-c", f"echo 1000000000 >/sys/fs/cgroup/{file}").returncode != 0, file
    assert "/../" not in machine.tell("cat", "/proc/1/cgroup")


def test_it_reaches_no_network_but_its_own(machine: Machine) -> None:
    links = machine.tell("ls", "/proc/sys/net/ipv4/conf").split()
    assert sorted(links) == ["all", "default", "lo"]


def test_nobody_but_its_own_processes_is_seen(machine: Machine) -> None:
    assert machine.tell("cat", "/proc/1/comm").strip() == "systemd"
    assert machine.run("ls", f"/proc/1/root{ROOT}").returncode != 0
