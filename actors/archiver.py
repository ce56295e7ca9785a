"""
ArchiverActor: finished days of the log to the object store, and off this disk once that is proven.

Its work waits for a network and a disk, so all of it is done in tasks, one at a time; the handler
only starts them and hears how they went. Where a segment stands is in the log.
"""

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from levibotd.archiving.runs import Runs
from levibotd.archiving.steps import LogRolledBack
from levibotd.archiving.watch import DAY_S, Watch, next_moment
from levibotd.domain.archive import ArchiveOutcome
from levibotd.domain.risk import day_of
from levibotd.errors import LeviError
from levibotd.kernel.actor import Actor, Reply
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import NotServed
from levibotd.kernel.events import Exit
from levibotd.kernel.mailbox import Rejected
from levibotd.messages import ArchiverMessage, RunArchive, SegmentClosed

RETRY_S = 900.0  # After a run that failed; doubled each time.
RETRY_MAX_S = 21_600.0
STEP_S = 3600.0  # A wall clock that is set meanwhile is noticed after this long.
LOOK_S = 1.0  # Segments that close together are looked at together.


class _Due(Struct, frozen=True):
    """To oneself: is it time?"""


class _Contact(Struct, frozen=True):
    """To oneself: ask the bucket whether it knows this log."""


class _Contacted(Struct, frozen=True):
    """To oneself: the bucket was asked. `overdue`: there are days that should be there already."""

    failed: str | None
    overdue: bool = False


class _Look(Struct, frozen=True):
    """To oneself: count anew what is here alone."""


class _Over(Struct, frozen=True):
    """To oneself: the run is over."""

    outcome: ArchiveOutcome


_Message = ArchiverMessage | _Due | _Contact | _Contacted | _Look | _Over


class ArchiverActor(Actor[_Message]):
    """
    Run once a day at `at`, on request, and after a failure; at the start ask the bucket whether it knows this log.

    A restart loses whoever waited for a run. What was under way is in the log, and the next run goes on from there.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        watch: Watch,
        at: str,
        clock: Clock,
        on_outcome: Callable[[ArchiveOutcome], None],
        on_unreachable: Callable[[str], None],
    ) -> None:
        self._runs = runs
        self._watch = watch
        self._at = at
        self._clock = clock
        self._on_outcome = on_outcome
        self._on_unreachable = on_unreachable
        self._waiting: list[Reply] = []
        self._failures = 0

    async def on_start(self) -> None:
        self._watch.running_since = None
        self._watch.next_at = next_moment(self._at, now=self._clock.time())
        self._arm()
        self.after(0.0, _Contact(), key="contact")

    async def receive(self, message: _Message) -> object:
        match message:
            case SegmentClosed():
                self.after(LOOK_S, _Look(), key="look")
            case RunArchive():
                return self._asked(message)
            case _Due():
                self._due()
            case _Contact():
                self.start(self._contact, key="archive")
            case _Contacted():
                self._contacted(message)
            case _Look():
                self.start(self._look, key="archive")
            case _Over(outcome):
                self._over(outcome)
        return None

    async def on_stop(self, reason: Exit) -> None:
        self._watch.running_since = None
        await self._runs.close()

    def inspect(self) -> object:
        return {"running": self._watch.running_since is not None, "failures": self._failures}

    # Deciding when.

    def _asked(self, wanted: RunArchive) -> Rejected | None:
        if self._watch.running_since is not None:
            return Rejected("a run is under way")
        self._waiting.append(self.take_reply())
        self._begin(upload=wanted.upload, prune=wanted.prune)
        return None

    def _due(self) -> None:
        now = self._clock.time()
        if self._watch.next_at is None or now >= self._watch.next_at:
            self._watch.next_at = next_moment(self._at, now=now)
            if self._watch.running_since is None:
                self._begin()
        self._arm()

    def _arm(self) -> None:
        assert self._watch.next_at is not None
        self.after(min(max(self._watch.next_at - self._clock.time(), 0.0), STEP_S), _Due(), key="due")

    def _begin(self, *, upload: bool = True, prune: bool = True) -> None:
        self._watch.running_since = self._clock.time()
        self.start(partial(self._run, upload=upload, prune=prune), key="archive")

    def _contacted(self, contacted: _Contacted) -> None:
        if contacted.failed is not None:
            self._on_unreachable(contacted.failed)
            self.after(self._pause_s(), _Contact(), key="contact")
        elif contacted.overdue and self._watch.running_since is None:
            self._begin()

    def _over(self, outcome: ArchiveOutcome) -> None:
        self._watch.running_since = None
        self._watch.last = outcome
        self._watch.unverified_bytes = outcome.unverified_bytes
        self._on_outcome(outcome)
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.send(outcome)
        if outcome.ok:
            self._failures = 0
        else:
            self.after(self._pause_s(), _Contact(), key="contact")

    def _pause_s(self) -> float:
        self._failures += 1
        return min(RETRY_S * 2.0 ** (self._failures - 1), RETRY_MAX_S)

    # Tasks.

    async def _contact(self) -> None:
        failed, overdue = None, False
        try:
            # First, because the bucket may not answer for a long time.
            self._watch.unverified_bytes = await self._runs.unverified_bytes()
            await self._runs.compare()
            overdue = await self._is_overdue()
        except LogRolledBack:
            pass  # It is told already, and only a human can say what is to be done.
        except (LeviError, OSError, NotServed, TimeoutError) as fault:
            failed = str(fault)
        await self.me.tell(_Contacted(failed, overdue))

    # Days whose moment has come while nobody was there, or in a run that failed or was cut short.
    async def _is_overdue(self) -> bool:
        assert self._watch.next_at is not None
        moment = self._watch.next_at - DAY_S
        due = any(day < day_of(moment) for day in await self._runs.pending())
        return due or await self._runs.may_prune()

    async def _look(self) -> None:
        try:
            self._watch.unverified_bytes = await self._runs.unverified_bytes()
        except (LeviError, OSError) as fault:
            self._on_unreachable(str(fault))

    async def _run(self, *, upload: bool, prune: bool) -> None:
        begun = self._clock.time()
        try:
            outcome = await self._runs.run(upload=upload, prune=prune)
        except (LeviError, OSError, NotServed, TimeoutError) as fault:
            # The log itself did not take it: then there is no record of this either.
            outcome = ArchiveOutcome(
                at=begun,
                elapsed_s=round(self._clock.time() - begun, 3),
                unverified_bytes=self._watch.unverified_bytes,
                failures=(f"{type(fault).__name__}: {fault}",),
            )
        await self.me.tell(_Over(outcome))
