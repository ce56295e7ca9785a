"""A hundred listeners on the running demo hear every record, in order."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from levibotd.adapters.journal_reader import scan
from levibotd.adapters.os_files import OsFiles
from tests.process.daemon import Daemon, daemon

pytestmark = pytest.mark.real_time

LISTENERS = 100
LISTENED_S = 6.0


async def test_a_hundred_websockets_hear_every_record_in_order(tmp_path: Path) -> None:
    with daemon(tmp_path / "state") as demo:
        demo.wait_ready()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            told, *heard = await asyncio.gather(
                _log_ends(session, demo),
                *[_listen(session, demo, since=number % 5) for number in range(LISTENERS)],
            )
        assert demo.get("/metrics")["levibot_http_streams_cut_total"] == []
        assert demo.stop() == 0

        log = list(scan(OsFiles(demo.log)))
        early, late = told
        assert early < late  # Something happened while they listened.
        for since, lines in heard:
            assert lines == log[since : since + len(lines)]
            assert since + len(lines) >= late


# Where the log ends when all of them listen, and later, when they still do.
async def _log_ends(session: aiohttp.ClientSession, demo: Daemon) -> tuple[int, int]:
    ends = []
    for _ in range(2):
        await asyncio.sleep(LISTENED_S / 3)
        async with session.get(f"http://127.0.0.1:{demo.port}/events?limit=1") as answer:
            ends.append((await answer.json())["events"][0]["seq"])
    return ends[0], ends[1]


# What one hears in a while that is long enough.
async def _listen(session: aiohttp.ClientSession, demo: Daemon, *, since: int) -> tuple[int, list[bytes]]:
    lines: list[bytes] = []
    async with session.ws_connect(f"http://127.0.0.1:{demo.port}/ws/events?since_seq={since}") as socket:
        try:
            async with asyncio.timeout(LISTENED_S):
                async for message in socket:
                    lines.append(message.data.encode() + b"\n")
        except TimeoutError:
            return since, lines
    raise AssertionError(f"closed with {socket.close_code}")
