"""Buckets in Redis: what stands there, how long it stays, and what a Redis that is gone or hangs costs."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from levibotd.adapters.redis_buckets import PREFIX, TAKE_S, RedisBuckets
from levibotd.errors import ConfigError, Unavailable
from levibotd.ports.buckets import Rate
from tests.adapters.redis_server import PASSWORD, RedisServer, redis_server

pytestmark = pytest.mark.real_time

RATE = Rate(per_s=2.0, burst=10.0)
SLACK_S = 1.0  # A busy machine is slow; a client that tries again stalls for four seconds and more.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as running:
        yield running


def buckets_at(server: RedisServer, *, take_s: float = 5.0, password: str = PASSWORD) -> RedisBuckets:
    return RedisBuckets(server.url, password=password, rate=RATE, take_s=take_s)


async def test_nothing_stands_there_but_names_and_none_for_ever(server: RedisServer) -> None:
    buckets = buckets_at(server)
    await buckets.take("10.0.0.1")
    await buckets.take("key:reader", tokens=9)
    await buckets.close()

    keys = server.say("KEYS", "*").decode().split("\r\n")[2::2]
    assert sorted(key for key in keys if key) == [f"{PREFIX}10.0.0.1", f"{PREFIX}key:reader"]
    for client, least_ms, most_ms in (("10.0.0.1", 0, 1_500), ("key:reader", 3_000, 5_500)):
        left_ms = int(server.say("PTTL", PREFIX + client)[1:])
        assert least_ms < left_ms <= most_ms


async def test_a_redis_that_hangs_costs_a_request_no_more_than_its_time(server: RedisServer) -> None:
    buckets = buckets_at(server, take_s=TAKE_S)
    await buckets.take("a")
    server.hang()
    loop = asyncio.get_running_loop()
    since = loop.time()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.05 s"):
        await buckets.take("a")
    assert loop.time() - since < TAKE_S + SLACK_S
    server.go_on()
    await buckets.close()


async def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(server: RedisServer) -> None:
    buckets = buckets_at(server, take_s=0.2)
    for _ in range(10):
        await buckets.take("poor")
    server.hang()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await buckets.take("poor")
    server.go_on()
    assert [await _patient(buckets, "rich") for _ in range(5)] == [0.0] * 5
    await buckets.close()


async def _patient(buckets: RedisBuckets, client: str) -> float:
    for _ in range(20):
        try:
            return await buckets.take(client)
        except Unavailable:
            continue
    raise AssertionError("it does not answer any more")


async def test_a_redis_that_is_gone_is_told_at_once_and_one_that_is_back_is_used(server: RedisServer) -> None:
    buckets = buckets_at(server)
    await buckets.take("a")
    server.stop()
    loop = asyncio.get_running_loop()
    since = loop.time()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await buckets.take("a")
    assert loop.time() - since < SLACK_S

    server.start()  # It has forgotten the script, too.
    assert await _patient(buckets, "a") == 0.0
    await buckets.close()


async def test_a_wrong_password_is_told_without_it(server: RedisServer) -> None:
    buckets = buckets_at(server, password="guessed")
    with pytest.raises(Unavailable, match="Redis: AuthenticationError") as told:
        await buckets.take("a")
    assert "guessed" not in str(told.value)
    await buckets.close()


def test_an_address_that_cannot_be_one_is_for_the_operator() -> None:
    pytest.importorskip("redis")
    with pytest.raises(ConfigError, match=r"\$\.http\.redis_url"):
        RedisBuckets("redis://h:port/0", password=None, rate=RATE)


def test_nobody_imports_redis_who_does_not_use_it() -> None:
    import subprocess

    code = "import sys, levibotd.app.buckets; print('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
