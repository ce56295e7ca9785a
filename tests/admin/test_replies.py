"""Reading requests and writing answers."""

import re
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from levibotd.admin.replies import TAKES, Body, Money, plain, plain_or_none, read_body
from levibotd.admin.routes import ROUTES
from tests.admin.site import CALL, MemoryLog, open_position, serving


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("0E-12", "0"),
        ("12.3400", "12.34"),
        ("-0.50", "-0.5"),
        ("100", "100"),
    ],
)
def test_money_is_written_without_exponent_and_without_empty_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_no_digit_is_lost(number: Decimal) -> None:
    assert Decimal(plain(number)) == number


def test_nothing_stays_nothing() -> None:
    assert plain_or_none(None) is None


@pytest.mark.real_time
@pytest.mark.parametrize("query", ["type=null", "order=NULL", "limit=null", "order=asc&order=asc", "lmit=1"])
async def test_a_query_has_no_null_no_unknown_name_and_no_name_twice(query: str) -> None:
    async with serving() as site:
        answer = await site.get(f"/events?{query}")
        assert (answer.status, answer.code()) == (400, "MALFORMED")


async def answer_nothing(request: web.Request) -> web.Response:
    """`POST /nothing` - declares nothing and reads a body."""
    await read_body(request, Undeclared)
    return web.Response()


class Undeclared(Body, frozen=True):
    word: str = ""


async def test_a_handler_reads_only_what_its_route_declares() -> None:
    request = make_mocked_request("POST", "/nothing")
    request[TAKES] = (None, None, None)
    with pytest.raises(AssertionError, match="Undeclared is not declared for /nothing"):
        await answer_nothing(request)


def test_the_schema_of_money_fits_what_is_written() -> None:
    (meta,) = Money.__metadata__
    for number in ("0", "-0.5", "1E+3", "1E-9"):
        assert re.search(meta.pattern, plain(Decimal(number)))
    assert not re.search(meta.pattern, "1e3")


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/merge-patch+json", 200),
        ("application/x-www-form-urlencoded", 200),
        ("application/octet-stream", 200),
        ("text/plain", 400),
        ("text/html", 400),
        ("multipart/form-data; boundary=x", 400),
        ("application/xml", 400),
    ],
)
async def test_a_body_is_json_whatever_its_client_calls_it_unless_it_says_that_it_is_not(
    content_type: str, status: int
) -> None:
    async with serving() as site:
        answer = await site.post("/stop", {"reason": "lunch"}, Content_Type=content_type)
        assert answer.status == status
        if status == 400:
            assert answer.code() == "MALFORMED"
            assert site.log.lines_written == []


CHANGES = [(route.method, route.template) for route in ROUTES if route.method != "GET" and route.body is not None]


@pytest.mark.real_time
@pytest.mark.parametrize(("method", "template"), CHANGES, ids=" ".join)
async def test_every_change_names_a_field_that_it_does_not_know_and_does_nothing(method: str, template: str) -> None:
    log = MemoryLog()
    open_position(log)
    written = len(log.lines_written)
    path = template.replace("/positions/{id}", f"/positions/{CALL}").replace("{name}", "exec").replace("{id}", "coins")
    async with serving(log=log) as site:
        for body, named in (({"raeson": "x"}, "raeson"), (b"[]", "body"), (b"{", "body"), (b"\xff", "body")):
            answer = await site.ask(method, path, body=body)
            assert (answer.status, answer.code()) == (400, "MALFORMED")
            assert named in answer.json()["detail"]
        assert len(log.lines_written) == written
