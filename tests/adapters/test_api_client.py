"""What a client of the interface sends, and what it makes of an answer, or of none."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from levibotd.adapters.api_client import ApiClient, Reply
from levibotd.errors import Unavailable
from levibotd.kernel import offload

pytestmark = pytest.mark.real_time

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'


class Peer:
    """A server that hears one request a connection and answers with these bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heard = b""
        self.base = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard = await reader.readuntil(b"\r\n\r\n")
        for line in self.heard.lower().splitlines():
            if line.startswith(b"content-length:"):
                self.heard += await reader.readexactly(int(line.partition(b":")[2]))
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def peer(answer: bytes = OK) -> AsyncIterator[Peer]:
    one = Peer(answer)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield one


async def ask(client: ApiClient, method: str, *path: str, body: object = None, totp: str | None = None) -> Reply:
    query = {"dry_run": "1"} if method == "POST" else {}
    return await offload.call(partial(client.ask, method, path, query=query, body=body, totp=totp))


async def test_key_and_code_travel_in_headers_and_any_name_in_the_path() -> None:
    async with peer() as one:
        reply = await ask(
            ApiClient(one.base, key="k-1"), "POST", "positions", "paper|@a b|7/0", body={"reason": "x"}, totp="123456"
        )
        assert (reply.status, reply.ok, reply.answer) == (200, True, {"a": 1})
        head, _, body = one.heard.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /positions/paper%7C%40a%20b%7C7%2F0?dry_run=1 HTTP/1.1\r\n")
        assert b"X-API-Key: k-1\r\n" in head
        assert b"X-TOTP: 123456" in head
        assert body == b'{"reason":"x"}'


async def test_without_a_key_none_is_sent_and_a_base_may_have_a_path() -> None:
    async with peer() as one:
        await ask(ApiClient(f"{one.base}/bot/"), "GET", "status")
        assert one.heard.startswith(b"GET /bot/status HTTP/1.1\r\n")
        assert b"x-api-key" not in one.heard.lower()
        assert b"x-totp" not in one.heard.lower()


async def test_what_is_no_json_has_no_answer() -> None:
    async with peer(b"HTTP/1.1 502 Bad\r\nContent-Length: 6\r\n\r\n<html>") as one:
        reply = await ask(ApiClient(one.base), "GET", "status")
        assert (reply.status, reply.ok, reply.answer) == (502, False, None)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n{"])
async def test_no_whole_answer_says_that_it_may_have_happened_and_never_the_key(answer: bytes) -> None:
    async with peer(answer) as one:
        with pytest.raises(Unavailable, match="may have been carried out") as fault:
            await ask(ApiClient(one.base, key="very-secret"), "POST", "flatten")
        assert "very-secret" not in str(fault.value)


async def test_nobody_there_is_unavailable_and_names_where() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}: .*refused"):
        await ask(ApiClient(f"http://127.0.0.1:{port}"), "GET", "status")


async def test_who_takes_too_long_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unavailable, match="timed out"):
            await ask(ApiClient(base, timeout_s=0.05), "GET", "status")
