"""The bucket as a whole: every object is read back, and nothing may be missing between them."""

from typing import Any

import pytest
import zstandard

from levibotd.adapters.closed_segments import Unpacked
from levibotd.archiving.checking import (
    BucketReport,
    NotArchived,
    check_bucket,
    fetch_file,
    installations,
    manifest_of_day,
)
from levibotd.domain.archive import manifest_names
from levibotd.ports.object_store import StoreRefused
from levibotd.sim.memory_object_store import MemoryObjectStore
from tests.archiving.bench import DAY, INSTALLATION, START, make, new_disks


async def archived() -> tuple[MemoryObjectStore, dict[str, str]]:
    store = MemoryObjectStore()
    life = make(new_disks(), store, now=START)
    await life.write_days(3)
    await life.at(START + 10 * DAY)
    await life.run()
    return store, {day: known.key for day, known in life.ledger.archive.days.items()}


async def look(store: MemoryObjectStore, known: dict[str, str], **options: Any) -> BucketReport:
    return await check_bucket(
        store, INSTALLATION, known=known, unpack=lambda file: Unpacked(limit_bytes=file.size), **options
    )


def forged(data: bytes) -> bytes:
    """Another object that is whole in itself: a copy of so many bytes, or a manifest of other records."""
    if data.startswith(b"{"):
        return data.replace(b'"last_seq":', b'"last_seq":1', 1)
    size = len(zstandard.ZstdDecompressor().decompressobj().decompress(data))
    return zstandard.ZstdCompressor(write_checksum=True).compress(b"x" * size)


async def test_a_whole_archive_has_no_faults() -> None:
    store, known = await archived()
    report = await look(store, known)

    assert (report.days, report.files, report.faults) == (3, 9, ())
    one = await look(store, known, day="2026-10-02")
    assert (one.days, one.files, one.faults) == (1, 3, ())
    assert await installations(store) == (INSTALLATION,)


@pytest.mark.fault("D10")
@pytest.mark.parametrize("what", ["segments", "manifests"])
@pytest.mark.parametrize("harm", ["deleted", "changed", "cut", "forged"])
async def test_every_object_that_is_harmed_is_named(what: str, harm: str) -> None:
    store, known = await archived()
    for victim in [key for key in store.objects if f"/{what}/" in key]:
        harmed = MemoryObjectStore()
        harmed.objects = dict(store.objects)
        data = harmed.objects.pop(victim)
        if harm == "forged":
            harmed.objects[victim] = forged(data)
        elif harm != "deleted":
            harmed.objects[victim] = data[:-1] + (b"" if harm == "cut" else bytes([data[-1] ^ 1]))

        report = await look(harmed, known)

        assert [fault for fault in report.faults if victim in fault], victim


@pytest.mark.fault("D10")
async def test_a_day_that_is_gone_from_the_middle_is_noticed_without_a_log_too() -> None:
    store, known = await archived()
    del store.objects[known["2026-10-02"]]

    report = await look(store, {})

    assert report.faults == ("no manifest names records 20 to 38",)


async def test_a_day_is_found_and_its_files_come_back() -> None:
    store, known = await archived()
    key, manifest = await manifest_of_day(store, INSTALLATION, "2026-10-02")

    assert key == known["2026-10-02"]
    assert [name.key for name in manifest_names(store.objects)][1] == key
    await fetch_file(store, manifest.files[0], into=Unpacked(limit_bytes=manifest.files[0].size))
    store.objects[manifest.files[1].key] = b"forged"
    with pytest.raises(StoreRefused, match=r"events-01"):
        await fetch_file(store, manifest.files[1], into=Unpacked(limit_bytes=manifest.files[1].size))
    with pytest.raises(NotArchived, match="2026-12-24"):
        await manifest_of_day(store, INSTALLATION, "2026-12-24")
