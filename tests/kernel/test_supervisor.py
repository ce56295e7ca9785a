import asyncio
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import ActorCrashed, ActorStopped, CannotStart, WaitCycle
from levibotd.kernel.events import (
    Crashed,
    DeadLetter,
    Event,
    Exit,
    Lingering,
    Quarantined,
    Restarted,
    SafeMode,
    SiblingRestart,
    Started,
)
from levibotd.kernel.lane import DROP_NEWEST, Box
from levibotd.kernel.mailbox import INSPECTS_MAX, Ref, Rejected
from levibotd.kernel.poison import itself
from levibotd.kernel.status import State
from levibotd.kernel.supervisor import ONE_FOR_ALL, TEMPORARY, TRANSIENT, Child, Group, System
from tests.kernel.bench import Do, Doer, SmallSystem, fail, finish, ref, settle, stay


@dataclass(frozen=True)
class Poison:
    trace: str
    number: int = 0


class Allergic(Doer):
    """Fails on Poison."""

    async def receive(self, message: Any) -> Any:
        if isinstance(message, Poison):
            raise ValueError("poison")
        return await super().receive(message)


class Slow(Doer):
    """Notes when it comes and goes; takes a second for each."""

    def __init__(self, name: str, log: list[str], clock: Clock) -> None:
        super().__init__()
        self.name, self.log, self.clock = name, log, clock

    async def on_start(self) -> None:
        self.log.append(f"starting {self.name}")
        await self.clock.sleep(1)
        self.log.append(f"up {self.name}")

    async def on_stop(self, reason: Exit) -> None:
        self.log.append(f"stopping {self.name}")
        await self.clock.sleep(1)
        self.log.append(f"down {self.name}")


def system_of(tree: Group, clock: Clock, events: list[Event], **options: Any) -> System:
    return System(tree, clock=clock, on_event=events.append, rng=Random(1), **options)


# --- Start ------------------------------------------------------------------------------------


async def test_children_start_one_after_the_other_depth_first(clock: Clock) -> None:
    log: list[str] = []

    def child(name: str) -> Child:
        return Child(ref(name), lambda: Slow(name, log, clock))

    tree = Group("root", children=(Group("infra", children=(child("a"), child("b"))), child("c")))
    events: list[Event] = []
    system = system_of(tree, clock, events)

    await system.start()

    assert log == ["starting a", "up a", "starting b", "up b", "starting c", "up c"]
    assert events == [Started(actor=name) for name in "abc"]
    assert system.all_running()
    log.clear()
    report = await system.stop()
    assert log == [f"{what} {name}" for name in "cba" for what in ("stopping", "down")]
    assert (report.unstopped, report.killed, report.elapsed_s) == ((), (), 3)


async def test_a_start_that_fails_is_tried_again_and_counts_like_a_crash(clock: Clock) -> None:
    tries: list[float] = []

    class Late(Doer):
        async def on_start(self) -> None:
            tries.append(clock.monotonic())
            if len(tries) < 4:
                raise OSError("not yet")

    bench = SmallSystem(Child(ref("a"), Late), Child(ref("b"), Doer))
    begun = clock.monotonic()
    async with bench:
        assert [round(at - begun, 1) for at in tries[:2]] == [0, 0]
        assert tries == sorted(tries)
        assert all(event.at_start for event in bench.seen(Crashed) if isinstance(event, Crashed))
        assert [event for event in bench.events if isinstance(event, Started)] == [
            Started(actor="a"),
            Started(actor="b"),
        ]


async def test_a_system_that_cannot_start_says_so_and_stops_what_it_started(clock: Clock) -> None:
    log: list[str] = []

    class Hopeless(Doer):
        async def on_start(self) -> None:
            raise OSError("no disk")

    tree = Group(
        "root",
        intensity=0,
        children=(Group("infra", intensity=2, children=(Child(ref("a"), lambda: Slow("a", log, clock)),
                                                       Child(ref("b"), Hopeless))),),
    )  # fmt: skip
    system = system_of(tree, clock, [])

    with pytest.raises(CannotStart, match="no disk") as refused:
        await system.start()

    assert isinstance(refused.value.__cause__, OSError)
    assert log[-1] == "down a"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_start_takes_no_longer_than_its_timeout(clock: Clock) -> None:
    class Never(Doer):
        async def on_start(self) -> None:
            await clock.sleep(1e9)

    system = system_of(Group("root", intensity=0, children=(Child(ref(), Never, start_timeout_s=3),)), clock, [])
    begun = clock.monotonic()

    with pytest.raises(CannotStart):
        await system.start()

    assert clock.monotonic() - begun == 3


