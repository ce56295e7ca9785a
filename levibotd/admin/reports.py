"""Reports of a day and of a week, as JSON, CSV or Parquet."""

from datetime import date
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from levibotd.admin.problems import Malformed, NotFound
from levibotd.admin.replies import Body, desk_of, read_query
from levibotd.domain.risk import day_of
from levibotd.ports.reports import MEDIA, Format, Kind, Made, NoLog, ReportQuery

COMPLETE_HEADER = "X-Report-Complete"
THROUGH_HEADER = "X-Through-Seq"

_DATE = {"format": "date"}
Day = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\n)$", examples=["2026-01-31"], extra_json_schema=_DATE)
]


class DailyWanted(Body, frozen=True):
    """Which UTC day; without `date`, the newest of which there is a log."""

    date: Day | None = None
    format: Format = "json"


class WeeklyWanted(Body, frozen=True):
    """The seven UTC days up to and with `end`; without it, up to the newest of which there is a log."""

    end: Day | None = None
    format: Format = "json"


async def get_daily(request: web.Request) -> web.Response:
    """`GET /reports/daily` - what one day came to."""
    wanted = read_query(request, DailyWanted)
    return await _report(request, "daily", wanted.date, wanted.format)


async def get_weekly(request: web.Request) -> web.Response:
    """`GET /reports/weekly` - what seven days came to."""
    wanted = read_query(request, WeeklyWanted)
    return await _report(request, "weekly", wanted.end, wanted.format)


async def _report(request: web.Request, kind: Kind, last: str | None, format_: Format) -> web.Response:
    desk = desk_of(request)
    check_day(last, today=day_of(desk.clock.time()))
    try:
        made = await desk.reports.make(ReportQuery(kind=kind, last=last, format=format_))
    except NoLog as none:
        raise NotFound(str(none)) from None
    return web.Response(body=made.body, content_type=MEDIA[format_], headers=_headers(made, kind))


def check_day(day: str | None, *, today: str) -> None:
    """Raises Malformed for a day that no calendar has, and for one that is not there yet."""
    if day is None:
        return
    try:
        date.fromisoformat(day)
    except ValueError:
        raise Malformed("query: expected a day such as 2026-01-31") from None
    if day > today:
        raise Malformed(f"query: {day} is not there yet; today is {today} (UTC)")


def _headers(made: Made, kind: Kind) -> dict[str, str]:
    headers = {COMPLETE_HEADER: str(made.complete).lower(), THROUGH_HEADER: str(made.through_seq)}
    if made.format != "json":
        headers["Content-Disposition"] = f'attachment; filename="levibotd-{kind}-{made.last}.{made.format}"'
    return headers
