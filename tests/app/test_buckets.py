"""Rate limits: counted here, or in a Redis; whatever becomes of that one, requests are served."""

import asyncio
import io
from pathlib import Path

import pytest
from msgspec.structs import replace

from levibotd.admin.limits import MemoryBuckets
from levibotd.app.buckets import buckets_of
from levibotd.config import Config, demo_config
from levibotd.domain.masking import Masker
from levibotd.kernel.clock import LoopClock
from levibotd.observe.logging import make_log
from levibotd.observe.metrics import Metrics
from levibotd.ports.buckets import Buckets
from tests.adapters.redis_server import PASSWORD, redis_server
from tests.admin.site import serving

pytestmark = pytest.mark.real_time


def config_with(url: str | None) -> Config:
    config = demo_config(environ={"HOME": "/nonexistent"})
    return replace(config, http=replace(config.http, redis_url=url))


def made(url: str | None) -> tuple[Buckets, Metrics, io.StringIO]:
    clock, printed, metrics = LoopClock(), io.StringIO(), Metrics(version="1")
    log = make_log(printed, clock=clock, masker=Masker())
    return buckets_of(config_with(url), password=PASSWORD, clock=clock, metrics=metrics, log=log), metrics, printed


def test_without_an_address_this_process_counts() -> None:
    assert isinstance(made(None)[0], MemoryBuckets)


async def test_while_redis_hangs_or_is_gone_requests_flow_and_it_is_said(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        buckets, metrics, printed = made(redis.url)
        async with serving(buckets=buckets) as site:
            assert (await site.get("/status")).status == 200
            assert b"levibot_http_limits_spare 0.0" in metrics.render()

            redis.hang()
            loop = asyncio.get_running_loop()
            since = loop.time()
            answers = await asyncio.gather(*[site.get("/status") for _ in range(50)])
            assert [answer.status for answer in answers] == [200] * 50
            assert loop.time() - since < 2.0  # Its own client would have stalled each of them for seconds.
            assert b"levibot_http_limits_spare 1.0" in metrics.render()
            assert "limits_spare" in printed.getvalue()
            assert PASSWORD not in printed.getvalue()

            redis.stop()
            assert (await site.get("/status")).status == 200
