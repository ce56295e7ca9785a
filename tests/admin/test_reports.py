"""Reports over HTTP: what may be asked for, and how each no is said."""

import pytest

from levibotd.admin.problems import Malformed
from levibotd.admin.reports import check_day
from tests.admin.site import serving

pytestmark = pytest.mark.real_time

BOTH = (("/reports/daily", "date"), ("/reports/weekly", "end"))


@pytest.mark.parametrize(("path", "name"), BOTH)
async def test_a_report_is_given_as_it_was_made(path: str, name: str) -> None:
    async with serving() as site:
        dated = await site.get(f"{path}?{name}=2020-01-31")
        newest = await site.get(path)

    kind = path.rpartition("/")[2]
    assert dated.json() == {"kind": kind, "last": "2020-01-31", "format": "json"}
    assert newest.json() == {"kind": kind, "last": None, "format": "json"}
    assert (dated.headers["X-Report-Complete"], dated.headers["X-Through-Seq"]) == ("true", "9")
    assert dated.headers["Content-Type"].startswith("application/json")
    assert dated.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("format_", "media"), [("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")])
async def test_a_file_has_a_name(format_: str, media: str) -> None:
    async with serving() as site:
        answer = await site.get(f"/reports/daily?date=2020-01-31&format={format_}")

    assert answer.headers["Content-Type"].startswith(media)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="levibotd-daily-2020-01-31.{format_}"'


@pytest.mark.fault("G15")
@pytest.mark.parametrize(("path", "name"), BOTH)
@pytest.mark.parametrize(
    "bad",
    [
        "../../", "..%2f..%2fetc", "2020-02-30", "2020-1-1", "20200101", "2020-W01-1", "9999-12-31", "today", "",
        "2020-01-01T00:00", "%EF%BC%92020-01-01", "2020-01-01%00", "-2020-01-01", "2020-01-01&{name}=2020-01-02",
    ],
)  # fmt: skip
async def test_what_is_no_day_is_400(path: str, name: str, bad: str) -> None:
    async with serving() as site:
        answer = await site.get(f"{path}?{name}={bad.format(name=name)}")
    assert (answer.status, answer.code()) == (400, "MALFORMED")


@pytest.mark.fault("G15")
@pytest.mark.parametrize(("path", "name"), BOTH)
async def test_a_mebibyte_of_day_is_400(path: str, name: str) -> None:
    async with serving() as site:
        assert (await site.get(f"{path}?{name}={'2' * (1 << 20)}")).status == 400


@pytest.mark.parametrize("query", ["format=xml", "format=JSON", "day=2020-01-01", "format=csv&format=json"])
async def test_junk_in_the_query_is_400(query: str) -> None:
    async with serving() as site:
        assert (await site.get(f"/reports/daily?{query}")).status == 400
        assert (await site.get(f"/reports/weekly?{query}")).status == 400


@pytest.mark.fault("D2")
@pytest.mark.parametrize(
    ("day", "status", "code", "says"),
    [
        ("2001-01-01", 404, "NOT_FOUND", "was pruned"),
        ("2002-01-01", 409, "LOG_DAMAGED", "at seq 7"),
        ("2003-01-01", 422, "CONFIG_ERROR", "pip install 'levibotd[reports]'"),
        ("2004-01-01", 429, "MAILBOX_FULL", "wait already"),
    ],
)
async def test_every_no_says_why(day: str, status: int, code: str, says: str) -> None:
    async with serving() as site:
        answer = await site.get(f"/reports/daily?date={day}")
    assert (answer.status, answer.code()) == (status, code)
    assert says in answer.json()["detail"]


def test_today_may_be_asked_for_and_tomorrow_may_not() -> None:
    check_day("2026-03-02", today="2026-03-02")
    check_day(None, today="2026-03-02")
    with pytest.raises(Malformed, match="not there yet"):
        check_day("2026-03-03", today="2026-03-02")
