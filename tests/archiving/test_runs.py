"""Whole runs of the archive: every day gets there, nothing unproven goes, and a crash anywhere changes nothing."""

from random import Random

import pytest

from levibotd.adapters.journal_check import verify
from levibotd.domain.archive import POINTS, ArchivePruned, Stage, manifest_names, read_manifest
from levibotd.sim import memory_object_store as sim
from levibotd.sim.faulty_files import Killed
from levibotd.sim.memory_object_store import MemoryObjectStore
from tests.archiving.bench import DAY, KEEP_DAYS, START, Disks, Life, check_nothing_is_lost, make, new_disks, unpacked

NOW = START + 40 * DAY
DAYS = 3


async def a_log(days: int = DAYS) -> Disks:
    """Some days, then a crash: the last of them is continued by a later segment."""
    life = make(new_disks(), MemoryObjectStore(), now=START, boot="first")
    await life.write_days(days)
    return life.end()


async def a_life(disks: Disks, store: MemoryObjectStore, *, now: float = NOW, boot: str = "next") -> Life:
    life = make(disks, store, now=now, boot=boot)
    await life.at(now)
    return life


async def test_a_run_takes_every_finished_day_there_and_prunes_what_is_old() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    before = disks.segments()
    life = await a_life(disks, store)

    outcome = await life.run()

    assert (outcome.failures, outcome.verified, outcome.pruned) == ((), 9, 6)
    assert outcome.days == ("2026-10-01", "2026-10-02", "2026-10-03")
    assert outcome.unverified_bytes == 0
    assert set(life.points) == set(POINTS)
    assert {path[:10] for path in set(disks.segments()) & set(before)} == {"2026-10-03"}
    assert disks.spool.names() == []
    check_nothing_is_lost(before, disks, store, life)
    names = manifest_names(store.objects)
    assert [name.day for name in names] == list(outcome.days)
    for name in names:
        for file in read_manifest(name.key, store.objects[name.key]).files:
            assert unpacked(store, file.key) == before[file.path]


async def test_the_open_day_and_what_is_young_stay() -> None:
    life = make(new_disks(), MemoryObjectStore(), now=START)
    await life.write_days(KEEP_DAYS + 3)
    days = sorted({name[:10] for name in life.disks.segments()})

    outcome = await life.run()

    assert outcome.ok
    assert list(outcome.days) == days[:-1]  # Today is still being written.
    assert sorted({name[:10] for name in life.disks.segments()}) == days[2:]
    assert [name.day for name in manifest_names(life.store.objects)] == days[:-1]


async def test_nothing_behind_the_day_that_results_are_counted_from_is_pruned() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)  # Forty days later; the last anchor is of the third day.
    await life.run()
    assert {name[:10] for name in disks.segments()} >= {"2026-11-10"}
    assert life.ledger.day_anchor is not None
    assert life.ledger.day_anchor.day == "2026-10-03"
    kept = {name[:10] for name in disks.segments()}

    assert "2026-10-03" in kept
    assert "2026-10-01" not in kept


async def test_a_second_run_does_nothing() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    await life.run()
    puts = [call for call in store.calls if call[0] == "put"]
    records = len(life.records)

    outcome = await life.run()

    assert (outcome.verified, outcome.days, outcome.pruned, outcome.failures) == (0, (), 0, ())
    assert [call for call in store.calls if call[0] == "put"] == puts
    assert len(life.records) == records


async def test_a_store_that_promises_nothing_is_read_back() -> None:
    unchecked = MemoryObjectStore(checks_sha256=False), MemoryObjectStore(checks_sha256=False, repeats_sha256=True)
    for store, how in ((MemoryObjectStore(), "checksum"), *((one, "read_back") for one in unchecked)):
        life = await a_life(await a_log(), store)
        await life.run()
        assert {record.how for record in life.records if hasattr(record, "how")} == {how}


# --- A crash anywhere ---------------------------------------------------------------------------


async def points_of_a_run() -> list[str]:
    life = await a_life(await a_log(), MemoryObjectStore())
    await life.run()
    return life.points


