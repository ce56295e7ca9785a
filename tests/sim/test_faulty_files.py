"""The simulated disk breaks exactly as planned, and keeps exactly what a real one must."""

import errno
from random import Random

import pytest

from levibotd.ports.journal_file import LockHeld
from levibotd.sim.faulty_files import FaultyFiles, Killed


def written(files: FaultyFiles, data: bytes, *, synced: bool, linked: bool) -> None:
    file = files.create("day/f")
    file.write(data)
    if synced:
        file.sync()
    if linked:
        files.sync_directories("day/f")


def test_after_a_power_loss_synced_bytes_are_there_and_others_may_be() -> None:
    files = FaultyFiles()
    file = files.create("day/f")
    file.write(b"synced")
    file.sync()
    files.sync_directories("day/f")
    file.write(b"unsynced")
    seen = {files.after_power_loss(Random(seed)).read("day/f") for seed in range(100)}

    assert all(b"syncedunsynced".startswith(data) and len(data) >= 6 for data in seen)
    assert {b"synced", b"syncedunsynced"} <= seen


def test_a_name_whose_directory_was_not_synced_may_be_gone() -> None:
    files = FaultyFiles()
    written(files, b"synced", synced=True, linked=False)
    assert {len(files.after_power_loss(Random(seed)).names()) for seed in range(50)} == {0, 1}


def test_a_kill_loses_nothing_that_was_written() -> None:
    files = FaultyFiles()
    written(files, b"abc", synced=False, linked=False)
    after = files.after_kill()
    assert after.read("day/f") == b"abc"
    after.overwrite("day/f", b"x")
    assert files.read("day/f") == b"abc"


def test_a_kill_comes_at_the_planned_byte() -> None:
    files = FaultyFiles()
    files.kill_after_bytes = 5
    file = files.create("f")
    file.write(b"abc")
    with pytest.raises(Killed):
        file.write(b"defg")
    assert files.read("f") == b"abcde"


def test_a_failed_sync_loses_what_was_not_synced_before() -> None:
    files = FaultyFiles()
    file = files.create("f")
    file.write(b"abc")
    file.sync()
    file.write(b"def")
    files.fail_next("sync")
    with pytest.raises(OSError, match="planned"):
        file.sync()
    file.sync()
    assert files.read("f") == b"abc\0\0\0"


def test_a_full_disk_takes_what_fits() -> None:
    files = FaultyFiles(capacity=5)
    file = files.create("f")
    with pytest.raises(OSError, match="no space") as caught:
        file.write(b"abcdefg")
    assert caught.value.errno == errno.ENOSPC
    assert files.read("f") == b"abcde"
    assert files.free_bytes() == 0


def test_a_lock_is_held_by_one() -> None:
    files = FaultyFiles()
    lock = files.lock(".lock", owner="first")
    with pytest.raises(LockHeld, match="first"):
        files.lock(".lock", owner="second")
    lock.close()
    files.lock(".lock", owner="second")
