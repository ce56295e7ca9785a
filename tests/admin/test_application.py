"""The edge that every request passes, over a real socket."""

import asyncio
import gzip
import re

import pytest

from levibotd.admin.auth import Keyring, digest_of, parse_keys
from levibotd.admin.limits import BODY_BYTES_MAX
from levibotd.config import load
from levibotd.kernel.mailbox import FAIL, Box, Ref
from levibotd.messages import SetPolicy
from levibotd.ports.buckets import Rate
from tests.admin.site import Site, serving

pytestmark = pytest.mark.real_time

KEYS = parse_keys("\n".join(f"{s}:{s}:{digest_of(s * 8).hex()}" for s in ("read", "control", "trade")))


def example_of(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", template)


# --- Bad requests -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\x00", b"\xff\xfe", b"[]", b"null", b'"text"', b"7", b"NaN", b"{'a':1}", b'{"reason":}',
        b'{"reason":5}',
        b'{"reason":null}', b'{"reasom":"typo"}', b'{"reason":"\xff"}', b'{"reason":"\\ud800"}', b"[" * 60_000,
        b'{"reason":' + b"[" * 60_000, b'{"reason":"' + b"x" * 501 + b'"}',
    ],
)  # fmt: skip
async def test_a_body_that_is_not_understood_is_400_and_does_nothing(body: bytes) -> None:
    async with serving() as site:
        answer = await site.post("/stop", body)

        assert (answer.status, answer.code()) == (400, "MALFORMED")
        assert site.log.lines_written == []


async def test_a_body_too_large_is_413_and_does_nothing() -> None:
    async with serving() as site:
        answer = await site.post("/stop", b'{"reason":"' + b"x" * BODY_BYTES_MAX + b'"}')

        assert (answer.status, answer.code()) == (413, "TOO_LARGE")
        assert site.log.lines_written == []


