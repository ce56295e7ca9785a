import asyncio
from typing import Any

from levibotd.kernel.clock import Clock
from levibotd.kernel.events import Exit, Failed, Killed, Normal
from levibotd.kernel.leaf import Stopping, exit_of
from levibotd.kernel.supervisor import Child
from tests.kernel.bench import Doer, ref


async def ended(coro: Any) -> "asyncio.Task[Exit]":
    task: asyncio.Task[Exit] = asyncio.create_task(coro)
    await asyncio.wait([task])
    return task


async def test_a_life_ends_as_it_says_or_as_its_task_did() -> None:
    async def say() -> Exit:
        return Normal()

    async def fail() -> Exit:
        raise ValueError("unlucky")

    unborn = asyncio.create_task(say())
    unborn.cancel()
    await asyncio.wait([unborn])

    assert exit_of(await ended(say())) == Normal()
    assert isinstance(exit_of(await ended(fail())), Failed)
    assert exit_of(unborn) == Killed()


async def test_each_phase_gets_what_the_ones_before_left_of_the_time(clock: Clock) -> None:
    stopping = Stopping(deadline=clock.monotonic() + 18, now=clock.monotonic)
    child = Child(ref(), Doer, shutdown_s=10)
    assert stopping.time_for(child) == 10

    await clock.sleep(12)
    assert stopping.time_for(child) == 6

    await clock.sleep(12)
    assert stopping.time_for(child) == 0


async def test_in_a_hurry_only_the_kept_ones_get_their_time(clock: Clock) -> None:
    stopping = Stopping(deadline=clock.monotonic() + 18, now=clock.monotonic)
    log, other = Child(ref("log"), Doer), Child(ref("other"), Doer)

    stopping.hurry(frozenset({"log"}))

    assert (stopping.time_for(log), stopping.time_for(other)) == (5, 0)
