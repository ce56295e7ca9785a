"""
Bounded mailboxes: how actors reach each other, and what happens when one cannot keep up.

A `Mailbox` has two lanes. Control overtakes everything and holds one message per type, the
newest. User mail is first in, first out per sender, and its `Box` says how much of it may wait
and what happens to more. Beside them it keeps a lane for what the actor sends itself, so that
an actor never waits for its own box, and optionally a lower user lane (`Box.shed`).

Guarantees, also under a native `task.cancel()` in any tick: `tell` raised if and only if the
message was not taken in; a cancelled wait for mail loses none; who waits for room gets it in
the order of asking.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar, cast

from levibotd.kernel.control import Inspect, Stop
from levibotd.kernel.errors import ActorStopped, MailboxFull

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")

INSPECTS_MAX = 64
# Age is known from every sixteenth message: a clock read for each would cost a tenth of a hop.
_SAMPLE = 15


class Overflow(Enum):
    """What happens to a message for a full box."""

    BLOCK = "block"  # Its sender waits; the longest waiting goes first.
    FAIL = "fail"  # Its sender gets MailboxFull.
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    CONFLATE = "conflate"  # It replaces the one of the same key, in its place; a key too many is dropped.


BLOCK = Overflow.BLOCK
FAIL = Overflow.FAIL
DROP_OLDEST = Overflow.DROP_OLDEST
DROP_NEWEST = Overflow.DROP_NEWEST
CONFLATE = Overflow.CONFLATE


@dataclass(frozen=True, slots=True)
class Box:
    """
    How much mail may wait, and what happens to more.

    `key` says what CONFLATE replaces (default: the message's type). With `for_s` a BLOCK sender
    waits no longer than that and gets MailboxFull. `shed` adds the lower lane that `Ref.shed` uses.
    """

    capacity: int
    overflow: Overflow = BLOCK
    key: Callable[[Any], Hashable] | None = None
    for_s: float | None = None
    shed: "Box | None" = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a box holds at least one message, not {self.capacity}")


class Request(Generic[R]):
    """Mixin of messages that can be asked: names the type of the answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The answer to a request that an actor refuses. A value, not an error."""

    reason: str


class Ask:
    """A request under way together with where its answer goes. Known to the kernel alone."""

    __slots__ = ("future", "request")

    def __init__(self, request: Any, future: "asyncio.Future[Any]") -> None:
        self.request = request
        self.future = future

    def answer(self, value: object) -> bool:
        if self.future.done():
            return False
        self.future.set_result(value)
        return True

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Lane:
    """
    One bounded queue with its overflow policy and its counters.

    At any time `appended == taken + shed + len(items)`; what was sent is
    `appended + replaced + dropped`, and `refused` counts what senders were told about.
    """

    __slots__ = (
        "appended", "box", "capacity", "dropped", "items", "key", "latest", "limit", "mailbox", "marks",
        "putters", "refused", "replaced", "reserved", "shed",
    )  # fmt: skip

    def __init__(self, box: Box, mailbox: "Mailbox") -> None:
        self.box = box
        self.mailbox = mailbox
        self.capacity = box.capacity
        self.key: Callable[[Any], Hashable] = _kind if box.key is None else box.key
        # Up to here a message is simply appended; 0 sends every message the long way.
        self.limit = 0 if box.overflow is CONFLATE else box.capacity
        self.items: deque[Any] = deque()  # Messages; keys of `latest` under CONFLATE.
        self.latest: dict[Hashable, Any] = {}
        self.putters: deque[asyncio.Future[None]] = deque()
        self.reserved = 0  # Slots granted to senders that have not run since.
        self.marks: deque[tuple[int, float]] = deque()
        self.appended = self.replaced = self.dropped = self.shed = self.refused = 0

    def __len__(self) -> int:
        return len(self.items)

    @property
    def taken(self) -> int:
        return self.appended - self.shed - len(self.items)

    async def put(self, message: Any) -> None:
        """Take `message` in, waiting for room under BLOCK. Raises MailboxFull, ActorStopped: it was not taken in."""
        # A slot granted but not yet used means that somebody earlier is about to come in.
        if not self.reserved and len(self.items) < self.limit:
            self.append(message)
        elif self.mailbox.closed:
            self.refused += 1
            raise ActorStopped(self.mailbox.name)
        elif self.box.overflow is BLOCK:
            await self._wait_for_room()
            self.append(message)
        elif not self.offer(message) and self.box.overflow is FAIL:
            raise MailboxFull(self.mailbox.name)

    def offer(self, message: Any) -> bool:
        """Take `message` in now or not at all. False: it was not, and unless dropped by policy the sender keeps it."""
        if len(self.items) + self.reserved < self.limit:
            self.append(message)
            return True
        overflow = self.box.overflow
        if self.mailbox.closed or overflow is BLOCK or overflow is FAIL:
            self.refused += 1
            return False
        if overflow is CONFLATE:
            return self._conflate(message)
        if overflow is DROP_OLDEST:
            oldest = self.items.popleft()
            self.shed += 1
            self.append(message)
            self.mailbox.drop(oldest, DROP_OLDEST.value)
            return True
        self.dropped += 1
        self.mailbox.drop(message, DROP_NEWEST.value)
        return False

    def append(self, item: Any) -> None:
        items = self.items
        if not items or not self.appended & _SAMPLE:
            self._mark()
        items.append(item)
        self.appended += 1
        mailbox = self.mailbox
        if mailbox.waiter is not None:
            mailbox.wake()

    def take(self) -> Any:
        """The oldest message. Raises IndexError when there is none."""
        item = self.items.popleft()
        if self.latest:
            item = self.latest.pop(item)
        if self.putters:
            self.grant()
        return item

    def grant(self) -> None:
        """Give free slots to those who wait, longest waiting first."""
        while self.putters and len(self.items) + self.reserved < self.limit:
            putter = self.putters.popleft()
            if not putter.done():
                self.reserved += 1
                putter.set_result(None)

    def empty(self) -> list[Any]:
        """Close the lane: senders that wait get ActorStopped, and the mail is handed out."""
        self.limit = 0
        for putter in self.putters:
            if not putter.done():
                putter.set_exception(ActorStopped(self.mailbox.name))
        left = [self.latest.pop(item) for item in self.items] if self.latest else list(self.items)
        self.shed += len(left)
        self.items.clear()
        return left

    def oldest_age_s(self, now: float) -> float:
        """How long the oldest message has been waiting; at most fifteen messages' worth too long."""
        if not self.items:
            return 0.0
        self._forget_marks()
        return max(0.0, now - self.marks[0][1]) if self.marks else 0.0

    async def _wait_for_room(self) -> None:
        loop = asyncio.get_running_loop()
        ticket: asyncio.Future[None] = loop.create_future()
        self.putters.append(ticket)
        self.grant()
        timer = None if self.box.for_s is None else loop.call_later(self.box.for_s, self._expire, ticket)
        try:
            await ticket
        except BaseException:
            if ticket.done() and not ticket.cancelled() and ticket.exception() is None:
                # Cancelled in the very tick in which the slot was granted: pass the slot on.
                self.reserved -= 1
                self.grant()
            else:
                self.refused += 1
                if ticket in self.putters:
                    self.putters.remove(ticket)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        self.reserved -= 1
        if self.mailbox.closed:
            self.refused += 1
            raise ActorStopped(self.mailbox.name)

    def _expire(self, ticket: "asyncio.Future[None]") -> None:
        if not ticket.done():
            ticket.set_exception(MailboxFull(self.mailbox.name))

    def _conflate(self, message: Any) -> bool:
        subject = message.request if type(message) is Ask else message
        key = self.key(subject)
        if key in self.latest:
            older = self.latest[key]
            self.latest[key] = message
            self.replaced += 1
            self.mailbox.supersede(older)
        elif len(self.items) < self.capacity:
            self.latest[key] = message
            self.append(key)
        else:
            self.dropped += 1
            self.mailbox.drop(message, CONFLATE.value)
            return False
        return True

    def _mark(self) -> None:
        marks = self.marks
        if len(marks) > 1:
            self._forget_marks()
        marks.append((self.appended, self.mailbox.now()))

    # Marks of messages that have left; the last one at or before the oldest message stays.
    def _forget_marks(self) -> None:
        marks, head = self.marks, self.appended - len(self.items)
        while len(marks) > 1 and marks[1][0] <= head:
            marks.popleft()


class Mailbox:
    """Where one actor's mail waits. Outlives its incarnations; known to the kernel alone."""

    __slots__ = (
        "closed", "control", "fired", "inspects", "low", "name", "now", "on_drop", "own",
        "served_by", "superseded_controls", "user", "user_next", "waiter",
    )  # fmt: skip

    def __init__(self, name: str, box: Box, *, own_capacity: int = 256) -> None:
        self.name = name
        self.closed = False
        self.now: Callable[[], float] = _loop_time
        self.on_drop: Callable[[Any, str], None] = _forget
        self.control: dict[type, Any] = {}
        self.superseded_controls = 0
        self.inspects: deque[Inspect] = deque()
        self.fired: deque[Any] = deque()  # Timers that ran out; bounded by the number of timers.
        self.own = Lane(Box(own_capacity), self)
        self.user = Lane(box, self)
        self.low = None if box.shed is None else Lane(box.shed, self)
        self.user_next = False
        self.waiter: asyncio.Future[None] | None = None
        self.served_by: asyncio.Task[Any] | None = None

    @property
    def has_mail(self) -> bool:
        return bool(self.fired or self.own.items or self.user.items or (self.low is not None and self.low.items))

    @property
    def has_control(self) -> bool:
        return bool(self.control or self.inspects)

    def put_control(self, message: object) -> bool:
        """The newest of its type stands, but the first Stop does. False: the actor is gone."""
        if self.closed:
            return False
        kind = type(message)
        if kind in self.control:
            self.superseded_controls += 1
        self.control[kind] = message
        if self.waiter is not None:
            self.wake()
        return True

    def take_control(self) -> Any:
        """Stop before all others, else the oldest. Raises IndexError when there is none."""
        if Stop in self.control:
            return self.control.pop(Stop)
        if self.control:
            return self.control.pop(next(iter(self.control)))
        return self.inspects.popleft()

    def take(self) -> Any:
        """The next piece of mail. Raises IndexError when there is none."""
        if self.fired:
            return self.fired.popleft()
        # What the actor told itself takes turns with what others told it: neither can starve the other.
        if self.own.items and not (self.user_next and self.user.items):
            self.user_next = True
            return self.own.take()
        self.user_next = False
        if self.user.items or self.low is None:
            return self.user.take()
        return self.low.take()

    async def wait(self, *, control_only: bool = False) -> None:
        """Return when there is something to take, or after a `wake`. Cancelling it loses nothing: it takes nothing."""
        if self.has_control or (self.has_mail and not control_only):
            return
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    def wake(self) -> None:
        waiter = self.waiter
        self.waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> list[Any]:
        """Take no more mail. Returns what was waiting, oldest first."""
        self.closed = True
        left = [message for kind, message in self.control.items() if kind is not Stop]
        self.control.clear()
        while self.inspects:
            self.inspects.popleft().answer.set_result(Rejected("stopped"))
        self.fired.clear()
        for lane in (self.own, self.user, self.low):
            if lane is not None:
                left += lane.empty()
        return left

    def drop(self, item: Any, reason: str) -> None:
        if type(item) is Ask:
            item.fail(MailboxFull(self.name))
        self.on_drop(item, reason)

    def supersede(self, item: Any) -> None:
        if type(item) is Ask:
            item.fail(MailboxFull(self.name))


class Ref(Generic[M_contra]):
    """
    The address of an actor: what others hold to reach it. Valid across restarts.

    It can be made, and given around, before its actor or an event loop exists; mail waits.
    """

    def __init__(self, name: str, box: Box) -> None:
        self.name = name
        self.mailbox = Mailbox(name, box)
        self._lane = self.mailbox.user

    def __repr__(self) -> str:
        return f"Ref({self.name!r})"

    def __len__(self) -> int:
        return len(self._lane)

    @property
    def capacity(self) -> int:
        return self._lane.capacity

    def tell(self, message: M_contra) -> Coroutine[Any, Any, None]:
        """Hand over one message, waiting for room if the box says so. Raises MailboxFull, ActorStopped."""
        return self._lane.put(message)

    def offer(self, message: M_contra) -> bool:
        """Hand over one message now or not at all. Never waits: for callbacks and for edges that lead upstream."""
        return self._lane.offer(message)

    def shed(self, message: M_contra) -> bool:
        """Offer on the lower lane, which is served when no other mail waits."""
        low = self.mailbox.low
        return self._lane.offer(message) if low is None else low.offer(message)

    async def ask(self, request: Request[R], *, timeout_s: float) -> R:
        """
        Hand over a request and return its answer. The time counts from now and includes waiting for room.

        Raises TimeoutError, ActorCrashed and ActorRestarting (the outcome is unknown),
        MailboxFull and ActorStopped (the request was not handled).
        """
        loop = asyncio.get_running_loop()
        ask = Ask(request, loop.create_future())
        timer = loop.call_later(timeout_s, _expire, ask, self.name)
        lane = self._lane
        try:
            if not lane.reserved and len(lane.items) < lane.limit:
                lane.append(ask)
            else:
                async with asyncio.timeout(timeout_s):
                    await lane.put(ask)
            return cast("R", await ask.future)
        finally:
            timer.cancel()

    def control(self, message: object) -> bool:
        """Put `message` before all mail; it replaces one of its type that waits. False: the actor is gone."""
        return self.mailbox.put_control(message)


class OwnRef(Ref[M_contra]):
    """
    An actor's own address, as `Actor.me`: uses slots that are reserved for what it tells itself.

    Its tasks and sources may wait for one; the handler itself gets MailboxFull instead, because
    it would wait for itself.
    """

    def __init__(self, name: str, mailbox: Mailbox) -> None:
        self.name = name
        self.mailbox = mailbox
        self._lane = mailbox.own

    def tell(self, message: M_contra) -> Coroutine[Any, Any, None]:
        lane = self._lane
        would_wait = (lane.reserved or len(lane.items) >= lane.limit) and not self.mailbox.closed
        if would_wait and asyncio.current_task() is self.mailbox.served_by:
            raise MailboxFull(f"{self.name}: it would wait for itself")
        return lane.put(message)


def _kind(message: object) -> Hashable:
    return cast("Hashable", type(message))


def _expire(ask: Ask, name: str) -> None:
    ask.fail(TimeoutError(name))


def _loop_time() -> float:
    loop = asyncio._get_running_loop()
    return 0.0 if loop is None else loop.time()


def _forget(_item: object, _reason: str) -> None:
    """Where drops go before a system cares for them: nowhere."""
