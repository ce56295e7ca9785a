"""The files port on the real file system: durable, for its owner alone, and never through a link."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from levibotd.adapters.os_files import OsFiles
from levibotd.errors import ConfigError
from levibotd.ports.journal_file import LockHeld


def write(files: OsFiles, name: str, data: bytes) -> None:
    file = files.create(name)
    file.write(data)
    file.sync()
    file.close()


def test_what_is_appended_can_be_read_in_parts(tmp_path: Path) -> None:
    files = OsFiles(tmp_path / "logs")
    write(files, "day/a.jsonl", b"0123456789")

    assert files.read("day/a.jsonl") == b"0123456789"
    assert files.read("day/a.jsonl", offset=3, length=4) == b"3456"
    assert files.read("day/a.jsonl", offset=8, length=100) == b"89"
    assert files.size("day/a.jsonl") == 10
    assert files.names() == ["day/a.jsonl"]
    assert files.names("day") == ["day/a.jsonl"]
    assert files.names("other") == []


def test_a_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    files = OsFiles(tmp_path / "logs")
    write(files, "day/a", b"x")

    with pytest.raises(FileExistsError):
        files.create("day/a")
    assert (tmp_path / "logs/day/a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "logs/day").stat().st_mode & 0o077 == 0


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    files = OsFiles(tmp_path / "logs")
    write(files, "real", b"x")
    (tmp_path / "logs/link").symlink_to(secret)

    assert files.names() == ["real"]
    with pytest.raises(OSError, match="link"):
        files.create("link")
    with pytest.raises(OSError, match="symbolic links"):
        files.read("link")
    with pytest.raises(OSError, match="symbolic links"):
        files.truncate("link", size=0)
    assert secret.read_bytes() == b"secret"


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    files = OsFiles(tmp_path)
    files.replace("snapshot", b"old")
    (tmp_path / "snapshot.tmp").write_bytes(b"left by a crash")
    files.replace("snapshot", b"new")

    assert files.read("snapshot") == b"new"
    assert files.names() == ["snapshot"]


def test_a_file_can_be_cut_and_removed(tmp_path: Path) -> None:
    files = OsFiles(tmp_path)
    write(files, "a", b"0123456789")
    files.truncate("a", size=4)
    assert files.read("a") == b"0123"
    files.remove("a")
    files.remove("a")
    assert files.names() == []


def test_a_reserve_takes_its_room_on_the_disk(tmp_path: Path) -> None:
    files = OsFiles(tmp_path)
    files.reserve(".reserve", size=1 << 20)
    assert (tmp_path / ".reserve").stat().st_blocks * 512 >= 1 << 20
    assert files.free_bytes() > 0


def test_a_lock_is_held_by_one_and_says_by_whom(tmp_path: Path) -> None:
    files = OsFiles(tmp_path / "logs")
    lock = files.lock(".lock", owner="first")
    with pytest.raises(LockHeld, match="first"):
        OsFiles(tmp_path / "logs").lock(".lock", owner="second")
    lock.close()
    files.lock(".lock", owner="third").close()


def test_a_directory_that_cannot_be_written_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"log\.dir"):
        OsFiles(tmp_path / "file" / "logs").lock(".lock", owner="b0")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.geteuid() != 0:
        with pytest.raises(ConfigError, match=r"log\.dir"):
            OsFiles(locked).lock(".lock", owner="b0")


@pytest.mark.fault("G17")
@pytest.mark.parametrize(
    "touch",
    [
        lambda files: files.create("2026-11-20/b"),
        lambda files: files.replace("2026-11-20/b", b"x"),
        lambda files: files.read("2026-11-20/a"),
        lambda files: files.size("2026-11-20/a"),
        lambda files: files.truncate("2026-11-20/a", size=0),
        lambda files: files.remove("2026-11-20/a"),
        lambda files: files.rename("2026-11-20/a", "2026-11-20/b"),
        lambda files: files.reserve("2026-11-20/b", size=10),
        lambda files: files.sync_directories("2026-11-20/a"),
    ],
)
def test_a_directory_that_is_a_link_is_refused(tmp_path: Path, touch: Callable[[OsFiles], object]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a").write_bytes(b"not ours")
    root = tmp_path / "logs"
    root.mkdir()
    (root / "2026-11-20").symlink_to(elsewhere)
    files = OsFiles(root)

    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        touch(files)
    assert {each.name: each.read_bytes() for each in elsewhere.iterdir()} == {"a": b"not ours"}
    assert files.names() == [] == files.names("2026-11-20")


@pytest.mark.fault("G17")
def test_a_file_that_is_a_link_is_neither_written_nor_read_through(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"not ours")
    root = tmp_path / "logs"
    root.mkdir()
    (root / "a.zst.tmp").symlink_to(foreign)
    files = OsFiles(root)

    with pytest.raises(FileExistsError):
        files.create("a.zst.tmp")
    with pytest.raises(OSError, match="symbolic links"):
        files.reserve("a.zst.tmp", size=10)
    files.replace("a.zst", b"ours")  # Removes the link that stands in the way of its temporary file.
    assert foreign.read_bytes() == b"not ours"
    assert files.names() == ["a.zst"]


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "logs").symlink_to(tmp_path / "private")
    files = OsFiles(tmp_path / "logs")
    write(files, "day/a", b"x")

    assert files.names() == ["day/a"]


def test_a_file_gets_its_final_name_in_one_step(tmp_path: Path) -> None:
    files = OsFiles(tmp_path / "logs")
    write(files, "day/a.tmp", b"new")
    write(files, "day/a", b"old")

    files.rename("day/a.tmp", "day/a")

    assert files.names() == ["day/a"]
    assert files.read("day/a") == b"new"
