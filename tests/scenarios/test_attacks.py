"""
Clients that mean no good, over real sockets: all of it is capped, and the loop is never held up.

How long the loop was held up is measured as the processor time it spent between two of its turns: a busy
machine may let it wait, but only its own work counts. The attacker is a process of its own.
"""

import asyncio
import gc
import json
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from levibotd.admin.connections import IDLE_MAX
from tests.admin.site import Site, serving

pytestmark = [pytest.mark.real_time, pytest.mark.fault("G16")]

ATTACKER = Path(__file__).parents[1] / "process" / "attacker.py"
LAG_S = 0.050
TURN_S = 0.002
IDLE = 1000


class Lag:
    """The longest the loop has worked on end, in seconds of its own processor time."""

    longest_s = 0.0

    async def measure(self) -> None:
        before = _spent_s()
        while True:
            await asyncio.sleep(TURN_S)
            now = _spent_s()
            self.longest_s = max(self.longest_s, now - before)
            before = now


def _spent_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime


@asynccontextmanager
async def under_attack() -> AsyncIterator[tuple[Site, Lag]]:
    async with serving() as site:
        assert (await site.get("/livez")).status == 200  # Whatever is imported at the first request is there now.
        gc.collect()
        gc.freeze()  # What the tests before have left lying about is none of the daemon's work.
        lag = Lag()
        measuring = asyncio.ensure_future(lag.measure())  # noqa: TID251 - the test's own
        try:
            yield site, lag
        finally:
            measuring.cancel()
            gc.unfreeze()


async def attack(site: Site, kind: str, count: int) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ATTACKER), str(site.port), kind, str(count), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(said)


@pytest.mark.parametrize("kind", ["idle", "slowloris"])
async def test_many_connections_that_say_nothing_leave_room_for_others(kind: str) -> None:
    async with under_attack() as (site, lag):
        attacking = asyncio.ensure_future(attack(site, kind, IDLE))  # noqa: TID251 - the test's own
        while not attacking.done():
            assert (await site.get("/livez")).status == 200
            await asyncio.sleep(0.02)
        found = attacking.result()

        assert found["opened"] == IDLE
        assert IDLE_MAX - 10 <= found["left"] <= IDLE_MAX
        assert "levibot_http_connections_dropped_total" in (await site.get("/metrics/prom")).body.decode()
        assert lag.longest_s < LAG_S


async def test_a_hundred_thousand_headers_are_refused() -> None:
    async with under_attack() as (site, lag):
        found = await attack(site, "headers", 100_000)
        assert found["answer"] in ("HTTP/1.0 400 Bad Request", "")  # The rest of it may run over the answer.
        assert (await site.get("/livez")).status == 200
        assert lag.longest_s < LAG_S


@pytest.mark.parametrize("kind", ["body", "chunks"])
async def test_a_body_of_a_gibibyte_is_refused_early(kind: str) -> None:
    async with under_attack() as (site, lag):
        found = await attack(site, kind, 1 << 30)
        assert found["answer"].startswith("HTTP/1.1 413 ")
        assert found["sent"] < 64 << 20
        assert (await site.get("/livez")).status == 200
        assert lag.longest_s < LAG_S


async def test_a_flood_over_a_websocket_is_cut_off() -> None:
    async with under_attack() as (site, lag):
        found = await attack(site, "flood", 50_000_000)
        assert found["answer"] == "HTTP/1.1 101 Switching Protocols"
        assert found["sent"] < 50_000_000
        assert 'levibot_http_streams_cut_total{reason="flood"} 1.0' in (await site.get("/metrics/prom")).body.decode()
        assert lag.longest_s < LAG_S
