"""
The connections of clients: how many there may be, and how long one may take for the head of a request.

Whoever opens many and says nothing loses his oldest; what the parser does not understand is answered
with a problem document like everything else.
"""

import asyncio
import logging
import resource
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from levibotd.admin.problems import CONTENT_TYPE, Malformed, Problem, TooSlow, problem_of
from levibotd.errors import Unavailable

CONNECTIONS_MAX = 512
IDLE_MAX = 128  # Of these without a request; when all of them close at once, that holds up nobody for long.
KEEPALIVE_S = 30.0  # Without a request; the head of the next one has to arrive in it, too.
HEAD_S = 10.0  # For the head of the first request.
LINGER_S = 0.5  # What is still sent of a body that nobody wants is taken in and thrown away so long.
HEAD_LINE_BYTES_MAX = 8190
HEADERS_MAX = 128
READ_BYTES = 16 << 10  # At once: a crowd of tiny messages must not take up a whole turn of the loop.

_SHARE = 2  # Of the descriptors a process may have; the log, the index and the venues need some, too.


def connections_max(most: int = CONNECTIONS_MAX) -> int:
    """How many there may be without endangering the descriptors of everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft // _SHARE))


class Connections:
    """
    Those that are open, in the order in which they were last of use. Called for each new one.

    Beyond `most`, and beyond `most_idle` that have no request, the one that has been idle longest is dropped;
    while all are busy, the new one is.
    """

    def __init__(
        self,
        server: web.Server,
        *,
        most: int,
        log: logging.Logger,
        on_drop: Callable[[], None],
        most_idle: int = IDLE_MAX,
    ) -> None:
        self._server = server
        self._most = most
        self._most_idle = most_idle
        self._log = log
        self._on_drop = on_drop
        self._open: set[Connection] = set()
        self.idle: dict[Connection, None] = {}  # Those without a request, the one that has been so longest first.

    def __len__(self) -> int:
        return len(self._open)

    def __call__(self) -> "Connection":
        return Connection(self, self._server, log=self._log)

    def opened(self, connection: "Connection") -> None:
        self._open.add(connection)
        self.idle[connection] = None
        if len(self._open) > self._most or len(self.idle) > self._most_idle:
            self._drop_oldest(newest=connection)

    def closed(self, connection: "Connection") -> None:
        self._open.discard(connection)
        self.idle.pop(connection, None)

    def rests(self, connection: "Connection") -> None:
        if connection in self._open:
            self.idle[connection] = None
            if len(self.idle) > self._most_idle:
                self._drop_oldest()

    def _drop_oldest(self, *, newest: "Connection | None" = None) -> None:
        oldest = next(iter(self.idle))
        self.closed(oldest)
        self._on_drop()
        # The newest of all may be the oldest that is idle: then it is refused, and told so.
        oldest.drop(problem_of(Unavailable("too many connections")) if oldest is newest else None)


class Connection(web.RequestHandler):
    """One of them. The edge says when it begins and ends a request of it."""

    __slots__ = ("_all", "_head_due", "_on_lost")

    def __init__(self, all_: Connections, server: web.Server, *, log: logging.Logger) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGER_S,
            max_line_size=HEAD_LINE_BYTES_MAX,
            max_field_size=HEAD_LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            access_log=None,  # type: ignore[arg-type]  # As the runner of aiohttp itself allows.
            logger=log,
        )
        self._all = all_
        self._head_due: asyncio.TimerHandle | None = None
        self._on_lost: Callable[[], None] | None = None

    def begin(self) -> None:
        """A request of it is served from now on."""
        self._all.idle.pop(self, None)
        if self._head_due is not None:
            self._head_came()

    def end(self) -> None:
        self._on_lost = None
        self._all.rests(self)

    def watch(self, on_lost: Callable[[], None]) -> None:
        """Have `on_lost` called if the client goes away while its request is served."""
        self._on_lost = on_lost

    def drop(self, problem: Problem | None = None) -> None:
        """Close it, with a last word where one is due."""
        transport = self.transport
        if transport is not None and problem is not None:
            transport.write(_document(problem))
        self.force_close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if hasattr(transport, "max_size"):  # Of asyncio's own transports: 256 KiB.
            transport.max_size = READ_BYTES
        super().connection_made(transport)
        self._head_due = self._loop.call_later(HEAD_S, self._head_late)
        self._all.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_came()
        self._all.closed(self)
        super().connection_lost(exc)
        if self._on_lost is not None:
            self._on_lost()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, HttpProcessingError):
            # Its text repeats what was sent.
            problem = problem_of(
                Malformed(f"not HTTP, or a head beyond {HEAD_LINE_BYTES_MAX} bytes a line or {HEADERS_MAX} headers")
            )
        else:
            problem = problem_of(exc or TimeoutError())
            self.log_exception("http_failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        response = web.Response(
            status=problem.status, body=problem.to_bytes(), content_type=CONTENT_TYPE, headers=_LAST_HEADERS
        )
        response.force_close()
        return response

    def _head_came(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _head_late(self) -> None:
        self._head_due = None
        self.drop(problem_of(TooSlow(f"expected the head of a request within {HEAD_S:g} s")))


_LAST_HEADERS = {
    "Server": "levibotd",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


# Written where aiohttp would not answer at all.
def _document(problem: Problem) -> bytes:
    body = problem.to_bytes()
    headers = {
        **_LAST_HEADERS, **problem.headers, "Content-Type": CONTENT_TYPE, "Content-Length": str(len(body)),
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {problem.status} {problem.title}\r\n{lines}\r\n".encode() + body
