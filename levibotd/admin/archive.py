"""The archive: how far each day is, and a run on request."""

from aiohttp import web

from levibotd.admin.desk import Archiving
from levibotd.admin.replies import Answer, Body, caller_of, desk_of, json, read_body
from levibotd.domain.archive import ArchiveOutcome
from levibotd.domain.archive_plan import DayState
from levibotd.errors import Refused
from levibotd.messages import RunArchive


class LastError(Answer, frozen=True):
    """What went wrong last, however long ago. `subject` is a segment, a day or nothing."""

    at: float
    step: str
    subject: str
    code: str
    detail: str


class LastRun(Answer, frozen=True):
    """What the last run of this life of the daemon did."""

    at: float
    elapsed_s: float
    verified: int
    days: tuple[str, ...]
    pruned: int
    failures: tuple[str, ...]
    hindered: str | None


class ArchiveShown(Answer, frozen=True):
    """How far each day is, newest first; `configured` false: there is no archive."""

    configured: bool
    running_since: float | None = None
    next_at: float | None = None
    last_ok_at: float | None = None
    last_run: LastRun | None = None
    last_error: LastError | None = None
    unverified_bytes: int = 0
    days: tuple[DayState, ...] = ()


class RunWanted(Body, frozen=True):
    """Which halves of a run."""

    upload: bool = True
    prune: bool = True


class RunBegun(Answer, frozen=True):
    """`fresh` is false when a run was under way already; then that one is what there is."""

    ok: bool
    fresh: bool
    running_since: float | None


async def get_archive(request: web.Request) -> web.Response:
    """`GET /archive` - each day's state, what stands on this disk alone, the last run and the next."""
    desk = desk_of(request)
    archive, book = desk.archive, desk.view().archive
    if archive is None:
        return json(ArchiveShown(configured=False))
    failed = book.failed
    return json(ArchiveShown(
        configured=True, running_since=archive.watch.running_since, next_at=archive.watch.next_at,
        last_ok_at=book.last_ok_at, last_run=_last_run(archive.watch.last),
        last_error=None if failed is None else LastError(
            at=failed.at, step=failed.step, subject=failed.subject, code=failed.code, detail=failed.detail),
        unverified_bytes=archive.watch.unverified_bytes, days=await archive.days(),
    ))  # fmt: skip


async def post_run(request: web.Request) -> web.Response:
    """`POST /archive/run` - begin a run now; it is answered before it is over."""
    desk, wanted = desk_of(request), await read_body(request, RunWanted)
    archive = _there(desk.archive)
    since = archive.watch.running_since
    if since is None:
        await archive.ref.tell(RunArchive(by=caller_of(request), upload=wanted.upload, prune=wanted.prune))
    return json(RunBegun(ok=True, fresh=since is None, running_since=since or desk.clock.time()), status=202)


def _there(archive: Archiving | None) -> Archiving:
    if archive is None:
        raise Refused("there is no archive; set archive.endpoint and archive.bucket", reason="no_archive")
    return archive


def _last_run(outcome: ArchiveOutcome | None) -> LastRun | None:
    if outcome is None:
        return None
    return LastRun(
        at=outcome.at,
        elapsed_s=outcome.elapsed_s,
        verified=outcome.verified,
        days=outcome.days,
        pruned=outcome.pruned,
        failures=outcome.failures,
        hindered=outcome.hindered,
    )
