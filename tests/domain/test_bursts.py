"""A channel that says too much about its calls at once."""

import pytest

from levibotd.domain.bursts import CHANNELS_MAX, Burst, BurstWatch
from levibotd.domain.signal import CallKey

CALLS = [CallKey(f"paper|@c|{number}|0") for number in range(10)]


def test_five_commands_a_minute_are_none_and_the_sixth_is() -> None:
    watch = BurstWatch()
    found = [watch.take("@c", CALLS[:1], open_calls=10, at=float(second)) for second in range(7)]
    assert found[:5] == [None] * 5
    assert found[5:] == [Burst(commands=6, calls=1, begins=True), Burst(commands=7, calls=1, begins=False)]


def test_a_minute_later_all_is_forgotten() -> None:
    watch = BurstWatch()
    for second in range(7):
        watch.take("@c", CALLS[:1], open_calls=10, at=float(second))
    assert watch.take("@c", CALLS[:1], open_calls=10, at=67.0) is None


@pytest.mark.parametrize(("named", "open_calls", "burst"), [(3, 5, True), (3, 6, False), (2, 2, False), (1, 1, False)])
def test_more_than_half_of_the_open_calls_are_a_burst(named: int, open_calls: int, burst: bool) -> None:
    found = BurstWatch().take("@c", CALLS[:named], open_calls=open_calls, at=0.0)
    assert (found is not None) is burst


def test_calls_that_are_closed_do_not_make_the_rest_a_larger_share() -> None:
    watch = BurstWatch()
    found = [watch.take("@c", [CALLS[n]], open_calls=8 - n, at=float(n)) for n in range(4)]
    assert found == [None] * 4
    assert watch.take("@c", [CALLS[4]], open_calls=4, at=4.0) == Burst(commands=5, calls=5, begins=True)


def test_each_channel_has_its_own_minute() -> None:
    watch = BurstWatch()
    for second in range(6):
        watch.take("@loud", CALLS[:1], open_calls=10, at=float(second))
    assert watch.take("@calm", CALLS[:1], open_calls=10, at=6.0) is None


def test_the_memory_is_bounded() -> None:
    watch = BurstWatch()
    for number in range(CHANNELS_MAX + 5):
        watch.take(f"@{number}", CALLS[:1], open_calls=9, at=0.0)
    assert len(watch._minutes) == CHANNELS_MAX
