"""
What the kernel's rows compare: one small interface, and the floors behind it.

All sides get the same messages. A figure is what one message costs, in seconds: of CPU where
messages flow, at the median of the single ones where somebody waits for each.
"""

import asyncio
import contextlib
import statistics
from collections import deque
from typing import Any, Protocol

from msgspec import Struct

from bench.measure import cpu, now

CAPACITY = 1024
HOPS = 6


class Note(Struct, frozen=True):
    """A message as the daemon has them: frozen, with a trace."""

    number: int
    begun: float
    trace: str = "t-1"


class Contender(Protocol):
    """One way to hand messages on."""

    def tell(self, count: int, *, senders: int) -> float:
        """CPU a message, from `senders` to one receiver."""

    def pipeline(self, count: int) -> float:
        """CPU a message through six receivers, as fast as they take them."""

    def ask(self, count: int) -> float:
        """Median time from a question to its answer."""

    def six_hops(self, count: int) -> float:
        """Median time through six receivers that have nothing else to do."""

    def crash(self, count: int) -> float:
        """Median time from a message that crashes its receiver to the answer of the next one."""


class FutureBox:
    """The floor of floors: a deque and a future a side, for one receiver, and no care for cancellation."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[Any] = deque()
        self._capacity = capacity
        self._reader: asyncio.Future[None] | None = None
        self._writers: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()

    async def put(self, item: Any) -> None:
        while len(self._items) >= self._capacity:
            room = self._loop.create_future()
            self._writers.append(room)
            await room
        self._items.append(item)
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def get(self) -> Any:
        while not self._items:
            self._reader = self._loop.create_future()
            await self._reader
        item = self._items.popleft()
        while self._writers:
            room = self._writers.popleft()
            if not room.done():
                room.set_result(None)
                break
        return item


class Queues:
    """Tasks around bare queues: no names, no supervision, no counters."""

    def __init__(self, kind: Any = asyncio.Queue) -> None:
        self._kind = kind

    def tell(self, count: int, *, senders: int) -> float:
        return asyncio.run(self._tell(count, senders))

    def pipeline(self, count: int) -> float:
        cost, _ = asyncio.run(self._through_six(count, one_by_one=False))
        return cost

    def ask(self, count: int) -> float:
        return asyncio.run(self._ask(count))

    def six_hops(self, count: int) -> float:
        _, waits = asyncio.run(self._through_six(count, one_by_one=True))
        return statistics.median(waits)

    def crash(self, count: int) -> float:
        return asyncio.run(self._crash(count))

    def hops_cost(self, count: int) -> float:
        """CPU of one message through six receivers that have nothing else to do."""
        cost, _ = asyncio.run(self._through_six(count, one_by_one=True))
        return cost

    def ask_cost(self, count: int) -> float:
        """CPU of one question and its answer."""

        async def run() -> float:
            begun = cpu()
            await self._ask(count)
            return (cpu() - begun) / count

        return asyncio.run(run())

    async def _tell(self, count: int, senders: int) -> float:
        box, each = self._kind(CAPACITY), count // senders

        async def send() -> None:
            for number in range(each):
                await box.put(Note(number, 0.0))

        async def receive() -> None:
            for _ in range(each * senders):
                await box.get()

        begun = cpu()
        await asyncio.gather(receive(), *(send() for _ in range(senders)))
        return (cpu() - begun) / (each * senders)

    async def _ask(self, count: int) -> float:
        box, loop = self._kind(CAPACITY), asyncio.get_running_loop()

        async def serve() -> None:
            while True:
                note, answer = await box.get()
                answer.set_result(note)

        server, waits = asyncio.create_task(serve()), []
        for number in range(count):
            begun = now()
            answer = loop.create_future()
            await box.put((Note(number, begun), answer))
            await answer
            waits.append(now() - begun)
        await _ended(server)
        return statistics.median(waits)

    async def _through_six(self, count: int, *, one_by_one: bool) -> tuple[float, list[float]]:
        boxes = [self._kind(CAPACITY) for _ in range(HOPS)]
        finish = Finish(count)

        async def hand_on(place: int) -> None:
            get, put = boxes[place].get, boxes[place + 1].put if place + 1 < HOPS else None
            while True:
                note = await get()
                if put is None:
                    finish.arrived(note)
                else:
                    await put(note)

        tasks = [asyncio.create_task(hand_on(place)) for place in range(HOPS)]
        cost = await finish.run(boxes[0].put, one_by_one=one_by_one)
        for task in tasks:
            await _ended(task)
        return cost, finish.waits

    async def _crash(self, count: int) -> float:
        box, loop = self._kind(CAPACITY), asyncio.get_running_loop()

        async def receive() -> None:
            while True:
                note, answer = await box.get()
                if answer is None:
                    raise RuntimeError("planted")
                answer.set_result(note)

        async def begin_anew() -> None:
            while True:
                with contextlib.suppress(RuntimeError):
                    await asyncio.create_task(receive())

        keeper, waits = asyncio.create_task(begin_anew()), []
        for number in range(count):
            begun = now()
            answer = loop.create_future()
            await box.put((Note(number, begun), None))
            await box.put((Note(number, begun), answer))
            await answer
            waits.append(now() - begun)
        await _ended(keeper)
        return statistics.median(waits)


class Finish:
    """The end of six hops: who sends learns of what arrives, one by one or at last."""

    def __init__(self, count: int) -> None:
        self.waits: list[float] = []
        self._count = count
        self._arrived: asyncio.Future[None] | None = None

    def arrived(self, note: Note) -> None:
        self.waits.append(now() - note.begun)
        if self._arrived is not None and (note.number < 0 or note.number == self._count - 1):
            self._arrived.set_result(None)

    async def run(self, put: Any, *, one_by_one: bool) -> float:
        """Send everything; returns the CPU a message took."""
        loop = asyncio.get_running_loop()
        begun = cpu()
        if one_by_one:
            for _ in range(self._count):
                self._arrived = loop.create_future()
                await put(Note(-1, now()))
                await self._arrived
        else:
            self._arrived = loop.create_future()
            for number in range(self._count):
                await put(Note(number, now()))
            await self._arrived
        return (cpu() - begun) / self._count


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
