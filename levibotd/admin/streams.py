"""
The event log as it happens: server-sent events, a websocket, and the ticket that opens either in a browser.

Both begin behind the record a client names and go on live, gapless. A client that cannot keep up is cut
off and told from where to resume; what it does not read is held once for all, in the feed, and for a
bounded time.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import anyio
import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from levibotd.admin.connections import Connection
from levibotd.admin.events import TRACE_ID, EventType
from levibotd.admin.feed import FellBehind, Wanted
from levibotd.admin.follow import Follower
from levibotd.admin.problems import Malformed, TooMany
from levibotd.admin.replies import CALLER, CLIENT, Answer, Body, desk_of, json, read_query
from levibotd.admin.tickets import TICKET_S, Tickets
from levibotd.admin.wires import FLOOD, GONE, OVERFLOW, STALLED, STOPPING, UNAVAILABLE, EventWire, SocketWire, Wire
from levibotd.domain.signal import TraceId
from levibotd.errors import Unavailable
from levibotd.journal import EVENTS

STREAMS_MAX = 256
CLIENT_STREAMS_MAX = 128
RETRY_S = 5  # For whoever finds no place.
SEQ_MAX = 10**15
LAST_EVENT_HEADER = "Last-Event-ID"

_CUT = (OVERFLOW, STALLED, FLOOD)

Seq = Annotated[int, Meta(ge=0, le=SEQ_MAX)]


class StreamWanted(Body, frozen=True):
    """
    Which events, and behind which one: `since_seq` is the last that was seen; without it, what comes from now on.

    `ticket` stands for the key where a browser can send no header.
    """

    since_seq: Seq | None = None
    type: EventType | None = None
    symbol: Annotated[str, Meta(pattern=r"^\w{1,40}(?!\n)$")] | None = None
    trace_id: Annotated[str, Meta(pattern=TRACE_ID)] | None = None
    ticket: Annotated[str, Meta(max_length=128)] | None = None


class TicketIssued(Answer, frozen=True):
    """Opens one stream, once."""

    ticket: str
    expires_in_s: float


class Streams:
    """Who listens now. At most so many in all, and so many of one client."""

    def __init__(self, *, most: int = STREAMS_MAX, per_client: int = CLIENT_STREAMS_MAX) -> None:
        self._most = most
        self._per_client = per_client
        self._scopes: dict[anyio.CancelScope, str] = {}
        self._ended = False

    def __len__(self) -> int:
        return len(self._scopes)

    @contextmanager
    def place(self, client: str) -> Iterator[anyio.CancelScope]:
        """
        Hold a place as long as the block lasts; the scope, to be entered by it, is cancelled by `end`.

        Raises Unavailable when all places are taken, TooMany when this client has its share.
        """
        if self._ended or len(self._scopes) >= self._most:
            raise Unavailable("no place for another stream")
        if sum(name == client for name in self._scopes.values()) >= self._per_client:
            raise TooMany(f"expected at most {self._per_client} streams", headers={"Retry-After": str(RETRY_S)})
        scope = anyio.CancelScope()
        self._scopes[scope] = client
        try:
            yield scope
        finally:
            del self._scopes[scope]

    def end(self) -> None:
        """Let all of them go, and nobody else in."""
        self._ended = True
        for scope in self._scopes:
            scope.cancel()


class Doors(Struct, frozen=True):
    """What streams of one incarnation share."""

    streams: Streams
    tickets: Tickets


DOORS = web.AppKey("doors", Doors)


async def post_ticket(request: web.Request) -> web.Response:
    """`POST /ws/ticket` - what opens one stream for a browser, instead of the key it was asked for with."""
    now = desk_of(request).clock.monotonic()
    ticket = request.app[DOORS].tickets.issue(request[CALLER], now=now)
    return json(TicketIssued(ticket=ticket, expires_in_s=TICKET_S))


async def get_event_stream(request: web.Request) -> web.StreamResponse:
    """`GET /events/stream` - the log as server-sent events."""
    return await _relay(request, EventWire(request), since=request.headers.get(LAST_EVENT_HEADER))


async def get_ws_events(request: web.Request) -> web.StreamResponse:
    """`GET /ws/events` - the log over a websocket, a record a message."""
    return await _relay(request, SocketWire(request))


async def _relay(request: web.Request, wire: Wire, *, since: str | None = None) -> web.StreamResponse:
    follower = _follower(request, since)
    desk, streams = desk_of(request), request.app[DOORS].streams
    with streams.place(request[CLIENT]) as scope:
        await wire.open()
        if isinstance(request.protocol, Connection):
            request.protocol.watch(scope.cancel)
        desk.metrics.http_streams.inc()
        ending = STOPPING
        try:
            with scope:
                ending = await _first(lambda: _pump(follower, wire), lambda: wire.attend(lambda: follower.seq))
            await wire.close(ending, seq=follower.seq)
        except BaseException:
            wire.abort()  # Half a stream cannot become a document that says what went wrong.
            raise
        finally:
            desk.metrics.http_streams.dec()
    if ending in _CUT:
        desk.metrics.http_streams_cut.of(ending).inc()
        desk.log.info("stream_cut", reason=ending, seq=follower.seq, path=request.path, peer=request.remote)
    return wire.response


def _follower(request: web.Request, since: str | None) -> Follower:
    wanted, desk = read_query(request, StreamWanted), desk_of(request)
    if wanted.type is not None and wanted.type not in EVENTS:
        raise Malformed("query: type: no event is called so")
    end = desk.feed.last_seq
    seq = end if wanted.since_seq is None else wanted.since_seq
    if since is not None:  # A browser that reconnects still names where it once began.
        try:
            seq = msgspec.convert(since, Seq, strict=False)
        except msgspec.ValidationError:
            raise Malformed(f"{LAST_EVENT_HEADER}: expected the seq of a record") from None
    if seq > end:
        raise Malformed(f"since_seq: the log ends at {end}")
    trace = None if wanted.trace_id is None else TraceId(wanted.trace_id)
    return Follower(
        feed=desk.feed,
        index=desk.events,
        clock=desk.clock,
        wanted=Wanted(type=wanted.type, symbol=wanted.symbol, trace_id=trace),
        seq=seq,
    )


async def _pump(follower: Follower, wire: Wire) -> str:
    try:
        while True:
            await wire.send(await follower.next())
            if follower.is_live and wire.write is not None:
                await follower.relay(wire.write)
                await wire.drain()
    except FellBehind:
        return OVERFLOW
    except Unavailable:
        return UNAVAILABLE
    except TimeoutError:
        return STALLED
    except ConnectionError:
        return GONE


# Both at once; whichever ends first says how it ended.
async def _first(*jobs: Callable[[], Awaitable[str]]) -> str:
    endings: list[str] = []

    async def run(job: Callable[[], Awaitable[str]]) -> None:
        endings.append(await job())
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for job in jobs:
            tasks.start_soon(run, job)
    return endings[0]
