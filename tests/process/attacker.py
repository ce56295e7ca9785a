"""
A client that means no good, in a process of its own: `python attacker.py PORT KIND COUNT`.

It prints what it found as one JSON object, and ends by itself.
"""

import json
import selectors
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

HANDSHAKE = (
    "GET /ws/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PING = b"\x89\x80\x00\x00\x00\x00"
CHUNK = b"x" * 65536
ANSWER_S = 10.0


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)


def answer_of(wire: socket.socket) -> str:
    """Its first line, nothing when the server is gone without a word."""
    with suppress(OSError):
        return wire.recv(65536).split(b"\r\n")[0].decode("latin-1")
    return ""


def idle(port: int, count: int) -> dict[str, object]:
    """Open many and say nothing. How many are still open?"""
    return _open_many(port, count, lambda wire: None)


def slowloris(port: int, count: int) -> dict[str, object]:
    """Open many and say half a head in each."""
    return _open_many(port, count, lambda wire: wire.sendall(b"GET / HTTP/1.1\r\nHost: 127"))


def headers(port: int, count: int) -> dict[str, object]:
    """One request with many headers."""
    with connected(port) as wire:
        with suppress(OSError):
            wire.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port)
            for begin in range(0, count, 1000):
                wire.sendall(b"".join(b"X-%d: 1\r\n" % number for number in range(begin, begin + 1000)))
            wire.sendall(b"\r\n")
        return {"answer": answer_of(wire)}


def body(port: int, count: int) -> dict[str, object]:
    """A body of so many bytes, said beforehand."""
    return _upload(port, count, b"Content-Length: %d" % count, CHUNK)


def chunks(port: int, count: int) -> dict[str, object]:
    """A body of so many bytes that does not say how long it is."""
    return _upload(port, count, b"Transfer-Encoding: chunked", b"10000\r\n" + CHUNK + b"\r\n")


def flood(port: int, count: int) -> dict[str, object]:
    """So many pings over one websocket."""
    with connected(port) as wire:
        wire.sendall(HANDSHAKE.format(port=port).encode())
        answer = answer_of(wire)
        sent = 0
        with suppress(OSError):
            while sent < count:
                wire.sendall(PING * 100)
                sent += 100
        return {"answer": answer, "sent": sent}


def _open_many(port: int, count: int, say: Callable[[socket.socket], None]) -> dict[str, object]:
    selector, opened, closed = selectors.DefaultSelector(), 0, 0
    for _ in range(count):
        wire = connected(port)
        with suppress(OSError):
            say(wire)
        wire.setblocking(False)
        selector.register(wire, selectors.EVENT_READ)
        opened += 1
        closed += _closed(selector, timeout_s=0)
    while (more := _closed(selector, timeout_s=1.0)) > 0:
        closed += more
    return {"opened": opened, "left": opened - closed}


def _closed(selector: selectors.BaseSelector, *, timeout_s: float) -> int:
    count = 0
    for key, _ in selector.select(timeout_s):
        wire = key.fileobj
        assert isinstance(wire, socket.socket)
        try:
            over = not wire.recv(65536)
        except OSError:
            over = True
        if over:
            selector.unregister(wire)
            wire.close()
            count += 1
    return count


def _upload(port: int, count: int, header: bytes, piece: bytes) -> dict[str, object]:
    with connected(port) as wire:
        wire.sendall(b"POST /stop HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%b\r\n\r\n" % (port, header))
        wire.setblocking(False)
        sent, answer = 0, ""
        with selectors.DefaultSelector() as selector:
            selector.register(wire, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while sent < count and not answer:
                for _, ready in selector.select(ANSWER_S):
                    try:
                        if ready & selectors.EVENT_READ:
                            answer = wire.recv(65536).split(b"\r\n")[0].decode() or "closed"
                        else:
                            sent += wire.send(piece)
                    except BlockingIOError:
                        continue
                    except OSError:
                        answer = answer or "closed"
        return {"answer": answer, "sent": sent}


if __name__ == "__main__":
    kinds = {one.__name__: one for one in (idle, slowloris, headers, body, chunks, flood)}
    print(json.dumps(kinds[sys.argv[2]](int(sys.argv[1]), int(sys.argv[3]))))  # noqa: T201
