import asyncio
from typing import Any

import pytest

from levibotd.kernel.actor import Actor, Reply
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import ActorCrashed, ActorRestarting, ActorStopped, MailboxFull
from levibotd.kernel.events import Crashed, Exit, Failed, Normal, Shutdown, StopFailed
from levibotd.kernel.lane import Ask
from levibotd.kernel.mailbox import OWN_CAPACITY, Rejected
from levibotd.kernel.supervisor import TRANSIENT, Child
from levibotd.kernel.tasks import Limits
from tests.kernel.bench import Do, Doer, SmallSystem, fail, finish, ref, settle


class Hooked(Doer):
    """Notes in which order its hooks are called."""

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    async def on_start(self) -> None:
        self.log.append("start")

    async def on_continue(self) -> None:
        await asyncio.sleep(5)
        self.log.append("continue")

    def sources(self) -> Any:
        async def source() -> None:
            self.log.append("source")
            await self.me.tell("from the source")

        return (source,)

    async def receive(self, message: Any) -> Any:
        self.log.append(f"receive {message}")
        return await super().receive(message)

    async def on_stop(self, reason: Exit) -> None:
        self.log.append(type(reason).__name__)


async def test_hooks_come_in_order_and_before_the_first_mail(clock: Clock) -> None:
    log: list[str] = []
    a = ref()
    await a.tell("early")
    async with SmallSystem(Child(a, lambda: Hooked(log))):
        await clock.sleep(10)

    assert log == ["start", "continue", "receive early", "source", "receive from the source", "Shutdown"]


async def test_on_stop_is_told_why(clock: Clock) -> None:
    reasons: list[Exit] = []

    class Leaving(Doer):
        async def on_stop(self, reason: Exit) -> None:
            reasons.append(reason)
            raise OSError("the disk is gone")

    a, b = ref("a"), ref("b")
    bench = SmallSystem(Child(a, Leaving), Child(b, Leaving, restart=TRANSIENT))
    async with bench:
        await a.tell(Do(fail))
        await settle(clock)
        await b.tell(Do(finish))
        await settle(clock)

    assert [type(reason) for reason in reasons] == [Failed, Normal, Shutdown]
    assert len(bench.seen(StopFailed)) == 3, "an on_stop that fails is told and holds nothing up"


async def test_the_return_value_answers_and_a_refusal_is_a_value() -> None:
    a = ref()
    async with SmallSystem(Child(a, Doer)):

        async def refuse(actor: Actor[Any]) -> None:
            actor.take_reply().refuse("closed")

        assert await a.ask(Do(lambda _actor: asyncio.sleep(0, 42)), timeout_s=1) == 42
        assert await a.ask(Do(refuse), timeout_s=1) == Rejected("closed")


async def test_a_kept_reply_is_answered_later_from_a_task_or_a_timer(clock: Clock) -> None:
    a = ref()
    begun = clock.monotonic()
    async with SmallSystem(Child(a, Doer)):

        async def keep(actor: Actor[Any]) -> None:
            reply = actor.take_reply()

            async def work() -> None:
                await clock.sleep(3)
                assert reply.waited_for
                reply.send("done")
                assert not reply.send("twice")

            actor.start(work, key="work")

        assert await a.ask(Do(keep), timeout_s=10) == "done"
        assert clock.monotonic() - begun == 3


