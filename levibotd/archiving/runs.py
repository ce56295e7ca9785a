"""
One run of the archive: every finished day to the store, then what is old and safe off this disk.

What is wrong with one segment or one day holds up nothing but itself; what is wrong with the store
ends the run. Both are written down, and the next run tries again from where the log says it stands.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from levibotd.archiving.steps import ArchiveSetup, LogRolledBack, StepFailed, Steps
from levibotd.domain.archive import ArchivedFile, ArchiveFailed, ArchiveOutcome, ClosedSegment
from levibotd.domain.archive_plan import (
    DayState,
    by_day,
    day_states,
    finished_days,
    is_manifested,
    leftovers,
    prunable,
    unverified_bytes,
)
from levibotd.domain.risk import day_of
from levibotd.errors import LeviError
from levibotd.kernel import offload
from levibotd.ports.closed_segments import Listing
from levibotd.ports.object_store import StoreRefused

_NO_LIMIT = 1 << 62
_CHECKSUM = "checksum"  # Of one body; whatever else a store refuses, it will refuse again at once.


class Pruning(Struct, frozen=True, kw_only=True):
    """
    What must hold before anything is deleted here.

    `keep_base` saves the state as it stands, durably, and says up to which seq it is whole: a start then
    needs nothing before. `anchor` is the day that results are counted from. `hindered` says why
    nothing may go now. `forget` is told the last seq that is going.
    """

    keep_days: int
    keep_base: Callable[[], Awaitable[int]]
    anchor: Callable[[], str | None]
    hindered: Callable[[], str | None]
    forget: Callable[[int], Awaitable[None]]


class Runs:
    """
    Does whole runs, one at a time.

    `on_rollback` hears of a manifest that knows another log than this one; `is_accepted` says which of
    these a human has looked at.
    """

    def __init__(
        self,
        setup: ArchiveSetup,
        *,
        pruning: Pruning,
        on_rollback: Callable[[LogRolledBack], Awaitable[None]],
        is_accepted: Callable[[str], bool] = lambda manifest: False,
    ) -> None:
        self._setup = setup
        self._steps = Steps(setup)
        self._pruning = pruning
        self._on_rollback = on_rollback
        self._is_accepted = is_accepted

    async def compare(self) -> None:
        """
        Is the bucket's newest manifest one of this log's? Raises LogRolledBack, which is then told already.

        Raises what the store raises.
        """
        try:
            await self._steps.compare(is_accepted=self._is_accepted)
        except LogRolledBack as rolled_back:
            await self._on_rollback(rolled_back)
            raise

    async def pending(self) -> tuple[str, ...]:
        """The finished days that have no manifest of all they consist of."""
        listing = await offload.call(self._setup.segments.listing)
        days = by_day(listing.closed)
        finished = finished_days(listing.closed, open_paths=listing.open, today=self._today())
        return tuple(day for day in finished if not is_manifested(self._setup.book(), days[day]))

    async def may_prune(self) -> bool:
        """Is there anything here that has been safe elsewhere for long enough, or was to be deleted already?"""
        listing = await offload.call(self._setup.segments.listing)
        return bool(leftovers(self._setup.book(), listing.closed) or self._prunable(listing, base_seq=_NO_LIMIT))

    async def days(self) -> tuple[DayState, ...]:
        """Every day of the log, here and in the archive."""
        listing = await offload.call(self._setup.segments.listing)
        return day_states(self._setup.book(), listing.closed, open_paths=listing.open, today=self._today())

    async def unverified_bytes(self) -> int:
        """Bytes of days that are over which are on this disk alone."""
        listing = await offload.call(self._setup.segments.listing)
        return unverified_bytes(self._setup.book(), listing.closed, today=self._today())

    async def close(self) -> None:
        """Give the store's connections back; the next call makes new ones."""
        await self._setup.store.close()

    async def run(self, *, upload: bool = True, prune: bool = True) -> ArchiveOutcome:
        """Do what there is to do. Never raises for what store or disk do; the outcome's `failures` says it."""
        begun, at = self._setup.clock.monotonic(), self._setup.clock.time()
        run = _Run()
        try:
            await self.compare()
            listing = await self._listing(run)
            if upload:
                await self._upload(run, listing)
            if prune:
                await self._prune(run, listing)
        except (LeviError, OSError) as fault:
            await self._failed(run, fault, step="run", subject="")
        listing = await offload.call(self._setup.segments.listing)
        return ArchiveOutcome(
            at=at,
            elapsed_s=round(self._setup.clock.monotonic() - begun, 3),
            verified=run.verified,
            days=tuple(run.days),
            pruned=run.pruned,
            unverified_bytes=unverified_bytes(self._setup.book(), listing.closed, today=self._today()),
            failures=tuple(run.failures),
            hindered=run.hindered,
        )

    # What the log calls pruned goes first, so that nothing below meets it.
    async def _listing(self, run: "_Run") -> Listing:
        listing = await offload.call(self._setup.segments.listing)
        going = leftovers(self._setup.book(), listing.closed)
        if going:
            run.hindered = self._pruning.hindered()
        if going and run.hindered is None:
            last_seq = max(one.last_seq or 0 for one in going)
            # They may be all there is of the time before: brought back because the state kept then was lost.
            if await self._pruning.keep_base() < last_seq:
                raise OSError(f"the state is not kept up to seq {last_seq}, which is to be deleted")
            await self._pruning.forget(last_seq)
            for one in going:
                await self._steps.remove(one.path)
        return msgspec.structs.replace(listing, closed=tuple(one for one in listing.closed if one not in going))

    async def _upload(self, run: "_Run", listing: Listing) -> None:
        days = by_day(listing.closed)
        for day in finished_days(listing.closed, open_paths=listing.open, today=self._today()):
            if not is_manifested(self._setup.book(), days[day]):
                await self._day(run, day, days[day])

    async def _day(self, run: "_Run", day: str, closed: Sequence[ClosedSegment]) -> None:
        whole = True
        for one in closed:
            before = self._setup.book().files.get(one.path)
            try:
                await self._steps.file(one)
            except (StepFailed, StoreRefused) as fault:
                if isinstance(fault, StoreRefused) and fault.reason != _CHECKSUM:
                    raise
                await self._failed(run, fault, step="file", subject=one.path)
                whole = False
            else:
                run.verified += before is None or before != self._setup.book().files[one.path]
        if whole:
            try:
                await self._steps.manifest(day, list(closed))
            except StepFailed as fault:
                await self._failed(run, fault, step="manifest", subject=day)
            else:
                run.days.append(day)

    async def _prune(self, run: "_Run", listing: Listing) -> None:
        pruning = self._pruning
        if not self._prunable(listing, base_seq=_NO_LIMIT):
            return
        run.hindered = pruning.hindered()
        if run.hindered is not None:
            return
        base_seq = await pruning.keep_base()
        self._setup.at_point("base_kept")
        for file in self._prunable(listing, base_seq=base_seq):
            try:
                await self._steps.prune(file, forget=pruning.forget)
            except StepFailed as fault:
                # Whatever comes behind it stays too: the log has no holes.
                await self._failed(run, fault, step="prune", subject=file.path)
                return
            run.pruned += 1

    def _prunable(self, listing: Listing, *, base_seq: int) -> Sequence[ArchivedFile]:
        return prunable(
            self._setup.book(),
            listing.closed,
            today=self._today(),
            keep_days=self._pruning.keep_days,
            base_seq=base_seq,
            anchor=self._pruning.anchor(),
        )

    async def _failed(self, run: "_Run", fault: LeviError | OSError, *, step: str, subject: str) -> None:
        code = fault.code if isinstance(fault, LeviError) else "ARCHIVE_IO"
        if isinstance(fault, StepFailed):
            step, subject, code = fault.step, fault.subject, fault.reason
        run.failures.append(str(fault))
        at = round(self._setup.clock.time(), 3)
        await self._setup.commit(ArchiveFailed(step=step, subject=subject, code=code, detail=str(fault), at=at))

    def _today(self) -> str:
        return day_of(self._setup.clock.time())


class _Run:
    def __init__(self) -> None:
        self.verified = self.pruned = 0
        self.days: list[str] = []
        self.failures: list[str] = []
        self.hindered: str | None = None
