"""The log as it happens, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from msgspec.structs import replace

from levibotd.admin.auth import Keyring, parse_keys
from levibotd.admin.feed import Feed
from levibotd.admin.problems import TooMany
from levibotd.admin.streams import Streams
from levibotd.config import demo_config
from levibotd.domain.records import LogShed, SystemNote
from levibotd.domain.signal import Symbol, TraceId
from levibotd.errors import Unavailable
from tests.admin.site import MemoryLog, Site, serving

pytestmark = pytest.mark.real_time

TRACE = TraceId("00000000000000aa")


def filled(count: int) -> MemoryLog:
    log = MemoryLog()
    for number in range(count):
        log.commit(SystemNote(note=f"{number}"))
    return log


def ws_url(site: Site, query: str = "") -> str:
    return f"http://127.0.0.1:{site.port}/ws/events{query}"


async def read(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[bytes]:
    return [(await socket.receive_str(timeout=5)).encode() + b"\n" for _ in range(count)]


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """Server-sent events as a browser would see them."""
    fields: dict[str, str] = {}
    while line := (await asyncio.wait_for(response.content.readline(), 5)).decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name and line != "\n":
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


async def first(response: aiohttp.ClientResponse, count: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    async for event in events(response):
        if "data" in event:
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_a_websocket_resumes_behind_a_record_and_goes_on_live() -> None:
    async with serving(log=filled(700)) as site, site.session.ws_connect(ws_url(site, "?since_seq=3")) as socket:
        assert await read(socket, 697) == site.log.lines_written[3:]
        site.log.commit(SystemNote(note="new"))
        assert await read(socket, 1) == site.log.lines_written[-1:]


async def test_without_a_place_to_resume_it_begins_now() -> None:
    async with serving(log=filled(5)) as site, site.session.ws_connect(ws_url(site)) as socket:
        site.log.commit(SystemNote(note="new"))
        assert await read(socket, 1) == site.log.lines_written[-1:]


async def test_filters_are_for_old_and_new_alike() -> None:
    async with serving() as site:
        for _ in range(2):
            site.log.commit(LogShed(n=1))
            site.log.commit(SystemNote(note="both"), trace=TRACE, symbol=Symbol("BTCUSDT"))
        async with (
            site.session.ws_connect(ws_url(site, "?since_seq=0&type=LOG_SHED")) as by_type,
            site.session.ws_connect(ws_url(site, "?since_seq=0&symbol=BTCUSDT")) as by_symbol,
            site.session.ws_connect(ws_url(site, f"?since_seq=0&trace_id={TRACE}")) as by_trace,
        ):
            site.log.commit(LogShed(n=1))
            site.log.commit(SystemNote(note="both"), trace=TRACE, symbol=Symbol("BTCUSDT"))
            odd, even = site.log.lines_written[::2], site.log.lines_written[1::2]
            assert await read(by_type, 3) == odd
            assert await read(by_symbol, 3) == even
            assert await read(by_trace, 3) == even


async def test_server_sent_events_carry_their_seq_and_a_browser_resumes_with_it() -> None:
    async with serving(log=filled(4)) as site:
        url = f"http://127.0.0.1:{site.port}/events/stream?since_seq=1"
        async with site.session.get(url) as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            found = await first(response, 3)
            assert [event["id"] for event in found] == ["2", "3", "4"]
            assert [event["data"].encode() + b"\n" for event in found] == site.log.lines_written[1:]
        site.log.commit(SystemNote(note="while it was away"))
        async with site.session.get(url, headers={"Last-Event-ID": "4"}) as response:
            assert [event["id"] for event in await first(response, 1)] == ["5"]


@pytest.mark.parametrize(
    "query",
    ["?since_seq=-1", "?since_seq=x", "?since_seq=4", "?type=NO_SUCH", "?symbol=%20", "?trace_id=1", "?limit=1",
     "?since_seq=1&since_seq=2"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/events/stream", "/ws/events"])
async def test_what_is_not_understood_opens_nothing(path: str, query: str) -> None:
    async with serving(log=filled(3)) as site:
        answer = await site.get(path + query)
        assert (answer.status, answer.code()) == (400, "MALFORMED")


async def test_a_bad_last_event_id_is_400() -> None:
    async with serving() as site:
        assert (await site.get("/events/stream", Last_Event_ID="x")).code() == "MALFORMED"


async def test_a_websocket_needs_its_handshake() -> None:
    async with serving() as site:
        assert (await site.get("/ws/events")).code() == "MALFORMED"


async def test_a_head_request_does_not_listen() -> None:
    async with serving() as site:
        for path in ("/events/stream", "/ws/events"):
            assert (await site.ask("HEAD", path)).status == 405


def keys_of(**scopes: str) -> tuple[Keyring, dict[str, str]]:
    from levibotd.admin.auth import digest_of

    keys = {name: name * 8 for name in scopes}
    lines = "\n".join(f"{name}:{scopes[name]}:{digest_of(key).hex()}" for name, key in keys.items())
    return parse_keys(lines), keys


async def test_a_ticket_opens_either_stream_once_and_nothing_else() -> None:
    keyring, keys = keys_of(reader="read")
    async with serving(keyring=keyring, log=filled(2)) as site:

        async def ticket() -> str:
            issued = (await site.post("/ws/ticket", X_API_Key=keys["reader"])).json()
            assert issued["expires_in_s"] == 30
            return str(issued["ticket"])

        assert (await site.get("/ws/events")).code() == "UNAUTHENTICATED"
        assert (await site.post("/ws/ticket")).code() == "UNAUTHENTICATED"
        one = await ticket()
        async with site.session.ws_connect(ws_url(site, f"?since_seq=0&ticket={one}")) as socket:
            assert await read(socket, 2) == site.log.lines_written
        assert (await site.get(f"/events/stream?ticket={one}")).code() == "UNAUTHENTICATED"

        other = await ticket()
        assert (await site.get(f"/status?ticket={other}")).code() == "UNAUTHENTICATED"
        assert (await site.get(f"/events?ticket={other}")).code() == "UNAUTHENTICATED"
        url = f"http://127.0.0.1:{site.port}/events/stream?since_seq=0&ticket={other}"
        async with site.session.get(url) as response:
            assert len(await first(response, 2)) == 2


async def test_no_ticket_is_ever_written_down() -> None:
    keyring, keys = keys_of(reader="read")
    async with serving(keyring=keyring) as site:
        issued = (await site.post("/ws/ticket", X_API_Key=keys["reader"])).json()["ticket"]
        told = [
            await site.get(f"/events/stream?ticket={issued}&type=NO_SUCH"),  # Used up by this.
            await site.get(f"/events/stream?ticket={issued}"),
            await site.get(f"/ws/events?ticket={issued}"),
            await site.get(f"/status?ticket={issued}"),
            await site.get(f"/ws/events?ticket={issued}&since_seq={issued}"),
        ]
        metrics = await site.get("/metrics/prom", X_API_Key=keys["reader"])
        assert all(answer.status >= 400 for answer in told)
        for text in (*[answer.body.decode() for answer in told], metrics.body.decode(), site.printed.getvalue()):
            assert issued not in text
        assert "http_request" in site.printed.getvalue()


@pytest.mark.fault("G2")
@pytest.mark.parametrize("path", ["/events/stream", "/ws/events", "/status"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "attacker.example"}, "HOST"),
        ({"Host": "attacker.example:8000"}, "HOST"),
        ({"Origin": "http://attacker.example"}, "ORIGIN"),
        ({"Origin": "null"}, "ORIGIN"),
    ],
)
async def test_a_page_of_another_site_gets_no_stream(path: str, headers: dict[str, str], code: str) -> None:
    handshake = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    } if path == "/ws/events" else {}  # fmt: skip
    async with serving() as site:
        answer = await site.get(path, **headers, **handshake)
        assert (answer.status, answer.code()) == (403, code)


async def test_our_own_page_may_listen() -> None:
    async with serving(log=filled(1)) as site:
        origin = f"http://127.0.0.1:{site.port}"
        async with site.session.ws_connect(ws_url(site, "?since_seq=0"), origin=origin) as socket:
            assert await read(socket, 1) == site.log.lines_written


async def test_a_page_that_was_allowed_may_listen_and_read_what_it_needs() -> None:
    page = "https://desk.example"
    config = demo_config(environ={"HOME": "/nonexistent"})
    config = replace(config, http=replace(config.http, cors_origins=(page,)))
    async with serving(log=filled(1), config=config) as site:
        for path in ("/events/stream", "/ws/ticket"):
            asked = await site.ask("OPTIONS", path, Origin=page, Access_Control_Request_Method="GET")
            assert asked.status == 204
            assert asked.headers["Access-Control-Allow-Origin"] == page
            assert "X-API-Key" in asked.headers["Access-Control-Allow-Headers"]
        stream = await site.get("/events/stream", Origin=page)
        assert (stream.status, stream.headers["Access-Control-Allow-Origin"]) == (200, page)
        assert stream.headers["Vary"] == "Origin"
        ticket = await site.post("/ws/ticket", Origin=page)
        readable = set(ticket.headers["Access-Control-Expose-Headers"].split(", "))
        own = {"X-Next-Cursor", "X-Report-Complete", "X-Through-Seq", "Idempotent-Replay", "Retry-After"}
        assert readable == own
        async with site.session.ws_connect(ws_url(site, "?since_seq=0"), origin=page) as socket:
            assert await read(socket, 1) == site.log.lines_written


async def test_a_ping_is_answered_and_words_are_passed_over() -> None:
    async with serving() as site, site.session.ws_connect(ws_url(site), autoping=False) as socket:
        await socket.send_str("hello")
        await socket.ping(b"7")
        answer = await socket.receive(timeout=5)
        assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"7")


@pytest.mark.parametrize("kind", ["text", "ping"])
async def test_who_floods_is_closed_and_nobody_else(kind: str) -> None:
    async with serving() as site:
        async with site.session.ws_connect(ws_url(site)) as quiet, site.session.ws_connect(ws_url(site)) as loud:
            for _ in range(200):
                await (loud.send_str("x") if kind == "text" else loud.ping())
            message = await loud.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert (message.data, message.extra) == (1008, "flood; since_seq=0")
            site.log.commit(SystemNote(note="on"))
            assert await read(quiet, 1) == site.log.lines_written
        assert 'levibot_http_streams_cut_total{reason="flood"} 1.0' in (await site.get("/metrics/prom")).body.decode()
        assert '"reason":"flood"' in site.printed.getvalue().replace(": ", ":").replace("'", '"')


async def test_a_large_message_closes() -> None:
    async with serving() as site, site.session.ws_connect(ws_url(site)) as socket:
        await socket.send_str("x" * 5000)
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_who_does_not_read_is_cut_off_at_a_record_and_resumes_there() -> None:
    log = MemoryLog()
    log.newest = Feed(lines_max=40)
    async with serving(log=log) as site:
        lines = 600  # Of 50 KiB: more than the system takes in between.
        async with site.session.ws_connect(ws_url(site), max_msg_size=1 << 20) as slow:
            for _ in range(lines):
                site.log.commit(SystemNote(note="x" * 50_000))
                await asyncio.sleep(0)
            assert len(site.desk.feed) <= 40  # Nobody holds for him what he does not read.
            got: list[bytes] = []
            while (message := await slow.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                got.append(message.data.encode() + b"\n")
        assert 0 < len(got) < lines - 40
        assert got == site.log.lines_written[: len(got)]
        assert (message.data, message.extra) == (1013, f"overflow; since_seq={len(got)}")
        metrics = (await site.get("/metrics/prom")).body.decode()
        assert 'levibot_http_streams_cut_total{reason="overflow"} 1.0' in metrics

        async with site.session.ws_connect(ws_url(site, f"?since_seq={len(got)}"), max_msg_size=1 << 20) as again:
            assert await read(again, lines - len(got)) == site.log.lines_written[len(got) :]


async def test_a_stop_lets_listeners_go_at_once() -> None:
    async with (
        serving(log=filled(1)) as site, site.session.ws_connect(ws_url(site)) as socket,
        site.session.get(f"http://127.0.0.1:{site.port}/events/stream") as response,
    ):
        report = await site.system.stop()
        assert report.elapsed_s < 0.9
        message = await socket.receive(timeout=5)
        assert (message.data, message.extra) == (1001, "stopping; since_seq=1")
        assert b"event: stopping" in await response.content.read()


async def test_after_a_restart_a_client_resumes() -> None:
    async with serving(log=filled(3)) as site:
        async with site.session.ws_connect(ws_url(site, "?since_seq=0")) as socket:
            await read(socket, 3)
            assert site.system.restart("http")
            assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        site.log.commit(SystemNote(note="meanwhile"))
        async with site.session.ws_connect(ws_url(site, "?since_seq=3")) as socket:
            assert await read(socket, 1) == site.log.lines_written[3:]


async def test_places_are_given_back() -> None:
    async with serving() as site:
        for _ in range(3):
            async with site.session.ws_connect(ws_url(site)):
                assert "levibot_http_streams 1.0" in (await site.get("/metrics/prom")).body.decode()
        for _ in range(100):
            if "levibot_http_streams 0.0" in (await site.get("/metrics/prom")).body.decode():
                break
        assert "levibot_http_streams 0.0" in (await site.get("/metrics/prom")).body.decode()


async def test_a_client_has_its_share_of_places_and_all_have_theirs() -> None:
    streams = Streams(most=3, per_client=2)
    with streams.place("a"), streams.place("a"):
        with pytest.raises(TooMany) as refused, streams.place("a"):
            pass
        assert refused.value.headers["Retry-After"]
        with streams.place("b"):
            assert len(streams) == 3
            with pytest.raises(Unavailable), streams.place("c"):
                pass
    assert len(streams) == 0


async def test_after_the_end_nobody_gets_in() -> None:
    streams = Streams()
    with streams.place("a") as scope:
        streams.end()
        assert scope.cancel_called
        with pytest.raises(Unavailable), streams.place("b"):
            pass

