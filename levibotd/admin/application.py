"""
The web application: one edge that every request passes, and the routes behind it.

The edge checks Host and Origin, counts, asks for a key, keeps answers for repetitions, and turns
every error into a problem document. Nothing that is raised behind it leaves as a traceback.
"""

import logging
from collections.abc import Awaitable, Callable
from math import ceil

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import Struct

from levibotd.admin.auth import ANYBODY, KEY_HEADER, LOCAL, Caller, Keyring, Scope
from levibotd.admin.connections import Connection
from levibotd.admin.desk import Desk
from levibotd.admin.events import CURSOR_HEADER
from levibotd.admin.health import SUMMARY, Summary
from levibotd.admin.idempotency import KEY_HEADER as IDEMPOTENCY_HEADER
from levibotd.admin.idempotency import Answers, Kept, checked_key
from levibotd.admin.limits import BODY_BYTES_MAX, Clients
from levibotd.admin.openapi import DESCRIPTION, Description
from levibotd.admin.origins import Origins
from levibotd.admin.panel import ASSETS, load_assets
from levibotd.admin.problems import (
    CONTENT_TYPE,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Problem,
    ScopeMissing,
    TooLarge,
    TooMany,
    Unauthenticated,
    problem_of,
)
from levibotd.admin.replies import CALLER, CLIENT, DESK, EDGE, EDGE_HEADERS, TAKES, whole_body
from levibotd.admin.reports import COMPLETE_HEADER, THROUGH_HEADER
from levibotd.admin.routes import ROUTES, Route
from levibotd.admin.schema import openapi_bytes
from levibotd.admin.streams import DOORS, Doors, Streams
from levibotd.admin.tickets import Tickets
from levibotd.admin.totp import CODE_HEADER
from levibotd.domain.masking import Masker
from levibotd.observe.metrics import OTHER
from levibotd.ports.buckets import Buckets

SLOW_S = 0.1
TICKET = "ticket"
TICKET_PATH = "/ws/ticket"
REPLAY_HEADER = "Idempotent-Replay"
GUESS_TOKENS = 10.0  # What a wrong key costs on top: guessing is slow.

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT",
    "Access-Control-Allow-Headers": f"Content-Type, {KEY_HEADER}, {IDEMPOTENCY_HEADER}, {CODE_HEADER}",
    "Access-Control-Max-Age": "600",
}
# What a page of another origin may read.
_EXPOSED = ", ".join((CURSOR_HEADER, REPLAY_HEADER, COMPLETE_HEADER, THROUGH_HEADER, hdrs.RETRY_AFTER))
# Whoever watches the daemon must hear from it, also while somebody floods it.
_ALWAYS_ANSWERED = frozenset({"/livez", "/readyz"})
# Answers about the asker, and about what was not even understood: who asks better may use his key again.
_PASSING = frozenset({400, 401, 403, 408, 413, 429})

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard(Struct, frozen=True, kw_only=True):
    """What stands between the network and the handlers. `masker` knows what no refusal may repeat."""

    origins: Origins
    buckets: Buckets
    keyring: Keyring = Keyring()
    clients: Clients = Clients()
    masker: Masker = Masker()
    answers: Answers | None = None


def make_application(desk: Desk, guard: Guard) -> web.Application:
    """Put routes, edge and status page together."""
    edge = _Edge(desk, guard)
    app = web.Application(middlewares=[edge.middleware], client_max_size=BODY_BYTES_MAX)
    app[DESK] = desk
    app[SUMMARY] = Summary(desk)
    app[DOORS] = edge.doors
    app.on_shutdown.append(edge.end_streams)
    app[ASSETS] = load_assets()
    app[DESCRIPTION] = Description(lambda: openapi_bytes(version=desk.version))
    for route in ROUTES:
        added = app.router.add_route(route.method, route.template, route.handler, expect_handler=expect)
        edge.routes[added] = route
        if route.method == "GET" and not route.is_stream:
            edge.routes[app.router.add_route("HEAD", route.template, route.handler, expect_handler=expect)] = route
    return app


