"""The archive over HTTP: how far each day is, and a run on request."""

import pytest

from levibotd.admin.auth import digest_of, parse_keys
from levibotd.archiving.watch import Watch
from levibotd.domain.archive import ArchiveFailed, ArchiveOutcome
from levibotd.domain.archive_plan import DayState
from levibotd.kernel.mailbox import FAIL, Box, Ref
from levibotd.messages import ArchiverMessage
from tests.admin.site import AT, MemoryLog, serving

pytestmark = pytest.mark.real_time

DAY = DayState(
    day="2026-10-01", state="manifested", files=24, bytes=1000, unverified_bytes=0, manifest="levibot-aa/manifests/x"
)


class ArchiveOfTest:
    """An archive that nobody works on."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.watch.next_at = AT + 60
        self.ref: Ref[ArchiverMessage] = Ref("archiver", Box(1, FAIL))

    async def days(self) -> tuple[DayState, ...]:
        return (DAY,)


async def test_without_an_archive_that_is_what_is_shown() -> None:
    async with serving() as site:
        shown = (await site.get("/archive")).json()
        refused = await site.post("/archive/run")

    assert (shown["configured"], shown["days"]) == (False, [])
    assert (refused.status, refused.code()) == (409, "REFUSED")


async def test_days_runs_and_failures_are_shown() -> None:
    archive, log = ArchiveOfTest(), MemoryLog()
    archive.watch.unverified_bytes = 77
    archive.watch.last = ArchiveOutcome(at=AT, elapsed_s=1.5, verified=3, days=("2026-10-01",), failures=("x",))
    log.commit(ArchiveFailed(step="run", subject="", code="STORE_UNAVAILABLE", detail="no answer", at=AT))
    async with serving(log=log, archive=archive) as site:
        shown = (await site.get("/archive")).json()

    assert (shown["configured"], shown["next_at"], shown["unverified_bytes"]) == (True, AT + 60, 77)
    assert shown["days"][0] == {
        "day": "2026-10-01", "state": "manifested", "files": 24, "bytes": 1000, "unverified_bytes": 0,
        "pruned_files": 0, "manifest": "levibot-aa/manifests/x",
    }  # fmt: skip
    assert (shown["last_run"]["verified"], shown["last_run"]["failures"]) == (3, ["x"])
    assert (shown["last_error"]["code"], shown["last_error"]["detail"]) == ("STORE_UNAVAILABLE", "no answer")


async def test_a_run_is_begun_once_and_answered_before_it_is_over() -> None:
    archive = ArchiveOfTest()
    async with serving(archive=archive) as site:
        first = await site.post("/archive/run", {"prune": False})
        assert (first.status, first.json()["fresh"]) == (202, True)
        assert len(archive.ref) == 1
        archive.watch.running_since = AT
        second = await site.post("/archive/run")

    assert (second.status, second.json()) == (202, {"ok": True, "fresh": False, "running_since": AT})


async def test_a_run_needs_the_scope_control() -> None:
    ring = parse_keys(f"r:read:{digest_of('reader').hex()}\nc:control:{digest_of('runner').hex()}")
    async with serving(keyring=ring, archive=ArchiveOfTest()) as site:
        assert (await site.post("/archive/run", X_API_Key="reader")).status == 403
        assert (await site.post("/archive/run", X_API_Key="runner")).status == 202
        assert (await site.post("/archive/run", {"nonsense": 1}, X_API_Key="runner")).status == 400
