"""The event log as it is served: pages of it, and the story of one trace."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from levibotd.admin.lines import seq_of
from levibotd.admin.problems import Malformed, NotFound
from levibotd.admin.replies import JSONL, Answer, Body, desk_of, json, read_query, ref
from levibotd.domain.climate.terms import Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import Post, TraceId
from levibotd.domain.trust import Trust
from levibotd.journal import EVENTS
from levibotd.ports.event_index import EventQuery

LIMIT_MAX = 1000
CURSOR_HEADER = "X-Next-Cursor"
TRACE_ID = r"^[0-9a-f]{16}(?!\n)$"

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
# A direction and the seq of the last line that was seen; opaque to clients.
Cursor = Annotated[str, Meta(pattern=r"^[ad][0-9]{1,15}(?!\n)$")]
# One of those; the handler refuses others by name.
EventType = Annotated[str, Meta(max_length=40, extra_json_schema={"enum": list(EVENTS)})]
# Without an offset it is UTC; a day alone will do.
Moment = Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})]
# As it stands in the log, byte for byte.
EventLine = Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": ref("Event")})]


class EventsWanted(Body, frozen=True):
    """
    Which events. Newest first, unless a trace, a moment or `order` says otherwise.

    A cursor goes on in the order of the page it came from.
    """

    trace_id: Annotated[str, Meta(pattern=TRACE_ID)] | None = None
    since_iso: Moment | None = None
    type: EventType | None = None
    symbol: Annotated[str, Meta(pattern=r"^\w{1,40}(?!\n)$")] | None = None
    order: Literal["asc", "desc"] | None = None
    limit: Limit = 100
    cursor: Cursor | None = None
    format: Literal["json", "jsonl"] = "json"


class Event(Answer, frozen=True):
    """One line of the event log; the reference page of events tells what each `payload` holds."""

    seq: int
    ts: float
    mono: float
    boot: str
    event_type: Literal[tuple(EVENTS)]  # type: ignore[valid-type]
    symbol: str | None
    trace_id: str | None
    payload: Mapping[str, object]
    prev: str
    h: str


class Events(Answer, frozen=True):
    """One page of the log; `next_cursor` leads to the next."""

    events: tuple[EventLine, ...]
    next_cursor: Cursor | None


class GateAsked(Answer, frozen=True):
    """A gate with what was found and what is allowed."""

    name: str
    value: object
    limit: object
    passed: bool


class ReadAs(Answer, frozen=True):
    """What a post was read as; of a call also what was held of its channel then, and what was around it."""

    kind: str
    label: str
    p_call: float
    probs: Mapping[str, float]
    stale: bool
    legs: tuple[LegRead, ...]
    reasons: tuple[str, ...]
    trust: Trust | None
    terms: Terms | None


class Step(Answer, frozen=True):
    """One record of a story, and the figures that matter in it."""

    seq: int
    ts: float
    event_type: str
    what: str


class SettingUsed(Answer, frozen=True):
    """A setting as it ruled for a call, and who said so: signal, channel, global, policy, built-in ..."""

    name: str
    value: str
    source: str


class Story(Answer, frozen=True):
    """All that was done because of one post; `decision` is its ending as it stands in the log."""

    trace_id: str
    post: Post | None
    reading: ReadAs | None
    settings: tuple[SettingUsed, ...]
    gates: tuple[GateAsked, ...]
    decision: Mapping[str, object] | None
    steps: tuple[Step, ...]


async def get_events(request: web.Request) -> web.Response:
    """`GET /events` - one page of the log, line for line as it stands there."""
    wanted = read_query(request, EventsWanted)
    query = query_of(wanted)
    lines = await desk_of(request).events.lines(query)
    cursor = next_cursor(lines, query)
    if wanted.format == "jsonl":
        headers = {} if cursor is None else {CURSOR_HEADER: cursor}
        return web.Response(body=b"".join(lines), content_type=JSONL, headers=headers)
    return json(Events(events=tuple(msgspec.Raw(line.rstrip(b"\n")) for line in lines), next_cursor=cursor))


async def get_why(request: web.Request) -> web.Response:
    """`GET /why/{trace_id}` - everything that was done because of one post."""
    story = await desk_of(request).why(TraceId(request.match_info["trace_id"]))
    if story is None:
        raise NotFound("no post has this trace id")
    return json(story)  # As Story has it, out of the lines as they stand: those of an older version stay tellable.


def query_of(wanted: EventsWanted) -> EventQuery:
    """Raises Malformed for a type that no event has and for a moment that is none."""
    if wanted.type is not None and wanted.type not in EVENTS:
        raise Malformed("query: type: no event is called so")
    ascending = wanted.order == "asc" or (wanted.order is None and (wanted.trace_id or wanted.since_iso) is not None)
    if wanted.cursor is not None:
        ascending = wanted.cursor[0] == "a"
    return EventQuery(
        trace_id=None if wanted.trace_id is None else TraceId(wanted.trace_id),
        types=() if wanted.type is None else (wanted.type,),
        symbol=wanted.symbol,
        since=None if wanted.since_iso is None else moment_of(wanted.since_iso),
        beyond=beyond(wanted.cursor),
        newest_first=not ascending,
        limit=wanted.limit,
    )


def moment_of(iso: str) -> float:
    """Read a moment; without an offset it is UTC. Raises Malformed."""
    try:
        moment = datetime.fromisoformat(iso)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Malformed("query: since_iso: expected a moment such as 2025-01-31T12:00:00Z") from None


def beyond(cursor: str | None) -> int | None:
    """The seq of the last line of the page before."""
    return None if cursor is None else int(cursor[1:])


def next_cursor(lines: Sequence[bytes], query: EventQuery) -> str | None:
    """Where the next page begins; None when this page was not full."""
    if len(lines) < query.limit:
        return None
    return f"{'d' if query.newest_first else 'a'}{seq_of(lines[-1])}"