async def test_a_circle_of_waits_is_refused_at_once(clock: Clock) -> None:
    a, b = ref("a"), ref("b")
    tree = Group("root", children=(Child(a, Doer, waits_on=(b,)), Child(b, Doer, waits_on=(a,))))

    with pytest.raises(WaitCycle):
        system_of(tree, clock, [])


async def test_a_stop_order_that_names_nobody_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="nobody"):
        system_of(Group("root"), clock, [], stop_order=("nobody",))


# --- Crashes ----------------------------------------------------------------------------------


async def test_queued_mail_survives_a_crash_and_the_message_in_hand_does_not(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Allergic))
    async with bench:
        poison = Poison("t")
        for message in ("before", poison, "after", "last"):
            await a.tell(message)
        await settle(clock)

        assert bench.actor("a").got == ["after", "last"]

    [letter] = bench.system.dead_letters.all()
    assert (letter.message, letter.reason, letter.trace, letter.incarnation) == (poison, "crashed", "t", 1)
    assert bench.seen(Restarted) == [Restarted(actor="a", incarnation=2)]
    assert bench.seen(DeadLetter) == [letter]


@pytest.mark.fault("F4")
async def test_poison_ends_two_incarnations_at_most_and_others_flow(clock: Clock) -> None:
    a = ref(capacity=64)
    bench = SmallSystem(Child(a, Allergic), intensity=2)
    async with bench:
        for number in range(20):
            a.offer(Poison("t", number))  # Told again, as another object of the same trace.
            a.offer(f"other {number}")
        await clock.sleep(10)

        assert bench.system.cells["a"].incarnation == 3
        assert bench.actor("a").got == [f"other {number}" for number in range(1, 20)]

    assert len(bench.seen(Crashed)) == 2
    assert len(bench.seen(Quarantined)) == 1
    assert bench.seen(SafeMode) == []
    assert bench.system.dead_letters.counts == {"crashed": 1, "quarantined": 19}


async def test_a_quarantined_request_is_refused_and_the_second_crash_told(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Allergic))
    async with bench:
        for _ in range(2):
            with pytest.raises(ActorCrashed):
                await a.ask(Poison("t"), timeout_s=5)  # type: ignore[arg-type]
        assert await a.ask(Poison("t"), timeout_s=5) == Rejected("quarantined")  # type: ignore[arg-type]


async def test_a_dead_letter_can_be_sent_again_by_hand_once_per_hand(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Allergic))
    async with bench:
        for _ in range(2):
            await a.tell(Poison("t"))
        await settle(clock)
        last = bench.system.dead_letters.all()[-1]
        assert last.reason == "quarantined"

        assert bench.system.requeue(last.id)
        await clock.sleep(5)

        assert not bench.system.requeue(last.id), "it has become another letter"
        assert bench.system.cells["a"].crashes == 3
        assert bench.system.dead_letters.all()[-1].reason == "quarantined"
        assert not bench.system.requeue(999)


async def test_a_message_of_a_retried_type_is_tried_once_more_before_all_others(clock: Clock) -> None:
    a = ref()
    seen: list[str] = []

    class Clumsy(Doer):
        async def receive(self, message: Any) -> Any:
            seen.append(message.trace if isinstance(message, Poison) else message)
            if isinstance(message, Poison) and (message.number or len(seen) < 2):
                raise ValueError("clumsy")
            return "fine"

    bench = SmallSystem(Child(a, Clumsy, retry_once=frozenset({Poison})))
    async with bench:
        asking: asyncio.Task[Any] = asyncio.create_task(a.ask(Poison("t"), timeout_s=5))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await a.tell("next")
        assert await asking == "fine"
        await settle(clock)
        assert seen == ["t", "t", "next"]

        with pytest.raises(ActorCrashed):
            await a.ask(Poison("u", 1), timeout_s=5)  # type: ignore[arg-type]

    assert [letter.reason for letter in bench.system.dead_letters.all()] == ["quarantined"]


async def test_what_counts_as_the_same_message_can_be_told(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Allergic, same=itself), intensity=9)
    async with bench:
        for number in range(4):
            await a.tell(Poison("t", number))
        await clock.sleep(5)

    assert bench.system.dead_letters.counts == {"crashed": 4}


