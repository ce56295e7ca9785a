"""What a lane promises, on random interleavings; and that the checker sees the faults it is there to see."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import ActorStopped, MailboxFull
from levibotd.kernel.lane import (
    BLOCK,
    CONFLATE,
    DROP_NEWEST,
    DROP_OLDEST,
    FAIL,
    NOTHING,
    Box,
    Desk,
    Lane,
    Overflow,
    Place,
)
from tests.kernel.lane_machine import LaneMachine, machine_of
from tests.kernel.planted import expect_caught

QUICK = settings(
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def check(machine: type[LaneMachine], *, examples: int) -> None:
    """Run the machine. Raises AssertionError for the first interleaving that breaks a promise."""
    run_state_machine_as_test(machine, settings=settings(QUICK, max_examples=examples))


def test_a_lane_keeps_its_promises_in_every_interleaving() -> None:
    check(LaneMachine, examples=300)


# --- Planted faults ---------------------------------------------------------------------------


class LeaksAPlaceOnCancel(Lane):
    def _leave(self, place: Place) -> None:
        if place in self.line:
            self.line.remove(place)


class DeliversWhatItRaisedFor(Lane):
    def _leave(self, place: Place) -> None:
        if place in self.line:
            self.line.remove(place)
        place.used = True


class LetsLatecomersIn(Lane):
    """As asyncio.Queue does: a free place goes to whoever runs first."""

    def admit(self) -> None:
        asyncio.get_running_loop().call_soon(super().admit)


class AdmitsTheLastFirst(Lane):
    def admit(self) -> None:
        self.line.reverse()
        super().admit()
        self.line.reverse()


class AdmitsOneTooMany(Lane):
    def admit(self) -> None:
        self.limit += 1
        super().admit()
        self.limit -= 1


class GivesACancelledPlaceToNobody(Lane):
    def _leave(self, place: Place) -> None:
        if place in self.line:
            self.line.remove(place)
        else:
            self.items.remove(place)
            self.appended -= 1


class DoesNotWakeItsReader(Lane):
    def append(self, item: Any) -> None:
        waiter, self.desk.waiter = self.desk.waiter, None
        super().append(item)
        self.desk.waiter = waiter


class DoesNotSayThatAPlaceIsUsed(Lane):
    async def _stand_in_line(self, message: Any) -> None:
        place = Place(message, asyncio.get_running_loop().create_future())
        self.line.append(place)
        try:
            await place.ticket
        except BaseException:
            self.refused += 1
            self._leave(place)
            raise
        place.used = True


class TakesPlacesThatAreNotUsedYet(Lane):
    def take(self) -> Any:
        if type(self.items[0]) is Place:
            self.items[0].used = True
        return super().take()


class DropsInSilence(Lane):
    def offer(self, message: Any) -> bool:
        on_drop, self.desk.on_drop = self.desk.on_drop, lambda _item, _reason: None
        try:
            return super().offer(message)
        finally:
            self.desk.on_drop = on_drop


class FailsAndTakesItIn(Lane):
    async def put(self, message: Any) -> None:
        try:
            await super().put(message)
        except MailboxFull:
            self.items[-1] = message
            raise


class MiscountsWhatItTook(Lane):
    def take(self) -> Any:
        if len(self.items) > 1:
            self.shed += 1
        return super().take()


FAULTS = [
    LeaksAPlaceOnCancel,
    DeliversWhatItRaisedFor,
    LetsLatecomersIn,
    AdmitsTheLastFirst,
    AdmitsOneTooMany,
    DoesNotWakeItsReader,
    TakesPlacesThatAreNotUsedYet,
    DropsInSilence,
    FailsAndTakesItIn,
    GivesACancelledPlaceToNobody,
    DoesNotSayThatAPlaceIsUsed,
    MiscountsWhatItTook,
]


@pytest.mark.parametrize("lane", FAULTS)
def test_a_planted_fault_is_caught(lane: type[Lane]) -> None:
    # One in three hundred examples shows the rarest of them, and which are tried hangs on the modules that are loaded.
    with pytest.raises(AssertionError):
        check(machine_of(lane), examples=5000)


# --- CONFLATE, against a dict -----------------------------------------------------------------


def expect_newest_in_first_place(lane_class: type[Lane], actions: list[tuple[str, int]]) -> None:
    """Compare with a dict, which keeps the first position of a key and its newest value."""
    lane = lane_class(Box(2, CONFLATE, key=lambda message: message[0]), Desk("conflate"))
    model: dict[str, tuple[str, int]] = {}
    for key, value in actions:
        if key == "take":
            if model:
                assert lane.take() == model.pop(next(iter(model)))
        else:
            assert lane.offer((key, value)) == (key in model or len(model) < 2)
            if key in model or len(model) < 2:
                model[key] = (key, value)
        assert len(lane) == len(model) <= 2


CONFLATED = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "take"]), st.integers()), max_size=20)


@given(actions=CONFLATED)
def test_of_one_key_the_newest_waits_where_the_first_one_did(actions: list[tuple[str, int]]) -> None:
    expect_newest_in_first_place(Lane, actions)


class MovesTheNewestToTheEnd(Lane):
    def _conflate(self, message: Any) -> bool:
        key = self.key(message)
        if key in self.latest:
            self.items.remove(key)
            self.items.append(key)
        return super()._conflate(message)


class KeepsTheOldestValue(Lane):
    def _conflate(self, message: Any) -> bool:
        older = self.latest.get(self.key(message))
        done = super()._conflate(message)
        if older is not None:
            self.latest[self.key(message)] = older
        return done


@pytest.mark.parametrize("lane", [MovesTheNewestToTheEnd, KeepsTheOldestValue])
def test_a_planted_fault_of_conflation_is_caught(lane: type[Lane]) -> None:
    expect_caught(lambda actions: expect_newest_in_first_place(lane, actions), CONFLATED)


# --- Single promises --------------------------------------------------------------------------


async def test_a_sender_waits_no_longer_than_its_box_says(clock: Clock) -> None:
    lane = Lane(Box(1, for_s=2.0), Desk("slow"))
    await lane.put("first")
    begun = clock.monotonic()

    with pytest.raises(MailboxFull):
        await lane.put("second")

    assert clock.monotonic() - begun == 2.0
    assert [lane.take()] == ["first"]
    assert lane.refused == 1


async def test_closing_ends_every_wait_and_hands_out_what_came_in() -> None:
    lane = Lane(Box(1), Desk("closing"))
    await lane.put("in")
    waiting = [asyncio.create_task(lane.put(f"late {number}")) for number in range(2)]
    await asyncio.sleep(0)
    lane.take()  # The first one gets a place and has not run since.

    lane.desk.closed = True
    left = lane.empty()

    assert left == []
    for task in waiting:
        with pytest.raises(ActorStopped):
            await task
    assert lane.appended == lane.taken + lane.shed


async def test_a_place_given_to_a_sender_that_has_not_run_is_no_mail() -> None:
    lane = Lane(Box(1), Desk("tick"))
    await lane.put("first")
    late = asyncio.create_task(lane.put("second"))
    await asyncio.sleep(0)

    assert lane.take() == "first"
    assert lane.take() is NOTHING
    assert not lane.ready
    await late
    assert lane.take() == "second"


@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"), [(DROP_OLDEST, ["b", "c"], ["a"]), (DROP_NEWEST, ["a", "b"], ["c"])]
)
async def test_what_a_box_drops_is_told_with_its_policy(overflow: Any, kept: list[str], dropped: list[str]) -> None:
    told: list[tuple[str, str]] = []
    desk = Desk("dropping")
    desk.on_drop = lambda item, reason: told.append((item, reason))
    lane = Lane(Box(2, overflow), desk)
    for message in "abc":
        await lane.put(message)

    assert [lane.take(), lane.take()] == kept
    assert told == [(message, overflow.value) for message in dropped]


@pytest.mark.parametrize("overflow", [FAIL, BLOCK])
def test_an_offer_to_a_full_box_is_refused_and_counted(overflow: Any) -> None:
    lane = Lane(Box(1, overflow), Desk("full"))

    assert lane.offer("a")
    assert not lane.offer("b")
    assert lane.refused == 1


async def test_age_is_that_of_the_oldest_message_within_sixteen(clock: Clock) -> None:
    lane = Lane(Box(64), Desk("old"))
    for _ in range(32):
        await lane.put("message")
        await clock.sleep(1)
    assert lane.oldest_age_s(clock.monotonic()) == 32

    for _ in range(20):
        lane.take()

    assert 12 <= lane.oldest_age_s(clock.monotonic()) <= 12 + 15
    for _ in range(12):
        lane.take()
    assert lane.oldest_age_s(clock.monotonic()) == 0


@settings(QUICK, max_examples=300)
@given(
    overflow=st.sampled_from(Overflow),
    capacity=st.sampled_from([1, 17, 40]),
    moves=st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=30),
)
def test_no_age_reaches_further_back_than_fifteen_messages_or_to_before_the_lane_was_empty(
    overflow: Overflow, capacity: int, moves: list[tuple[bool, int]]
) -> None:
    now, came, begun = 0.0, list[float](), 0
    desk = Desk("old")
    desk.now = lambda: now
    lane = Lane(Box(capacity, overflow, key=lambda at: at % 50), desk)
    for comes, count in moves:
        for _ in range(count):
            now += 1.0
            if comes:
                lane.offer(now)
                if lane.appended > len(came):
                    begun = len(came) if len(lane) == 1 else begun
                    came.append(now)
            elif lane.items:
                lane.take()

            age_s, oldest = lane.oldest_age_s(now), len(came) - len(lane)
            assert now - age_s in came[max(begun, oldest - 15) : oldest + 1] if lane.items else age_s == 0


def test_a_box_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Box(0)
