"""
What bare queues take for the messages of one post, taken where it happens: between the work of that post.

In a loop of thousands all that a hop needs is at hand. A post comes alone: what its messages need was last used
posts ago, and the work between two of them has used the caches for itself. So the floor of what the actors add is
taken in the same lives as the work, one question before each durable record, and not in a loop of its own.
"""

import asyncio
import time
from collections.abc import Awaitable

from bench.contenders import HOPS, Note

_wall = time.perf_counter  # Nothing waits for anything here, and a look at the CPU's clock costs as much as a hop.


class QueuesBetween:
    """Six stations in a row and one who answers, tasks around bare queues: `cost_s` is what they took."""

    def __init__(self) -> None:
        self.cost_s = 0.0
        self.asked = 0
        self._first: asyncio.Queue[Note] = asyncio.Queue(1024)
        self._questions: asyncio.Queue[tuple[Note, asyncio.Future[Note]]] = asyncio.Queue(1024)
        self._arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start the tasks, and let each come to wait for its queue."""
        queue = self._first
        for number in range(HOPS):
            onward = None if number == HOPS - 1 else asyncio.Queue[Note](1024)
            self._tasks.append(asyncio.create_task(self._hand_on(queue, onward)))
            queue = onward or queue
        self._tasks.append(asyncio.create_task(self._answer()))
        await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def six_hops(self) -> None:
        """One message through all stations."""
        await self._timed(self._pass())

    async def ask(self) -> None:
        """One question and its answer."""
        self.asked += 1
        await self._timed(self._question())

    async def _timed(self, work: Awaitable[object]) -> None:
        begun = _wall()
        await work
        self.cost_s += _wall() - begun

    async def _pass(self) -> None:
        self._arrived = asyncio.get_running_loop().create_future()
        await self._first.put(Note(1, 0.0))
        await self._arrived

    async def _question(self) -> Note:
        answer: asyncio.Future[Note] = asyncio.get_running_loop().create_future()
        await self._questions.put((Note(1, 0.0), answer))
        return await answer

    async def _hand_on(self, queue: "asyncio.Queue[Note]", onward: "asyncio.Queue[Note] | None") -> None:
        while True:
            note = await queue.get()
            if onward is None:
                self._arrived.set_result(None)
            else:
                await onward.put(note)

    async def _answer(self) -> None:
        while True:
            note, answer = await self._questions.get()
            answer.set_result(note)