async def test_a_failing_task_lets_the_handler_end_its_message(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer, shutdown_s=5))
    async with bench:

        async def work(actor: Actor[Any]) -> str:
            async def task() -> None:
                raise ValueError("task")

            actor.start(task, key="k")
            await clock.sleep(2)
            return "finished all the same"

        assert await a.ask(Do(work), timeout_s=9) == "finished all the same"
        await settle(clock)

    [crashed] = bench.seen(Crashed)
    assert isinstance(crashed, Crashed)
    assert (str(crashed.error), crashed.message_type) == ("task", None)
    assert bench.system.dead_letters.total == 0


async def test_a_failing_task_does_not_wait_for_ever_for_a_stuck_handler(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer, shutdown_s=5))
    async with bench:

        async def work(actor: Actor[Any]) -> None:
            async def task() -> None:
                raise ValueError("task")

            actor.start(task, key="k")
            await stay(actor)

        await a.tell(Do(work))
        await clock.sleep(6)

        assert bench.system.cells["a"].incarnation == 2
    assert bench.system.dead_letters.counts == {"killed": 1}


async def test_a_cancellation_that_leaks_into_a_handler_is_its_crash(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def leak(_actor: Actor[Any]) -> None:
            stranger = asyncio.get_running_loop().create_future()
            stranger.cancel()
            await stranger

        await a.tell(Do(leak))
        await settle(clock)

        assert bench.system.cells["a"].incarnation == 2


async def test_no_life_begins_before_the_last_task_of_the_one_before_has_ended(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def work(actor: Actor[Any]) -> None:
            async def stubborn() -> None:
                until = clock.time() + 7
                while clock.time() < until:
                    try:
                        await clock.sleep(until - clock.time())
                    except asyncio.CancelledError:
                        continue

            actor.start(stubborn, key="k")

        await a.tell(Do(work))
        await settle(clock)
        await a.tell(Do(fail))
        await clock.sleep(5)
        assert bench.system.cells["a"].incarnation == 1
        assert bench.seen(Restarted) == []
        lingering = bench.seen(Lingering)
        assert lingering
        assert "stubborn" in str(lingering[0])

        await clock.sleep(5)
        assert bench.system.cells["a"].incarnation == 2


async def test_a_sibling_that_lingers_keeps_its_next_life_waiting(clock: Clock) -> None:
    a, b = ref("a"), ref("b")

    async def stubborn(_actor: Actor[Any]) -> None:
        until = clock.time() + 30
        while clock.time() < until:
            try:
                await clock.sleep(until - clock.time())
            except asyncio.CancelledError:
                continue

    bench = SmallSystem(Child(a, Doer), Child(b, Doer), strategy=ONE_FOR_ALL)
    async with bench:
        await b.tell(Do(stubborn))
        await settle(clock)
        await a.tell(Do(fail))
        await clock.sleep(20)
        assert [bench.system.cells[name].incarnation for name in "ab"] == [1, 1]

        await clock.sleep(20)
        assert [bench.system.cells[name].incarnation for name in "ab"] == [2, 2]


async def test_what_is_fatal_is_not_tried_again(clock: Clock) -> None:
    events: list[Event] = []
    a = ref()
    tree = Group("root", children=(Group("infra", children=(Child(a, Doer),)),))
    system = system_of(tree, clock, events, fatal=(ValueError,))
    await system.start()
    begun = clock.monotonic()
    await a.tell(Do(fail))

    gave_up = await system.wait()

    assert gave_up is not None
    assert isinstance(gave_up.error, ValueError)
    assert clock.monotonic() == begun
    assert not any(isinstance(event, Restarted | SafeMode) for event in events)


@pytest.mark.parametrize(
    ("restart", "message", "comes_back"),
    [(TRANSIENT, Do(fail), True), (TRANSIENT, Do(finish), False), (TEMPORARY, Do(fail), False)],
)
async def test_who_begins_anew_after_which_end(clock: Clock, restart: Any, message: Any, comes_back: bool) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer, restart=restart))
    async with bench:
        await a.tell(message)
        await settle(clock)

        assert a.offer("late") == comes_back
        assert (bench.system.status("a").incarnation == 2) == comes_back


async def test_dropped_mail_is_counted_and_kept_but_tells_no_event(clock: Clock) -> None:
    a: Ref[Any] = Ref("a", Box(1, DROP_NEWEST))
    bench = SmallSystem(Child(a, Doer))
    for number in range(3):
        await a.tell(number)
    async with bench:
        await settle(clock)
        assert bench.actor("a").got == [0]

    assert bench.seen(DeadLetter) == []


