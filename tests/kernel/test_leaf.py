import asyncio
from contextvars import ContextVar
from typing import Any

from levibotd.kernel.clock import Clock
from levibotd.kernel.events import BackingOff, Exit, Failed, Killed, Normal
from levibotd.kernel.leaf import Stopping, exit_of
from levibotd.kernel.supervisor import Child
from tests.kernel.bench import Do, Doer, SmallSystem, fail, ref


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


async def test_the_first_crash_is_followed_by_the_next_life_in_the_same_turn_of_the_loop(clock: Clock) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    async def note(_actor: Any) -> None:
        begun.append(turns)

    async def note_and_fail(actor: Any) -> None:
        await note(actor)
        await fail(actor)

    a, loop, begun = ref(), asyncio.get_running_loop(), list[int]()
    async with SmallSystem(Child(a, Doer)) as bench:
        await clock.sleep(1)
        await a.tell(Do(note_and_fail))
        await a.tell(Do(note))
        turn()
        await clock.sleep(0)
        await clock.sleep(0)

        assert begun == [1, 1]
        assert [type(event).__name__ for event in bench.events] == ["Started", "Crashed", "DeadLetter", "Restarted"]
        assert bench.system.status("a").incarnation == 2


async def test_what_one_life_left_in_its_context_the_next_does_not_see(clock: Clock) -> None:
    left: ContextVar[str] = ContextVar("left", default="nothing")

    async def leave_and_fail(actor: Any) -> None:
        left.set("something")
        await fail(actor)

    async def look(_actor: Any) -> str:
        return left.get()

    a = ref()
    async with SmallSystem(Child(a, Doer)):
        await a.tell(Do(leave_and_fail))

        assert await a.ask(Do(look), timeout_s=1) == "nothing"


async def test_the_second_crash_in_a_row_waits_and_costs_the_budget_once(clock: Clock) -> None:
    a = ref()
    async with SmallSystem(Child(a, Doer), intensity=3, essential=False) as bench:
        for crashes in range(1, 4):
            await a.tell(Do(fail))
            await clock.sleep(2)
            assert bench.system.status("a").crashes == crashes
            assert bench.system.all_running()
        await a.tell(Do(fail))
        await clock.sleep(2)

        assert not bench.system.all_running()
    assert [event.delay_s > 0 for event in bench.seen(BackingOff) if isinstance(event, BackingOff)] == [True, True]
