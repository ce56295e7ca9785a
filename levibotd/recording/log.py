"""
What of the log outlives LoggerActor: all that was accepted, on its way to the disk and to those who asked.

One owned thread writes whatever waits: natural group commit. What is committed is told to the
observers first (the fold of the state, the index, metrics) and then to those who asked, so an
answer never runs ahead of the state.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from levibotd.domain.records import Logged
from levibotd.domain.signal import TraceId
from levibotd.journal import TERMINAL, Prepared
from levibotd.kernel import offload
from levibotd.kernel.actor import Reply
from levibotd.kernel.clock import Clock
from levibotd.messages import Committed, Decision
from levibotd.ports.journal_file import DiskState, Journal, LogDeviceDead, Position, Run, Stamped

T = TypeVar("T")

SCORED = "SIGNAL_SCORED"
BATCH_RECORDS = 256
BATCH_BYTES = 256 << 10

_NOTED = TERMINAL | {SCORED}
_REMEMBERED = 1024
_LINE_BYTES = 250  # What stands around a payload.
_QUEUE_APPENDS = 1024


class Accepted(Struct, frozen=True):
    """One append on its way to the disk."""

    stamped: Stamped
    replies: list[Reply]  # Of whoever asked for it, and of those who want to know that all up to it stands.
    deciding: tuple[TraceId, ...]


class Log:
    """
    What of the log outlives LoggerActor's incarnations. Made once, by whoever makes the actor.

    It owns the journal and its thread, and every append that was accepted and is not committed:
    a next incarnation hands them to the journal again, in order. `on_commit` sees each record
    once, in the order of `seq`, those of the journal itself included; `on_runs` also where they
    stand. `on_disk` is told when the disk allows less, or more again.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        on_commit: Callable[[Sequence[Logged]], None],
        on_runs: Callable[[Sequence[Run]], None] | None = None,
        on_disk: Callable[[DiskState], None] | None = None,
    ) -> None:
        self.journal = journal
        self.accepted: deque[Accepted] = deque()
        self.deciding: set[TraceId] = set()
        self.waiting: dict[TraceId, list[Reply]] = {}
        self.decisions: OrderedDict[TraceId, Decision] = OrderedDict()
        self.committed = self.shed = self.second_decisions = self.unwritable = 0
        self.shed_told = 0
        self.sheddable: list[Prepared] = []  # Class S that waits for company.
        self.disk = DiskState.OK
        self._scored: OrderedDict[TraceId, Logged] = OrderedDict()
        self._on_commit = on_commit
        self._on_runs = on_runs
        self._on_disk = on_disk
        self._again: deque[Accepted] = deque()  # Accepted, and not in the hands of the journal since it failed.
        self._written: deque[list[Run]] = deque()
        self._runs: list[Run] = []  # Of the batch in the works.
        self._told: Run | None = None
        self._failure: BaseException | None = None
        self._worker = offload.Worker(
            "log",
            self._write,
            on_done=self._done,
            on_failed=self._failed,
            capacity=_QUEUE_APPENDS,
            batch_max=BATCH_RECORDS,
            weigh=_weight,
            weight_max=BATCH_BYTES,
        )

    @property
    def position(self) -> Position:
        """The end of what the observers were told: what a snapshot of their state stands for."""
        return self.journal.position if self._told is None else self._told.end

    def offer(self, item: Accepted, *, at_once: bool = False) -> bool:
        """
        Accept one append now or not at all: from then on it is written, whatever becomes of the actor.

        With `at_once` nothing more is known to come, and writing begins here if nothing is being written.
        """
        self.accepted.append(item)  # First: on virtual time it may stand, and be answered, before this returns.
        if self._worker.offer(item, at_once=at_once):
            return True
        self.accepted.pop()  # Nobody else puts meanwhile: nothing stands behind it.
        return False

    async def put(self, item: Accepted) -> None:
        """Accept one append as `offer` does, waiting for room."""
        try:
            await self._worker.put(item)
        except BaseException:
            self.deciding.difference_update(item.deciding)
            raise
        self.accepted.append(item)

    async def resume(self) -> None:
        """Hand everything accepted to the journal again. Raises LogDeviceDead when that is in vain."""
        if isinstance(self._failure, LogDeviceDead):
            raise self._failure
        if self._failure is not None:
            await self._worker.idle()
            self.publish()
            self._failure = None
            self._again = deque(self.accepted)
        while self._again:  # Whoever is ended while he waits for room leaves the rest to the next.
            await self._worker.put(self._again[0])
            self._again.popleft()

    async def follow(self) -> None:
        """Publish whatever an earlier incarnation left, and watch over the rest. Raises what the journal raised."""
        self.publish()
        if self._failure is not None:
            raise self._failure
        await self._worker.watch()

    async def finish(self, clock: Clock) -> None:
        """Write what was accepted, seal, close: the clean end of a log."""
        await self._worker.stop()
        self.publish()
        try:
            if self._failure is None:
                self._tell(await offload.call(self.journal.seal, ts=clock.time(), mono=clock.monotonic()))
        finally:
            self.journal.close()

    def commit_in_place(self, stamped: Stamped, deciding: Sequence[TraceId]) -> Committed:
        """
        Write now, in this thread: for a log that is never synced (replay).

        Nobody is remembered for having asked: decisions of the past are looked up in the log.
        """
        runs = list(self.journal.commit((stamped,)))
        self._tell(runs)
        if deciding:
            self.deciding.difference_update(deciding)
        told = runs[-1].logged
        if self.waiting:
            self._note_decisions(told)
        return Committed(told[runs[-1].own].seq, told[-1].seq)

    def publish(self) -> None:
        """Tell everything written since, in order, and answer those who asked."""
        while self._written:
            runs = self._written[0]
            self._tell(runs)
            self._acknowledge(runs)
            self._written.popleft()
        disk = DiskState.HALTED if isinstance(self._failure, LogDeviceDead) else self.journal.disk
        if disk is not self.disk:
            self.disk = disk
            if self._on_disk is not None:
                self._on_disk(disk)

    # In the log's own thread. What comes behind a failed batch must not overtake it.
    def _write(self, batch: Sequence[Accepted]) -> list[Run]:
        self._runs = []
        if self._failure is not None:
            raise self._failure
        self._runs.extend(self.journal.commit([item.stamped for item in batch]))
        return self._runs

    def _done(self, _batch: Sequence[Accepted], runs: list[Run]) -> None:
        self._written.append(runs)
        self.publish()

    # What was yielded before the journal failed does stand in the log.
    def _failed(self, _batch: Sequence[Accepted], failure: BaseException) -> None:
        self._written.append(self._runs)
        first, self._failure = self._failure is None, self._failure or failure
        self.publish()
        if first:
            raise failure

    def _tell(self, runs: Sequence[Run]) -> None:
        if runs:
            told = runs[0].logged if len(runs) == 1 else [logged for run in runs for logged in run.logged]
            self.committed += len(told)
            self._on_commit(told)
            self._told = runs[-1]
        if self._on_runs is not None:
            self._on_runs(runs)

    # Every run holds whole appends, so the accepted ones are used up one by one.
    def _acknowledge(self, runs: Sequence[Run]) -> None:
        for run in runs:
            logged, end = run.logged, run.own
            while end < len(logged):
                item = self.accepted.popleft()
                begin, end = end, end + len(item.stamped.records)
                self._note_decisions(logged[begin:end])
                if item.deciding:
                    self.deciding.difference_update(item.deciding)
                committed = Committed(logged[begin].seq, logged[end - 1].seq)
                for reply in item.replies:
                    reply.send(committed)

    def _note_decisions(self, records: Sequence[Logged]) -> None:
        for logged in records:
            if logged.event_type in _NOTED and (trace := logged.entry.trace) is not None:
                self._note(logged, trace)

    def _note(self, logged: Logged, trace: TraceId) -> None:
        if logged.event_type == SCORED:
            _remember(self._scored, trace, logged)
            return
        decision = Decision(terminal=logged, scored=self._scored.pop(trace, None))
        _remember(self.decisions, trace, decision)
        for reply in self.waiting.pop(trace, ()):
            reply.send(decision)


def _remember(known: OrderedDict[TraceId, T], trace: TraceId, value: T) -> None:
    known[trace] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


# At most 256 records and at most 256 KiB, in one number.
def _weight(item: Accepted) -> int:
    least = BATCH_BYTES // BATCH_RECORDS
    return sum(max(least, len(record.payload) + _LINE_BYTES) for record in item.stamped.records)
