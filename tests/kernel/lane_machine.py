"""
A checker of mailbox lanes: random actions, several of them within one turn of the loop.

Races live inside a tick: a place is granted and its sender cancelled before the loop turns. So
every step is a list of actions without a turn between them, capacities are tiny, and at rest
the books must balance. `machine_of` makes it for any lane class, planted faults included.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

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
    Place,
)
from levibotd.kernel.virtual_time import VirtualTimeLoop

SENDERS = 3
FOR_S = 1.0


@dataclass(frozen=True)
class Mail:
    """What sender `sender` sent as its `number`-th."""

    sender: int
    number: int


ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, SENDERS - 1)),
    st.tuples(st.just("put"), st.integers(0, SENDERS - 1)),
    st.tuples(st.just("offer"), st.integers(0, SENDERS - 1)),
    st.tuples(st.just("take"), st.integers(1, 2)),
    st.tuples(st.just("cancel"), st.integers(0, SENDERS - 1)),
    st.tuples(st.just("read"), st.just(0)),
    st.tuples(st.just("cancel_read"), st.just(0)),
    st.tuples(st.just("turn"), st.just(0)),
)

BOXES = st.builds(
    Box,
    capacity=st.integers(1, 2),
    overflow=st.sampled_from([BLOCK, BLOCK, BLOCK, BLOCK, FAIL, DROP_OLDEST, DROP_NEWEST, CONFLATE]),
    for_s=st.sampled_from([None, None, FOR_S]),
    key=st.just(lambda mail: mail.sender),
)


class LaneMachine(RuleBasedStateMachine):
    """Senders, a reader, and the books of both sides."""

    lane_class: type[Lane] = Lane

    @initialize(box=BOXES)
    def make(self, box: Box) -> None:
        self.loop = VirtualTimeLoop()
        self.box = box
        self.desk = Desk("machine")
        self.desk.on_drop = lambda mail, _reason: self.dead.append(mail)
        self.lane = self.lane_class(box, self.desk)
        self.number: Counter[int] = Counter()
        self.sending: dict[int, tuple[asyncio.Task[None], Mail]] = {}
        self.reader: asyncio.Task[None] | None = None
        self.order: list[Mail] = []  # As they asked to come in.
        self.sent: list[Mail] = []
        self.refused: list[Mail] = []
        self.delivered: list[Mail] = []
        self.dead: list[Mail] = []

    @rule(actions=st.lists(ACTIONS, min_size=1, max_size=5), rest=st.booleans())
    def tick(self, actions: list[tuple[str, int]], rest: bool) -> None:
        """Do all of it before the loop turns."""
        self.loop.run_until_complete(self._in_one_tick(actions))
        if rest:
            self._rest()

    @rule(takes=st.integers(1, 2), sender=st.integers(0, SENDERS - 1))
    def take_and_cancel(self, takes: int, sender: int) -> None:
        """The race that random lists seldom find: a place is given, maybe taken, and its sender cancelled."""
        self.tick([("take", takes), ("cancel", sender)], rest=True)

    @rule()
    def pass_time(self) -> None:
        """Let those who wait no longer than so give up."""
        self.loop.run_until_complete(asyncio.sleep(FOR_S / 2))
        self._settle_books()

    @invariant()
    def never_holds_more_than_its_capacity(self) -> None:
        if hasattr(self, "lane"):
            assert len(self.lane.items) <= self.box.capacity

    def teardown(self) -> None:
        if not hasattr(self, "lane"):
            return
        try:
            for _ in range(8):
                self._rest()
                self.loop.run_until_complete(self._in_one_tick([("take", self.box.capacity)]))
            self._rest()
            assert not self.sending, "a sender was left waiting before an empty box"
            self._check_books()
        finally:
            self._close()

    # --- Actions ------------------------------------------------------------------------------

    async def _in_one_tick(self, actions: list[tuple[str, int]]) -> None:
        for action, argument in actions:
            match action:
                case "put":
                    self._put(argument)
                case "offer":
                    self._offer(argument)
                case "take":
                    self._take(argument)
                case "cancel":
                    if argument in self.sending:
                        self.sending[argument][0].cancel()
                case "read":
                    self._read()
                case "cancel_read":
                    if self.reader is not None:
                        self.reader.cancel()
                case "turn":
                    await asyncio.sleep(0)

    def _put(self, sender: int) -> None:
        if sender in self.sending:
            return
        mail = self._next(sender)

        async def send() -> None:
            self.order.append(mail)
            await self.lane.put(mail)

        self.sending[sender] = (self.loop.create_task(send()), mail)

    def _offer(self, sender: int) -> None:
        if sender in self.sending:
            return
        mail, dropped = self._next(sender), len(self.dead)
        if self.lane.offer(mail):
            self.order.append(mail)
            self.sent.append(mail)
        elif mail in self.dead[dropped:]:
            self.sent.append(mail)
        else:
            self.refused.append(mail)

    def _take(self, most: int) -> None:
        for _ in range(most):
            if not self.lane.items:
                return
            mail = self.lane.take()
            if mail is NOTHING:
                return
            self.delivered.append(mail)

    # As a mailbox waits: for a wake-up, taking only afterwards.
    def _read(self) -> None:
        if self.reader is not None and not self.reader.done():
            return

        async def read() -> None:
            while not self.lane.ready:
                self.desk.waiter = self.loop.create_future()
                try:
                    await self.desk.waiter
                finally:
                    self.desk.waiter = None
            self._take(1)

        self.reader = self.loop.create_task(read())

    # --- Books --------------------------------------------------------------------------------

    def _next(self, sender: int) -> Mail:
        self.number[sender] += 1
        return Mail(sender, self.number[sender])

    def _rest(self) -> None:
        for _ in range(6):
            self.loop.run_until_complete(asyncio.sleep(0))
        self._settle_books()
        for place in self._places():
            assert place.used, "at rest a place is still kept for a sender that has run"
        waiting = [place for place in self.lane.line if not place.ticket.done()]
        assert not (waiting and len(self.lane.items) < self.box.capacity), "a free place and a waiting sender"
        reading = self.reader is not None and not self.reader.done()
        assert not (reading and self.lane.ready), "mail is there and the reader sleeps"

    def _settle_books(self) -> None:
        for sender, (task, mail) in list(self.sending.items()):
            if not task.done():
                continue
            del self.sending[sender]
            if task.cancelled() or isinstance(task.exception(), MailboxFull | ActorStopped):
                self.refused.append(mail)
            else:
                assert task.exception() is None
                self.sent.append(mail)

    def _check_books(self) -> None:
        lane = self.lane
        assert not set(self.refused) & {*self.delivered, *self.dead}, "refused, and taken in all the same"
        arrived = Counter(self.delivered) + Counter(self.dead)
        superseded = Counter(self.sent) - arrived
        assert Counter(self.sent) == arrived + superseded, "out of nowhere, or twice"
        assert superseded.total() == lane.replaced, "lost"
        assert self.box.overflow is CONFLATE or not superseded, "lost"
        assert lane.taken == len(self.delivered)
        assert lane.appended == lane.taken + lane.shed
        assert lane.appended + lane.replaced + lane.dropped == len(self.sent)
        assert lane.refused <= len(self.refused)  # A sender cancelled before it began is not the lane's.
        if self.box.overflow is not CONFLATE:
            came_in = [mail for mail in self.order if mail in set(self.delivered)]
            assert self.delivered == came_in, "somebody came in before one who asked earlier"

    def _places(self) -> Iterator[Place]:
        return (item for item in self.lane.items if type(item) is Place)

    def _close(self) -> None:
        tasks: list[Any] = [task for task, _ in self.sending.values()]
        if self.reader is not None:
            tasks.append(self.reader)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def machine_of(lane: type[Lane]) -> type[LaneMachine]:
    return type(f"{lane.__name__}Machine", (LaneMachine,), {"lane_class": lane})