@pytest.mark.fault("D8")
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("end", ["kill", "power loss"])
async def test_a_crash_at_any_point_changes_nothing_in_the_end(point: str, end: str) -> None:
    untouched = await a_life(await a_log(), whole := MemoryObjectStore())
    await untouched.run()
    visits = [number for number, name in enumerate(await points_of_a_run()) if name == point]
    assert visits
    for visit in dict.fromkeys((visits[0], visits[len(visits) // 2], visits[-1])):
        disks, store = await a_log(), MemoryObjectStore()
        before = disks.segments()
        life = await a_life(disks, store)
        life.die_at = visit
        with pytest.raises(Killed):
            await life.run()
        life.journal.close()
        check_nothing_is_lost(before, disks, store, life)

        disks = disks.after_kill() if end == "kill" else disks.after_power_loss(Random(visit))
        again = await a_life(disks, store, boot="again")
        assert again.recovery.damage is None
        outcome = await again.run()

        assert outcome.ok, outcome.failures
        assert outcome.unverified_bytes == 0
        check_nothing_is_lost(before, disks, store, _told(life, again))
        assert store.objects == whole.objects
        assert not set(disks.segments()) & {path for path in before if not path.startswith("2026-10-03")}
        assert disks.spool.names() == []
        assert verify(disks.log).is_clean


# What a life without the records of the one before it would say of segments that were pruned in that one.
def _told(life: Life, again: Life) -> Life:
    again.records = life.records + again.records
    return again


@pytest.mark.fault("D8")
@pytest.mark.parametrize("call", ["put", "head", "get", "keys"])
@pytest.mark.parametrize("fault", sim.FAULTS)
@pytest.mark.parametrize("times", [1, 4])
async def test_bad_days_of_the_store_cost_a_run_and_never_a_segment(call: str, fault: str, times: int) -> None:
    disks, store = await a_log(), MemoryObjectStore(checks_sha256=False)
    before = disks.segments()
    life = await a_life(disks, store)
    store.fail_next(call, fault, times=times)

    for _ in range(2 + times):
        await life.run()
        check_nothing_is_lost(before, disks, store, life)
    outcome = await life.run()

    assert outcome.ok, outcome.failures
    assert outcome.unverified_bytes == 0
    assert life.ledger.archive.pruned_to > 0


@pytest.mark.fault("D9")
async def test_a_store_that_is_down_for_thirty_days_loses_nothing() -> None:
    store = MemoryObjectStore()
    life = make(new_disks(), store, now=START)
    await life.write_days(1)
    store.is_down = True
    for day in range(1, 31):
        await life.write_days(1, since=START + day * DAY)
        before = life.disks.segments()
        outcome = await life.run()
        assert not outcome.ok
        assert set(before) <= set(life.disks.segments())
        assert not life.disks.spool.names()  # Not one copy is made that nobody takes.
    assert outcome.pruned == 0
    over = {path: data for path, data in life.disks.segments().items() if path[:10] < "2026-10-31"}
    assert outcome.unverified_bytes == sum(map(len, over.values()))

    store.is_down = False
    outcome = await life.run()
    assert outcome.ok
    assert outcome.unverified_bytes == 0
    assert len(outcome.days) == 30


# --- What is not as it should be ----------------------------------------------------------------


async def test_what_was_tampered_with_before_it_is_pruned_here_is_sent_anew() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    await life.run(prune=False)
    before = disks.segments()
    victim = next(key for key in store.objects if "events-01" in key)
    store.objects[victim] = b"forged"

    outcome = await life.run()

    assert not outcome.ok
    assert victim in outcome.failures[0]
    assert [failed.code for failed in life.failures()] == ["bad_object"]
    assert outcome.pruned == 1  # What stands before it.
    check_nothing_is_lost(before, disks, store, life)
    assert (await life.run()).ok
    assert store.objects[victim] == b"forged"  # Evidence is left alone.
    newest = manifest_names(store.objects)
    assert [(name.day, name.revision) for name in newest if name.day == "2026-10-01"] == [
        ("2026-10-01", 0),
        ("2026-10-01", 1),
    ]
    files = read_manifest(newest[1].key, store.objects[newest[1].key]).files
    assert [unpacked(store, file.key) for file in files] == [
        before[f"2026-10-01/events-0{hour}.jsonl"] for hour in range(3)
    ]


async def test_a_segment_that_changes_after_it_was_sealed_is_kept() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    await life.run(prune=False)
    disks.log.flip("2026-10-01/events-00.jsonl", offset=300)

    outcome = await life.run()

    assert "changed since it was sealed" in outcome.failures[0]
    assert outcome.pruned == 0
    assert "2026-10-01/events-00.jsonl" in disks.segments()


async def test_a_reason_not_to_prune_is_told() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    life.hindered = "the log is damaged"

    outcome = await life.run()

    assert (outcome.ok, outcome.pruned, outcome.hindered) == (True, 0, "the log is damaged")


async def test_a_segment_that_a_crash_left_behind_is_deleted_by_the_next_run() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    life.die_at = (await points_of_a_run()).index("pruned.after")
    with pytest.raises(Killed):
        await life.run()
    gone = [record.path for record in life.records if isinstance(record, ArchivePruned)]
    assert gone == ["2026-10-01/events-00.jsonl"]
    assert gone[0] in disks.segments()

    again = await a_life(life.end(), store, boot="again")
    await again.run(upload=False, prune=False)

    assert gone[0] not in again.disks.segments()


async def test_what_a_crash_left_behind_stays_too_while_there_is_a_reason_not_to_prune() -> None:
    disks, store, gone = await left_behind()
    again = await a_life(disks, store, boot="again")
    again.hindered = "the log is damaged"

    outcome = await again.run()

    assert outcome.hindered == "the log is damaged"
    assert gone in again.disks.segments()


async def test_before_what_a_crash_left_behind_goes_the_state_is_kept_anew() -> None:
    """The file that kept it may be gone, and the earlier days brought back from the archive instead."""
    disks, store, gone = await left_behind()
    disks.state.remove("base")
    again = await a_life(disks, store, boot="again")

    await again.run(upload=False, prune=False)

    assert gone not in again.disks.segments()
    last = await a_life(again.end(), store, boot="last")
    assert last.ledger.archive.pruned_to == again.ledger.archive.pruned_to > 0


async def left_behind() -> tuple[Disks, MemoryObjectStore, str]:
    """A log that calls its first segment pruned, and still has it."""
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    life.die_at_point = "pruned.after"
    with pytest.raises(Killed):
        await life.run()
    return life.end(), store, next(record.path for record in life.records if isinstance(record, ArchivePruned))


# --- An older copy of the log -------------------------------------------------------------------


@pytest.mark.fault("G18")
async def test_yesterdays_copy_of_the_log_is_noticed_and_nothing_is_touched() -> None:
    store = MemoryObjectStore()
    life = make(new_disks(), store, now=START)
    await life.write_days(2)
    yesterday = life.disks.after_kill()
    await life.write_days(2, since=START + 2 * DAY)
    assert (await life.run()).ok
    objects = dict(store.objects)

    restored = await a_life(yesterday, store, now=START + 5 * DAY)
    outcome = await restored.run()

    assert not outcome.ok
    assert "is not in this log" in outcome.failures[0]
    assert [failed.code for failed in restored.failures()] == ["LOG_ROLLBACK"]
    assert restored.rolled_back == [manifest_names(objects)[-1].key]
    assert store.objects == objects
    restored.accepted.add(restored.rolled_back[0])
    assert (await restored.run()).ok


@pytest.mark.fault("G18")
async def test_a_log_that_went_on_differently_is_noticed() -> None:
    store = MemoryObjectStore()
    life = make(new_disks(), store, now=START)
    await life.write_days(2)
    copy = life.disks.after_kill()
    await life.write_days(2, since=START + 2 * DAY)
    await life.run()
    other = make(copy, store, now=START + 2 * DAY, boot="other")
    await other.write_days(6, since=START + 2 * DAY, notes=5)

    outcome = await other.run()

    assert "here" in outcome.failures[0] or "not in this log" in outcome.failures[0]
    assert other.rolled_back


@pytest.mark.fault("G18")
async def test_the_same_number_of_other_records_is_another_log() -> None:
    store = MemoryObjectStore()
    life = make(new_disks(), store, now=START)
    await life.write_days(2)
    copy = life.disks.after_kill()
    await life.write_days(1, since=START + 2 * DAY)
    await life.at(START + 4 * DAY)
    await life.run()
    other = make(copy, store, now=START + 2 * DAY, boot="other")
    await other.at(START + 2 * DAY + 30)  # In the place of the seal that a life which did not end would have written.
    await other.write_days(1, since=START + 2 * DAY)
    await other.at(START + 4 * DAY)

    outcome = await other.run()

    assert "is another record here" in outcome.failures[0]
    assert other.rolled_back


async def test_the_same_log_is_no_older_copy_even_when_all_of_that_day_is_pruned() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    await life.run()
    later = await a_life(life.end(), store, now=NOW + 60, boot="later")

    assert (await later.run()).ok
    assert not later.rolled_back


async def test_stages_are_those_of_the_log() -> None:
    disks, store = await a_log(), MemoryObjectStore()
    life = await a_life(disks, store)
    await life.run(prune=False)

    assert {file.stage for file in life.ledger.archive.files.values()} == {Stage.MANIFESTED}
    recovered = make(life.end(), store, now=NOW, boot="again")
    assert recovered.ledger.archive == life.ledger.archive
