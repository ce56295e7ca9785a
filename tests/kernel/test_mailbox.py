import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.kernel.clock import Clock
from levibotd.kernel.control import Inspect, Resume, Stop, Suspend
from levibotd.kernel.errors import ActorStopped, MailboxFull
from levibotd.kernel.lane import DROP_NEWEST, NOTHING
from levibotd.kernel.mailbox import OWN_CAPACITY, Box, Mailbox, OwnRef, Ref, Rejected, Request
from tests.kernel.planted import expect_caught


@dataclass(frozen=True)
class Refold:
    """A control message of an actor's own."""

    number: int


@dataclass(frozen=True)
class Question(Request[int]):
    number: int = 0


ACTIONS = st.lists(
    st.one_of(
        st.builds(lambda number: ("control", Refold(number)), st.integers(0, 9)),
        st.just(("control", Suspend())),
        st.just(("control", Resume())),
        st.builds(lambda drain: ("control", Stop("now", drain=drain)), st.booleans()),
        st.just(("mail", "mail")),
        st.just(("take", None)),
    ),
    max_size=30,
)


def expect_control_first(actions: list[tuple[str, object]], mailbox: Mailbox) -> None:
    """Control before mail, Stop before all, per type the newest, in the order the types came; no Stop is lost."""
    model: dict[type, object] = {}
    mail = 0
    for action, message in actions:
        if action == "control":
            assert mailbox.put_control(message)
            model[type(message)] = message
        elif action == "mail":
            mail += mailbox.user.offer(message)
        elif mailbox.has_control:
            expected = Stop if Stop in model else next(iter(model))
            assert mailbox.take_control() == model.pop(expected)
        elif mailbox.has_mail:
            assert not model
            mailbox.take()
            mail -= 1
    assert len(mailbox.control) == len(model) <= 4
    assert len(mailbox.user) == mail


@given(actions=ACTIONS)
def test_control_overtakes_and_of_each_kind_the_newest_stands(actions: list[tuple[str, object]]) -> None:
    expect_control_first(actions, Mailbox("m", Box(2)))


class LosesAStop(Mailbox):
    """Suspend takes the one slot."""

    def put_control(self, message: object) -> bool:
        self.control.clear()
        return super().put_control(message)


class ObeysInOrder(Mailbox):
    def take_control(self) -> object:
        return self.control.pop(next(iter(self.control)))


class KeepsTheFirst(Mailbox):
    def put_control(self, message: object) -> bool:
        return type(message) in self.control or super().put_control(message)


class HidesControlBehindMail(Mailbox):
    @property
    def has_control(self) -> bool:
        return bool(self.control) and not self.user.items


@pytest.mark.parametrize("fault", [LosesAStop, ObeysInOrder, KeepsTheFirst, HidesControlBehindMail])
def test_a_planted_fault_of_the_control_lane_is_caught(fault: type[Mailbox]) -> None:
    expect_caught(lambda actions: expect_control_first(actions, fault("m", Box(2))), ACTIONS)


async def test_the_own_lane_and_the_users_take_turns() -> None:
    ref: Ref[str] = Ref("turns", Box(8))
    me: Ref[str] = OwnRef(ref.mailbox)
    for number in range(3):
        await ref.tell(f"user {number}")
        await me.tell(f"own {number}")

    taken = [ref.mailbox.take() for _ in range(6)]

    assert taken == ["own 0", "user 0", "own 1", "user 1", "own 2", "user 2"]
    assert ref.mailbox.take() is NOTHING


async def test_the_low_lane_is_served_when_nothing_else_waits() -> None:
    ref: Ref[str] = Ref("logger", Box(2, shed=Box(1, DROP_NEWEST)))
    assert ref.shed("quote")
    assert not ref.shed("another quote")
    await ref.tell("fill")

    assert [ref.mailbox.take(), ref.mailbox.take()] == ["fill", "quote"]
    assert ref.mailbox.low is not None
    assert ref.mailbox.low.dropped == 1


async def test_without_a_low_lane_shedding_is_an_offer() -> None:
    ref: Ref[str] = Ref("plain", Box(1))

    assert ref.shed("a")
    assert not ref.shed("b")


async def test_a_cancelled_wait_for_mail_loses_none() -> None:
    mailbox = Mailbox("m", Box(2))
    waiting = mailbox.sleep()
    mailbox.user.offer("money")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert mailbox.take() == "money"


async def test_the_handler_is_told_when_it_would_wait_for_itself() -> None:
    ref: Ref[str] = Ref("self", Box(1))
    me: Ref[str] = OwnRef(ref.mailbox)
    ref.mailbox.served_by = asyncio.current_task()
    for _ in range(OWN_CAPACITY):
        await me.tell("work")

    with pytest.raises(MailboxFull, match="itself"):
        await me.tell("one too many")
    assert not me.offer("one too many")


async def test_an_ask_counts_its_wait_for_room_in_its_time(clock: Clock) -> None:
    ref: Ref[Question] = Ref("slow", Box(1))
    await ref.tell(Question())
    begun = clock.monotonic()

    with pytest.raises(TimeoutError):
        await ref.ask(Question(), timeout_s=3)
    assert clock.monotonic() - begun == 3
    assert len(ref) == 1

    ref.mailbox.take()
    with pytest.raises(TimeoutError):
        await ref.ask(Question(), timeout_s=3)
    assert len(ref) == 1, "it was handed over; its outcome is unknown"


async def test_a_dropped_request_is_answered_at_once() -> None:
    ref: Ref[Question] = Ref("full", Box(1, DROP_NEWEST))
    await ref.tell(Question())

    with pytest.raises(MailboxFull):
        await ref.ask(Question(), timeout_s=3)


async def test_a_closed_mailbox_takes_nothing_and_hands_out_what_it_had() -> None:
    ref: Ref[str] = Ref("gone", Box(4))
    mailbox = ref.mailbox
    await ref.tell("user")
    me: Ref[str] = OwnRef(mailbox)
    await me.tell("own")
    ref.control(Refold(1))
    ref.control(Stop("now"))
    inspecting: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    mailbox.inspects.append(Inspect(inspecting))

    assert mailbox.close() == [Refold(1), "own", "user"]

    assert not ref.control(Refold(2))
    assert not ref.offer("late")
    with pytest.raises(ActorStopped):
        await ref.tell("late")
    assert await inspecting == Rejected("stopped")


def test_an_address_is_an_address_also_when_no_mail_waits() -> None:
    ref: Ref[str] = Ref("risk", Box(256))

    assert ref
    assert (len(ref), ref.capacity, repr(ref)) == (0, 256, "Ref('risk')")
