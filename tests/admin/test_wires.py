"""What carries a stream, on virtual time, over a wire that takes as much as the test lets it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from levibotd.admin.connections import Connection, Connections
from levibotd.admin.feed import Fresh
from levibotd.admin.replies import DESK, EDGE_HEADERS
from levibotd.admin.wires import (
    CLOSE_S,
    FLOOD,
    GONE,
    KEEP_ALIVE_S,
    OVERFLOW,
    SEND_S,
    STALLED,
    STOPPING,
    EventWire,
    SocketWire,
    Wire,
)
from levibotd.kernel.clock import Clock, LoopClock
from tests.admin.test_connections import Line

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PING = b"\x89\x80\0\0\0\0"
PONG = b"\x8a\x80\0\0\0\0"
TEXT = b"\x81\x81\0\0\0\0x"
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
ONE = (Fresh(7, b'{"seq":7}\n'),)


@dataclass
class DeskOfTest:
    clock: Clock


class AbortedLine(Line):
    """A line that tells an abort from a close, and says what came since it was last asked."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def news(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent


@asynccontextmanager
async def opened(
    kind: Callable[[web.Request], Wire], talk: Callable[[Wire], Awaitable[str]]
) -> AsyncIterator[tuple[AbortedLine, "asyncio.Future[str]"]]:
    """A stream of this kind on which `talk` is had; how that ended is the future."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.StreamResponse:
        assert isinstance(request.protocol, Connection)
        request.protocol.begin()
        request[EDGE_HEADERS] = {"Server": "levibotd"}
        wire = kind(request)
        await wire.open()
        ended.set_result(await talk(wire))
        return wire.response

    app = web.Application()
    app[DESK] = DeskOfTest(LoopClock())  # type: ignore[misc]
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    connections = Connections(runner.server, most=9, log=logging.Logger("test"), on_drop=lambda: None)
    line = AbortedLine(connections())
    line.protocol.data_received(HANDSHAKE if kind is SocketWire else GET)
    await asyncio.sleep(0.01)
    try:
        yield line, ended
    finally:
        line.close()
        await asyncio.sleep(0.01)
        await runner.cleanup()


async def attend(wire: Wire) -> str:
    return await wire.attend(lambda: 5)


async def send_once(wire: Wire) -> str:
    try:
        await wire.send(ONE)
    except TimeoutError:
        return STALLED
    except ConnectionError:
        return GONE
    return "sent"


async def test_a_websocket_says_each_line_as_one_message() -> None:
    async with opened(SocketWire, send_once) as (line, ended):
        assert await ended == "sent"
        head, _, frames = line.sent.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Server: levibotd" in head
        assert frames.startswith(b'\x81\x09{"seq":7}')


async def test_events_are_said_as_such() -> None:
    async with opened(EventWire, send_once) as (line, ended):
        assert await ended == "sent"
        assert b"Content-Type: text/event-stream\r\n" in line.sent
        assert b'id: 7\ndata: {"seq":7}\n\n' in line.sent


@pytest.mark.parametrize("kind", [EventWire, SocketWire])
async def test_a_client_that_takes_nothing_is_stalled_after_a_while(kind: type[Wire]) -> None:
    async def talk(wire: Wire) -> str:
        await asyncio.sleep(1)
        return await send_once(wire)

    async with opened(kind, talk) as (line, ended):
        line.protocol.pause_writing()
        await asyncio.sleep(SEND_S)
        assert not ended.done()
        await asyncio.sleep(1.1)
        assert ended.result() == STALLED


@pytest.mark.parametrize("kind", [EventWire, SocketWire])
async def test_who_does_not_take_the_last_words_is_given_up(kind: type[Wire]) -> None:
    async def talk(wire: Wire) -> str:
        await asyncio.sleep(1)
        await wire.close(STALLED, seq=7)
        return "closed"

    async with opened(kind, talk) as (line, ended):
        line.protocol.pause_writing()
        await asyncio.sleep(1 + CLOSE_S + 0.1)
        assert ended.result() == "closed"
        assert line.aborted


@pytest.mark.parametrize("kind", [EventWire, SocketWire])
async def test_a_client_that_left_is_gone(kind: type[Wire]) -> None:
    async def talk(wire: Wire) -> str:
        await asyncio.sleep(1)
        return await send_once(wire)

    async with opened(kind, talk) as (line, ended):
        line.close()
        await asyncio.sleep(1.1)
        assert ended.result() == GONE


async def test_a_quiet_stream_of_events_says_that_it_lives_and_how_far_it_is() -> None:
    async with opened(EventWire, attend) as (line, ended):
        line.news()
        await asyncio.sleep(KEEP_ALIVE_S + 0.1)
        assert b": alive\nid: 5\n\n" in line.news()
        line.protocol.pause_writing()
        await asyncio.sleep(KEEP_ALIVE_S + SEND_S + 0.1)
        assert ended.result() == STALLED


async def test_a_quiet_websocket_is_asked_whether_it_lives() -> None:
    async with opened(SocketWire, attend) as (line, ended):
        line.news()
        for _ in range(3):
            await asyncio.sleep(KEEP_ALIVE_S + 1)
            assert b"\x89\x00" in line.news()
            line.protocol.data_received(PONG)
        await asyncio.sleep(2 * KEEP_ALIVE_S)
        assert ended.result() == GONE
        assert line.closed


async def test_pings_are_answered_and_words_passed_over() -> None:
    async with opened(SocketWire, attend) as (line, ended):
        line.news()
        line.protocol.data_received(PING + TEXT)
        await asyncio.sleep(0.1)
        assert line.news() == b"\x8a\x00"
        line.protocol.data_received(CLOSE)
        await asyncio.sleep(0.1)
        assert line.news().startswith(b"\x88")
        assert ended.result() == GONE


@pytest.mark.parametrize("frame", [PING, TEXT, PONG])
async def test_who_says_too_much_floods_and_who_says_little_may_for_ever(frame: bytes) -> None:
    async with opened(SocketWire, attend) as (line, ended):
        for _ in range(200):
            line.protocol.data_received(frame)
            await asyncio.sleep(0.25)
        assert not ended.done()
        line.protocol.data_received(frame * 40)
        await asyncio.sleep(0.1)
        assert ended.result() == FLOOD


@pytest.mark.parametrize(
    ("ending", "code"), [(OVERFLOW, 1013), (STALLED, 1013), (FLOOD, 1008), (STOPPING, 1001)]
)
async def test_the_last_words_say_why_and_from_where_to_resume(ending: str, code: int) -> None:
    async def talk(wire: Wire) -> str:
        await wire.close(ending, seq=41)
        return ending

    async with opened(SocketWire, talk) as (line, ended):
        await asyncio.sleep(1)
        assert ended.done()
        assert line.closed
        assert not line.aborted
        assert line.sent.endswith(code.to_bytes(2, "big") + f"{ending}; since_seq=41".encode())
    async with opened(EventWire, talk) as (line, ended):
        await asyncio.sleep(1)
        assert f'event: {ending}\nid: 41\ndata: {{"since_seq":41}}\n\n'.encode() in line.sent
        assert line.sent.endswith(b"0\r\n\r\n")
