"""
One bounded queue of mail: what may wait in it, and what happens to more.

Guarantees, also under a native `task.cancel()` in any tick: `put` raised if and only if the
message was not taken in; who waits for room comes in by the order of asking, and nobody who
asks later comes in before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from levibotd.kernel.errors import ActorStopped, MailboxFull

# What `Lane.take` returns when its oldest place belongs to a sender that has not run since it got it.
NOTHING = object()
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


class Place:
    """A sender's place in the queue: first in the line outside, then among the mail."""

    __slots__ = ("message", "ticket", "used")

    def __init__(self, message: Any, ticket: "asyncio.Future[None]") -> None:
        self.message = message
        self.ticket = ticket
        self.used = False  # Only when its sender has run again is the message really in.


class Desk:
    """What the lanes of one mailbox share: its owner's name, its waiting reader, where drops go."""

    __slots__ = ("closed", "marked", "name", "now", "on_drop", "waiter")

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False
        self.now: Callable[[], float] = _loop_time
        self.marked = 0.0  # When a message last came into an empty lane, or was a sixteenth.
        self.on_drop: Callable[[Any, str], None] = _forget
        self.waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Let the reader look again."""
        waiter = self.waiter
        self.waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def drop(self, item: Any, overflow: Overflow) -> None:
        self.supersede(item)
        self.on_drop(item, overflow.value)

    def supersede(self, item: Any) -> None:
        if type(item) is Ask:
            item.fail(MailboxFull(self.name))


class Lane:
    """
    The queue itself, with its counters.

    At any time `appended == taken + shed + len(items)`; what was sent is
    `appended + replaced + dropped`, and `refused` counts what senders were told about.
    """

    __slots__ = (
        "appended", "box", "capacity", "desk", "dropped", "items", "key", "latest", "limit", "line", "marks",
        "refused", "replaced", "shed", "since",
    )  # fmt: skip

    def __init__(self, box: Box, desk: Desk) -> None:
        self.box = box
        self.desk = desk
        self.capacity = box.capacity
        self.key: Callable[[Any], Hashable] = _kind if box.key is None else box.key
        # Up to here a message is simply appended; 0 sends every message the long way.
        self.limit = 0 if box.overflow is CONFLATE else box.capacity
        self.items: deque[Any] = deque()  # Messages, and places given away; keys of `latest` under CONFLATE.
        self.latest: dict[Hashable, Any] = {}
        self.line: deque[Place] = deque()
        self.since = 0.0  # When the first message since the lane was empty came in,
        self.marks: deque[tuple[int, float]] = deque()  # and each sixteenth behind it, by its number.
        self.appended = self.replaced = self.dropped = self.shed = self.refused = 0

    def __len__(self) -> int:
        return len(self.items)

    @property
    def taken(self) -> int:
        return self.appended - self.shed - len(self.items)

    @property
    def ready(self) -> bool:
        """Is there something to take?"""
        return bool(self.items) and (type(self.items[0]) is not Place or self.items[0].used)

    async def put(self, message: Any) -> None:
        """Take `message` in, waiting for room under BLOCK. Raises MailboxFull, ActorStopped: it was not taken in."""
        items = self.items
        # While anybody waits the lane is full: a place that gets free is given away in the same breath.
        if (depth := len(items)) < self.limit:
            if not depth:
                self._begin()
            elif not self.appended & _SAMPLE:
                self._mark()
            items.append(message)
            self.appended += 1
            if (waiter := self.desk.waiter) is not None:
                self.desk.waiter = None
                if not waiter.done():
                    waiter.set_result(None)
        elif self.desk.closed:
            self.refused += 1
            raise ActorStopped(self.desk.name)
        elif self.box.overflow is BLOCK:
            await self._stand_in_line(message)
        elif not self.offer(message) and self.box.overflow is FAIL:
            raise MailboxFull(self.desk.name)

    def offer(self, message: Any) -> bool:
        """Take `message` in now or not at all. False: it was not, and unless dropped by policy the sender keeps it."""
        if len(self.items) < self.limit:
            self.append(message)
            return True
        overflow = self.box.overflow
        if self.desk.closed or overflow is BLOCK or overflow is FAIL:
            self.refused += 1
            return False
        if overflow is CONFLATE:
            return self._conflate(message)
        if overflow is DROP_OLDEST:
            oldest = self.items.popleft()
            self.shed += 1
            self.append(message)
            self.desk.drop(oldest, overflow)
            return True
        self.dropped += 1
        self.desk.drop(message, overflow)
        return False

    def append(self, item: Any) -> None:
        if not self.items:
            self._begin()
        elif not self.appended & _SAMPLE:
            self._mark()
        self.items.append(item)
        self.appended += 1
        if (waiter := self.desk.waiter) is not None:
            self.desk.waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def take(self) -> Any:
        """The oldest message, or NOTHING when its sender has yet to run. Raises IndexError when the lane is empty."""
        item = self.items.popleft()
        if type(item) is Place:
            if not item.used:
                self.items.appendleft(item)
                return NOTHING
            item = item.message
        elif self.latest:
            item = self.latest.pop(item)
        if self.line:
            self.admit()
        return item

    def admit(self) -> None:
        """Give free places to those who wait, longest waiting first."""
        while self.line and len(self.items) < self.limit:
            place = self.line.popleft()
            if not place.ticket.done():
                self.append(place)
                place.ticket.set_result(None)

    def empty(self) -> list[Any]:
        """Close the lane: senders that wait get ActorStopped, and the mail is handed out."""
        self.limit = 0
        for place in self.line:
            if not place.ticket.done():
                place.ticket.set_exception(ActorStopped(self.desk.name))
        items = list(self.items)
        self.items.clear()
        # A place not used yet holds no mail: its sender will find the lane closed.
        unused = sum(type(item) is Place and not item.used for item in items)
        self.appended -= unused
        self.shed += len(items) - unused
        if self.latest:
            return [self.latest.pop(item) for item in items]
        return [
            item.message if type(item) is Place else item for item in items if type(item) is not Place or item.used
        ]

    def oldest_age_s(self, now: float) -> float:
        """How long the oldest message has been waiting; at most fifteen messages' worth too long."""
        if not self.items:
            return 0.0
        self._forget_marks()
        return max(0.0, now - (self.marks[0][1] if self._is_marked else self.since))

    async def _stand_in_line(self, message: Any) -> None:
        loop = asyncio.get_running_loop()
        place = Place(message, loop.create_future())
        self.line.append(place)
        timer = None if self.box.for_s is None else loop.call_later(self.box.for_s, self._expire, place)
        try:
            await place.ticket
        except BaseException:
            self.refused += 1
            self._leave(place)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if self.desk.closed:
            self.refused += 1
            raise ActorStopped(self.desk.name)
        place.used = True
        if self.desk.waiter is not None:
            self.desk.wake()

    def _leave(self, place: Place) -> None:
        if place in self.line:
            self.line.remove(place)
            return
        # Cancelled in the very tick in which it got its place among the mail: the place goes to the next in line.
        for index, item in enumerate(self.items):
            if item is place:
                del self.items[index]
                self.appended -= 1
                self.admit()
                if self.desk.waiter is not None:
                    self.desk.wake()  # What stood behind it may be ready.
                return

    def _expire(self, place: Place) -> None:
        if not place.ticket.done():
            place.ticket.set_exception(MailboxFull(self.desk.name))

    def _conflate(self, message: Any) -> bool:
        key = self.key(message.request if type(message) is Ask else message)
        if key in self.latest:
            older, self.latest[key] = self.latest[key], message
            self.replaced += 1
            self.desk.supersede(older)
        elif len(self.items) < self.capacity:
            self.latest[key] = message
            self.append(key)
        else:
            self.dropped += 1
            self.desk.drop(message, CONFLATE)
            return False
        return True

    # The first message of an empty lane, as most are: its time needs no deque.
    def _begin(self) -> None:
        if self.marks:
            self.marks.clear()
        desk = self.desk
        desk.marked = self.since = desk.now()

    def _mark(self) -> None:
        self._forget_marks()
        self.desk.marked = now = self.desk.now()
        self.marks.append((self.appended, now))

    # Does the first mark stand at or before the oldest message? Else that came before any mark.
    @property
    def _is_marked(self) -> bool:
        return bool(self.marks) and self.marks[0][0] <= self.appended - len(self.items)

    # Marks of messages that have left; the last one at or before the oldest message stays.
    def _forget_marks(self) -> None:
        marks, head = self.marks, self.appended - len(self.items)
        while len(marks) > 1 and marks[1][0] <= head:
            marks.popleft()


def _kind(message: object) -> Hashable:
    return cast("Hashable", type(message))


def _loop_time() -> float:
    loop = asyncio._get_running_loop()
    return 0.0 if loop is None else loop.time()


def _forget(_item: object, _reason: str) -> None:
    """Where drops go before a system cares for them: nowhere."""
