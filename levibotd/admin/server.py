"""
AdminHttp: the HTTP interface as an actor.

The socket is opened before anything else starts (`listen`), so that a port in use ends the
process at once; it outlives incarnations, so that a client that connects while AdminHttp begins
anew waits instead of being refused. aiohttp is imported by the first incarnation: whoever only
wires the daemon does not pay for it.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable

import anyio

from levibotd.admin.auth import Keyring
from levibotd.admin.desk import Desk
from levibotd.admin.idempotency import Answers
from levibotd.admin.limits import Clients, MemoryBuckets
from levibotd.admin.origins import Origins
from levibotd.config_checks import split_bind
from levibotd.domain.masking import Masker
from levibotd.errors import ConfigError, Unavailable
from levibotd.kernel.actor import Actor
from levibotd.kernel.events import Exit
from levibotd.ports.buckets import Buckets, Rate

BACKLOG = 512
PORT_MAX = 65535
ACCEPTS = 8  # In one turn of the loop: taking in a crowd must not hold up anybody.
ACCEPT_TURNS = 8
SHUTDOWN_S = 1.0  # What a request under way has to end in.


class PortInUse(Unavailable):
    """Another process listens there. Exit 75."""

    code = "PORT_IN_USE"


class AdminHttp(Actor[None]):
    """
    Serve the HTTP interface on a socket that is already listening.

    A restart loses the answers kept for Idempotency-Keys, and the levels of rate limits, where they were not given.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        listener: socket.socket,
        keyring: Keyring | None = None,
        buckets: Buckets | None = None,
        masker: Masker | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._desk = desk
        self._listener = listener
        self._keyring = Keyring() if keyring is None else keyring
        self._buckets = MemoryBuckets(Rate(), clock=desk.clock) if buckets is None else buckets
        self._masker = Masker() if masker is None else masker
        self._answers = answers
        self._accepting: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._close: Callable[[], Awaitable[None]] | None = None

    async def on_start(self) -> None:
        from aiohttp import web

        from levibotd.admin.application import Guard, make_application, server_log
        from levibotd.admin.connections import Connections, connections_max

        http = self._desk.config.http
        host, _ = split_bind(http.bind)
        guard = Guard(
            origins=Origins(host=host, port=port_of(self._listener), cors_origins=http.cors_origins),
            keyring=self._keyring,
            clients=Clients(http.trusted_proxies),
            buckets=self._buckets,
            masker=self._masker,
            answers=self._answers,
        )
        runner = web.AppRunner(make_application(self._desk, guard), access_log=None, shutdown_timeout=SHUTDOWN_S)
        self._close = runner.cleanup
        await runner.setup()
        assert runner.server is not None
        connections = Connections(
            runner.server,
            most=connections_max(),
            log=server_log(),
            on_drop=self._desk.metrics.http_connections_dropped.inc,
        )
        self._accepting = self._listener.dup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(connections, sock=self._accepting, backlog=ACCEPTS)
        self._listener.listen(BACKLOG)  # Many may wait, and yet few are taken in at once.

    async def on_stop(self, reason: Exit) -> None:
        loop = asyncio.get_running_loop()
        if self._accepting is not None and isinstance(loop, asyncio.SelectorEventLoop):
            # asyncio forgets a connection that it accepts in the very turn in which its server is closed, and the
            # client would wait for ever: so first accept nothing more, then let what was accepted arrive.
            loop.remove_reader(self._accepting)
            for _ in range(ACCEPT_TURNS):
                await self._desk.clock.sleep(0)
        if self._server is not None:
            self._server.close()
        if self._close is not None:
            await self._close()
        with anyio.move_on_after(SHUTDOWN_S):
            await self._buckets.close()

    async def receive(self, message: None) -> None:
        """Nobody tells it anything: work comes in over its socket."""


def listen(bind: str) -> socket.socket:
    """
    Open the socket that `bind` (host:port, port 0 = any free one) names, for AdminHttp.

    Raises PortInUse (exit 75), ConfigError when this address can never be bound.
    """
    host, port = split_bind(bind)
    if port > PORT_MAX:
        raise ConfigError(f"$.http.bind: {bind}: expected a port <= {PORT_MAX}")
    try:
        return socket.create_server((_address(host), port), family=_family(host), backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"http.bind: {bind} is in use by another process") from error
        raise ConfigError(f"$.http.bind: cannot listen on {bind}: {error.strerror or error}") from error


def port_of(listener: socket.socket) -> int:
    """The port it really listens on."""
    return int(listener.getsockname()[1])


def _address(host: str) -> str:
    # No name service at start: the one name that needs none is ours.
    return "127.0.0.1" if host == "localhost" else host


def _family(host: str) -> socket.AddressFamily:
    try:
        return socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return socket.AF_INET
