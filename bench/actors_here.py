"""The kernel itself among the contenders: whole systems, supervised, with all features on."""

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from msgspec import Struct

from bench.contenders import CAPACITY, HOPS, Finish, Note
from bench.measure import cpu, now
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.events import Event
from levibotd.kernel.mailbox import Box, Ref, Request
from levibotd.kernel.supervisor import Child, Group, System

ASK_S = 60.0
GROUP_SIZE = 5


class Question(Struct, Request[Note], frozen=True):
    """The same as a note, but asked."""

    number: int
    begun: float
    trace: str = "t-1"


class Sink(Actor[Note]):
    """Takes `count` messages and says so."""

    def __init__(self, count: int, done: "asyncio.Future[None]") -> None:
        self._left = count
        self._done = done

    async def receive(self, message: Note) -> None:
        self._left -= 1
        if not self._left:
            self._done.set_result(None)


class Echo(Actor[Note | Question]):
    """Answers questions; a note ends it."""

    async def receive(self, message: Note | Question) -> Question:
        if isinstance(message, Note):
            raise RuntimeError("planted")
        return message


class Station(Actor[Note]):
    """Hands each message on."""

    def __init__(self, onward: Ref[Note] | None, finish: Finish) -> None:
        self._onward = onward
        self._finish = finish

    async def receive(self, message: Note) -> None:
        if self._onward is None:
            self._finish.arrived(message)
        else:
            await self._onward.tell(message)


class Kernel:
    """Our side."""

    def tell(self, count: int, *, senders: int) -> float:
        return asyncio.run(_tell(count, senders))

    def pipeline(self, count: int) -> float:
        cost, _ = asyncio.run(_through_six(count, one_by_one=False))
        return cost

    def ask(self, count: int) -> float:
        return asyncio.run(_ask(count))

    def six_hops(self, count: int) -> float:
        _, waits = asyncio.run(_through_six(count, one_by_one=True))
        return statistics.median(waits)

    def crash(self, count: int) -> float:
        return asyncio.run(_crash(count))


@asynccontextmanager
async def system(children: Sequence[Child]) -> AsyncIterator[System]:
    """These children in one group, at work."""
    group = Group("all", children=tuple(children), intensity=1_000_000)
    events: list[Event] = []
    running = System(Group("root", children=(group,)), clock=LoopClock(), on_event=events.append, rng=Random(1))
    await running.start()
    yield running
    await running.stop()


def child(name: str, make: Callable[[], Actor[Any]], *, box: Box | None = None) -> Child:
    return Child(Ref(name, Box(CAPACITY) if box is None else box), make)


async def _tell(count: int, senders: int) -> float:
    each = count // senders
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    sink = child("sink", lambda: Sink(each * senders, done))

    async def send() -> None:
        for number in range(each):
            await sink.ref.tell(Note(number, 0.0))

    async with system([sink]):
        begun = cpu()
        await asyncio.gather(done, *(send() for _ in range(senders)))
        return (cpu() - begun) / (each * senders)


async def _ask(count: int) -> float:
    echo, waits = child("echo", Echo), []
    async with system([echo]):
        for number in range(count):
            begun = now()
            await echo.ref.ask(Question(number, begun), timeout_s=ASK_S)
            waits.append(now() - begun)
    return statistics.median(waits)


async def _through_six(count: int, *, one_by_one: bool) -> tuple[float, list[float]]:
    finish, children = Finish(count), []
    onward: Ref[Note] | None = None
    for place in range(HOPS):
        station = child(f"hop-{place}", lambda onward=onward: Station(onward, finish))  # type: ignore[misc]
        children.append(station)
        onward = station.ref
    async with system(children):
        cost = await finish.run(children[-1].ref.tell, one_by_one=one_by_one)
    return cost, finish.waits


# Each crash is the first of its actor: the second one in a row would wait, and that is meant.
async def _crash(count: int) -> float:
    waits: list[float] = []
    while len(waits) < count:
        children = [child(f"echo-{place}", Echo) for place in range(GROUP_SIZE)]
        async with system(children):
            for number, echo in enumerate(children):
                await echo.ref.ask(Question(number, 0.0), timeout_s=ASK_S)  # It has been at work, as the bare one has.
                begun = now()
                await echo.ref.tell(Note(number, begun))
                await echo.ref.ask(Question(number, begun), timeout_s=ASK_S)
                waits.append(now() - begun)
    return statistics.median(waits)
