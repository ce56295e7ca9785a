"""Posts that come in over HTTP, and what became of all posts."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from levibotd.admin.events import Cursor, beyond, next_cursor
from levibotd.admin.idempotency import KEY_HEADER, checked_key
from levibotd.admin.problems import Undecided
from levibotd.admin.replies import Body, answer_of, desk_of, json, plain, read_body, read_query
from levibotd.domain import records
from levibotd.domain.leg_read import LegRead
from levibotd.domain.records import Logged, Record, SignalIngest, SignalScored
from levibotd.domain.signal import Post, TraceId
from levibotd.journal import TERMINAL, decode, parse
from levibotd.messages import AwaitDecision, Decision, IngestPost
from levibotd.ports.event_index import EventIndex, EventQuery

CHANNEL = r"^[\w@.:+-]{1,64}$"
MESSAGE_ID = r"^[ -~]{1,255}$"
SIGNALS_MAX = 100
ENDING_MAX = 50  # Scorings of a post that are looked at: one for each of its revisions.
MESSAGE_ID_MAX = 2**52 - 1

Channel = Annotated[str, Meta(pattern=CHANNEL)] | Annotated[int, Meta(ge=-MESSAGE_ID_MAX, le=MESSAGE_ID_MAX)]
Text = Annotated[str, Meta(min_length=1)]


class IngestWanted(Body, frozen=True):
    """
    A post as a channel would have said it now.

    Channels are names or numbers; a `message_id` that is no number names the post like an Idempotency-Key.
    """

    text: Text
    channel: Channel
    message_id: Annotated[int, Meta(ge=1, le=MESSAGE_ID_MAX)] | Annotated[str, Meta(pattern=MESSAGE_ID)] | None = None


class ScoreWanted(Body, frozen=True):
    """A text to read."""

    text: Text
    channel: Channel = "http"


class SignalsWanted(Body, frozen=True):
    """A page of posts."""

    limit: Annotated[int, Meta(ge=1, le=SIGNALS_MAX)] = 20
    cursor: Cursor | None = None


async def post_ingest(request: web.Request) -> web.Response:
    """`POST /signals/ingest-and-score` - ingest a post once and tell how it ended."""
    desk, body = desk_of(request), await read_body(request, IngestWanted)
    now = desk.clock.time()
    message_id = message_id_of(body, key=checked_key(request.headers.get(KEY_HEADER)), at=now)
    post = Post(channel=str(body.channel), message_id=message_id, posted_at=now, text=body.text)
    await answer_of(desk.telegram, IngestPost(trace=post.trace, post=post), timeout_s=desk.ask_timeout_s)
    try:
        decision = await desk.logger.ask(AwaitDecision(trace=post.trace), timeout_s=desk.decision_timeout_s)
    except TimeoutError:
        raise Undecided("ingested, and not decided in time", facts={"trace_id": post.trace}) from None
    return json({"ok": True, "trace_id": post.trace, **decided(decision)})


async def post_score(request: web.Request) -> web.Response:
    """`POST /signals/score` - what would be read in a text posted now. Nothing is kept."""
    desk, body = desk_of(request), await read_body(request, ScoreWanted)
    post = Post(channel=str(body.channel), message_id=1, posted_at=desk.clock.time(), text=body.text)
    found = desk.score(post)
    score = {name: found.get(name) for name in ("label", "probs", "p_call", "stale", "reasons")}
    score |= {"confidence": found.get("p_call"), "p_pays": None, "ev_r": None}
    return json({"ok": True, "kind": found.get("kind"), "score": score, "legs": as_text(found.get("legs", ()))})


async def get_signals(request: web.Request) -> web.Response:
    """`GET /signals` - posts, newest first, each with its reading and its decision where there is one."""
    wanted, events = read_query(request, SignalsWanted), desk_of(request).events
    query = EventQuery(types=("SIGNAL_INGEST",), beyond=beyond(wanted.cursor), newest_first=True, limit=wanted.limit)
    lines = await events.lines(query)
    found = [_signal(decode(line), await _ending(events, parse(line).trace_id)) for line in lines]
    return json({"signals": found, "next_cursor": next_cursor(lines, query)})


def message_id_of(body: IngestWanted, *, key: str | None, at: float) -> int:
    """The number of a post: its own, else one after its name, its Idempotency-Key, or its text and the minute."""
    own = body.message_id
    if isinstance(own, int):
        return own
    if own is not None:
        named = f"id|{own}"
    else:
        named = f"key|{key}" if key is not None else f"text|{body.channel}|{int(at // 60)}|{body.text}"
    digest = blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # Above every id a client can send and every id Telegram gives, and still exact in JSON.
    return (1 << 52) | int.from_bytes(digest, "big") >> 12


def decided(decision: Decision) -> dict[str, object]:
    """A decision as it is told: reading, probabilities, legs and route."""
    scored = _scoring(decision.scored)
    return {
        "kind": None if scored is None else scored.kind,
        "score": None if scored is None else score_of(scored),
        "legs": [] if scored is None else [leg_of(leg) for leg in scored.legs],
        "route": route_of(decision.terminal.entry.record),
    }


def score_of(scored: SignalScored) -> dict[str, object]:
    """The probabilities of a post; what no model of ours tells yet is null."""
    return {
        "label": scored.label, "probs": dict(scored.probs), "p_call": scored.p_call, "confidence": scored.p_call,
        "p_pays": None, "ev_r": None, "stale": scored.stale, "reasons": scored.reasons,
    }  # fmt: skip


def leg_of(leg: LegRead) -> object:
    """A leg as written in the post, its prices as text."""
    shown = {name: value for name, value in msgspec.structs.asdict(leg).items() if name not in ("factor", "zone")}
    return as_text(shown)


def route_of(terminal: Record) -> dict[str, object]:
    """How a post ended: `reason` is the effect, the gate, or why it was no call."""
    match terminal:
        case records.AutoRouteExecuted():
            return _route(terminal.effect, routed=True, legs=terminal.legs)
        case records.AutoRouteDryrun():
            return _route("dry_run", dry_run=True, legs=terminal.legs)
        case records.SignalRejected():
            return _route(
                terminal.gate, gate=terminal.gate, value=terminal.value, limit=terminal.limit, legs=terminal.legs
            )
        case records.SignalExpired():
            return _route("expired", age_s=terminal.age_s, limit_s=terminal.limit_s)
        case records.AutoRouteSkipped():
            return _route(terminal.reason)
        case _:
            raise AssertionError(f"{type(terminal).__name__} ends no post")


def as_text(value: object) -> object:
    """Write every number in `value` as decimal text; truth values stay, and leverage, which is no price."""
    match value:
        case bool():
            return value
        case int() | float():
            return plain(Decimal(repr(value)))
        case Decimal():
            return plain(value)
        case Mapping():
            return {key: item if key == "leverage" else as_text(item) for key, item in value.items()}
        case list() | tuple():
            return [as_text(item) for item in value]
        case _:
            return value


def _scoring(logged: Logged | None) -> SignalScored | None:
    record = None if logged is None else logged.entry.record
    return record if isinstance(record, SignalScored) else None


def _route(reason: str, *, routed: bool = False, dry_run: bool = False, **facts: object) -> dict[str, object]:
    return {"routed": routed, "reason": reason, "dry_run": dry_run, **facts}


async def _ending(events: EventIndex, trace: TraceId | None) -> list[Logged]:
    query = EventQuery(trace_id=trace, types=("SIGNAL_SCORED", *sorted(TERMINAL)), limit=ENDING_MAX)
    return [decode(line) for line in await events.lines(query)]


def _signal(ingested: Logged, ending: list[Logged]) -> dict[str, object]:
    record = ingested.entry.record
    assert isinstance(record, SignalIngest)
    scored = next(filter(None, map(_scoring, reversed(ending))), None)
    terminal = next((x for x in ending if x.event_type in TERMINAL), None)
    return {
        "trace_id": ingested.entry.trace, "seq": ingested.seq, "channel": record.post.channel,
        "message_id": record.post.message_id, "posted_at": record.post.posted_at, "text": record.post.text,
        "late": record.late, "source": record.source, "kind": None if scored is None else scored.kind,
        "score": None if scored is None else score_of(scored),
        "decision": None if terminal is None else terminal.event_type,
        "route": None if terminal is None else route_of(terminal.entry.record),
    }  # fmt: skip
