"""What any buckets keep to: those in this process, and those in a real Redis."""

import asyncio
from collections.abc import Iterator

import pytest

from levibotd.adapters.redis_buckets import RedisBuckets
from levibotd.admin.limits import MemoryBuckets
from levibotd.kernel.clock import LoopClock
from levibotd.ports.buckets import Buckets, Rate
from tests.adapters.redis_server import PASSWORD, RedisServer, redis_server
from tests.until import until

pytestmark = pytest.mark.real_time

SLOW = Rate(per_s=0.5, burst=5)  # So slow that no test gets a token by taking its time.
QUICK = Rate(per_s=20, burst=3)
TAKE_S = 5.0  # A busy machine is slow, not silent.


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


class Bench:
    """Buckets, and a loop to ask them from."""

    def __init__(self, buckets: Buckets, runner: asyncio.Runner) -> None:
        self._buckets = buckets
        self._runner = runner

    def take(self, client: str, *, tokens: float = 1.0) -> float:
        return self._runner.run(self._buckets.take(client, tokens=tokens))

    def taken_at_once(self, client: str, *, times: int) -> int:
        async def all_of_them() -> list[float]:
            return await asyncio.gather(*[self._buckets.take(client) for _ in range(times)])

        return self._runner.run(all_of_them()).count(0.0)

    def close(self) -> None:
        self._runner.run(self._buckets.close())


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Iterator[object]:
    made: list[Bench] = []
    with asyncio.Runner() as runner:

        def one(rate: Rate) -> Bench:
            if request.param == "memory":
                bench = Bench(MemoryBuckets(rate, clock=LoopClock()), runner)
            else:
                server: RedisServer = request.getfixturevalue("server")
                assert server.say("FLUSHALL") == b"+OK\r\n"
                bench = Bench(RedisBuckets(server.url, password=PASSWORD, rate=rate, take_s=TAKE_S), runner)
            made.append(bench)
            return bench

        yield one
        for bench in made:
            bench.close()


def test_a_client_may_burst_and_no_more(make) -> None:  # type: ignore[no-untyped-def]
    bench = make(SLOW)
    assert [bench.take("a") == 0.0 for _ in range(7)] == [True] * 5 + [False] * 2


def test_those_who_ask_at_once_get_no_more_than_one_after_the_other(make) -> None:  # type: ignore[no-untyped-def]
    assert make(SLOW).taken_at_once("a", times=12) == 5


def test_one_does_not_take_from_another(make) -> None:  # type: ignore[no-untyped-def]
    bench = make(SLOW)
    for _ in range(6):
        bench.take("a")
    assert bench.take("b") == 0.0
    assert bench.take("key:a") == 0.0


def test_it_is_told_when_to_come_back(make) -> None:  # type: ignore[no-untyped-def]
    bench = make(SLOW)
    for _ in range(5):
        bench.take("a")
    assert 0.0 < bench.take("a") <= 2.0


def test_a_costly_request_takes_what_is_there(make) -> None:  # type: ignore[no-untyped-def]
    bench = make(SLOW)
    assert bench.take("a", tokens=3) == 0.0
    assert bench.take("a", tokens=10) == 0.0
    assert bench.take("a") > 0.0


def test_who_was_refused_loses_nothing_by_asking(make) -> None:  # type: ignore[no-untyped-def]
    bench = make(QUICK)
    while bench.take("a") == 0.0:
        pass
    assert until(lambda: bench.take("a") == 0.0, within_s=5, what="another token")


def test_closing_twice_is_harmless(make) -> None:  # type: ignore[no-untyped-def]
    bench = make(SLOW)
    assert bench.take("a") == 0.0
    bench.close()
    bench.close()
