import asyncio
from dataclasses import dataclass

from levibotd.kernel.clock import Clock
from levibotd.kernel.control import Resume, Stop, Suspend
from levibotd.kernel.status import State
from levibotd.kernel.supervisor import Child
from tests.kernel.bench import Do, Doer, SmallSystem, fail, ref, settle


@dataclass(frozen=True)
class Refold:
    number: int


async def test_a_control_message_is_obeyed_after_at_most_one_running_handler(clock: Clock) -> None:
    a = ref(capacity=10_000)
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        await a.tell(Do(lambda _actor: clock.sleep(1)))
        for number in range(9_999):
            a.offer(number)
        await settle(clock)
        a.control(Refold(1))
        a.control(Refold(2))
        await clock.sleep(2)

        assert bench.actor("a").got[:2] == [Refold(2), 0]


async def test_a_suspended_actor_leaves_its_mail_and_obeys_control(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        a.control(Suspend())
        await a.tell("mail")
        a.control(Refold(1))
        await settle(clock)
        assert bench.actor("a").got == [Refold(1)]
        assert bench.system.status("a").state is State.SUSPENDED

        a.control(Resume())
        await settle(clock)

        assert bench.actor("a").got == [Refold(1), "mail"]


async def test_a_suspension_survives_a_restart(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        a.control(Suspend())
        await settle(clock)
        await a.tell(Do(fail))
        await a.tell("mail")
        bench.system.restart("a")
        await settle(clock)

        assert bench.system.cells["a"].incarnation == 2
        assert bench.system.status("a").state is State.SUSPENDED
        assert len(a) == 2


async def test_a_stop_is_obeyed_while_suspended(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer, drain=True))
    async with bench:
        a.control(Suspend())
        await a.tell("left")
        await settle(clock)
        begun = clock.monotonic()

    assert clock.monotonic() - begun < 0.01
    assert [letter.message for letter in bench.system.dead_letters.all()] == ["left"]


async def test_a_stop_beats_what_came_before_it() -> None:
    a = ref()
    a.control(Suspend())
    a.control(Stop("now"))

    assert isinstance(a.mailbox.take_control(), Stop)
    await asyncio.sleep(0)
