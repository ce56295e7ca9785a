"""
Buckets that several daemons share, in Redis: one script, so that counting is one step.

Redis tells the time, so clocks of machines do not matter. Its client would try again for seconds; here
nothing is tried again and nothing waited for longer than a request may wait. Nothing is written but the
names of clients, and every bucket is forgotten once it would be full again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol

import anyio

from levibotd.errors import ConfigError, Unavailable
from levibotd.ports.buckets import Rate

TAKE_S = 0.05  # For an answer, connecting included.
CONNECTIONS_MAX = 16
PREFIX = "levibot:bucket:"

# Tokens there are and when they were counted; full once and forgotten are the same.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local rate, burst, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
level = math.min(burst, level + math.max(0, now - at) * rate)
local wait = 0
if level >= 1 then level = math.max(0, level - n) else wait = (1 - level) / rate end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - level) / rate * 1000) + 1000)
return tostring(wait)
"""


class _Script(Protocol):
    async def __call__(self, keys: list[str], args: list[float]) -> bytes: ...


class RedisBuckets:
    """
    Buckets at `url`. Connects when it is first asked.

    Raises ConfigError without the extra, and for an address that cannot be one.
    """

    def __init__(self, url: str, *, password: str | None, rate: Rate, take_s: float = TAKE_S) -> None:
        if find_spec("redis") is None:
            raise ConfigError("$.http.redis_url needs an extra: pip install 'levibotd[redis]'")
        self._rate = rate
        self._take_s = take_s
        self._client, self._error = _connect(url, password=password)
        self._take: _Script = self._client.register_script(_TAKE)

    async def take(self, client: str, *, tokens: float = 1.0) -> float:
        with self._translated(), anyio.fail_after(self._take_s):
            rate = self._rate
            return float(await self._take(keys=[PREFIX + client], args=[rate.per_s, rate.burst, tokens]))

    async def close(self) -> None:
        await self._client.aclose(close_connection_pool=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise Unavailable(f"Redis did not answer within {self._take_s:g} s") from None
        except (self._error, OSError) as error:
            # Its words may hold the address with all that stands in it.
            raise Unavailable(f"Redis: {type(error).__name__}") from None


def _connect(url: str, *, password: str | None) -> tuple[Any, type[Exception]]:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    try:
        pool = BlockingConnectionPool.from_url(
            url,
            password=password,
            max_connections=CONNECTIONS_MAX,
            timeout=TAKE_S,
            retry=Retry(NoBackoff(), 0),
            socket_keepalive=True,
        )
    except ValueError as error:
        raise ConfigError(f"$.http.redis_url: {error}") from error
    return Redis(connection_pool=pool), RedisError
