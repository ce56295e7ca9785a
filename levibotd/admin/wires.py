"""
What carries a stream of records to one client: server-sent events, or a websocket.

Lines are written as they were made ready for all. A client that takes nothing for a while is stalled:
nothing is written to it any more, and it is given up together with what it did not take.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import anyio
from aiohttp import WSCloseCode, WSMsgType, web

from levibotd.admin.feed import Fresh
from levibotd.admin.limits import MemoryBuckets
from levibotd.admin.problems import Malformed
from levibotd.admin.replies import EDGE, EDGE_HEADERS, EVENT_STREAM, desk_of
from levibotd.ports.buckets import Rate

KEEP_ALIVE_S = 15.0
SEND_S = 10.0  # For a client to take what waits for it.
CLOSE_S = 2.0  # For it to take the last words,
GOODBYE_S = 0.5  # and to say its own.
INBOUND_BYTES_MAX = 1024
INBOUND = Rate(per_s=5.0, burst=30.0, clients_max=1)  # Messages of a client, pings among them: nothing is asked of it.

# How streams end.
GONE = "gone"
STOPPING = "stopping"
UNAVAILABLE = "unavailable"
OVERFLOW = "overflow"
STALLED = "stalled"
FLOOD = "flood"

_CODES = {
    STOPPING: WSCloseCode.GOING_AWAY,
    UNAVAILABLE: WSCloseCode.TRY_AGAIN_LATER,
    OVERFLOW: WSCloseCode.TRY_AGAIN_LATER,
    STALLED: WSCloseCode.TRY_AGAIN_LATER,
    FLOOD: WSCloseCode.POLICY_VIOLATION,
}


class Wire(Protocol):
    """One client's stream."""

    @property
    def response(self) -> web.StreamResponse:
        """What the server takes for the answer."""

    async def open(self) -> None:
        """Begin. Raises Malformed, ConnectionError."""

    async def send(self, fresh: Sequence[Fresh]) -> None:
        """Write, and wait until the client takes it. Raises TimeoutError, ConnectionError."""

    @property
    def write(self) -> Callable[[Sequence[Fresh]], bool] | None:
        """
        Write at once, and tell whether more may be written before `drain`. None where this cannot be done.

        Raises ConnectionError.
        """

    async def drain(self) -> None:
        """Wait until the client takes what was written. Raises TimeoutError, ConnectionError."""

    async def attend(self, seq: Callable[[], int]) -> str:
        """Do what keeps it alive, and tell how it ended. `seq` is how far it has come."""

    async def close(self, ending: str, *, seq: int) -> None:
        """Say how it ended and from where to resume, to a client that listens."""

    def abort(self) -> None:
        """Give it up with everything that was not taken."""


class EventWire:
    """Server-sent events."""

    write = None  # What is sent in chunks is sent by aiohttp.

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._clock = desk_of(request).clock
        headers: dict[str, str] = request.get(EDGE_HEADERS, EDGE)
        self.response = web.StreamResponse(headers={**headers, "Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"})

    async def open(self) -> None:
        await self.response.prepare(self._request)
        await self.response.write(b": open\n\n")

    async def send(self, fresh: Sequence[Fresh]) -> None:
        with anyio.fail_after(SEND_S):
            await self.response.write(b"".join([one.event for one in fresh]))
            await self._request.writer.drain()

    async def drain(self) -> None:
        """`send` has waited already."""

    async def attend(self, seq: Callable[[], int]) -> str:
        try:
            while True:
                await self._clock.sleep(KEEP_ALIVE_S)
                # No event, but where to go on from: filters may have let nothing through for long.
                with anyio.fail_after(SEND_S):
                    await self.response.write(b": alive\nid: %d\n\n" % seq())
                    await self._request.writer.drain()
        except TimeoutError:
            return STALLED
        except ConnectionError:
            return GONE

    async def close(self, ending: str, *, seq: int) -> None:
        try:
            with anyio.fail_after(CLOSE_S):
                if ending != GONE:
                    last = b'event: %b\nid: %d\ndata: {"since_seq":%d}\n\n' % (ending.encode(), seq, seq)
                    await self.response.write(last)
                await self.response.write_eof()
        except (TimeoutError, ConnectionError):
            self.abort()

    def abort(self) -> None:
        _abort(self._request)


class SocketWire:
    """A websocket. What a client says is of no interest, unless it says too much."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._protocol = request.protocol
        self._inbound = MemoryBuckets(INBOUND, clock=desk_of(request).clock)
        self.response = web.WebSocketResponse(
            timeout=GOODBYE_S, heartbeat=KEEP_ALIVE_S, autoping=False, compress=False, max_msg_size=INBOUND_BYTES_MAX
        )
        self.response.headers.update(request.get(EDGE_HEADERS, EDGE))

    async def open(self) -> None:
        if not self.response.can_prepare(self._request):
            raise Malformed("expected the handshake of a websocket", headers={"Upgrade": "websocket"})
        await self.response.prepare(self._request)

    async def send(self, fresh: Sequence[Fresh]) -> None:
        if not self.write(fresh):
            await self.drain()

    def write(self, fresh: Sequence[Fresh]) -> bool:
        protocol = self._protocol
        if protocol.transport is None or self.response.closed:
            raise ConnectionResetError("the client is gone")
        # Frames are the same for all, so they go out as they are, in one piece.
        protocol.transport.write(fresh[0].frame if len(fresh) == 1 else b"".join([one.frame for one in fresh]))
        return not protocol.writing_paused

    async def drain(self) -> None:
        with anyio.fail_after(SEND_S):
            await self._request.writer.drain()

    async def attend(self, seq: Callable[[], int]) -> str:
        try:
            while True:
                message = await self.response.receive()
                if message.type is WSMsgType.PING:
                    await self.response.pong(message.data)
                elif message.type not in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PONG):
                    return GONE
                if self._inbound.spend(""):
                    return FLOOD
        except ConnectionError:
            return GONE

    async def close(self, ending: str, *, seq: int) -> None:
        if self.response.closed:
            return
        with anyio.move_on_after(CLOSE_S):
            await self.response.close(
                code=_CODES.get(ending, WSCloseCode.OK), message=f"{ending}; since_seq={seq}".encode()
            )
            return
        self.abort()

    def abort(self) -> None:
        _abort(self._request)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
