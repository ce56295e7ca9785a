"""The timeline: posts, newest first, each with what it was read as and how it ended."""

from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from levibotd.admin.events import Cursor, Moment, beyond, moment_of
from levibotd.admin.lines import readable, seq_of, whole
from levibotd.admin.replies import Answer, Body, desk_of, json, read_query
from levibotd.admin.signals import CHANNEL, Ending, Score, ending_of, score_of, scoring_of
from levibotd.domain.records import Logged, SignalIngest
from levibotd.domain.signal import Kind, TraceId
from levibotd.journal import TERMINAL
from levibotd.ports.event_index import EventIndex, EventQuery

SIGNALS_MAX = 100
SCANNED_MAX = 500  # Posts that one request looks at; a page may be short of what a filter leaves, and goes on.
ENDING_MAX = 50  # Scorings of a post that are looked at: one for each of its revisions.

Decision = Literal[
    "AUTO_ROUTE_SKIPPED", "SIGNAL_EXPIRED", "SIGNAL_REJECTED", "AUTO_ROUTE_DRYRUN", "AUTO_ROUTE_EXECUTED"
]


class SignalsWanted(Body, frozen=True):
    """
    A page of posts. What is given must fit: `symbol` one of its coins, `decision` the event that ended it.

    A filter that fits few posts gives short pages: go on while there is a cursor.
    """

    channel: Annotated[str, Meta(pattern=CHANNEL)] | None = None
    symbol: Annotated[str, Meta(pattern=r"^\w{1,30}(/\w{1,10})?(?!\n)$")] | None = None
    kind: Kind | None = None
    label: Literal["BUY", "SELL", "NO-TRADE"] | None = None
    decision: Decision | None = None
    since_iso: Moment | None = None
    limit: Annotated[int, Meta(ge=1, le=SIGNALS_MAX)] = 20
    cursor: Cursor | None = None


class SignalShown(Answer, frozen=True):
    """A post; what it was read as and how it ended, as far as that is known. `decision` is an event type."""

    trace_id: str | None
    seq: int
    channel: str
    message_id: int
    posted_at: float
    text: str
    late: bool
    source: str
    kind: str | None
    score: Score | None
    symbols: tuple[str, ...]
    decision: str | None
    route: Ending | None


class Signals(Answer, frozen=True):
    """
    One page of posts; `next_cursor` leads to the next.

    `unreadable` are posts whose record is damaged in the log, by seq: whether they would fit is not known.
    """

    signals: tuple[SignalShown, ...]
    next_cursor: Cursor | None
    unreadable: tuple[int, ...] = ()


async def get_signals(request: web.Request) -> web.Response:
    """`GET /signals` - posts, newest first, each with its reading and its decision where there is one."""
    return json(await _page(desk_of(request).events, read_query(request, SignalsWanted)))


async def _page(events: EventIndex, wanted: SignalsWanted) -> Signals:
    found, unreadable = list[SignalShown](), list[int]()
    seen, scanned = beyond(wanted.cursor), 0
    since = None if wanted.since_iso is None else moment_of(wanted.since_iso)
    while True:
        query = EventQuery(
            types=("SIGNAL_INGEST",), beyond=seen, since=since, newest_first=True, limit=wanted.limit
        )  # fmt: skip
        lines = await events.lines(query)
        for line in lines:
            seen, scanned = seq_of(line), scanned + 1
            ingested = whole(line)
            if ingested is None:
                unreadable.append(seen)
            elif (shown := await _shown(events, ingested, wanted)) is not None:
                found.append(shown)
            if len(found) == wanted.limit or scanned == SCANNED_MAX:
                return Signals(signals=tuple(found), unreadable=tuple(unreadable), next_cursor=f"d{seen}")
        if len(lines) < wanted.limit:
            return Signals(signals=tuple(found), unreadable=tuple(unreadable), next_cursor=None)


# None where it does not fit. What the post itself says is asked before what became of it: that costs a look-up.
async def _shown(events: EventIndex, ingested: Logged, wanted: SignalsWanted) -> SignalShown | None:
    record = ingested.entry.record
    assert isinstance(record, SignalIngest)
    if wanted.channel not in (None, record.post.channel):
        return None
    shown = _signal(ingested, record, await _ending(events, ingested.entry.trace))
    fits = (
        wanted.kind in (None, shown.kind)
        and wanted.label in (None, None if shown.score is None else shown.score.label)
        and wanted.decision in (None, shown.decision)
        and (wanted.symbol is None or wanted.symbol.replace("/", "") in {one.replace("/", "") for one in shown.symbols})
    )
    return shown if fits else None


async def _ending(events: EventIndex, trace: TraceId | None) -> list[Logged]:
    query = EventQuery(trace_id=trace, types=("SIGNAL_SCORED", *sorted(TERMINAL)), limit=ENDING_MAX)
    return readable(await events.lines(query))


def _signal(ingested: Logged, record: SignalIngest, ending: list[Logged]) -> SignalShown:
    scored = next(filter(None, map(scoring_of, reversed(ending))), None)
    terminal = next((x for x in ending if x.event_type in TERMINAL), None)
    post = record.post
    return SignalShown(
        trace_id=ingested.entry.trace, seq=ingested.seq, channel=post.channel, message_id=post.message_id,
        posted_at=post.posted_at, text=post.text, late=record.late, source=record.source,
        kind=None if scored is None else scored.kind, score=score_of(scored),
        symbols=() if scored is None else tuple(leg.symbol for leg in scored.legs),
        decision=None if terminal is None else terminal.event_type,
        route=None if terminal is None else ending_of(terminal.entry.record),
    )  # fmt: skip
