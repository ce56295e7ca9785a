"""Runs one actor without a system, step by step: how actors are tested."""

import asyncio
from typing import Generic, TypeVar

from levibotd.kernel.actor import Actor, alone
from levibotd.kernel.lane import NOTHING, Ask
from levibotd.kernel.mailbox import Request
from levibotd.kernel.tasks import Timer

M = TypeVar("M")
R = TypeVar("R")


class Alone(Generic[M]):
    """
    An actor on the bench: hand it messages, and let what it started come to its end.

    What its handler raises reaches the caller, what its tasks raise is raised by `settle`.
    """

    def __init__(self, actor: Actor[M]) -> None:
        self.actor = actor
        self._host = alone(actor)
        actor._host = self._host

    async def start(self) -> None:
        """What a system does before the first message."""
        await self.actor.on_start()
        await self.actor.on_continue()
        for source in self.actor.sources():
            self._host.tasks.add_source(source)

    async def tell(self, message: M) -> None:
        """Handle one message and all that follows from it without waiting for timers."""
        await self.actor.receive(message)
        await self.settle()

    async def ask(self, request: Request[R]) -> R:
        """As `tell`; returns the answer, also one that is given later. Raises TimeoutError if nobody gives one."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._host.asked, self._host.reply_taken = Ask(request, future), False
        answer = await self.actor.receive(request)  # type: ignore[arg-type]
        self._host.asked = None
        if not self._host.reply_taken:
            future.set_result(answer)  # type: ignore[arg-type]
        await self.settle()
        async with asyncio.timeout(60):
            return await future

    async def settle(self) -> None:
        """Run tasks to their end and handle what they and elapsed timers sent. Raises what a task raised."""
        while True:
            await asyncio.sleep(0)
            if self._host.crashes:
                raise self._host.crashes.pop(0)
            item = self._host.mailbox.take()
            if type(item) is Timer:
                item = item.message if item.take() else NOTHING
            if item is not NOTHING:
                await self.actor.receive(item)
            elif running := [one.task for one in self._host.tasks.running.values()]:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            elif not self._host.mailbox.has_mail:
                return

    async def stop(self) -> None:
        """End tasks, sources and timers."""
        self._host.timers.end()
        if alive := self._host.tasks.end():
            await asyncio.wait(alive)
