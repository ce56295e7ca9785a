"""Posts that come in over HTTP, and what became of all posts."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from levibotd.admin.desk import Desk
from levibotd.admin.idempotency import KEY_HEADER, checked_key
from levibotd.admin.problems import Undecided
from levibotd.admin.replies import (
    Answer,
    Body,
    Money,
    answer_of,
    desk_of,
    json,
    plain,
    plain_or_none,
    read_body,
)
from levibotd.domain import records
from levibotd.domain.leg_read import LegRead
from levibotd.domain.records import LegOutcome, Logged, Record, SignalScored
from levibotd.domain.signal import CallKey, Post, Side, TraceId
from levibotd.domain.trust import Pays, Trust
from levibotd.messages import AwaitDecision, Decision, IngestPost

CHANNEL = r"^[\w@.:+-]{1,64}(?!\n)$"
MESSAGE_ID = r"^[ -~]{1,255}(?!\n)$"
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


class Score(Answer, frozen=True, kw_only=True):
    """
    Three numbers that are never mixed: `p_call`, how likely the label is right (`confidence` by another name);
    `p_pays`, how likely following this channel pays; `ev_r`, what one of its calls makes on average, in R. The last
    two are as of the decision, and null where the log does not say them: of what is no call.
    """

    label: str
    probs: Mapping[str, float]
    p_call: float
    confidence: float
    p_pays: Pays | None = None
    ev_r: float | None = None
    stale: bool
    reasons: tuple[str, ...]


class LegShown(Answer, frozen=True):
    """One coin of a call as written in the post, its prices as text; null = not written."""

    symbol: str
    side: Side
    quote_inferred: bool
    market: str | None
    entry_type: str | None
    entry: tuple[Money, ...]
    tps: tuple[Money, ...]
    tp_unit: str
    sl: Money | tuple[Money, ...] | None
    sl_kind: str | None
    margin: str | None
    leverage: tuple[float, float] | None
    price_unit: str


class Ending(Answer, frozen=True):
    """How a post ended: `reason` is the effect, the gate, or why it was no call. What does not apply is left out."""

    routed: bool
    reason: str
    dry_run: bool
    gate: str | UnsetType = UNSET
    value: object = UNSET
    limit: object = UNSET
    owner: CallKey | UnsetType = UNSET
    side: Side | UnsetType = UNSET
    age_s: float | UnsetType = UNSET
    limit_s: float | UnsetType = UNSET
    legs: tuple[LegOutcome, ...] | UnsetType = UNSET


class Decided(Answer, frozen=True):
    """A post that was ingested: what it was read as, and how it ended."""

    ok: bool
    trace_id: TraceId
    kind: str | None
    score: Score | None
    legs: tuple[LegShown, ...]
    route: Ending


class ReadText(Answer, frozen=True):
    """What would be read in a text posted now."""

    ok: bool
    kind: str
    score: Score
    legs: tuple[LegShown, ...]


async def post_ingest(request: web.Request) -> web.Response:
    """`POST /signals/ingest-and-score` - ingest a post once and tell how it ended."""
    desk, body = desk_of(request), await read_body(request, IngestWanted)
    now = desk.clock.time()
    message_id = message_id_of(body, key=checked_key(request.headers.get(KEY_HEADER)), at=now)
    post = Post(channel=str(body.channel), message_id=message_id, posted_at=now, text=body.text)
    return json(await ingest(desk, post))


async def post_score(request: web.Request) -> web.Response:
    """`POST /signals/score` - what would be read in a text posted now. Nothing is kept."""
    desk, body = desk_of(request), await read_body(request, ScoreWanted)
    post = Post(channel=str(body.channel), message_id=1, posted_at=desk.clock.time(), text=body.text)
    found = desk.score(post)
    held = desk.trust(post.channel, sorted({leg.side for leg in found.reading.legs}))
    score = Score(
        label=found.label, probs=found.probs, p_call=found.p_call, confidence=found.p_call,
        p_pays=held.p_pays, ev_r=held.expected_r, stale=found.reading.stale, reasons=found.reasons,
    )  # fmt: skip
    legs = tuple(leg_of(LegRead.of(leg)) for leg in found.reading.legs)
    return json(ReadText(ok=True, kind=found.reading.kind, score=score, legs=legs))


async def ingest(desk: Desk, post: Post) -> Decided:
    """Have a post ingested once, and return how it ended. Raises Undecided while that is not known."""
    await answer_of(desk.telegram, IngestPost(trace=post.trace, post=post), timeout_s=desk.ask_timeout_s)
    try:
        decision = await answer_of(desk.logger, AwaitDecision(trace=post.trace), timeout_s=desk.decision_timeout_s)
    except TimeoutError:
        raise Undecided("ingested, and not decided in time", facts={"trace_id": post.trace}) from None
    return _decided(decision, trace=post.trace, held=desk.trust(post.channel, ()))


def message_id_of(body: IngestWanted, *, key: str | None, at: float) -> int:
    """The number of a post: its own, else one after its name, its Idempotency-Key, or its text and the minute."""
    own = body.message_id
    if isinstance(own, int):
        return own
    if own is not None:
        named = f"id|{own}"
    else:
        named = f"key|{key}" if key is not None else f"text|{body.channel}|{int(at // 60)}|{body.text}"
    return number_of(named)


def number_of(named: str) -> int:
    """A message id for what has a name in place of a number."""
    digest = blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # Above every id a client can send and every id Telegram gives, and still exact in JSON.
    return (1 << 52) | int.from_bytes(digest, "big") >> 12


def leg_of(leg: LegRead) -> LegShown:
    """A leg as it is shown: what its factor makes of its prices is ours."""
    sl = leg.sl
    return LegShown(
        symbol=leg.symbol, side=leg.side, quote_inferred=leg.quote_inferred, market=leg.market,
        entry_type=leg.entry_type, entry=tuple(map(plain, leg.entry)), tps=tuple(map(plain, leg.tps)),
        tp_unit=leg.tp_unit, sl=tuple(map(plain, sl)) if isinstance(sl, tuple) else plain_or_none(sl),
        sl_kind=leg.sl_kind, margin=leg.margin, leverage=leg.leverage, price_unit=leg.price_unit,
    )  # fmt: skip


def ending_of(terminal: Record) -> Ending:
    """What a terminal record tells."""
    match terminal:
        case records.AutoRouteExecuted(effect=effect, legs=legs):
            return Ending(routed=True, reason=effect, dry_run=False, legs=legs)
        case records.AutoRouteDryrun(legs=legs):
            return Ending(routed=False, reason="dry_run", dry_run=True, legs=legs)
        case records.SignalRejected(gate=gate, value=value, limit=limit, legs=legs):
            return Ending(
                routed=False, reason=gate, dry_run=False, gate=gate, value=value, limit=limit, legs=legs,
                owner=UNSET if terminal.owner is None else terminal.owner,
                side=UNSET if terminal.side is None else terminal.side,
            )  # fmt: skip
        case records.SignalExpired(age_s=age_s, limit_s=limit_s):
            return Ending(routed=False, reason="expired", dry_run=False, age_s=age_s, limit_s=limit_s)
        case records.AutoRouteSkipped(reason=reason):
            return Ending(routed=False, reason=reason, dry_run=False)
        case _:
            raise AssertionError(f"{type(terminal).__name__} ends no post")


def _decided(decision: Decision, *, trace: TraceId, held: Trust) -> Decided:
    scored = scoring_of(decision.scored)
    return Decided(
        ok=True, trace_id=trace, kind=None if scored is None else scored.kind, score=score_of(scored, held=held),
        legs=() if scored is None else tuple(map(leg_of, scored.legs)),
        route=ending_of(decision.terminal.entry.record),
    )  # fmt: skip


def score_of(scored: SignalScored | None, *, held: Trust | None = None) -> Score | None:
    """The numbers of a post, None where it was not scored; `held` is of its channel, where the log does not say it."""
    if scored is None:
        return None
    held = scored.trust or held
    return Score(
        label=scored.label, probs=scored.probs, p_call=scored.p_call, confidence=scored.p_call,
        p_pays=None if held is None else held.p_pays, ev_r=None if held is None else held.expected_r,
        stale=scored.stale, reasons=scored.reasons,
    )  # fmt: skip


def scoring_of(logged: Logged | None) -> SignalScored | None:
    """The SIGNAL_SCORED in a line of the log, None where it is another one."""
    record = None if logged is None else logged.entry.record
    return record if isinstance(record, SignalScored) else None
