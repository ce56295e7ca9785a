"""The tree: who waits for whom, and in which order the parts start."""

from levibotd.app.tree import Wired
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import ONE_FOR_ONE, REST_FOR_ONE, Group
from levibotd.kernel.tree import check, children_of
from tests.scenarios.bench import BTC, T0, Life, World, flat, minutes


def groups_of(wired: Wired) -> Group:
    return Group("root", ONE_FOR_ONE, children=(wired.infra(), wired.trading(), wired.intake()))


async def test_consumers_stand_before_producers_and_nobody_waits_in_a_circle(clock: Clock) -> None:
    life = Life(World({BTC: minutes(*flat(100.0, 2))}), clock)
    tree = groups_of(life.wired)

    check(tree)  # Raises WaitCycle.
    order = [child.name for child in children_of(tree)]
    assert order == ["logger", "exec", "risk", "scorer", "telegram"]
    for child in children_of(tree):
        for waited_for in child.waits_on:
            assert order.index(waited_for.name) < order.index(child.name)


async def test_everybody_who_writes_or_hands_on_says_so(clock: Clock) -> None:
    life = Life(World({BTC: minutes(*flat(100.0, 2))}), clock)
    waits = {child.name: {ref.name for ref in child.waits_on} for child in children_of(groups_of(life.wired))}

    assert waits == {
        "logger": set(),
        "exec": {"logger"},
        "risk": {"exec", "logger"},
        "scorer": {"risk", "exec", "logger"},
        "telegram": {"scorer", "logger"},
    }


async def test_a_crash_of_the_log_is_counted_strictly_and_trading_begins_anew_one_by_one(clock: Clock) -> None:
    wired = Life(World({BTC: minutes(*flat(100.0, 2))}), clock).wired

    assert (wired.infra().strategy, wired.infra().intensity, wired.infra().period_s) == (REST_FOR_ONE, 1, 60.0)
    assert (wired.trading().strategy, wired.trading().intensity, wired.trading().period_s) == (ONE_FOR_ONE, 5, 60.0)


async def test_a_post_that_the_fold_or_the_index_knows_is_seen(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3))})
    async with world.life(clock) as life:
        await life.until(T0 + 5)
        life.say("Good morning everyone, have a nice day!")
        await life.until(T0 + 10)
        event = world.script[0]
        life.posts.say(event)
        await life.until(T0 + 20)
    assert life.types().count("SIGNAL_INGEST") == 1

    # Another process, which knows it from the log alone.
    async with world.life(clock) as later:
        await later.until(later.clock.time() + 5)
    assert later.types().count("SIGNAL_INGEST") == 1


async def test_a_stop_in_a_flood_seals_the_log_and_the_next_process_decides_the_rest(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3))})
    async with world.life(clock) as life:
        await life.until(T0 + 5)
        traces = [life.say("Good morning everyone, have a nice day!") for _ in range(50)]
        await life.clock.sleep(0)
        await life.system.stop()

    assert world.records()[-1].event_type == "FILE_SEAL"
    ingested = life.types().count("SIGNAL_INGEST")
    # At most the one post that was in Telegram's hands.
    assert 0 < ingested <= 1 + sum(life.decision(trace) is not None for trace in traces)

    async with world.life(clock) as later:
        await later.until(later.clock.time() + 5)
    assert all(later.decision(trace) is not None for trace in traces)
    world.verify()
