"""How much happened, hour by hour: counts that cost nothing, however long the log is."""

from collections.abc import Mapping

from aiohttp import web

from levibotd.admin.events import Moment, moment_of
from levibotd.admin.problems import Malformed
from levibotd.admin.replies import Answer, Body, desk_of, json, read_query

SPAN_S = 86_400.0
SPAN_S_MAX = 31 * 86_400.0


class HoursWanted(Body, frozen=True):
    """Which hours: a day up to `until_iso` (now), or from `since_iso` on; 31 days at most."""

    since_iso: Moment | None = None
    until_iso: Moment | None = None


class Hour(Answer, frozen=True):
    """The records of the UTC hour that begins `at`, by event type."""

    at: float
    counts: Mapping[str, int]


class Hours(Answer, frozen=True):
    """Hours in order; one without a record is left out."""

    hours: tuple[Hour, ...]


async def get_hours(request: web.Request) -> web.Response:
    """`GET /events/hours` - how many events of which type each hour has."""
    wanted, desk = read_query(request, HoursWanted), desk_of(request)
    until = desk.clock.time() if wanted.until_iso is None else moment_of(wanted.until_iso)
    since = until - SPAN_S if wanted.since_iso is None else moment_of(wanted.since_iso)
    if not since < until <= since + SPAN_S_MAX:
        raise Malformed("query: expected since_iso before until_iso, 31 days apart at most")
    counts: dict[float, dict[str, int]] = {}
    for one in await desk.events.hours(since=since, until=until):
        counts.setdefault(one.at, {})[one.event_type] = one.count
    return json(Hours(hours=tuple(Hour(at=at, counts=found) for at, found in counts.items())))