async def test_a_crash_answers_the_request_in_hand_and_ends_the_kept_ones(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    kept: list[Reply] = []
    async with bench:

        async def keep(actor: Actor[Any]) -> None:
            kept.append(actor.take_reply())

        waiting = asyncio.create_task(a.ask(Do(keep), timeout_s=100))
        await settle(clock)
        with pytest.raises(ActorCrashed) as crashed:
            await a.ask(Do(fail), timeout_s=1)
        with pytest.raises(ActorRestarting):
            await waiting
        last = asyncio.create_task(a.ask(Do(keep), timeout_s=100))
        await settle(clock)

    assert isinstance(crashed.value.__cause__, ValueError)
    with pytest.raises(ActorStopped):
        await last
    assert not any(reply.send("late") for reply in kept)


async def test_askers_that_gave_up_do_not_pile_up(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def keep(actor: Actor[Any]) -> None:
            actor.take_reply()

        for _ in range(200):
            with pytest.raises(TimeoutError):
                await a.ask(Do(keep), timeout_s=1)
        await settle(clock)
        host = bench.system.cells["a"].host
        assert host is not None
        assert len(host.replies) <= 64


async def test_a_reply_to_what_was_told_is_heard_by_nobody() -> None:
    reply = Reply(None, {})

    assert not reply.waited_for
    assert not reply.send(1)
    reply.fail(ValueError())


async def test_a_timer_comes_back_as_a_message_and_dies_with_its_incarnation(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def arm(actor: Actor[Any]) -> None:
            actor.after(5, "tick", key="k")
            actor.after(9, "replaced", key="r")
            actor.after(10, "tock", key="r")

        await a.tell(Do(arm))
        await clock.sleep(20)
        assert bench.actor("a").got == ["tick", "tock"]

        await a.tell(Do(arm))
        await clock.sleep(1)
        await a.tell(Do(fail))
        await clock.sleep(20)
        assert bench.actor("a").got == []


async def test_what_a_task_tells_its_own_actor_does_not_wait_for_a_full_box(clock: Clock) -> None:
    a = ref(capacity=1)
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def work(actor: Actor[Any]) -> None:
            async def report() -> None:
                await actor.me.tell("result")

            actor.start(report, key="k")
            await clock.sleep(1)  # Meanwhile the box is full and senders wait.

        await a.tell(Do(work))
        senders = [asyncio.create_task(a.tell(number)) for number in range(3)]
        await clock.sleep(5)
        await asyncio.gather(*senders)

        assert bench.actor("a").got == [0, "result", 1, 2] or bench.actor("a").got == ["result", 0, 1, 2]


async def test_a_handler_that_fills_its_own_lane_crashes_instead_of_waiting_for_itself(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def flood(actor: Actor[Any]) -> None:
            for number in range(OWN_CAPACITY + 1):
                await actor.me.tell(number)

        await a.tell(Do(flood))
        await clock.sleep(1)

    crashed = bench.seen(Crashed)
    assert len(crashed) == 1
    assert isinstance(crashed[0], Crashed)
    assert isinstance(crashed[0].error, MailboxFull)


async def test_an_actor_can_ask_whether_it_may_start_more(clock: Clock) -> None:
    a = ref()
    async with SmallSystem(Child(a, Doer, limits=Limits(slots=1, waiting_max=1))):

        async def fill(actor: Actor[Any]) -> list[bool]:
            found = []
            for key in "abc":
                found.append(actor.can_start())
                if found[-1]:
                    actor.start(lambda: clock.sleep(1), key=key)
            return found

        assert await a.ask(Do(fill), timeout_s=1) == [True, True, False]
        await clock.sleep(5)


async def test_an_actor_works_without_a_system(clock: Clock) -> None:
    actor = Doer()
    answered: list[Any] = []

    async def work(actor: Actor[Any]) -> None:
        actor.take_reply().send("nobody hears it")
        actor.start(lambda: clock.sleep(1), key="k")
        actor.after(1, "later")
        assert actor.can_start()

    assert await actor.receive("message") == "message"
    await actor.receive(Do(work))
    await clock.sleep(2)

    assert actor.got == ["message"]
    assert answered == []


def test_an_actor_that_handles_nothing_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Actor[Any]().receive(None).send(None)
    assert Actor[Any]().inspect() is None
    assert Actor[Any]().sources() == ()


async def test_an_answer_is_given_once() -> None:
    ask = Ask("request", asyncio.get_running_loop().create_future())

    assert ask.answer(1)
    assert not ask.answer(2)
    ask.fail(ValueError())
    assert await ask.future == 1
