"""Connections: how many, and how slow. On virtual time, with a transport that writes down what it is told."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest
from aiohttp import web

from levibotd.admin.connections import HEAD_S, KEEPALIVE_S, Connection, Connections, connections_max
from levibotd.admin.replies import BODY_S, TAKES, Body, json, read_body

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Line(asyncio.Transport):
    """The wire to one client."""

    def __init__(self, protocol: Connection) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = b""
        self.closed = False
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """There is nothing to pause."""

    def resume_reading(self) -> None:
        """There is nothing to pause."""

    def answers(self) -> list[tuple[int, Any]]:
        """Status and JSON of each answer."""
        found = []
        rest = self.sent
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(fields[b"content-length"])
            found.append((int(head.split()[1]), msgspec.json.decode(rest[:length])))
            rest = rest[length:]
        return found


class Word(Body, frozen=True):
    word: str = ""


class Bench:
    def __init__(self, *, most: int = 3, most_idle: int = 100) -> None:
        self.dropped = 0
        self.hold: list[asyncio.Future[None]] = []
        self.connections = Connections(
            web.Server(self._handle),
            most=most,
            most_idle=most_idle,
            log=logging.Logger("test"),
            on_drop=self._drop,
        )

    def open(self) -> Line:
        return Line(self.connections())

    async def say(self, line: Line, *parts: bytes) -> None:
        for part in parts:
            line.protocol.data_received(part)
        await asyncio.sleep(0.01)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request.protocol, Connection)
        request.protocol.begin()
        request[TAKES] = (Word,)
        try:
            if request.path == "/hold":
                self.hold.append(asyncio.get_running_loop().create_future())
                await self.hold[-1]
            return json(await read_body(request, Word))  # type: ignore[arg-type]
        finally:
            request.protocol.end()

    def _drop(self) -> None:
        self.dropped += 1


async def test_a_head_that_does_not_come_ends_the_connection() -> None:
    bench = Bench()
    silent, slow, quick = bench.open(), bench.open(), bench.open()
    await bench.say(quick, GET)
    for byte in GET[:8]:
        await bench.say(slow, bytes([byte]))
        await asyncio.sleep(1)
    assert not silent.closed
    assert not slow.closed

    await asyncio.sleep(HEAD_S - 8)
    for line in (silent, slow):
        assert line.closed
        assert [(status, problem["code"]) for status, problem in line.answers()] == [(408, "TOO_SLOW")]
    assert not quick.closed
    assert len(bench.connections) == 1


async def test_a_second_head_has_no_more_time_than_a_connection_may_idle() -> None:
    bench = Bench()
    line = bench.open()
    await bench.say(line, GET)
    for byte in GET[:10]:
        await asyncio.sleep(KEEPALIVE_S / 10 - 0.02)
        assert not line.closed
        await bench.say(line, bytes([byte]))
    await asyncio.sleep(1)
    assert line.closed


async def test_a_body_that_does_not_come_is_told_and_the_connection_ends() -> None:
    bench = Bench()
    line = bench.open()
    await bench.say(line, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n", b'{"word"')
    for byte in b":  ":
        await asyncio.sleep(BODY_S / 4)
        await bench.say(line, bytes([byte]))
        assert not line.sent
    await asyncio.sleep(BODY_S / 2)
    assert [(status, problem["code"]) for status, problem in line.answers()] == [(408, "TOO_SLOW")]
    assert line.closed


async def test_a_body_may_come_in_pieces() -> None:
    bench = Bench()
    line = bench.open()
    await bench.say(line, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n", b'{"word"')
    await asyncio.sleep(BODY_S - 1)
    await bench.say(line, b':"x"}')
    assert line.answers() == [(200, {"word": "x"})]


async def test_the_oldest_idle_connection_makes_room() -> None:
    bench = Bench(most=3)
    used, oldest, other = bench.open(), bench.open(), bench.open()
    await bench.say(used, GET)  # Now it is the one that was of use last.

    newest = bench.open()
    await bench.say(newest, GET)

    assert [line.closed for line in (used, oldest, other, newest)] == [False, True, False, False]
    assert oldest.sent == b""
    assert newest.answers()[0][0] == 200
    assert (len(bench.connections), bench.dropped) == (3, 1)


async def test_while_all_are_busy_a_new_one_is_told_so() -> None:
    bench = Bench(most=2)
    busy = [bench.open(), bench.open()]
    for line in busy:
        await bench.say(line, b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
    refused = bench.open()
    await bench.say(refused, GET)
    assert refused.closed
    assert [(status, problem["code"]) for status, problem in refused.answers()] == [(503, "UNAVAILABLE")]

    for hold in bench.hold:
        hold.set_result(None)
    await asyncio.sleep(0.01)
    assert [line.answers()[0][0] for line in busy] == [200, 200]
    assert len(bench.connections) == 2
    await bench.say(bench.open(), GET)
    assert [line.closed for line in busy] == [True, False]


async def test_idle_ones_are_fewer_than_all() -> None:
    bench = Bench(most=5, most_idle=2)
    busy = [bench.open() for _ in range(2)]
    for line in busy:
        await bench.say(line, b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
    idle = [bench.open() for _ in range(3)]
    assert [line.closed for line in (*busy, *idle)] == [False, False, True, False, False]

    bench.hold[0].set_result(None)
    await asyncio.sleep(0.01)
    assert [line.closed for line in (*busy, *idle)] == [False, False, True, True, False]
    assert len(bench.connections) == 3


async def test_ten_thousand_idle_connections_leave_room_for_those_who_speak() -> None:
    bench = Bench(most=100)
    for _ in range(10_000):
        bench.open()
        await asyncio.sleep(0)
    assert len(bench.connections) == 100
    line = bench.open()
    await bench.say(line, GET)
    assert line.answers()[0][0] == 200
    assert bench.dropped == 9_901


async def test_who_goes_away_is_noticed_while_his_request_is_served() -> None:
    bench = Bench()
    line, gone = bench.open(), asyncio.Event()
    await bench.say(line, b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
    line.protocol.watch(gone.set)
    line.close()
    await asyncio.sleep(0.01)
    assert gone.is_set()
    bench.hold[0].set_result(None)
    await asyncio.sleep(0.01)
    assert len(bench.connections) == 0


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Secret: " + b"hush" * 5_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100_000)) + b"\r\n",
        b"\x16\x03\x01 hush\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: hush\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    ],
    ids=["line", "header", "100 000 headers", "TLS", "length", "version"],
)
async def test_a_head_that_cannot_be_read_is_a_problem_document_that_repeats_nothing(head: bytes) -> None:
    bench = Bench()
    line = bench.open()
    for begin in range(0, len(head), 65536):
        await bench.say(line, head[begin : begin + 65536])
    (answer,) = line.answers()
    assert (answer[0], answer[1]["code"]) == (400, "MALFORMED")
    assert b"application/problem+json" in line.sent
    assert b"hush" not in line.sent
    assert b"aiohttp" not in line.sent
    assert line.closed


def test_descriptors_are_left_for_everything_else() -> None:
    assert 0 < connections_max() <= 512
    assert connections_max(10**9) < 10**9
