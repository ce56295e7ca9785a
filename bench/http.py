"""
The HTTP interface's rows: what a request costs the server, with everything on that the daemon has on.

Server and client are two processes, so that only the server's CPU is counted. The bare side is aiohttp
with one route that answers the same bytes.
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from bench.measure import Effort, Figure, Row, at_most, cpu, in_turns_here, now, ratio, spread
from levibotd.admin.routes import ROUTES
from levibotd.domain.records import Entry, Logged, SystemNote
from levibotd.journal import EVENTS
from levibotd.ports.buckets import Rate
from levibotd.ports.journal_file import Run
from tests.admin.site import MemoryLog, serving

REQUESTS = 2_000
RECORDS = 1_000
LISTENING = 10
LINE = '{"seq":1,"ts":1730805032.123,"event_type":"SYSTEM","payload":{"note":"' + "x" * 300 + '"}}'
UNLIMITED = Rate(per_s=1e9, burst=1e9)
# Reads answers without looking into them: one after the other on one connection.
CLIENT = """
import socket, sys
port, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
request = f"GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nAccept: */*\\r\\n\\r\\n".encode()
client = socket.create_connection(("127.0.0.1", port))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range(count):
    client.sendall(request)
    answer = client.recv(1 << 20)
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    head, _, body = answer.partition(b"\\r\\n\\r\\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
    while len(body) < length:
        body += client.recv(1 << 20)
"""

# So many websockets at once, each frame counted, none looked into.
LISTENERS = """
import os, select, socket, sys
port, listeners, count = map(int, sys.argv[1:4])
request = (
    f"GET /ws/events HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
).encode()
held, seen = {}, {}
for _ in range(listeners):
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(request)
    answer = b""
    while b"\\r\\n\\r\\n" not in answer:
        answer += client.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    held[client], seen[client] = b"", 0
print("listening", flush=True)
while held:
    for client in select.select(list(held), [], [])[0]:
        data = held[client] + client.recv(1 << 20)
        place = 0
        while len(data) - place >= 4:
            size = data[place + 1]
            assert size == 126, "lines are of a middle size"
            end = place + 4 + int.from_bytes(data[place + 2 : place + 4], "big")
            if end > len(data):
                break
            place, seen[client] = end, seen[client] + 1
        held[client] = data[place:]
        if seen[client] == count:
            del held[client]
"""


def status(effort: Effort) -> Sequence[Figure]:
    """`/status`, all middlewares on: Host and Origin, rate limit, scopes, metrics, problem documents."""
    return asyncio.run(_status(effort))


async def _status(effort: Effort) -> Sequence[Figure]:
    async with serving(rate=UNLIMITED) as site:
        answer = await site.get("/status")
        async with _bare(answer.body) as port:
            count = effort.of(REQUESTS)
            costs = await in_turns_here(
                effort,
                {
                    "daemon": lambda: _requested(site.port, "/status", count),
                    "bare": lambda: _requested(port, "/status", count),
                    "livez": lambda: _requested(site.port, "/livez", count),
                },
            )
    return [
        Figure(
            what="/status / bare aiohttp with the same answer", spread=ratio(costs, "daemon", "bare"), gate=at_most(1.6)
        ),
        Figure(what="/livez / bare aiohttp: the edge alone", spread=ratio(costs, "livez", "bare")),
        Figure(what="/status, a request", spread=spread([cost * 1e6 for cost in costs["daemon"]]), unit="µs"),
        Figure(what="bare aiohttp, a request", spread=spread([cost * 1e6 for cost in costs["bare"]]), unit="µs"),
    ]


def prometheus(effort: Effort) -> Sequence[Figure]:
    """`/metrics/prom` with every route and event type counted: how long in all, and how long nothing else ran."""
    return asyncio.run(_prometheus(effort))


async def _prometheus(effort: Effort) -> Sequence[Figure]:
    async with serving(rate=UNLIMITED) as site:
        metrics = site.desk.metrics
        for route in ROUTES:
            metrics.http_requests.of(route.template, route.method, "200").inc()
            metrics.http_latency.of(route.template).observe(0.001)
        for event_type in EVENTS:
            metrics.events.of(event_type).inc()
        lines = (await site.get("/metrics/prom")).body.count(b"\n")
        whole: list[float] = []
        longest: list[float] = []
        for _ in range(3 * effort.turns):
            begun = now()
            await site.get("/metrics/prom")
            whole.append((now() - begun) * 1e3)
            async with Gaps() as gaps:
                await site.get("/metrics/prom")
            longest.append(gaps.longest_s * 1e3)
    return [
        Figure(what=f"{lines:,} lines: request to answer", spread=spread(whole), unit="ms", gate=at_most(40)),
        Figure(what="longest time that the loop was held", spread=spread(longest), unit="ms", gate=at_most(5)),
    ]


def websocket(effort: Effort) -> Sequence[Figure]:
    """One record to one listener, live: `/ws/events` against a loop of `send_str` over aiohttp's websockets."""
    return asyncio.run(_websocket(effort))


async def _websocket(effort: Effort) -> Sequence[Figure]:
    log = MemoryLog()
    async with serving(log=log, rate=UNLIMITED) as site:
        sockets: list[web.WebSocketResponse] = []
        async with _bare_sockets(sockets) as port:
            count = effort.of(RECORDS)

            async def publish(number: int) -> None:
                log.newest.publish([_run_of(log.newest.last_seq + 1)])

            async def send(number: int) -> None:
                for socket_ in sockets:
                    await socket_.send_str(LINE)

            costs = await in_turns_here(
                effort,
                {
                    "daemon": lambda: _delivered(site.port, count, publish),
                    "bare": lambda: _delivered(port, count, send),
                },
            )
    return [
        Figure(what="/ws/events / bare aiohttp websockets", spread=ratio(costs, "daemon", "bare"), gate=at_most(1.5)),
        Figure(what="/ws/events, a delivery", spread=spread([cost * 1e6 for cost in costs["daemon"]]), unit="µs"),
        Figure(what="bare aiohttp, a delivery", spread=spread([cost * 1e6 for cost in costs["bare"]]), unit="µs"),
    ]


def _run_of(seq: int) -> Run:
    logged = Logged(seq=seq, ts=0.0, event_type="SYSTEM", entry=Entry(SystemNote(note="bench")))
    return Run("memory", 0, [LINE.encode() + b"\n"], [logged], 0, "")


async def _delivered(port: int, count: int, tell: Callable[[int], Awaitable[None]]) -> float:
    """CPU of this thread for each delivery, with a pause now and then so that listeners keep up."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LISTENERS, str(port), str(LISTENING), str(count), stdout=asyncio.subprocess.PIPE
    )
    assert client.stdout is not None
    await client.stdout.readline()
    await asyncio.sleep(0.1)
    begun = cpu()
    for number in range(count):
        await tell(number)
        await asyncio.sleep(0.002 if number % 20 == 19 else 0)
    cost = cpu() - begun
    if await client.wait():
        raise RuntimeError("the listeners failed")
    return cost / (count * LISTENING)


@asynccontextmanager
async def _bare_sockets(sockets: list[web.WebSocketResponse]) -> AsyncIterator[int]:
    async def listen(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        sockets.append(response)
        try:
            async for _ in response:
                pass
        finally:
            sockets.remove(response)
        return response

    app = web.Application()
    app.router.add_get("/ws/events", listen)
    async with _served(app) as port:
        yield port


class Gaps:
    """
    Turns with the loop as fast as it goes, and notes the longest turn.

    In CPU of the process: a thread that holds the interpreter counts, another process that has the processor does not.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def __aenter__(self) -> "Gaps":
        self._task = asyncio.create_task(self._turn())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()

    async def _turn(self) -> None:
        last = time.process_time()
        while True:
            await asyncio.sleep(0)
            at = time.process_time()
            self.longest_s = max(self.longest_s, at - last)
            last = at


async def _requested(port: int, path: str, count: int) -> float:
    """CPU of this thread for so many requests of another process."""
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, str(port), str(count), path)
    begun = cpu()
    if await client.wait():
        raise RuntimeError("the client failed")
    return (cpu() - begun) / count


@asynccontextmanager
async def _bare(body: bytes) -> AsyncIterator[int]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/status", answer)
    async with _served(app) as port:
        yield port


@asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[int]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        await runner.cleanup()


ROWS = (
    Row(name="http.status", floor="bare aiohttp with the same answer", measure=status),
    Row(name="http.websocket", floor="aiohttp's websockets, one send_str each", measure=websocket),
    Row(name="http.prometheus", floor="", measure=prometheus),
)
