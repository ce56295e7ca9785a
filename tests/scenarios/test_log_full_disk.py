"""A disk that is really full: the log on a small tmpfs. Needs the right to mount one."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from levibotd.adapters.disk_watch import DiskLimits
from levibotd.adapters.journal_check import verify
from levibotd.adapters.journal_reader import scan
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer, decode
from levibotd.ports.journal_file import DiskState, LogDeviceDead, Stamped

NOON = 20_000 * 86_400.0 + 43_200
SIZE = 2 << 20
RESERVE = 256 << 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a tmpfs")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.real_time
@pytest.mark.fault("D4")
def test_a_full_disk_loses_nothing_that_was_acknowledged_and_exits_have_the_reserve(small_disk: Path) -> None:
    files = OsFiles(small_disk / "logs")
    (small_disk / "other").write_bytes(bytes(64 << 10))
    limits = DiskLimits(min_free_bytes=1 << 20, reduce_free_bytes=512 << 10)
    journal = LocalJournal(files, boot="b0", limits=limits, reserve_bytes=RESERVE)
    journal.recover()
    preparer = Preparer()
    acknowledged: list[str] = []
    states: dict[DiskState, int] = {}
    with suppress(LogDeviceDead):
        for number in range(2000):
            note = f"{number} " + "x" * 2000
            record = preparer.prepare(Entry(SystemNote(note=note)))
            list(journal.commit([Stamped((record,), NOON, number * 5.0)]))
            acknowledged.append(note)
            states.setdefault(journal.disk, number)
    journal.close()

    assert list(states) == [DiskState.OK, DiskState.LOW, DiskState.REDUCING, DiskState.HALTED]
    assert len(acknowledged) - states[DiskState.HALTED] > 50  # So much went into the reserve.
    records = [decode(line).entry.record for line in scan(files, event_type="SYSTEM")]
    assert [record.note for record in records if isinstance(record, SystemNote)] == acknowledged
    report = verify(files)
    assert report.damage is None

    # A start finds no room even for the torn tail and says so; once there is room, all is well.
    again = LocalJournal(files, boot="b1", reserve_bytes=RESERVE)
    if report.torn_bytes:
        with pytest.raises(LogDeviceDead, match="No space left"):
            again.recover()
    assert verify(files) == report
    (small_disk / "other").unlink()
    assert again.recover().damage is None
    again.close()
    assert verify(files).is_clean
