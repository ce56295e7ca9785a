"""
The HTTP interface's rows: what a request costs the server, with everything on that the daemon has on.

Server and client are two processes, so that only the server's CPU is counted. The bare side is aiohttp
with one route that answers the same bytes.
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from bench.measure import Effort, Figure, Row, at_most, cpu, in_turns_here, now, ratio, spread
from levibotd.admin.limits import Rate
from levibotd.admin.routes import ROUTES
from levibotd.journal import EVENTS
from tests.admin.site import serving

REQUESTS = 2_000
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
    Row(name="http.prometheus", floor="", measure=prometheus),
)
