"""How handlers read a request and write an answer. JSON both ways; money as decimal strings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import anyio
import msgspec
from aiohttp import web
from msgspec import Meta
from multidict import CIMultiDict

from levibotd.admin.auth import Caller
from levibotd.admin.desk import Desk
from levibotd.admin.problems import Malformed, TooSlow
from levibotd.domain.records import Control, Entry
from levibotd.errors import Refused
from levibotd.kernel.mailbox import Ref, Rejected, Request
from levibotd.messages import Append

DESK = web.AppKey("desk", Desk)
CALLER = web.RequestKey("caller", Caller)  # Who asks.
TAKES = web.RequestKey("takes", tuple)  # Query, body and path as the route declares them.
CLIENT = web.RequestKey("client", str)  # From where: the name under which its requests are counted.
# What the answer to this request carries, where it is another page's.
EDGE_HEADERS = web.RequestKey("edge_headers", dict[str, str])
BODY_S = 10.0  # For a body to arrive.
JSON = "application/json"
JSONL = "application/jsonl"
CSV = "text/csv"
HTML = "text/html"
SVG = "image/svg+xml"
TEXT = "text/plain"
PARQUET = "application/vnd.apache.parquet"
EVENT_STREAM = "text/event-stream"

# What every answer carries.
EDGE = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "levibotd",
}
_JSON_HEADERS = CIMultiDict({**EDGE, "Content-Type": JSON})  # Made once: nearly every answer has these.

_PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

B = TypeVar("B")
R = TypeVar("R")

_TAKEN = (JSON, "application/octet-stream", "application/x-www-form-urlencoded")

# An amount or a price, as decimal text: never an exponent, and no zeros that say nothing.
Money = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["10000", "0.25"])]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of what a client may send."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Root of what is answered as JSON. Its fields are described by their types; order is as declared."""


class DryRun(Body, frozen=True):
    """`1`: show the plan and do nothing."""

    dry_run: Literal["0", "1", "false", "true"] = "0"


def _text_of(value: object) -> str:
    return str(value)


encode = msgspec.json.Encoder(enc_hook=_text_of).encode


def ref(name: str) -> str:
    """Where the OpenAPI document describes the Struct `name`."""
    return f"#/components/schemas/{name}"


def desk_of(request: web.Request) -> Desk:
    """The one thing handlers work with."""
    return request.app[DESK]


def caller_of(request: web.Request) -> str:
    """Who asks, as it stands in CONTROL records."""
    return f"http:{request[CALLER].name}"


async def read_body(request: web.Request, shape: type[B]) -> B:
    """
    Decode the body as `shape`; no body is an empty object. Raises Malformed naming what is wrong.

    A web form is what some clients call any body; what says that it is a text, a page or a file is refused.
    """
    _hold_declared(request, shape)
    raw = await whole_body(request)
    if raw and not (request.content_type in _TAKEN or request.content_type.endswith("+json")):
        raise Malformed(f"Content-Type: expected {JSON}")
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"body: {error}") from None


def read_query(request: web.Request, shape: type[B]) -> B:
    """
    Decode the query as `shape`, all of whose fields are given as text.

    Raises Malformed for an unknown, repeated or ill-formed parameter.
    """
    _hold_declared(request, shape)
    query = request.query
    if len(set(query)) < len(query):
        raise Malformed("query: a parameter stands twice")
    try:
        found = msgspec.convert(dict(query), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(f"query: {error}") from None
    if missing := [name for name in query if getattr(found, name) is None]:
        raise Malformed(f"query: {missing[0]}: there is no null here; leave it out")
    return found


def read_path(request: web.Request, shape: type[B]) -> B:
    """Decode what stands in the path as `shape`. Raises Malformed naming what is wrong."""
    _hold_declared(request, shape)
    try:
        return msgspec.convert(dict(request.match_info), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(f"path: {error}") from None


def is_dry_run(request: web.Request) -> bool:
    """
    Tell whether the caller wants the plan alone, for routes whose whole query is DryRun.

    Raises Malformed for a value that is neither yes nor no, and for a misspelt name: it would act.
    """
    return read_query(request, DryRun).dry_run in ("1", "true")


def json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON."""
    return json_bytes(encode(value), status=status, headers=headers)


def json_bytes(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON that is encoded already."""
    response = web.Response(body=body, status=status, headers=_JSON_HEADERS)
    if headers is not None:
        response.headers.update(headers)
    return response


def picture(svg: bytes) -> web.Response:
    """Answer with a picture, which runs nothing and loads nothing wherever it is opened."""
    return web.Response(body=svg, content_type=SVG, charset="utf-8", headers=_PICTURE_HEADERS)


async def answer_of(ref: Ref[Any], request: Request[R], *, timeout_s: float) -> R:
    """
    Ask an actor. Raises Refused when it says no, and whatever `Ref.ask` raises.

    An actor's no is a value (`Rejected`), so that it cannot crash it; over HTTP it is an error.
    """
    answer = await ref.ask(request, timeout_s=timeout_s)
    if isinstance(answer, Rejected):
        raise Refused(answer.reason)
    return answer


async def write_down(request: web.Request, *, command: str, reason: str = "", effect: str = "") -> None:
    """
    Commit a CONTROL record of what a client asks for, before it is done: for what no actor of its own carries out.

    Raises what asking the logger raises; then nothing was done.
    """
    desk = desk_of(request)
    command_given = Control(command=command, by=caller_of(request), reason=reason, effect=effect)
    await answer_of(desk.logger, Append(entries=(Entry(command_given),)), timeout_s=desk.ask_timeout_s)


def plain(number: Decimal) -> str:
    """Write money without an exponent, and without zeros that say nothing."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_or_none(number: Decimal | None) -> str | None:
    """As `plain`; None stays None."""
    return None if number is None else plain(number)


async def whole_body(request: web.Request) -> bytes:
    """Raises TooSlow when it does not come; what aiohttp raises when it is too large."""
    try:
        with anyio.fail_after(BODY_S):
            return await request.read()
    except TimeoutError:
        raise TooSlow(f"expected the body within {BODY_S:g} s") from None


# What the route table says of a route is what everybody reads about it.
def _hold_declared(request: web.Request, shape: type[object]) -> None:
    if shape not in request.get(TAKES, ()):
        raise AssertionError(f"{shape.__name__} is not declared for {request.path}")
