import asyncio

from levibotd.kernel.clock import Clock
from levibotd.kernel.stacks import stack_of


async def test_it_shows_the_whole_chain_of_what_a_task_awaits(clock: Clock) -> None:
    async def inner() -> None:
        await clock.sleep(5)

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)

    lines = stack_of(task).splitlines()

    assert ".outer (test_stacks.py:" in lines[0]
    assert ".inner (test_stacks.py:" in lines[1]
    assert "LoopClock.sleep (clock.py:" in lines[2]
    await task
    assert stack_of(task) == ""
