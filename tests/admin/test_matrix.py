"""
Who gets where: every route of the table against every kind of key, every foreign name and every foreign page.

The table itself is walked, so that a new route is held from the day it stands there.
"""

import re

import pytest

from levibotd.admin.auth import Scope, digest_of, parse_keys
from levibotd.admin.problems import CONTENT_TYPE
from levibotd.admin.replies import DryRun
from levibotd.admin.routes import ROUTES, Route
from levibotd.admin.schema import problems_of
from tests.admin.site import Answer, MemoryLog, Site, serving

pytestmark = pytest.mark.real_time

KEYS = {scope: f"a key for {scope.name}" for scope in Scope if scope is not Scope.PUBLIC}
RING = parse_keys("\n".join(f"{s.name.lower()}:{s.name.lower()}:{digest_of(key).hex()}" for s, key in KEYS.items()))
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND")
BODIES = (None, b"{", b'{"no_such_member": 1}', b"\xff\xfe", b"null", b"[]", b'"' + b"x" * 70_000 + b'"')
READ_ALIKE = [route for route in ROUTES if route.method == "GET" and not route.is_stream]

each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
each_head = pytest.mark.parametrize("route", READ_ALIKE, ids=lambda route: f"HEAD {route.template}")


def path_of(route: Route) -> str:
    # A dry run, where there is one: what passes must not end what others pass through.
    path = re.sub(r"\{[^}]*\}", "x", route.template)
    return f"{path}?dry_run=1" if route.query is DryRun else path


async def ask(site: Site, method: str, path: str, key: str | None) -> Answer:
    return await (site.ask(method, path) if key is None else site.ask(method, path, X_API_Key=key))


async def verdict(site: Site, method: str, path: str, key: str | None) -> tuple[int, str] | None:
    """Status and code of a no that is about the asker; None when the request got through."""
    answer = await ask(site, method, path, key)
    if answer.status not in (401, 403):
        return None
    return (answer.status, answer.code() if method != "HEAD" else "")


def expected(needs: Scope, holds: Scope | None, *, head: bool = False) -> tuple[int, str] | None:
    if needs is Scope.PUBLIC:
        return None
    if holds is None:
        return (401, "" if head else "UNAUTHENTICATED")
    return None if holds >= needs else (403, "" if head else "SCOPE")


@pytest.mark.fault("G7")
@each_route
async def test_a_key_opens_what_its_scope_reaches_and_nothing_else(route: Route) -> None:
    async with serving(keyring=RING) as site:
        path = path_of(route)
        assert await verdict(site, route.method, path, None) == expected(route.scope, None)
        assert await verdict(site, route.method, path, "nobody's key") == expected(route.scope, None)
        for holds, key in KEYS.items():
            assert await verdict(site, route.method, path, key) == expected(route.scope, holds), holds.name


@pytest.mark.fault("G7")
@each_head
async def test_to_ask_for_the_head_alone_needs_the_same_key(route: Route) -> None:
    async with serving(keyring=RING) as site:
        path = path_of(route)
        assert await verdict(site, "HEAD", path, None) == expected(route.scope, None, head=True)
        for holds, key in KEYS.items():
            assert await verdict(site, "HEAD", path, key) == expected(route.scope, holds, head=True)


@pytest.mark.fault("G7")
@each_route
async def test_whoever_is_turned_away_has_changed_nothing(route: Route) -> None:
    log = MemoryLog()
    async with serving(log=log, keyring=RING) as site:
        for holds, key in ((None, None), *KEYS.items()):
            if expected(route.scope, holds) is not None:
                await ask(site, route.method, path_of(route).partition("?")[0], key)
        assert log.lines_written == []


@pytest.mark.fault("G7")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/nope", "/stop/", "//stop", "/STOP", "/positions/a%2Fb/close"])
async def test_without_a_key_no_path_tells_whether_it_is_there(method: str, path: str) -> None:
    async with serving(keyring=RING) as site:
        assert await verdict(site, method, path, None) == (401, "" if method == "HEAD" else "UNAUTHENTICATED")
        answer = await ask(site, method, path, KEYS[Scope.READ])
        assert answer.status in (403, 404, 405)


@pytest.mark.fault("G7")
@each_route
async def test_another_method_is_no_way_around(route: Route) -> None:
    taken = {other.method for other in ROUTES if other.template == route.template}
    async with serving(keyring=RING) as site:
        path = path_of(route).partition("?")[0]
        for method in METHODS:
            if method in taken or (method == "HEAD" and "GET" in taken):
                continue
            assert await verdict(site, method, path, None) is not None, method
            answer = await ask(site, method, path, KEYS[Scope.TRADE])
            assert answer.status == 405, method
            allowed = set(answer.headers["Allow"].split(", "))
            assert taken <= allowed <= taken | {"HEAD"}


@each_route
async def test_what_gets_through_is_answered_as_declared(route: Route) -> None:
    async with serving() as site:
        for path in (path_of(route), f"{path_of(route).partition('?')[0]}?no_such_parameter=1"):
            for body in (None,) if route.method == "GET" else BODIES:
                answer = await site.ask(route.method, path, body=body)
                assert answer.status in (*route.statuses, *problems_of(route)), answer.body
                media = answer.headers.get("Content-Type", "").partition(";")[0]
                assert media in (route.media if answer.status in route.statuses else (CONTENT_TYPE,))


@each_route
async def test_a_word_that_a_route_does_not_know_is_refused_where_it_could_matter(route: Route) -> None:
    async with serving() as site:
        path = path_of(route).partition("?")[0]
        refusals = (400, 404) if "{" in route.template else (400,)
        if route.query is not None or route.method != "GET":
            answer = await site.ask(route.method, f"{path}?no_such_parameter=1")
            assert answer.status in refusals
        if route.body is not None:
            answer = await site.ask(route.method, path, body={"no_such_member": 1})
            assert answer.status in refusals
        assert site.log.lines_written == []


# --- Pages and names that are not ours --------------------------------------------------------


@pytest.mark.fault("G2")
@each_route
async def test_no_foreign_name_and_no_foreign_page_gets_anywhere(route: Route) -> None:
    async with serving() as site:
        path = path_of(route).partition("?")[0]
        for host in ("evil.example", f"evil.example:{site.port}", f"127.0.0.1.nip.io:{site.port}", "localhost:1"):
            answer = await site.ask(route.method, path, Host=host)
            assert (answer.status, answer.code()) == (403, "HOST"), host
        for origin in ("https://evil.example", "null", "http://localhost:1", f"http://127.0.0.1.nip.io:{site.port}"):
            answer = await site.ask(route.method, path, Origin=origin)
            assert (answer.status, answer.code()) == (403, "ORIGIN"), origin
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert site.log.lines_written == []


@pytest.mark.fault("G2")
@each_route
async def test_a_foreign_page_is_not_told_what_it_might_send(route: Route) -> None:
    async with serving() as site:
        path = path_of(route).partition("?")[0]
        answer = await site.ask(
            "OPTIONS", path, Origin="https://evil.example", Access_Control_Request_Method=route.method
        )
        assert (answer.status, answer.code()) == (403, "ORIGIN")
        assert "Access-Control-Allow-Methods" not in answer.headers
