"""
The newest records, for everybody who listens: one ring of lines, encoded once, shared by all.

A listener holds nothing but a place in it. Whoever falls so far behind that the ring has moved on
is told where to go on from; he costs the daemon neither time nor memory.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from levibotd.domain.records import Logged
from levibotd.domain.signal import TraceId
from levibotd.errors import LeviError
from levibotd.ports.journal_file import Run

RING_LINES = 4096
RING_BYTES = 4 << 20
TURN_LINES = 64
TURN_BYTES = 64 << 10

_TEXT_FRAME = 0x81  # One unfragmented text message; what a server sends is not masked.
_SHORT, _LONG = 126, 1 << 16


class FellBehind(LeviError):
    """The ring has moved on beyond what this listener has seen."""

    code = "FELL_BEHIND"


class Fresh(Struct, gc=False):
    """One record as listeners get it: its line, and the line as each kind of stream carries it, made once."""

    seq: int
    line: bytes
    _frame: bytes | None = None
    _event: bytes | None = None

    @property
    def frame(self) -> bytes:
        """As a websocket message."""
        if self._frame is None:
            self._frame = frame_of(self.line)
        return self._frame

    @property
    def event(self) -> bytes:
        """As a server-sent event."""
        if self._event is None:
            self._event = event_of(self.seq, self.line)
        return self._event


class _Held(Struct, gc=False):
    logged: Logged
    fresh: Fresh


class Wanted(Struct, frozen=True, kw_only=True):
    """Which records. What is None does not restrict."""

    type: str | None = None
    symbol: str | None = None
    trace_id: TraceId | None = None

    def fits(self, logged: Logged) -> bool:
        return (
            (self.type is None or logged.event_type == self.type)
            and (self.symbol is None or logged.entry.symbol == self.symbol)
            and (self.trace_id is None or logged.entry.trace == self.trace_id)
        )


class Feed:
    """
    The newest committed records; `last_seq` is the end of the log.

    `publish` is called with each commit, in order. The ring holds at most `lines_max` lines and, beyond
    the newest one, `bytes_max`.
    """

    def __init__(self, *, last_seq: int = 0, lines_max: int = RING_LINES, bytes_max: int = RING_BYTES) -> None:
        self.last_seq = last_seq
        self._ring: dict[int, _Held] = {}
        self._lines_max = lines_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._listening: dict[Callable[[], None], None] = {}
        self._is_due = False

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def first_seq(self) -> int:
        """The oldest record that is held; the one that is yet to come while there is none."""
        return self.last_seq - len(self._ring) + 1

    def publish(self, runs: Sequence[Run]) -> None:
        for run in runs:
            for logged, line in zip(run.logged, run.lines, strict=True):
                self._append(logged, line)
        for news in self._waiting:
            if not news.done():
                news.set_result(None)
        self.push()

    def push(self) -> None:
        """Tell all who listen, in the next turn of the loop: whoever publishes does not wait for them."""
        if self._listening and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._push)

    @contextmanager
    def listening(self, told: Callable[[], None]) -> Iterator[None]:
        """Have `told` called when there are news, until the block ends. It must not raise."""
        self._listening[told] = None
        try:
            yield
        finally:
            del self._listening[told]

    def after(self, seq: int, *, wanted: Wanted) -> tuple[list[Fresh], int]:
        """
        Return the wanted ones of the records behind `seq`, and up to which record was looked.

        That is one turn of a listener, so that no other has to wait long. Raises FellBehind when some are gone.
        """
        if seq + 1 < self.first_seq:
            raise FellBehind(f"record {seq + 1} is no longer held")
        if seq + 1 == self.last_seq:  # Mostly it is one.
            held = self._ring[self.last_seq]
            return [held.fresh] if wanted.fits(held.logged) else [], self.last_seq
        found: list[Fresh] = []
        size, reached = 0, seq
        for reached in range(seq + 1, min(self.last_seq, seq + TURN_LINES) + 1):
            held = self._ring[reached]
            if wanted.fits(held.logged):
                found.append(held.fresh)
                size += len(held.fresh.line)
                if size >= TURN_BYTES:
                    break
        return found, reached

    async def news(self, seq: int) -> None:
        """Return once there is a record behind `seq`."""
        while self.last_seq <= seq:
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[news] = None
            try:
                await news
            finally:
                del self._waiting[news]

    def _push(self) -> None:
        self._is_due = False
        for told in list(self._listening):
            told()

    def _append(self, logged: Logged, line: bytes) -> None:
        ring = self._ring
        if logged.seq != self.last_seq + 1:
            ring.clear()  # What is missing can only be read from the log.
            self._bytes = 0
        self.last_seq = logged.seq
        ring[logged.seq] = _Held(logged, Fresh(logged.seq, line))
        self._bytes += len(line)
        while len(ring) > self._lines_max or (self._bytes > self._bytes_max and len(ring) > 1):
            self._bytes -= len(ring.pop(self.first_seq).fresh.line)


def frame_of(line: bytes) -> bytes:
    """One line of the log as a websocket text message, without its line feed."""
    text = line.rstrip(b"\n")
    size = len(text)
    if size < _SHORT:
        return b"%c%c%b" % (_TEXT_FRAME, size, text)
    if size < _LONG:
        return b"%c\x7e%b%b" % (_TEXT_FRAME, size.to_bytes(2, "big"), text)
    return b"%c\x7f%b%b" % (_TEXT_FRAME, size.to_bytes(8, "big"), text)


def event_of(seq: int, line: bytes) -> bytes:
    """One line of the log as a server-sent event; a browser that reconnects names its `id`."""
    return b"id: %d\ndata: %b\n\n" % (seq, line.rstrip(b"\n"))