# --- Restarts by hand -------------------------------------------------------------------------


async def test_an_operator_may_restart_an_actor_or_a_group_at_no_cost(clock: Clock) -> None:
    a, b = ref("a"), ref("b")
    bench = SmallSystem(Child(a, Doer), Child(b, Doer), intensity=1)
    async with bench:
        for _ in range(3):
            assert bench.system.restart("a")
            await settle(clock)
        assert bench.system.restart("g")
        await settle(clock)
        assert not bench.system.restart("nobody")

        assert [bench.system.cells[name].incarnation for name in "ab"] == [5, 2]
        assert bench.seen(SafeMode, Crashed) == []
        await a.tell("mail")
        await settle(clock)
        assert bench.actor("a").got == ["mail"]


async def test_a_restarted_sibling_is_told_that_it_was_well(clock: Clock) -> None:
    reasons: list[Exit] = []

    class Leaving(Doer):
        async def on_stop(self, reason: Exit) -> None:
            reasons.append(reason)

    bench = SmallSystem(Child(ref("a"), Leaving))
    async with bench:
        bench.system.restart("a")
        await settle(clock)

    assert isinstance(reasons[0], SiblingRestart)


# --- Stop -------------------------------------------------------------------------------------


async def test_named_groups_stop_first_and_the_rest_in_reverse(clock: Clock) -> None:
    log: list[str] = []

    def group(name: str) -> Group:
        return Group(name, children=(Child(ref(f"{name}-1"), lambda: Slow(name, log, clock)),))

    tree = Group("root", children=tuple(group(name) for name in ("infra", "trading", "intake", "edge")))
    system = system_of(tree, clock, [], stop_order=("intake", "trading"))
    await system.start()
    log.clear()

    await system.stop()

    assert [line.removeprefix("down ") for line in log if line.startswith("down")] == [
        "intake", "trading", "edge", "infra"
    ]  # fmt: skip


async def test_a_draining_actor_handles_the_mail_and_the_work_it_has(clock: Clock) -> None:
    a, b = ref("a"), ref("b")
    done: list[str] = []
    actors: dict[str, Doer] = {}

    def make(name: str) -> Doer:
        actors[name] = Doer()
        return actors[name]

    async def work(actor: Actor[Any]) -> None:
        async def task() -> None:
            await clock.sleep(2)
            done.append("task")
            await actor.me.tell("result")

        actor.start(task, key="k")
        await clock.sleep(1)

    bench = SmallSystem(
        Child(a, lambda: make("a"), drain=True, shutdown_s=9), Child(b, lambda: make("b"), shutdown_s=9)
    )
    async with bench:
        for address in (a, b):
            await address.tell(Do(work))
            await address.tell("mail")
        await settle(clock)

    assert actors["a"].got == ["mail", "result"]
    assert actors["b"].got == []
    assert done == ["task"]
    assert [(letter.actor, letter.message) for letter in bench.system.dead_letters.all()] == [("b", "mail")]


async def test_all_phases_share_one_deadline_and_who_is_stuck_is_named_with_its_stack(clock: Clock) -> None:
    async def stubborn(_actor: Actor[Any]) -> None:
        until = clock.time() + 100
        while clock.time() < until:
            try:
                await clock.sleep(until - clock.time())
            except asyncio.CancelledError:
                continue

    addresses = [ref(name) for name in "abc"]
    bench = SmallSystem(*(Child(address, Doer, shutdown_s=10) for address in addresses))
    await bench.system.start()
    for address in addresses:
        await address.tell(Do(stubborn))
    await settle(clock)
    begun = clock.monotonic()

    report = await bench.system.stop(deadline_s=18)

    assert clock.monotonic() - begun <= 18.5
    assert [one.name for one in report.unstopped] == ["c", "b", "a"]
    assert all("stubborn" in one.stack for one in report.unstopped)
    assert report.elapsed_s == clock.monotonic() - begun
    assert await bench.system.stop() == report
    await clock.sleep(200)


async def test_a_second_signal_skips_to_the_flush(clock: Clock) -> None:
    log: list[str] = []
    slow = ref("slow")
    bench = SmallSystem(Child(ref("log"), lambda: Slow("log", log, clock)), Child(slow, Doer, shutdown_s=10))
    await bench.system.start()
    await slow.tell(Do(stay))
    await settle(clock)
    begun = clock.monotonic()
    stopping = asyncio.create_task(bench.system.stop())
    await clock.sleep(1)

    bench.system.hurry(keep=("log",))
    report = await stopping

    assert clock.monotonic() - begun < 3
    assert report.unstopped == ()
    assert log[-1] == "down log"


