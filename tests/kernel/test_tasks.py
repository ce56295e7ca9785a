import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import MailboxFull
from levibotd.kernel.lane import Box
from levibotd.kernel.mailbox import Mailbox
from levibotd.kernel.tasks import Limits, Tasks, Timer, Timers
from levibotd.kernel.virtual_time import run_virtual
from tests.kernel.planted import expect_caught

WORK = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12)


async def expect_order(work: list[tuple[str, bool, int]], clock: Clock, make: Callable[..., Tasks] = Tasks) -> None:
    """Start all of it in one go and watch: one per key, within the slots, each exactly once, keys in order."""
    limits = Limits(slots=2, urgent_slots=1, waiting_max=99)
    crashes: list[BaseException] = []
    tasks = make("bench", limits=limits, on_crash=crashes.append)
    running: Counter[str] = Counter()
    begun: list[tuple[str, bool, int]] = []

    def job(key: str, urgent: bool, number: int, seconds: int) -> Callable[[], Coroutine[Any, Any, object]]:
        async def run() -> None:
            running[key] += 1
            running["urgent" if urgent else "normal"] += 1
            assert running[key] == 1, "two of one key at once"
            assert running["normal"] <= 2
            assert running["urgent"] <= 1
            begun.append((key, urgent, number))
            await clock.sleep(seconds)
            running[key] -= 1
            running["urgent" if urgent else "normal"] -= 1

        return run

    for number, (key, urgent, seconds) in enumerate(work):
        tasks.start(job(key, urgent, number, seconds), key=key, urgent=urgent)
    await clock.sleep(100)

    assert not crashes, crashes
    assert not tasks.busy
    assert sorted(number for _, _, number in begun) == list(range(len(work)))
    for key in "abc":
        for urgent in (True, False):
            numbers = [number for k, u, number in begun if (k, u) == (key, urgent)]
            assert numbers == sorted(numbers), "overtaken within its key"


@settings(max_examples=50, deadline=None)
@given(work=WORK)
def test_one_runs_per_key_and_the_others_queue_for_it(work: list[tuple[str, bool, int]]) -> None:
    run_virtual(lambda clock: expect_order(work, clock))


class RunsAKeyTwice(Tasks):
    def start(self, make_coro: Any, *, key: Any, urgent: bool = False) -> None:
        super().start(make_coro, key=(key, object()), urgent=urgent)


class ForgetsItsSlots(Tasks):
    def _run(self, make_coro: Any, *, key: Any, urgent: bool) -> None:
        super()._run(make_coro, key=key, urgent=urgent)
        self._free[urgent] += 1


class RotatesItsQueue(Tasks):
    def _fill(self, *, urgent: bool) -> None:
        self._waiting[urgent].rotate()
        super()._fill(urgent=urgent)


@pytest.mark.parametrize("fault", [RunsAKeyTwice, ForgetsItsSlots, RotatesItsQueue])
def test_a_planted_fault_is_caught(fault: type[Tasks]) -> None:
    expect_caught(lambda work: run_virtual(lambda clock: expect_order(work, clock, fault)), WORK)


def worker(clock: Clock, log: list[str], name: str, seconds: float) -> Callable[[], Coroutine[Any, Any, object]]:
    async def run() -> None:
        log.append(name)
        await clock.sleep(seconds)

    return run


async def test_an_urgent_one_waits_for_its_key_alone_and_goes_first(clock: Clock) -> None:
    tasks = Tasks("bench", limits=Limits(slots=1, urgent_slots=1), on_crash=lambda error: None)
    log: list[str] = []
    tasks.start(worker(clock, log, "entry", 1), key="BTC")
    tasks.start(worker(clock, log, "other entry", 1), key="ETH")
    tasks.start(worker(clock, log, "second entry", 1), key="BTC")
    tasks.start(worker(clock, log, "close BTC", 1), key="BTC", urgent=True)
    tasks.start(worker(clock, log, "close SOL", 0.5), key="SOL", urgent=True)

    await clock.sleep(0.9)
    assert log == ["entry", "close SOL"]
    await clock.sleep(9)

    assert log[2] == "close BTC"
    assert sorted(log[3:]) == ["other entry", "second entry"]


