import asyncio

import pytest

from levibotd.kernel.clock import Clock
from levibotd.kernel.deadlines import Deadlines


async def test_each_ask_gets_its_own_time_and_none_that_has_its_answer_is_touched(clock: Clock) -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines("exec", 10.0)
    first, second, third = loop.create_future(), loop.create_future(), loop.create_future()
    deadlines.add(first, loop)
    await clock.sleep(4)
    deadlines.add(second, loop)
    await clock.sleep(4)
    deadlines.add(third, loop)
    second.set_result("in time")

    await clock.sleep(2.1)
    assert isinstance(first.exception(), TimeoutError)
    assert not third.done()

    await clock.sleep(8)
    assert isinstance(third.exception(), TimeoutError)
    assert second.result() == "in time"


async def test_after_a_while_without_asks_the_next_one_is_watched_again(clock: Clock) -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines("exec", 10.0)
    answered = loop.create_future()
    deadlines.add(answered, loop)
    answered.set_result(None)
    await clock.sleep(100)

    late = loop.create_future()
    deadlines.add(late, loop)
    await clock.sleep(10.1)

    with pytest.raises(TimeoutError, match="exec"):
        await late


async def test_behind_one_that_hangs_the_answered_do_not_pile_up() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines("exec", 10.0)
    deadlines.add(loop.create_future(), loop)
    for _ in range(10_000):
        answer = loop.create_future()
        deadlines.add(answer, loop)
        answer.set_result(None)

    assert len(deadlines) < 100


def test_one_loop_after_another_may_ask() -> None:
    deadlines = Deadlines("exec", 0.01)

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        deadlines.add(answer, loop)
        with pytest.raises(TimeoutError):
            await answer

    asyncio.run(_asked_and_left(deadlines))
    asyncio.run(ask())


async def _asked_and_left(deadlines: Deadlines) -> None:
    loop = asyncio.get_running_loop()
    deadlines.add(loop.create_future(), loop)
