"""
Bounded mailboxes: how actors reach each other, and what happens when one cannot keep up.

A `Mailbox` has two lanes. Control overtakes everything and holds one message per type, the
newest. User mail is first in, first out per sender, and its `Box` says how much of it may wait
and what happens to more. Beside them it keeps a lane for what the actor sends itself, so that
an actor never waits for its own box, and optionally a lower user lane (`Box.shed`).
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from levibotd.kernel.control import Inspect, Stop
from levibotd.kernel.deadlines import Deadlines
from levibotd.kernel.errors import MailboxFull
from levibotd.kernel.lane import BLOCK as BLOCK
from levibotd.kernel.lane import CONFLATE as CONFLATE
from levibotd.kernel.lane import DROP_NEWEST as DROP_NEWEST
from levibotd.kernel.lane import DROP_OLDEST as DROP_OLDEST
from levibotd.kernel.lane import FAIL as FAIL
from levibotd.kernel.lane import NOTHING, Ask, Desk, Lane
from levibotd.kernel.lane import Box as Box
from levibotd.kernel.lane import Overflow as Overflow

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")

INSPECTS_MAX = 64
OWN_CAPACITY = 256
_TIMES_SHARED_MAX = 16


class Request(Generic[R]):
    """Mixin of messages that can be asked: names the type of the answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The answer to a request that an actor refuses. A value, not an error."""

    reason: str


class Mailbox(Desk):
    """Where one actor's mail waits. Outlives its incarnations; known to the kernel alone."""

    __slots__ = (
        "control", "deadlines", "fired", "inspects", "loop", "low", "own", "served_by", "superseded_controls", "user",
        "user_next",
    )  # fmt: skip

    def __init__(self, name: str, box: Box) -> None:
        super().__init__(name)
        self.control: dict[type, Any] = {}
        self.superseded_controls = 0
        self.inspects: deque[Inspect] = deque()
        self.fired: deque[Any] = deque()  # Timers that ran out; bounded by the number of timers.
        self.own = Lane(Box(OWN_CAPACITY), self)
        self.user = Lane(box, self)
        self.low = None if box.shed is None else Lane(box.shed, self)
        self.user_next = False
        self.served_by: asyncio.Task[Any] | None = None
        self.deadlines: dict[float, Deadlines] = {}  # Of those who ask, by how long they wait.
        self.loop: asyncio.AbstractEventLoop | None = None  # Of who reads it; asking for it costs a system call.

    @property
    def has_mail(self) -> bool:
        """Is there something to take?"""
        low = self.low
        return bool(
            self.fired
            or (self.user.items and self.user.ready)
            or (self.own.items and self.own.ready)
            or (low is not None and low.items and low.ready)
        )

    @property
    def has_control(self) -> bool:
        return bool(self.control or self.inspects)

    def put_control(self, message: object) -> bool:
        """The newest of its type stands. False: the actor is gone."""
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
        """The next piece of mail, or NOTHING."""
        if self.fired:
            return self.fired.popleft()
        # What the actor told itself takes turns with what others told it: neither can starve the other.
        if self.own.items and self.own.ready and not (self.user_next and self.user.ready):
            self.user_next = True
            return self.own.take()
        self.user_next = False
        if self.user.items or self.low is None:
            return self.user.take() if self.user.items else NOTHING
        return self.low.take() if self.low.items else NOTHING

    def sleep(self) -> "asyncio.Future[None]":
        """Await it to go on when anything has come in since. Cancelling it loses nothing: it takes nothing."""
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
        waiter = self.waiter = self.loop.create_future()
        return waiter

    def deadlines_of(self, timeout_s: float) -> Deadlines:
        found = Deadlines(self.name, timeout_s)
        # Who waits for a time worked out anew each time shares his timer with nobody.
        if len(self.deadlines) < _TIMES_SHARED_MAX:
            self.deadlines[timeout_s] = found
        return found

    def close(self) -> list[Any]:
        """Take no more mail. Returns what was waiting, oldest first."""
        self.closed = True
        left = [message for kind, message in self.control.items() if kind is not Stop]
        self.control.clear()
        while self.inspects:
            answer = self.inspects.popleft().answer
            if not answer.done():
                answer.set_result(Rejected("stopped"))
        self.fired.clear()
        for lane in (self.own, self.user, self.low):
            if lane is not None:
                left += lane.empty()
        return left


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

    def __bool__(self) -> bool:
        return True  # An address without mail is still an address.

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
        lane, mailbox = self._lane, self.mailbox
        loop = asyncio.get_running_loop() if mailbox.loop is None or mailbox.closed else mailbox.loop
        answer = loop.create_future()
        deadlines = mailbox.deadlines.get(timeout_s)
        if deadlines is None:  # One without asks is empty, and there.
            deadlines = mailbox.deadlines_of(timeout_s)
        deadlines.add(answer, loop)
        if len(lane.items) < lane.limit:
            lane.append(Ask(request, answer))
            replied: R = await answer
            return replied
        try:
            async with asyncio.timeout(timeout_s):
                await lane.put(Ask(request, answer))
            replied = await answer
            return replied
        finally:
            answer.cancel()

    def control(self, message: object) -> bool:
        """Put `message` before all mail; it replaces one of its type that waits. False: the actor is gone."""
        return self.mailbox.put_control(message)


class OwnRef(Ref[M_contra]):
    """
    An actor's own address, as `Actor.me`: uses slots that are reserved for what it tells itself.

    Its tasks and sources may wait for one; the handler itself gets MailboxFull instead, because
    it would wait for itself.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.name = mailbox.name
        self.mailbox = mailbox
        self._lane = mailbox.own

    def tell(self, message: M_contra) -> Coroutine[Any, Any, None]:
        full = len(self._lane.items) >= self._lane.limit and not self.mailbox.closed
        if full and asyncio.current_task() is self.mailbox.served_by:
            raise MailboxFull(f"{self.name}: it would wait for itself")
        return self._lane.put(message)