async def expect(request: web.Request) -> None:
    """Whoever asks before he sends a body is told to go on, unless it is too large; then the answer comes at once."""
    asks = request.headers.get("Expect", "").lower() == "100-continue"
    if asks and request.version == HttpVersion11 and (request.content_length or 0) <= BODY_BYTES_MAX:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # That was not the answer yet.


def check_length(request: web.Request) -> None:
    """Raises TooLarge for a body that says so itself, before any of it is read."""
    if request.body_exists and (request.content_length or 0) > BODY_BYTES_MAX:
        raise TooLarge(f"expected at most {BODY_BYTES_MAX} bytes")


def server_log() -> logging.Logger:
    """
    Make the log of aiohttp's server without what strangers can fill it with.

    Junk that is not even HTTP is answered with 400 before any handler; it is not an error of ours.
    """
    log = logging.Logger("aiohttp.server", logging.WARNING)
    log.parent = logging.getLogger()
    log.addFilter(lambda line: not (line.exc_info and isinstance(line.exc_info[1], HttpProcessingError)))
    return log


class _Edge:
    """What every request passes."""

    def __init__(self, desk: Desk, guard: Guard) -> None:
        self.routes: dict[web.AbstractRoute, Route] = {}
        self.doors = Doors(Streams(), Tickets())
        self._desk = desk
        self._now = desk.clock.monotonic
        self._guard = guard
        self._answers = guard.answers or Answers()
        # A bound method cannot carry the marker that aiohttp looks for.
        self.middleware = web.middleware(lambda request, handler: self._attend(request, handler))

    async def end_streams(self, app: web.Application) -> None:
        self.doors.streams.end()

    # One function for what every request passes: each coroutine more would cost all of them.
    async def _attend(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        since = self._now()
        connection = request.protocol
        if isinstance(connection, Connection):
            connection.begin()
        route = self.routes.get(request.match_info.route)
        response: web.StreamResponse
        origin = None
        try:
            headers = request.headers
            host = headers.get(hdrs.HOST, "")
            self._guard.origins.check_host(host)
            origin = self._guard.origins.check_origin(headers.get(hdrs.ORIGIN), host=host)
            if origin is not None:
                request[EDGE_HEADERS] = EDGE | _allowing(origin)
            if origin is not None and request.method == "OPTIONS":
                response = web.Response(status=204, headers=_PREFLIGHT)
            else:
                await self._admit(request, route, since)
                check_length(request)
                if request.method == "POST" and route is not None and IDEMPOTENCY_HEADER in headers:
                    response = await self._answer(request, handler)
                else:
                    response = await handler(request)
        except Exception as error:  # noqa: BLE001  # The outermost edge: whatever it is, the client gets a document.
            response = self._refuse(request, error)
        finally:
            if isinstance(connection, Connection):
                connection.end()
        if not response.prepared and (origin is not None or hdrs.SERVER not in response.headers):
            response.headers.update(request.get(EDGE_HEADERS, EDGE))
        self._count(request, route, response.status, self._now() - since)
        return response

    # Raises what forbids this request before anything looks at it.
    async def _admit(self, request: web.Request, route: Route | None, now: float) -> None:
        # A proxy may add a line of its own below what it was sent; the first one alone would be the sender's invention.
        headers = request.headers
        forwarded = ", ".join(headers.getall(hdrs.X_FORWARDED_FOR)) if hdrs.X_FORWARDED_FOR in headers else None
        client = self._guard.clients.name(request.remote, forwarded=forwarded)
        request[CLIENT] = client
        buckets = self._guard.buckets
        if route is not None and route.template in _ALWAYS_ANSWERED:
            request[CALLER] = ANYBODY
            return
        try:
            caller = self._caller(request, route, now)
        except Unauthenticated:
            _check_wait(await buckets.take(client, tokens=GUESS_TOKENS))
            raise
        except ScopeMissing:
            _check_wait(await buckets.take(client))
            raise
        # Whoever has a key draws on that alone: a flood from the same address must not keep an operator from /stop.
        _check_wait(await buckets.take(client if caller is LOCAL or caller is ANYBODY else f"key:{caller.name}"))
        request[CALLER] = caller
        if route is not None:
            if route.query is not None or route.body is not None or route.path is not None:
                request[TAKES] = (route.query, route.body, route.path)
            if route.method != "GET" and route.query is None and request.query_string:
                raise Malformed("query: expected none")  # A misspelt wish for less must not get more.

    def _caller(self, request: web.Request, route: Route | None, now: float) -> Caller:
        needs = route.scope if route is not None else Scope.READ
        key = request.headers.get(KEY_HEADER)
        if route is not None and route.is_stream and key is None and TICKET in request.query:
            return self.doors.tickets.redeem(request.query[TICKET], needs=needs, now=now)
        return self._guard.keyring.caller(key, needs=needs)

    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        key, asked = checked_key(request.headers[IDEMPOTENCY_HEADER]), await whole_body(request)

        async def once() -> Kept:
            try:
                return _kept(await handler(request))
            except Exception as error:  # noqa: BLE001  # An answer like others, and perhaps one to keep.
                return _kept(self._refuse(request, error))

        name = f"{request[CALLER].name}|{request.path_qs}|{key}"
        now = self._desk.clock.time()
        # A ticket opens a door: it is not written down.
        kept, again = await self._answers.once(
            name, once, asked=asked, keep=_is_final, now=now, stored=request.path != TICKET_PATH
        )
        headers = {REPLAY_HEADER: "true"} if again else None
        return web.Response(status=kept.status, body=kept.body, content_type=kept.content_type, headers=headers)

    def _refuse(self, request: web.Request, error: Exception) -> web.Response:
        problem = _problem(request, error)
        if problem.status == 500:
            self._desk.log.error("http_failed", method=request.method, path=request.path, exc_info=error)
        # It quotes what was sent, and somebody may have sent a secret to the wrong place.
        body = self._guard.masker.payload(problem.to_bytes())
        return web.Response(status=problem.status, body=body, content_type=CONTENT_TYPE, headers=problem.headers)

    def _count(self, request: web.Request, route: Route | None, status: int, latency_s: float) -> None:
        template = route.template if route is not None else OTHER
        metrics = self._desk.metrics
        metrics.http_requests.of(template, request.method, str(status)).inc()
        is_stream = route is not None and route.is_stream  # It lasts as long as somebody listens.
        if not is_stream:
            metrics.http_latency.of(template).observe(latency_s)
        if status >= 400 or (latency_s > SLOW_S and not is_stream):
            # Never the query: a ticket may stand in it.
            self._desk.log.info(
                "http_request", method=request.method, route=template, path=request.path, status=status,
                latency_ms=round(latency_s * 1000, 1), peer=request.remote,
            )  # fmt: skip


def _check_wait(wait_s: float) -> None:
    if wait_s:
        raise TooMany("slow down", headers={"Retry-After": str(ceil(wait_s))})


def _allowing(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED, "Vary": "Origin"}


def _problem(request: web.Request, error: Exception) -> Problem:
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return problem_of(MethodNotAllowed(f"allowed: {allowed}", headers={"Allow": allowed}))
        case web.HTTPRequestEntityTooLarge():
            return problem_of(TooLarge(f"expected at most {BODY_BYTES_MAX} bytes"))
        case web.HTTPNotFound():
            return problem_of(NotFound("no such route"))
        case web.HTTPException() | web.RequestPayloadError():
            return problem_of(Malformed("not understood"))
        case _:
            return problem_of(error)


def _kept(answer: web.StreamResponse) -> Kept:
    body = answer.body if isinstance(answer, web.Response) else None
    if not isinstance(body, bytes):
        raise AssertionError("answers to POST are small and whole")
    return Kept(status=answer.status, content_type=answer.content_type, body=body)


def _is_final(answer: Kept) -> bool:
    return answer.status < 500 and answer.status not in _PASSING