async def test_too_many_waiting_are_refused(clock: Clock) -> None:
    tasks = Tasks("bench", limits=Limits(slots=1, waiting_max=1), on_crash=lambda error: None)
    for key in "ab":
        tasks.start(worker(clock, [], key, 1), key=key)

    assert not tasks.has_room()
    assert tasks.has_room(urgent=True)
    with pytest.raises(MailboxFull):
        tasks.start(worker(clock, [], "c", 1), key="c")
    await clock.sleep(9)


async def test_ending_cancels_all_and_starts_nothing_more(clock: Clock) -> None:
    tasks = Tasks("bench", limits=Limits(slots=1), on_crash=lambda error: None)
    log: list[str] = []
    for key in "ab":
        tasks.start(worker(clock, log, key, 5), key=key)
    tasks.add_source(worker(clock, log, "source", 50))
    await asyncio.sleep(0)

    alive = tasks.end()
    tasks.start(worker(clock, log, "late", 5), key="late")
    await asyncio.wait(alive)
    await clock.sleep(60)

    assert len(alive) == 2
    assert log == ["a", "source"]
    assert not tasks.busy


async def test_what_a_task_or_a_source_raises_is_told(clock: Clock) -> None:
    crashes: list[BaseException] = []
    tasks = Tasks("bench", limits=Limits(), on_crash=crashes.append)

    async def fail() -> None:
        raise ValueError("task")

    async def leak() -> None:
        stranger = asyncio.get_running_loop().create_future()
        stranger.cancel()
        await stranger

    tasks.start(fail, key=1)
    tasks.start(leak, key=2)
    tasks.add_source(fail)
    await clock.sleep(1)

    assert [type(error) for error in crashes] == [ValueError, asyncio.CancelledError, ValueError] or [
        type(error) for error in crashes
    ] == [ValueError, ValueError, asyncio.CancelledError]


# --- Timers -----------------------------------------------------------------------------------


def fired(mailbox: Mailbox) -> list[Any]:
    """What a cell would handle now."""
    found = []
    while mailbox.fired:
        timer: Timer = mailbox.fired.popleft()
        if timer.take():
            found.append(timer.message)
    return found


async def test_a_timer_ends_in_a_message_to_oneself(clock: Clock) -> None:
    mailbox = Mailbox("timed", Box(1))
    timers = Timers(mailbox, limits=Limits())
    timers.after(5, "late", key="k")
    await clock.sleep(4)
    assert fired(mailbox) == []

    await clock.sleep(1)

    assert fired(mailbox) == ["late"]
    assert timers.armed == {}


async def test_arming_a_key_again_replaces_it_even_after_it_went_off(clock: Clock) -> None:
    mailbox = Mailbox("timed", Box(1))
    timers = Timers(mailbox, limits=Limits())
    timers.after(5, "old", key="k")
    await clock.sleep(6)
    timers.after(5, "new", key="k")
    assert fired(mailbox) == []

    await clock.sleep(5)

    assert fired(mailbox) == ["new"]


async def test_a_cancelled_timer_is_silent_even_after_it_went_off(clock: Clock) -> None:
    mailbox = Mailbox("timed", Box(1))
    timers = Timers(mailbox, limits=Limits())
    early, late = timers.after(1, "early"), timers.after(5, "late")
    await clock.sleep(2)
    early.cancel()
    late.cancel()
    late.cancel()
    await clock.sleep(9)

    assert fired(mailbox) == []


async def test_timers_are_bounded() -> None:
    timers = Timers(Mailbox("timed", Box(1)), limits=Limits(timers_max=2))
    timers.after(1, "a")
    timers.after(1, "b", key="b")
    timers.after(1, "b again", key="b")

    with pytest.raises(MailboxFull):
        timers.after(1, "c")
    timers.end()
    timers.after(1, "d")
    timers.end()
