"""xoscar among the contenders: all actors in one pool, in this process."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import xoscar

from bench.contenders import HOPS, Finish, Note
from bench.measure import cpu, now

T = TypeVar("T")


class Sink(xoscar.StatelessActor):
    def __init__(self, count: int, done: Any) -> None:
        self._left = count
        self._done = done

    async def take(self, note: Note) -> None:
        self._left -= 1
        if not self._left:
            self._done()


class Station(xoscar.Actor):
    def __init__(self, onward: Any, finish: Any) -> None:
        self._onward = onward
        self._finish = finish

    async def take(self, note: Note) -> None:
        if self._onward is None:
            self._finish(note)
        else:
            await self._onward.take.tell(note)


class Echo(xoscar.Actor):
    async def take(self, note: Note) -> Note:
        if note.number < 0:
            raise RuntimeError("planted")
        return note


class Xoscar:
    """An error does not end an actor there; to begin anew it is destroyed and created again."""

    def tell(self, count: int, *, senders: int) -> float:
        return _in_pool(lambda address: self._tell(address, count, senders))

    def pipeline(self, count: int) -> float:
        cost, _ = _in_pool(lambda address: self._through_six(address, count, one_by_one=False))
        return cost

    def ask(self, count: int) -> float:
        return _in_pool(lambda address: self._ask(address, count))

    def six_hops(self, count: int) -> float:
        _, waits = _in_pool(lambda address: self._through_six(address, count, one_by_one=True))
        return statistics.median(waits)

    def crash(self, count: int) -> float:
        return _in_pool(lambda address: self._crash(address, count))

    async def _tell(self, address: str, count: int, senders: int) -> float:
        each, done = count // senders, asyncio.Event()
        sink = await xoscar.create_actor(Sink, each * senders, done.set, address=address)

        async def send() -> None:
            for number in range(each):
                await sink.take.tell(Note(number, 0.0))

        begun = cpu()
        await asyncio.gather(done.wait(), *(send() for _ in range(senders)))
        return (cpu() - begun) / (each * senders)

    async def _ask(self, address: str, count: int) -> float:
        echo, waits = await xoscar.create_actor(Echo, address=address), []
        for number in range(count):
            begun = now()
            await echo.take(Note(number, begun))
            waits.append(now() - begun)
        return statistics.median(waits)

    async def _through_six(self, address: str, count: int, *, one_by_one: bool) -> tuple[float, list[float]]:
        finish, onward = Finish(count), None
        for _ in range(HOPS):
            onward = await xoscar.create_actor(Station, onward, finish.arrived, address=address)
        assert onward is not None
        cost = await finish.run(onward.take.tell, one_by_one=one_by_one)
        return cost, finish.waits

    async def _crash(self, address: str, count: int) -> float:
        echo, waits = await xoscar.create_actor(Echo, address=address), []
        for number in range(count):
            begun = now()
            try:
                await echo.take(Note(-1, begun))
            except RuntimeError:
                await xoscar.destroy_actor(echo)
                echo = await xoscar.create_actor(Echo, address=address)
            await echo.take(Note(number, begun))
            waits.append(now() - begun)
        return statistics.median(waits)


def _in_pool(work: Callable[[str], Awaitable[T]]) -> T:
    async def run() -> T:
        pool = await xoscar.create_actor_pool(f"127.0.0.1:{xoscar.utils.get_next_port()}", n_process=0)
        async with pool:
            return await work(pool.external_address)

    return asyncio.run(run())
