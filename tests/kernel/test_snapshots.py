import asyncio
from typing import Any

from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.lane import DROP_NEWEST, Box
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.snapshots import Progress, lane_status
from levibotd.kernel.status import CellStatus, GroupStatus, State, TaskStatus
from levibotd.kernel.supervisor import Child
from tests.kernel.bench import Do, Doer, SmallSystem, fail, ref, settle, stay


async def test_a_snapshot_is_taken_from_outside_of_a_stuck_actor(clock: Clock) -> None:
    a = ref(capacity=2)
    bench = SmallSystem(Child(a, Doer))
    async with bench:

        async def work(actor: Actor[Any]) -> None:
            actor.start(lambda: clock.sleep(1e6), key="BTCUSDT", urgent=True)
            await stay(actor)

        await a.tell(Do(work))
        await settle(clock)
        senders = [asyncio.create_task(a.tell(number)) for number in range(3)]
        await clock.sleep(60)
        status = bench.system.status("a")
        for sender in senders:
            sender.cancel()

    assert (status.name, status.state, status.incarnation, status.restarts) == ("a", State.RUNNING, 1, 0)
    assert (status.depth, status.capacity, status.lane.senders_waiting) == (2, 2, 1)
    assert (status.current, round(status.current_age_s), round(status.oldest_age_s)) == ("Do", 60, 60)
    assert status.tasks == (TaskStatus(key="BTCUSDT", urgent=True, age_s=status.tasks[0].age_s),)
    assert status.stack is not None
    assert "stay" in status.stack


async def test_a_snapshot_tells_of_crashes_and_an_idle_actor_has_no_stack(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    async with bench:
        await a.tell(Do(fail))
        await settle(clock)
        status = bench.system.status("a")

    assert (status.restarts, status.crashes, status.last_error) == (1, 1, "ValueError: unlucky")
    assert (status.current, status.current_age_s, status.stack) == (None, 0, None)


async def test_the_tree_shows_groups_and_what_is_in_them() -> None:
    bench = SmallSystem(Child(ref("a"), Doer), Child(ref("b"), Doer))
    async with bench:
        tree = bench.system.tree()

    assert (tree.name, tree.state, tree.strategy) == ("root", State.RUNNING, "one_for_one")
    [group] = tree.children
    assert isinstance(group, GroupStatus)
    assert [(child.name, type(child)) for child in group.children] == [("a", CellStatus), ("b", CellStatus)]
    stopped = bench.system.tree().children[0]
    assert isinstance(stopped, GroupStatus)
    assert {child.state for child in stopped.children} == {State.STOPPED}


async def test_both_lanes_are_counted() -> None:
    a: Ref[str] = Ref("logger", Box(4, shed=Box(1, DROP_NEWEST)))
    for _ in range(3):
        a.shed("quote")
    await a.tell("fill")

    assert a.mailbox.low is not None
    low, user = lane_status(a.mailbox.low, now=0.0), lane_status(a.mailbox.user, now=0.0)
    assert (low.depth, low.dropped, user.depth, user.dropped) == (1, 2, 1, 0)


async def test_progress_is_a_handled_message_or_an_ended_task(clock: Clock) -> None:
    a = ref()
    bench = SmallSystem(Child(a, Doer))
    progress = Progress(clock.monotonic)
    async with bench:

        async def work(actor: Actor[Any]) -> None:
            for number in range(4):
                actor.start(lambda: clock.sleep(9), key=number if number < 2 else "last")

        await a.tell(Do(work))
        stalled = []
        for _ in range(6):
            await clock.sleep(4)
            stalled.append(progress.stalled_for_s(bench.system.cells["a"]))

    assert stalled == [0, 4, 0, 4, 0, 0]
