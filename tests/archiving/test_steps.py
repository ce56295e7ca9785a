"""Single steps: what one of them does when the world is not as it left it. Whole runs: test_runs.py."""

import pytest

from levibotd.archiving.steps import StepFailed, Steps
from levibotd.domain.archive import ClosedSegment, Stage
from levibotd.sim.faulty_files import Killed
from levibotd.sim.memory_object_store import MemoryObjectStore
from tests.archiving.bench import DAY, START, Life, make, new_disks

PATH = "2026-10-01/events-00.jsonl"


async def a_life(store: MemoryObjectStore) -> tuple[Life, Steps, ClosedSegment]:
    life = make(new_disks(), store, now=START)
    await life.write_days(1)
    await life.at(START + 10 * DAY)
    setup = life.runs._setup
    one = next(each for each in setup.segments.listing().closed if each.path == PATH)
    return life, Steps(setup), one


async def test_a_segment_is_brought_to_verified_and_asking_again_does_nothing() -> None:
    store = MemoryObjectStore()
    life, steps, one = await a_life(store)
    await steps.file(one)
    records, calls = len(life.records), len(store.calls)

    assert life.ledger.archive.files[PATH].stage is Stage.VERIFIED
    assert life.disks.spool.names() == []
    await steps.file(one)
    assert (len(life.records), len(store.calls)) == (records, calls)


async def test_a_copy_that_was_bent_on_its_way_is_made_anew() -> None:
    life, steps, one = await a_life(MemoryObjectStore())
    # A segment of less than a mebibyte is packed in one step.
    life.die_at = ["measured", "sealed.after", "packing", "packed", "compressed.after"].index("compressed.after")
    with pytest.raises(Killed):
        await steps.file(one)
    life.die_at = None
    life.disks.spool.flip(f"{PATH}.zst", offset=10)

    await steps.file(one)

    assert life.ledger.archive.files[PATH].stage is Stage.VERIFIED


async def test_an_object_of_another_origin_under_our_key_is_never_taken_for_ours() -> None:
    store = MemoryObjectStore()
    life, steps, one = await a_life(store)
    await steps.file(one)
    key = life.ledger.archive.files[PATH].key
    other_store = MemoryObjectStore()
    other_store.objects[key] = b"planted"
    life, steps, one = await a_life(other_store)

    with pytest.raises(StepFailed) as failed:
        await steps.file(one)
    assert (failed.value.reason, failed.value.subject, failed.value.step) == ("bad_object", PATH, "upload")
    assert life.ledger.archive.files[PATH].stage is Stage.COMPRESSED


@pytest.mark.fault("D8")
@pytest.mark.parametrize("checks", [True, False])
@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
async def test_what_was_harmed_between_upload_and_proof_is_not_verified(checks: bool, harm: str) -> None:
    store = MemoryObjectStore(checks_sha256=checks)
    life, steps, one = await a_life(store)
    life.die_at_point = "uploaded.after"
    with pytest.raises(Killed):
        await steps.file(one)
    life.die_at_point = None
    ((key, data),) = store.objects.items()
    store.objects = {} if harm == "gone" else {key: data[:-1] + (b"" if harm == "cut" else bytes([data[-1] ^ 1]))}

    with pytest.raises(StepFailed) as failed:
        await steps.file(one)
    assert (failed.value.reason, failed.value.subject, failed.value.step) == ("bad_object", PATH, "verify")
    assert life.ledger.archive.files[PATH].stage is Stage.UPLOADED


async def test_a_segment_nobody_can_say_the_end_of_is_left_alone() -> None:
    life, steps, one = await a_life(MemoryObjectStore())
    damaged = ClosedSegment(path=PATH, size=one.size, first_seq=1, last_seq=None, last_hash="")

    with pytest.raises(StepFailed, match="damaged"):
        await steps.file(damaged)
    assert life.ledger.archive.files == {}


async def test_a_segment_that_grew_is_sealed_anew() -> None:
    store = MemoryObjectStore()
    life, steps, one = await a_life(store)
    await steps.file(one)
    first = life.ledger.archive.files[PATH].key
    file = life.disks.log._files[PATH]
    file.data += b"behind the seal"

    grown = next(each for each in life.runs._setup.segments.listing().closed if each.path == PATH)
    await steps.file(grown)

    assert life.ledger.archive.files[PATH].key != first
    assert life.ledger.archive.files[PATH].stage is Stage.VERIFIED
