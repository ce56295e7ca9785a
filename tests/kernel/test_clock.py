from datetime import UTC, datetime

import pytest

from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.virtual_time import EPOCH


async def test_wall_time_is_the_loops_own_where_it_has_one(clock: Clock) -> None:
    assert clock.time() == EPOCH
    assert clock.now() == datetime.fromtimestamp(EPOCH, UTC)
    assert clock.now().tzinfo is UTC


async def test_sleeping_until_a_time_ends_at_exactly_that_time(clock: Clock) -> None:
    await clock.sleep_until(EPOCH + 90_061.25)

    assert clock.time() == EPOCH + 90_061.25


async def test_sleeping_until_a_time_that_is_over_returns_at_once(clock: Clock) -> None:
    await clock.sleep_until(EPOCH - 1)
    await clock.sleep(-1)

    assert clock.time() == EPOCH


async def test_a_stepped_wall_clock_is_noticed_while_sleeping() -> None:
    stepped = LoopClock()
    offset = [0.0]
    wall = LoopClock(wall=lambda: stepped.time() + offset[0])
    offset[0] = 3600.0

    await wall.sleep_until(EPOCH + 3600 + 30)

    assert stepped.time() == EPOCH + 30


@pytest.mark.real_time
async def test_on_an_ordinary_loop_it_is_the_systems_clock(clock: Clock) -> None:
    assert clock.time() > EPOCH
    begun = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > begun


def test_it_can_be_read_where_no_loop_runs() -> None:
    assert LoopClock().time() > EPOCH
    assert LoopClock().monotonic() > 0
