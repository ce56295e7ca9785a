"""Free bytes, and hours at the rate of the last day."""

import pytest

from levibotd.adapters.disk_watch import LOOK_EVERY_S, DiskLimits, DiskWatch
from levibotd.ports.journal_file import DiskState
from levibotd.sim.faulty_files import FaultyFiles

MIB = 1 << 20
LIMITS = DiskLimits(min_free_bytes=100, reduce_free_bytes=10, min_free_h=24, reduce_free_h=2)


def looked(free: int, *, limits: DiskLimits = LIMITS) -> DiskState:
    watch = DiskWatch(FaultyFiles(capacity=free), limits=limits)
    watch.look()
    return watch.state


@pytest.mark.fault("D4")
@pytest.mark.parametrize(
    ("free", "state"),
    [(100, DiskState.OK), (99, DiskState.LOW), (10, DiskState.LOW), (9, DiskState.REDUCING), (0, DiskState.REDUCING)],
)
def test_bytes_are_judged_at_their_limits(free: int, state: DiskState) -> None:
    assert looked(free) is state


@pytest.mark.fault("D4")
@pytest.mark.parametrize(
    ("per_hour", "state"), [(MIB // 24, DiskState.OK), (MIB // 23, DiskState.LOW), (MIB, DiskState.REDUCING)]
)
def test_hours_are_judged_at_the_rate_of_full_hours(per_hour: int, state: DiskState) -> None:
    watch = DiskWatch(FaultyFiles(capacity=MIB), limits=LIMITS)
    for hour in range(4):
        watch.wrote(per_hour, ts=hour * 3600.0, mono=hour * 3600.0)
    watch.wrote(1, ts=4 * 3600.0, mono=4 * 3600.0)
    assert watch.state is state


def test_a_quiet_day_forgets_a_loud_one() -> None:
    watch = DiskWatch(FaultyFiles(capacity=MIB), limits=LIMITS)
    for hour in range(26):
        watch.wrote(MIB if hour == 0 else 10, ts=hour * 3600.0, mono=hour * 3600.0)
    assert watch.state is DiskState.OK


def test_it_looks_every_few_seconds_alone() -> None:
    files = FaultyFiles(capacity=1000)
    watch = DiskWatch(files, limits=LIMITS)
    watch.wrote(1, ts=0, mono=0)
    files.capacity = 0
    watch.wrote(1, ts=1, mono=LOOK_EVERY_S - 0.1)
    assert watch.state is DiskState.OK
    watch.wrote(1, ts=5, mono=LOOK_EVERY_S)
    assert watch.state is DiskState.REDUCING


def test_room_that_comes_back_counts_but_a_halt_stays() -> None:
    files = FaultyFiles(capacity=0)
    watch = DiskWatch(files, limits=LIMITS)
    watch.look()
    files.capacity = 1000
    watch.look()
    assert watch.state is DiskState.OK
    watch.halt()
    watch.look()
    assert watch.state is DiskState.HALTED
