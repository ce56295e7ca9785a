"""
LoggerActor: one order for everything that happened, on disk before anybody relies on it.

Appends are checked and encoded here; `levibotd/recording/log.py` has them written and tells of it.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from levibotd.domain.records import Entry, Error, LogShed
from levibotd.domain.signal import TraceId
from levibotd.errors import Unavailable
from levibotd.journal import EVENT_OF, Prepared, Preparer, Unwritable, is_droppable, is_terminal
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.events import Exit, Shutdown
from levibotd.kernel.mailbox import Rejected
from levibotd.kernel.tasks import MakeCoro
from levibotd.messages import Append, AwaitDecision, CatchUp, Committed, Decision, LoggerMessage
from levibotd.ports.journal_file import DiskState, Stamped
from levibotd.recording.log import BATCH_RECORDS, Accepted, Log

SHEDDABLE_WAIT_S = 0.2
WAITING_MAX = 1024  # Posts whose decision is awaited.


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
        self._looked_at = 0.0  # Wall time of the last append,
        self._ts = 0.0  # and what stands for it in the log: several appends of one instant are common.

    async def on_start(self) -> None:
        await self._log.resume()
        await self._flush_sheddable()

    def sources(self) -> Sequence[MakeCoro]:
        return () if self._in_place else (self._log.follow,)

    async def receive(self, message: LoggerMessage | _FlushSheddable) -> Committed | Decision | Rejected | None:
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
        records: list[Prepared] = []
        try:
            for entry in entries:
                checked = self._checked(entry, deciding) if is_terminal(entry.record) else entry
                records.append(self._prepare(checked))
        except Unwritable as fault:
            self._log.unwritable += 1
            self._log.deciding.difference_update(deciding)
            error = Error(code="UNWRITABLE", detail=str(fault))
            await self._put([self._prepare(Entry(error, entries[0].trace))])
            return Rejected(f"unwritable: {fault}")
        if self._in_place:
            return self._log.commit_in_place(self._stamped(records), deciding)
        await self._put(records, deciding=deciding, asked=True)
        return None

    async def _put(self, records: list[Prepared], *, deciding: Sequence[TraceId] = (), asked: bool = False) -> None:
        stamped = self._stamped(records)
        if self._in_place:
            self._log.commit_in_place(stamped, deciding)
            return
        accepted = Accepted(stamped, [self.take_reply()] if asked else [], tuple(deciding))
        if not self._log.offer(accepted, at_once=not self.has_mail):
            await self._log.put(accepted)

    def _stamped(self, records: list[Prepared]) -> Stamped:
        at = self._clock.time()
        if at != self._looked_at:
            self._looked_at, self._ts = at, round(at, 3)
        return Stamped(tuple(records), self._ts, self._clock.monotonic())

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
            await self._put(records)

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
