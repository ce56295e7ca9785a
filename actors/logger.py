"""
LoggerActor: one order for everything that happened, on disk before anybody relies on it.

Appends are checked and encoded here, and written by one owned thread that takes whatever waits:
natural group commit. What is committed is told to the observers first (the fold of the state, the
index, metrics) and then to those who asked, so an answer never runs ahead of the state.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from levibotd.domain.records import Entry, Error, Logged, LogShed
from levibotd.domain.signal import TraceId
from levibotd.errors import Unavailable
from levibotd.journal import EVENT_OF, TERMINAL, Prepared, Preparer, Unwritable, is_droppable, is_terminal
from levibotd.kernel import offload
from levibotd.kernel.actor import Actor, Reply
from levibotd.kernel.clock import Clock
from levibotd.kernel.events import Exit, Shutdown
from levibotd.kernel.mailbox import Rejected
from levibotd.kernel.tasks import MakeCoro
from levibotd.messages import Append, AwaitDecision, CatchUp, Committed, Decision, LoggerMessage
from levibotd.ports.journal_file import DiskState, Journal, LogDeviceDead, Position, Run, Stamped

T = TypeVar("T")

BATCH_RECORDS = 256
BATCH_BYTES = 256 << 10
SHEDDABLE_WAIT_S = 0.2
WAITING_MAX = 1024  # Posts whose decision is awaited.

_REMEMBERED = 1024
_LINE_BYTES = 250  # What stands around a payload.
_QUEUE_APPENDS = 1024


class LoggerStatus(Struct, kw_only=True):
    """Counts since the process began."""

    last_seq: int
    waiting: int  # Appends accepted and not committed.
    committed: int
    shed: int
    second_decisions: int
    unwritable: int
    disk: DiskState


class _FlushSheddable(Struct, frozen=True):
    """To oneself: class S has waited long enough for company."""


class _Accepted(Struct, frozen=True):
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
        self.accepted: deque[_Accepted] = deque()
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

    async def put(self, item: _Accepted) -> None:
        """Accept one append: from then on it is written, whatever becomes of the actor."""
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
            for item in self.accepted:
                await self._worker.put(item)

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

    def commit_in_place(self, item: _Accepted) -> Committed:
        """
        Write now, in this thread: for a log that is never synced (replay).

        Nobody is remembered for having asked: decisions of the past are looked up in the log.
        """
        runs = list(self.journal.commit((item.stamped,)))
        self._tell(runs)
        if item.deciding:
            self.deciding.difference_update(item.deciding)
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
    def _write(self, batch: Sequence[_Accepted]) -> list[Run]:
        self._runs = []
        if self._failure is not None:
            raise self._failure
        for run in self.journal.commit([item.stamped for item in batch]):
            self._runs.append(run)
        return self._runs

    def _done(self, _batch: Sequence[_Accepted], runs: list[Run]) -> None:
        self._written.append(runs)
        self.publish()

    # What was yielded before the journal failed does stand in the log.
    def _failed(self, _batch: Sequence[_Accepted], failure: BaseException) -> None:
        self._written.append(self._runs)
        first, self._failure = self._failure is None, self._failure or failure
        self.publish()
        if first:
            raise failure

    def _tell(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self.committed += len(run.logged)
            self._on_commit(run.logged)
            self._told = run
        if self._on_runs is not None:
            self._on_runs(runs)

    # Every run holds whole appends, so the accepted ones are used up one by one.
    def _acknowledge(self, runs: Sequence[Run]) -> Committed:
        committed = Committed(0, 0)
        for run in runs:
            place, end = run.own, len(run.logged)
            while place < end:
                item = self.accepted.popleft()
                own = run.logged[place : place + len(item.stamped.records)]
                place += len(own)
                committed = Committed(own[0].seq, own[-1].seq)
                self._note_decisions(own)
                if item.deciding:
                    self.deciding.difference_update(item.deciding)
                for reply in item.replies:
                    reply.send(committed)
        return committed

    def _note_decisions(self, records: Sequence[Logged]) -> None:
        for logged in records:
            trace = logged.entry.trace
            if trace is None:
                continue
            if logged.event_type == "SIGNAL_SCORED":
                _remember(self._scored, trace, logged)
            elif logged.event_type in TERMINAL:
                decision = Decision(terminal=logged, scored=self._scored.pop(trace, None))
                _remember(self.decisions, trace, decision)
                for reply in self.waiting.pop(trace, ()):
                    reply.send(decision)


class LoggerActor(Actor[LoggerMessage | _FlushSheddable]):
    """
    Take in records, refuse what must not be written, answer when it stands.

    `is_decided` is the committed state's word; `decision_of` finds a decision of long ago.
    `mail_shed` is how many appends the mailbox itself has dropped so far. A restart loses the
    answers that were waited for, and nothing else: what was accepted is in `log`.
    """

    def __init__(
        self,
        *,
        log: Log,
        preparer: Preparer,
        clock: Clock,
        is_decided: Callable[[TraceId], bool],
        decision_of: Callable[[TraceId], Decision | None],
        mail_shed: Callable[[], int] = lambda: 0,
        in_place: bool = False,
    ) -> None:
        self._log = log
        self._prepare = preparer.prepare
        self._clock = clock
        self._is_decided = is_decided
        self._decision_of = decision_of
        self._mail_shed = mail_shed
        self._in_place = in_place
        self._looked_at = (0.0, 0.0)  # Wall and monotonic time of the last append,
        self._stamp = (0.0, 0.0)  # and how they are written: several appends of one instant are common in a replay.

    async def on_start(self) -> None:
        await self._log.resume()
        await self._flush_sheddable()

    def sources(self) -> Sequence[MakeCoro]:
        return () if self._in_place else (self._log.follow,)

    async def receive(
        self, message: LoggerMessage | _FlushSheddable
    ) -> Committed | Decision | Rejected | None:
        match message:
            case Append(entries=entries):
                if is_droppable(entries):
                    await self._append_sheddable(entries)
                    return None
                return await self._append(entries)
            case AwaitDecision(trace=trace):
                return self._await_decision(trace)
            case CatchUp():
                return self._catch_up()
            case _FlushSheddable():
                await self._flush_sheddable()
                return None

    async def on_stop(self, reason: Exit) -> None:
        if isinstance(reason, Shutdown):
            await self._flush_sheddable()
            await self._log.finish(self._clock)

    def inspect(self) -> LoggerStatus:
        log = self._log
        return LoggerStatus(
            last_seq=log.journal.position.seq,
            waiting=len(log.accepted),
            committed=log.committed,
            shed=log.shed + self._mail_shed(),
            second_decisions=log.second_decisions,
            unwritable=log.unwritable,
            disk=log.disk,
        )

    async def _append(self, entries: Sequence[Entry]) -> Committed | Rejected | None:
        if self._log.sheddable:
            await self._flush_sheddable()
        deciding: list[TraceId] = []
        try:
            records = tuple(
                [
                    self._prepare(self._checked(entry, deciding) if is_terminal(entry.record) else entry)
                    for entry in entries
                ]
            )
        except Unwritable as fault:
            self._log.unwritable += 1
            self._log.deciding.difference_update(deciding)
            error = Error(code="UNWRITABLE", detail=str(fault))
            await self._put((self._prepare(Entry(error, entries[0].trace)),))
            return Rejected(f"unwritable: {fault}")
        return await self._put(records, deciding=tuple(deciding), asked=True)

    async def _put(
        self, records: tuple[Prepared, ...], *, deciding: tuple[TraceId, ...] = (), asked: bool = False
    ) -> Committed | None:
        at = (self._clock.time(), self._clock.monotonic())
        if at != self._looked_at:
            self._looked_at = at
            self._stamp = (round(at[0], 3), round(at[1], 6))
        stamped = Stamped(records, *self._stamp)
        if self._in_place:
            return self._log.commit_in_place(_Accepted(stamped, [], deciding))
        await self._log.put(_Accepted(stamped, [self.take_reply()] if asked else [], deciding))
        return None

    # A second terminal decision is a bug somewhere: it is counted and told, and never written.
    def _checked(self, entry: Entry, deciding: list[TraceId]) -> Entry:
        trace = entry.trace
        if trace is None:
            return entry
        if trace in self._log.deciding or self._is_decided(trace):
            self._log.second_decisions += 1
            name = EVENT_OF[type(entry.record)].name
            return Entry(Error(code="SECOND_DECISION", detail=f"{name} refused: the post has its decision"), trace)
        self._log.deciding.add(trace)
        deciding.append(trace)
        return entry

    async def _append_sheddable(self, entries: Sequence[Entry]) -> None:
        if self._log.disk is not DiskState.OK:
            self._log.shed += len(entries)
            return
        sheddable = self._log.sheddable
        if not sheddable:
            self.after(SHEDDABLE_WAIT_S, _FlushSheddable(), key="sheddable")
        for entry in entries:
            try:
                sheddable.append(self._prepare(entry))
            except Unwritable:
                self._log.unwritable += 1
        if len(sheddable) >= BATCH_RECORDS:
            await self._flush_sheddable()

    async def _flush_sheddable(self) -> None:
        records, self._log.sheddable = self._log.sheddable, []
        shed = self._log.shed + self._mail_shed()
        if shed > self._log.shed_told:
            records.append(self._prepare(Entry(LogShed(n=shed - self._log.shed_told))))
            self._log.shed_told = shed
        if records:
            await self._put(tuple(records))

    def _catch_up(self) -> Committed | None:
        if not self._log.accepted:
            seq = self._log.journal.position.seq
            return Committed(seq, seq)
        self._log.accepted[-1].replies.append(self.take_reply())
        return None

    def _await_decision(self, trace: TraceId | None) -> Decision | Rejected | None:
        if trace is None:
            return Rejected("no trace")
        known = self._log.decisions.get(trace)
        if known is None and self._is_decided(trace):
            try:
                known = self._decision_of(trace)
            except Unavailable as fault:  # Of the index: no reason for the log to end.
                return Rejected(str(fault))
        if known is not None:
            return known
        waiting = self._log.waiting
        if trace not in waiting and len(waiting) >= WAITING_MAX:
            self._forget_the_gone()
            if len(waiting) >= WAITING_MAX:
                return Rejected("too many await a decision")
        waiting.setdefault(trace, []).append(self.take_reply())
        return None

    def _forget_the_gone(self) -> None:
        waiting = self._log.waiting
        for trace in [trace for trace, replies in waiting.items() if not any(one.waited_for for one in replies)]:
            del waiting[trace]


def _remember(known: OrderedDict[TraceId, T], trace: TraceId, value: T) -> None:
    known[trace] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


# At most 256 records and at most 256 KiB, in one number.
def _weight(item: _Accepted) -> int:
    least = BATCH_BYTES // BATCH_RECORDS
    return sum(max(least, len(record.payload) + _LINE_BYTES) for record in item.stamped.records)
