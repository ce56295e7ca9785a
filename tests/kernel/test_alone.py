import asyncio
from typing import Any

import pytest

from levibotd.kernel.actor import Actor
from levibotd.kernel.alone import Alone
from levibotd.kernel.clock import Clock
from tests.kernel.bench import Do, Doer


async def test_what_a_message_started_has_ended_when_telling_it_returns(clock: Clock) -> None:
    actor = Doer()
    bench = Alone(actor)

    async def work(actor: Actor[Any]) -> None:
        async def task() -> None:
            await clock.sleep(3)
            await actor.me.tell("result")

        actor.start(task, key="k")

    await bench.tell(Do(work))

    assert actor.got == ["result"]


async def test_an_elapsed_timer_is_handled_and_a_cancelled_one_is_not(clock: Clock) -> None:
    actor = Doer()
    bench = Alone(actor)
    actor.after(2, "tick")
    actor.after(2, "never").cancel()
    await bench.settle()
    assert actor.got == []

    await clock.sleep(3)
    await bench.settle()

    assert actor.got == ["tick"]


async def test_an_answer_given_later_is_returned(clock: Clock) -> None:
    bench = Alone(Doer())

    async def keep(actor: Actor[Any]) -> None:
        reply = actor.take_reply()

        async def answer() -> None:
            await clock.sleep(3)
            reply.send("late")

        actor.start(answer, key="k")

    assert await bench.ask(Do(keep)) == "late"
    assert await bench.ask(Do(lambda _actor: asyncio.sleep(0, "now"))) == "now"
    with pytest.raises(TimeoutError):
        await bench.ask(Do(lambda actor: asyncio.sleep(0, actor.take_reply())))


async def test_what_a_task_raises_reaches_the_test() -> None:
    bench = Alone(Doer())

    async def work(actor: Actor[Any]) -> None:
        async def task() -> None:
            raise ValueError("unlucky")

        actor.start(task, key="k")

    with pytest.raises(ValueError, match="unlucky"):
        await bench.tell(Do(work))


async def test_starting_runs_the_hooks_and_the_sources_and_stopping_ends_them(clock: Clock) -> None:
    class Sourced(Doer):
        async def on_start(self) -> None:
            self.got.append("start")

        async def on_continue(self) -> None:
            self.got.append("continue")

        def sources(self) -> Any:
            async def source() -> None:
                await self.me.tell("source")
                await clock.sleep(1e9)

            return (source,)

    actor = Sourced()
    bench = Alone(actor)
    await bench.start()
    await bench.settle()
    actor.after(1e9, "never")

    await bench.stop()

    assert actor.got == ["start", "continue", "source"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
