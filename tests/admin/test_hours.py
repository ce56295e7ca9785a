"""Events counted by the hour."""

import pytest

from levibotd.domain.records import SystemNote
from tests.admin.site import AT, MemoryLog, serving

pytestmark = pytest.mark.real_time

SINCE = "since_iso=2025-10-09T08:00:00Z"  # The hour of the log's first record.
HOUR = AT // 3600 * 3600


async def test_each_hour_tells_what_it_has_of_which_type() -> None:
    log = MemoryLog()
    for number in range(3):
        log.commit(SystemNote(note=str(number)))
    async with serving(log=log) as site:
        since = (await site.get(f"/events/hours?{SINCE}&until_iso=2025-10-09T12:00:00Z")).json()
        day = (await site.get("/events/hours?until_iso=2025-10-09T12:00:00%2B00:00")).json()
        later = (await site.get("/events/hours?since_iso=2025-10-10T00:00:00Z&until_iso=2025-10-10T12:00:00Z")).json()

    assert since == day == {"hours": [{"at": HOUR, "counts": {"SYSTEM": 3}}]}
    assert later == {"hours": []}


@pytest.mark.parametrize(
    "query",
    [
        "since_iso=junk",
        "until_iso=junk",
        "since_iso=9999-12-31T00:00:00Z",
        f"{SINCE}&until_iso=2025-10-09T08:00:00Z",
        f"{SINCE}&until_iso=2025-11-10T00:00:00Z",
        "limit=1",
    ],
)
async def test_junk_in_the_query_is_400(query: str) -> None:
    async with serving() as site:
        assert (await site.get(f"/events/hours?{query}")).status == 400