async def said(site: Site, *headers: str) -> bytes:
    """The first that is answered to the head of a POST, of whose body nothing was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    lines = ("POST /stop HTTP/1.1", f"Host: 127.0.0.1:{site.port}", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
    writer.close()
    return answer.rstrip()


async def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    async with serving() as site:
        length = f"Content-Length: {1 << 30}"
        assert (await said(site, length)).startswith(b"HTTP/1.1 413 ")
        assert (await said(site, length, "Expect: 100-continue")).startswith(b"HTTP/1.1 413 ")
        assert await said(site, "Content-Length: 2", "Expect: 100-continue") == b"HTTP/1.1 100 Continue"


async def test_a_small_body_that_unpacks_into_a_large_one_is_413() -> None:
    async with serving() as site:
        bomb = gzip.compress(b"x" * (1 << 24))
        assert len(bomb) < BODY_BYTES_MAX
        assert (await site.post("/stop", bomb, Content_Encoding="gzip")).status == 413


async def test_a_body_that_does_not_unpack_is_400() -> None:
    async with serving() as site:
        assert (await site.post("/stop", b"not gzip at all", Content_Encoding="gzip")).status == 400


@pytest.mark.parametrize(
    "path", ["/nope", "/positions/", "/why/", "/static/../server.py", "/static/nope", "/%00", "/%ff"]
)
async def test_an_unknown_route_is_404(path: str) -> None:
    async with serving() as site:
        answer = await site.get(path)
        assert (answer.status, answer.code()) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "path", "allowed"), [("DELETE", "/status", "GET, HEAD"), ("GET", "/stop", "POST")])
async def test_a_wrong_method_is_405_and_names_the_right_ones(method: str, path: str, allowed: str) -> None:
    async with serving() as site:
        answer = await site.ask(method, path)
        assert (answer.status, answer.code(), answer.headers["Allow"]) == (405, "METHOD_NOT_ALLOWED", allowed)


@pytest.mark.parametrize(
    "raw",
    [
        b"BREW / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /stop HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /stop HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=range(8),
)
async def test_what_is_not_http_is_refused_and_leaves_no_trace(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(raw)
        answer = await reader.read(4096)
        writer.close()
        await writer.wait_closed()

        assert answer.split(b" ")[1] in (b"400", b"403")
        assert b"Traceback" not in answer
        assert caplog.records == []
        assert site.log.lines_written == []


# --- What actors answer -----------------------------------------------------------------------


async def test_a_no_of_an_actor_is_409() -> None:
    async with serving() as site:
        answer = await site.post("/risk/kill-switch", {"tripped": False, "reason": "again"})
        assert (answer.status, answer.code()) == (409, "REFUSED")
        assert "stands so already" in answer.json()["detail"]


async def test_an_actor_that_crashes_is_503_without_its_words_and_serves_the_next() -> None:
    async with serving() as site:
        answer = await site.post("/stop", {"reason": "crash"})
        assert (answer.status, answer.code()) == (503, "ACTOR_CRASHED")
        assert b"as wished" not in answer.body
        assert (await site.post("/stop")).status == 200


async def test_a_full_mailbox_is_429_and_says_when_to_come_back() -> None:
    full: Ref[SetPolicy] = Ref("risk", Box(1, FAIL))
    full.offer(SetPolicy(policy="moderate", by="test", reason="first"))
    async with serving(risk=full) as site:
        answer = await site.ask("PUT", "/risk/policy", body={"policy": "moderate", "reason": "second"})
        assert (answer.status, answer.code(), answer.headers["Retry-After"]) == (429, "MAILBOX_FULL", "1")


async def test_an_actor_that_does_not_answer_is_504() -> None:
    silent: Ref[SetPolicy] = Ref("risk", Box(1, FAIL))
    async with serving(risk=silent) as site:
        answer = await site.ask("PUT", "/risk/policy", body={"policy": "moderate", "reason": "x"})
        assert (answer.status, answer.code()) == (504, "OUTCOME_UNKNOWN")


async def test_a_bug_of_ours_is_500_without_a_traceback_and_stands_in_the_log() -> None:
    def broken(_: object) -> dict[str, object]:
        raise ZeroDivisionError("secret words")

    async with serving(score=broken) as site:
        answer = await site.post("/signals/score", {"text": "hello"})
        await site.get("/nope?ticket=hunter2")

        assert (answer.status, answer.code()) == (500, "INTERNAL")
        assert "hunter2" not in site.printed.getvalue()
        assert b"secret words" not in answer.body
        assert b"Traceback" not in answer.body
        assert b".py" not in answer.body
        assert "ZeroDivisionError" in site.printed.getvalue()


# --- Who may ask ------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.nip.io", "localhost:1"])
@pytest.mark.parametrize("path", ["/", "/livez", "/status", "/stop", "/nope"])
async def test_a_rebound_name_reaches_nothing(host: str, path: str) -> None:
    async with serving() as site:
        answer = await site.ask("POST" if path == "/stop" else "GET", path, Host=host)

        assert (answer.status, answer.code()) == (403, "HOST")
        assert site.log.lines_written == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://"])
async def test_a_page_of_another_site_reaches_nothing(origin: str) -> None:
    async with serving() as site:
        for method, path in (("POST", "/stop"), ("GET", "/status"), ("OPTIONS", "/stop")):
            answer = await site.ask(method, path, Origin=origin)
            assert (answer.status, answer.code()) == (403, "ORIGIN")
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert site.log.lines_written == []


async def test_an_allowed_page_may_ask_what_it_may_send_and_send_it(tmp_path: object) -> None:
    config = load(environ={"HOME": "/nonexistent", "LEVI_HTTP__CORS_ORIGINS": '["https://desk.example"]'})
    async with serving(config=config) as site:
        asked = await site.ask("OPTIONS", "/stop", Origin="https://desk.example", Access_Control_Request_Method="POST")
        sent = await site.post("/stop", Origin="https://desk.example")

    assert asked.status == 204
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert sent.status == 200
    assert sent.headers["Access-Control-Allow-Origin"] == "https://desk.example"
    assert "Access-Control-Allow-Credentials" not in sent.headers


async def test_our_own_page_may_send() -> None:
    async with serving() as site:
        assert (await site.post("/stop", Origin=f"http://127.0.0.1:{site.port}")).status == 200


async def test_a_key_in_the_address_is_no_key() -> None:
    async with serving(keyring=KEYS) as site:
        assert (await site.get("/status?X-API-Key=tradetradetradetrade")).status == 401


# --- How much ---------------------------------------------------------------------------------


async def test_a_client_beyond_its_rate_is_429() -> None:
    async with serving(rate=Rate(per_s=0.01, burst=3)) as site:
        statuses = [(await site.get("/stage")).status for _ in range(5)]
        last = await site.get("/stage", X_Forwarded_For="9.9.9.9")

        assert statuses == [200, 200, 200, 429, 429]
        assert (last.status, last.code()) == (429, "RATE_LIMITED")
        assert int(last.headers["Retry-After"]) > 1


async def test_a_flood_keeps_nobody_with_a_key_of_his_own_from_stopping() -> None:
    async with serving(keyring=KEYS, rate=Rate(per_s=0.01, burst=5)) as site:
        strangers = [(await site.get("/status", X_API_Key="guess")).status for _ in range(8)]
        reader = [(await site.get("/status", X_API_Key="read" * 8)).status for _ in range(8)]

        assert strangers[-1] == 429
        assert reader == [200] * 5 + [429] * 3
        assert (await site.post("/stop", {}, X_API_Key="trade" * 8)).status == 200


async def test_whoever_watches_is_answered_also_in_a_flood() -> None:
    async with serving(rate=Rate(per_s=0.01, burst=1)) as site:
        assert [(await site.get("/stage")).status for _ in range(3)] == [200, 429, 429]
        assert [(await site.get("/livez")).status for _ in range(3)] == [200, 200, 200]
        assert (await site.get("/readyz")).status in (200, 503)


async def test_guessing_keys_is_slow() -> None:
    async with serving(keyring=KEYS, rate=Rate(per_s=0.01, burst=50)) as site:
        statuses = [(await site.get("/status", X_API_Key=f"guess-{n}")).status for n in range(8)]
        assert statuses == [401] * 5 + [429] * 3


# --- Same key, same answer --------------------------------------------------------------------


async def test_a_repeated_post_gets_the_same_answer_and_acts_once() -> None:
    async with serving() as site:
        first = await site.post("/stop", {"reason": "a"}, Idempotency_Key="k1")
        second = await site.post("/stop", {"reason": "a"}, Idempotency_Key="k1")
        third = await site.post("/stop", {"reason": "a"}, Idempotency_Key="k2")

        assert first.json()["before"] == "on"
        assert (second.body, second.status) == (first.body, 200)
        assert second.headers["Idempotent-Replay"] == "true"
        assert third.json()["before"] == "off"
        assert len(site.log.lines_written) == 2


async def test_who_asks_better_may_use_his_key_again() -> None:
    async with serving() as site:
        for body in (b"{", {"reason": 7}, b'"' + b"x" * 70_000 + b'"'):
            assert (await site.post("/stop", body, Idempotency_Key="k")).status in (400, 413)
        assert (await site.post("/stop", {"reason": "a"}, Idempotency_Key="k")).status == 200


async def test_what_is_no_route_is_told_in_full_each_time() -> None:
    async with serving() as site:
        for _ in range(2):
            answer = await site.post("/status", Idempotency_Key="k")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_repetitions_at_once_act_once() -> None:
    async with serving() as site:
        answers = await asyncio.gather(*(site.post("/stop", Idempotency_Key="k") for _ in range(20)))
        assert {answer.body for answer in answers} == {answers[0].body}
        assert len(site.log.lines_written) == 1


async def test_a_refusal_is_repeated_too_and_a_passing_failure_is_not() -> None:
    async with serving() as site:
        no = {"tripped": False, "reason": "x"}
        await site.post("/risk/kill-switch", no, Idempotency_Key="refused")
        await site.post("/risk/kill-switch", {"tripped": True, "reason": "x"})
        again = await site.post("/risk/kill-switch", no, Idempotency_Key="refused")
        crashed = await site.post("/stop", {"reason": "crash"}, Idempotency_Key="crash")
        tried_again = await site.post("/stop", {"reason": "fine"}, Idempotency_Key="crash")

        assert (again.status, again.code()) == (409, "REFUSED")
        assert (crashed.status, tried_again.status) == (503, 200)


async def test_a_key_of_one_route_says_nothing_to_another() -> None:
    async with serving() as site:
        await site.post("/stop?dry_run=1", Idempotency_Key="k")
        assert (await site.post("/stop", Idempotency_Key="k")).json()["dry_run"] is False
        assert (await site.post("/start", Idempotency_Key="k")).json()["switch"] == "on"


async def test_a_key_of_one_caller_says_nothing_to_another() -> None:
    async with serving(keyring=KEYS) as site:
        await site.post("/stop", Idempotency_Key="k", X_API_Key="control" * 8)
        other = await site.post("/stop", Idempotency_Key="k", X_API_Key="trade" * 8)
        assert "Idempotent-Replay" not in other.headers


async def test_a_key_that_is_no_key_is_400() -> None:
    async with serving() as site:
        assert (await site.post("/stop", Idempotency_Key="x" * 256)).code() == "MALFORMED"


# --- What is counted and written --------------------------------------------------------------


async def requests_counted(site: Site) -> set[tuple[str, str, str]]:
    found = (await site.get("/metrics")).json()["levibot_http_requests_total"]
    return {(series["route"], series["method"], series["code"]) for series in found}


async def test_requests_are_counted_by_template_never_by_path() -> None:
    async with serving() as site:
        await site.get("/why/0123456789abcdef")
        await site.get("/some/where/else")
        await site.ask("PROPFIND", "/status")

        assert await requests_counted(site) == {
            ("/why/{trace_id}", "GET", "404"),
            ("other", "GET", "404"),
            ("other", "other", "405"),
        }


async def test_only_what_failed_or_was_slow_gets_an_access_line_and_never_its_query() -> None:
    async with serving() as site:
        await site.get("/status")
        assert site.printed.getvalue() == ""

        await site.get("/nope?ticket=hunter2")
        assert '"path":"/nope"' in site.printed.getvalue()
        assert "hunter2" not in site.printed.getvalue()


async def test_every_answer_says_how_it_may_be_used() -> None:
    async with serving() as site:
        for path in ("/livez", "/", "/nope"):
            headers = (await site.get(path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
            assert headers["Server"] == "levibotd"


async def test_head_is_get_without_the_body() -> None:
    async with serving() as site:
        answer = await site.ask("HEAD", "/status")
        assert (answer.status, answer.body) == (200, b"")


async def test_no_keys_means_an_open_door_on_loopback_alone() -> None:
    async with serving(keyring=Keyring()) as site:
        assert (await site.post("/stop")).status == 200
