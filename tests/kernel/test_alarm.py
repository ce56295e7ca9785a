import asyncio
import math

import pytest

from levibotd.kernel.alarm import Alarm
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.virtual_time import EPOCH


async def test_a_sleep_ends_at_its_moment(clock: Clock) -> None:
    begun = clock.time()

    await Alarm(clock).sleep_until(begun + 3600.0)

    assert clock.time() == begun + 3600.0


async def test_whoever_rings_ends_the_sleep_in_the_same_moment(clock: Clock) -> None:
    alarm, begun = Alarm(clock), clock.time()
    sleeper = asyncio.create_task(alarm.sleep_until(begun + 3600.0))
    await clock.sleep(5.0)

    alarm.ring()
    await sleeper

    assert clock.time() == begun + 5.0


async def test_a_sleep_without_an_end_is_ended_by_a_ring_alone(clock: Clock) -> None:
    alarm = Alarm(clock)
    sleeper = asyncio.create_task(alarm.sleep_until(math.inf))
    await clock.sleep(1e6)
    assert not sleeper.done()

    alarm.ring()
    await sleeper


async def test_a_ring_that_finds_nobody_asleep_is_forgotten(clock: Clock) -> None:
    alarm, begun = Alarm(clock), clock.time()
    alarm.ring()

    await alarm.sleep_until(begun + 10.0)

    assert clock.time() == begun + 10.0


async def test_a_sleep_may_be_made_longer_or_shorter_without_an_end_in_between(clock: Clock) -> None:
    alarm, begun = Alarm(clock), clock.time()
    sleeper = asyncio.create_task(alarm.sleep_until(begun + 10.0))
    await clock.sleep(5.0)

    alarm.move(math.inf)
    await clock.sleep(3600.0)
    assert alarm.is_slept_by

    alarm.move(begun + 4000.0)
    alarm.move(begun + 3700.0)
    await sleeper

    assert clock.time() == begun + 3700.0
    assert not alarm.is_slept_by


async def test_a_move_into_the_past_ends_the_sleep_and_one_that_finds_nobody_is_forgotten(clock: Clock) -> None:
    alarm, begun = Alarm(clock), clock.time()
    alarm.move(begun)
    sleeper = asyncio.create_task(alarm.sleep_until(begun + 10.0))
    await clock.sleep(5.0)

    alarm.move(begun)
    await sleeper

    assert clock.time() == begun + 5.0


async def test_what_is_over_already_is_not_slept_for(clock: Clock) -> None:
    ran = False

    def run() -> None:
        nonlocal ran
        ran = True

    asyncio.get_running_loop().call_soon(run)
    await Alarm(clock).sleep_until(clock.time())

    assert not ran


async def test_a_cancelled_sleep_leaves_no_timer_and_can_be_begun_anew(clock: Clock) -> None:
    alarm, begun = Alarm(clock), clock.time()
    sleeper = asyncio.create_task(alarm.sleep_until(begun + 10.0))
    await clock.sleep(1.0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    alarm.ring()

    await alarm.sleep_until(begun + 20.0)

    assert clock.time() == begun + 20.0


async def test_a_clock_that_is_set_forward_ends_the_sleep_within_a_minute() -> None:
    loop, ahead = asyncio.get_running_loop(), 0.0
    clock = LoopClock(wall=lambda: loop.time() + ahead)
    sleeper = asyncio.create_task(Alarm(clock).sleep_until(loop.time() + 7200.0))
    await asyncio.sleep(1.0)

    ahead = 7200.0
    await sleeper

    assert loop.time() <= EPOCH + 61.0


async def test_a_move_and_a_ring_between_two_naps_are_heeded() -> None:
    loop = asyncio.get_running_loop()
    clock = LoopClock(wall=loop.time)  # It may be stepped, so the way to a moment is slept in naps.
    alarm, begun = Alarm(clock), loop.time()

    for act in (lambda: alarm.move(begun + 120.0), alarm.ring):
        sleeper = asyncio.create_task(alarm.sleep_until(begun + 7200.0))
        await asyncio.sleep(0)
        # Armed behind the first nap for the same instant: it has ended, and the sleeper has not had its turn.
        loop.call_at(loop.time() + clock.nap_s(7200.0), act)
        await sleeper

    assert loop.time() == begun + 180.0
    assert not alarm.is_slept_by