async def test_hurrying_before_its_turn_brings_nobody_back(clock: Clock) -> None:
    log: list[str] = []
    early, late = ref("early"), ref("late")
    bench = SmallSystem(
        Child(ref("log"), lambda: Slow("log", log, clock)), Child(early, Doer), Child(late, Doer, shutdown_s=10)
    )
    await bench.system.start()
    for address in (early, late):
        await address.tell(Do(stay))
    await settle(clock)
    begun = clock.monotonic()
    stopping = asyncio.create_task(bench.system.stop())
    await clock.sleep(1)
    bench.system.hurry(keep=("log",))

    report = await stopping

    assert report.killed == ("early",)
    assert clock.monotonic() - begun < 3
    assert bench.system.cells["early"].incarnation == 1
    assert log[-1] == "down log"


async def test_a_stop_while_starting_ends_the_start(clock: Clock) -> None:
    log: list[str] = []
    bench = SmallSystem(*(Child(ref(name), lambda name=name: Slow(name, log, clock)) for name in "ab"))  # type: ignore[misc]
    starting = asyncio.create_task(bench.system.start())
    await clock.sleep(0.5)

    await bench.system.stop()

    with pytest.raises(CannotStart, match="stopped"):
        await starting
    assert "starting b" not in log
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stop_during_a_pause_starts_nothing(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    await bench.system.start()
    for _ in range(3):
        await a.tell(Do(fail))
        await settle(clock)
    assert bench.system.status("a").state is State.BACKING_OFF
    lives = bench.system.cells["a"].incarnation

    await bench.system.stop()
    await clock.sleep(100)

    assert bench.system.cells["a"].incarnation == lives
    with pytest.raises(ActorStopped):
        await a.tell("late")
    assert await bench.system.wait() is None


# --- Seeing inside ----------------------------------------------------------------------------


async def test_an_actor_is_inspected_between_two_messages(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        await a.tell(Do(lambda _actor: clock.sleep(1)))
        await a.tell("mail")
        await settle(clock)

        assert await bench.system.inspect("a", timeout_s=5) == []
        await settle(clock)
        assert await bench.system.inspect("a", timeout_s=5) == ["mail"]
    with pytest.raises(ActorStopped):
        await bench.system.inspect("a", timeout_s=5)


async def test_inspections_are_bounded(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        await a.tell(Do(lambda _actor: clock.sleep(9)))
        await settle(clock)
        waiting = [
            asyncio.create_task(bench.system.inspect("a", timeout_s=3)) for _ in range(INSPECTS_MAX)
        ]  # fmt: skip
        await settle(clock)

        assert await bench.system.inspect("a", timeout_s=3) == Rejected("too many inspect it")
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, TimeoutError) for one in ended)


async def test_one_trace_is_followed_across_actors(clock: Clock) -> None:
    a, b = ref("a"), ref("b")

    class Forwarding(Doer):
        async def receive(self, message: Any) -> Any:
            await b.tell(message)

    bench = SmallSystem(Child(b, Allergic), Child(a, Forwarding, waits_on=(b,)))
    async with bench:
        await a.tell(Poison("t-1"))
        await a.tell("noise")
        await settle(clock)

        story = [(one.actor, one.what, one.message_type) for one in bench.system.trace("t-1")]

    assert story == [("a", "in", "Poison"), ("b", "in", "Poison"), ("b", "crash", "Poison")]


async def test_busy_actors_without_progress_are_stalled_and_idle_ones_are_not(clock: Clock) -> None:
    a, b, c = ref("a"), ref("b"), ref("c")
    bench = SmallSystem(*(Child(address, Doer, stall_after_s=30) for address in (a, b, c)))
    async with bench:
        await a.tell(Do(stay))
        found = []
        for _ in range(10):
            await b.tell("work")
            await clock.sleep(5)
            found.append(bench.system.stalled())

        assert found[:6] == [[]] * 6
        assert found[-1] == ["a"]


async def test_a_flood_leaves_the_loop_its_turns(clock: Clock) -> None:
    a = ref(capacity=1000)
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        for number in range(1000):
            a.offer(number)
        turns = 0
        while len(a):
            await asyncio.sleep(0)
            turns += 1

        assert turns >= 1000 // 64
