"""When whoever counts for all is silent, this daemon counts for itself, and asks again now and then."""

import asyncio

from levibotd.admin.limits import MemoryBuckets
from levibotd.admin.spare_buckets import ASK_AGAIN_S, SpareBuckets
from levibotd.errors import Unavailable
from levibotd.kernel.clock import LoopClock
from levibotd.ports.buckets import Rate


class Store:
    """A store that answers, refuses or hangs as the test says."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_down = False
        self.takes_s = 0.0
        self.closed = False

    async def take(self, client: str, *, tokens: float = 1.0) -> float:
        self.asked += 1
        is_down = self.is_down
        await asyncio.sleep(self.takes_s)
        if is_down:
            raise Unavailable("silent")
        return 7.0

    async def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self) -> None:
        self.store = Store()
        self.told: list[str | None] = []
        clock = LoopClock()
        self.spare = MemoryBuckets(Rate(per_s=0.001, burst=2), clock=clock)
        self.buckets = SpareBuckets(self.store, spare=self.spare, clock=clock, on_change=self._on_change)

    def _on_change(self, error: Unavailable | None) -> None:
        self.told.append(None if error is None else str(error))


async def test_as_long_as_it_answers_its_word_counts() -> None:
    bench = Bench()
    assert await bench.buckets.take("a") == 7.0
    assert (len(bench.spare), bench.told) == (0, [])


async def test_when_it_is_silent_the_spare_counts_and_it_is_said_once() -> None:
    bench = Bench()
    bench.store.is_down = True
    assert [await bench.buckets.take("a") > 0 for _ in range(4)] == [False, False, True, True]
    assert bench.told == ["silent"]
    assert bench.store.asked == 1


async def test_only_one_request_at_a_time_finds_out_whether_it_is_back() -> None:
    bench = Bench()
    bench.store.is_down, bench.store.takes_s = True, 0.05
    await bench.buckets.take("a")
    await asyncio.sleep(ASK_AGAIN_S)

    since = asyncio.get_running_loop().time()
    waiting = [asyncio.ensure_future(bench.buckets.take(f"{n}")) for n in range(100)]  # noqa: TID251 - the test's own
    await asyncio.sleep(0.01)
    assert sum(one.done() for one in waiting) == 99
    await asyncio.gather(*waiting)
    assert asyncio.get_running_loop().time() - since < 0.06
    assert bench.store.asked == 2
    assert bench.told == ["silent"]


async def test_it_recovers_by_itself() -> None:
    bench = Bench()
    bench.store.is_down = True
    await bench.buckets.take("a")
    bench.store.is_down = False
    await asyncio.sleep(ASK_AGAIN_S / 2)
    assert await bench.buckets.take("a") == 0.0

    await asyncio.sleep(ASK_AGAIN_S / 2)
    assert await bench.buckets.take("a") == 7.0
    assert bench.told == ["silent", None]


async def test_closing_closes_both() -> None:
    bench = Bench()
    await bench.buckets.close()
    assert bench.store.closed
