"""LoggerActor: one order, answers after the commit, one decision a post, nothing lost between its lives."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import anyio
import anyio.lowlevel
import pytest

from actors.logger import LoggerActor
from levibotd.domain.records import (
    AutoRouteSkipped,
    ConfigUpdate,
    Entry,
    Error,
    Heartbeat,
    Logged,
    LogShed,
    Record,
    SignalExpired,
    SignalScored,
    SystemNote,
)
from levibotd.domain.signal import TraceId
from levibotd.errors import Unavailable
from levibotd.journal import Preparer, decode
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.errors import ActorRestarting
from levibotd.kernel.events import Event
from levibotd.kernel.mailbox import BLOCK, DROP_NEWEST, Box, Ref, Rejected
from levibotd.kernel.supervisor import System
from levibotd.kernel.tree import Child, Group
from levibotd.messages import Append, AwaitDecision, Committed, Decision, LoggerMessage
from levibotd.ports.journal_file import DiskState, LogDeviceDead
from levibotd.recording.log import BATCH_RECORDS, Log
from levibotd.sim.memory_journal import MemoryJournal

TRACE = TraceId("00000000000000aa")
OTHER = TraceId("00000000000000bb")


class Bench:
    """A logger under a supervisor, over a journal in memory."""

    def __init__(self, *, capacity: int = 8192, intensity: int = 1, in_place: bool = False) -> None:
        self.journal = MemoryJournal()
        self.seen: list[Logged] = []
        self.disk: list[DiskState] = []
        self.log = Log(self.journal, on_commit=self._on_commit, on_disk=self.disk.append)
        self.events: list[Event] = []
        self.crash_on: str | None = None
        self.index_is_down = False
        box = Box(capacity, BLOCK, for_s=1, shed=Box(capacity, DROP_NEWEST))
        self.ref: Ref[LoggerMessage] = Ref("logger", box)
        self.in_place = in_place
        child = Child(self.ref, self._make, drain=True)
        self.system = System(
            Group("root", intensity=0, children=(Group("infra", intensity=intensity, children=(child,)),)),
            clock=LoopClock(),
            on_event=self.events.append,
            rng=Random(1),
        )

    async def __aenter__(self) -> "Bench":
        await self.system.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.system.stop()

    async def ask(self, *records: Record, trace: TraceId | None = None) -> Committed:
        return await self.ref.ask(append(*records, trace=trace), timeout_s=5)

    async def ask_and_be_left(self, *records: Record) -> None:
        with pytest.raises(ActorRestarting):
            await self.ask(*records)

    async def tell(self, *records: Record, trace: TraceId | None = None) -> None:
        await self.ref.tell(append(*records, trace=trace))

    def notes(self) -> list[str]:
        return [note for logged in self.seen if (note := note_of(logged)) is not None]

    def of(self, event_type: str) -> list[Logged]:
        return [logged for logged in self.seen if logged.event_type == event_type]

    def _on_commit(self, records: Sequence[Logged]) -> None:
        if self.crash_on is not None and any(note_of(logged) == self.crash_on for logged in records):
            self.crash_on = None
            raise RuntimeError("planned")
        self.seen += records

    def _looked_up(self, trace: TraceId) -> Decision | None:
        if self.index_is_down:
            raise Unavailable("the event index is made anew")
        return next((Decision(terminal=one, scored=None) for one in self.of("AUTO_ROUTE_SKIPPED")
                     if one.entry.trace == trace), None)  # fmt: skip

    def _make(self) -> LoggerActor:
        return LoggerActor(
            log=self.log,
            preparer=Preparer(),
            clock=LoopClock(),
            is_decided=lambda trace: any(
                logged.entry.trace == trace and logged.event_type == "AUTO_ROUTE_SKIPPED" for logged in self.seen
            ),
            decision_of=self._looked_up,
            mail_shed=lambda: 0 if self.ref.mailbox.low is None else self.ref.mailbox.low.dropped,
            in_place=self.in_place,
        )


def append(*records: Record, trace: TraceId | None = None) -> Append:
    return Append(trace=trace, entries=tuple(Entry(record, trace) for record in records))


def note(text: str) -> SystemNote:
    return SystemNote(note=text)


def note_of(logged: Logged) -> str | None:
    return logged.entry.record.note if isinstance(logged.entry.record, SystemNote) else None


def heartbeat() -> Heartbeat:
    return Heartbeat(equity=Decimal(10000), open_positions=0, pending_posts=0)


def scored() -> SignalScored:
    return SignalScored(
        channel="@c", kind="chatter", label="NO-TRADE", probs={"NO-TRADE": 1.0}, p_call=1.0, stale=False, legs=(),
        reasons=(), revision=0, last_price={}, markets_as_of=None, model_sha="m", trained_until=None,
    )  # fmt: skip


async def test_an_ask_is_answered_once_it_is_committed_and_the_observers_know() -> None:
    async with Bench() as bench:
        committed = await bench.ask(ConfigUpdate(sha="a"), ConfigUpdate(sha="b"))

        assert committed == Committed(2, 3)  # FILE_OPEN was the first.
        assert [logged.seq for logged in bench.seen] == [1, 2, 3]
        assert [decode(line).seq for line in bench.journal.lines] == [1, 2, 3]


async def test_each_append_stands_in_the_log_at_its_time() -> None:
    clock, times = LoopClock(), []
    async with Bench() as bench:
        for pause in (0.0, 0.0, 0.25, 3.0):
            await clock.sleep(pause)
            times.append(round(clock.time(), 3))
            await bench.ask(note("now"))

    assert [logged.ts for logged in bench.seen if note_of(logged)] == times
    assert len(set(times)) >= 3


async def test_what_waits_together_is_committed_together() -> None:
    async with Bench() as bench:
        async with anyio.create_task_group() as group:
            for number in range(64):
                group.start_soon(bench.ask, note(str(number)))

        assert bench.journal.commits <= 2
        assert bench.notes() == [str(number) for number in range(64)]


async def test_a_batch_holds_no_more_than_256_records() -> None:
    async with Bench() as bench:
        for _ in range(10):
            await bench.tell(*[note("x")] * 100)
        await bench.ask(note("last"))

        assert bench.journal.commits >= 1000 // BATCH_RECORDS


async def test_told_records_need_nobody_to_wait_for_them() -> None:
    async with Bench() as bench:
        await bench.tell(note("told"))
        await anyio.sleep(1)

        assert bench.notes() == ["told"]


async def test_a_second_decision_is_refused_counted_and_told() -> None:
    async with Bench() as bench:
        await bench.ask(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        await bench.ask(SignalExpired(age_s=70, limit_s=60), trace=TRACE)

        assert bench.of("SIGNAL_EXPIRED") == []
        (error,) = bench.of("ERROR")
        assert isinstance(error.entry.record, Error)
        assert (error.entry.record.code, error.entry.trace) == ("SECOND_DECISION", TRACE)
        assert bench.log.second_decisions == 1


async def test_a_second_decision_is_refused_while_the_first_is_on_its_way() -> None:
    async with Bench() as bench:
        await bench.tell(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        await bench.tell(AutoRouteSkipped(reason="kind.chatter"), AutoRouteSkipped(reason="kind.idea"), trace=TRACE)
        await bench.tell(AutoRouteSkipped(reason="kind.chatter"), trace=OTHER)
        await anyio.sleep(1)

        assert [logged.entry.trace for logged in bench.of("AUTO_ROUTE_SKIPPED")] == [TRACE, OTHER]
        assert bench.log.second_decisions == 2


async def test_a_decision_is_answered_when_it_is_committed_with_its_scores() -> None:
    async with Bench() as bench, anyio.create_task_group() as group:
        got: list[Decision] = []

        async def wait() -> None:
            got.append(await bench.ref.ask(AwaitDecision(trace=TRACE), timeout_s=60))

        group.start_soon(wait)
        await anyio.sleep(1)
        await bench.tell(scored(), trace=TRACE)
        await anyio.sleep(1)
        assert got == []
        await bench.tell(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        await anyio.sleep(1)

        (decision,) = got
        assert decision.terminal.event_type == "AUTO_ROUTE_SKIPPED"
        assert decision.scored is not None
        assert decision.scored.seq < decision.terminal.seq


async def test_a_decision_made_before_is_answered_at_once() -> None:
    async with Bench() as bench:
        await bench.ask(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)

        decision = await bench.ref.ask(AwaitDecision(trace=TRACE), timeout_s=1)
        assert decision.terminal.entry.trace == TRACE


async def test_a_decision_of_long_ago_is_looked_up() -> None:
    async with Bench() as bench:
        await bench.ask(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        bench.log.decisions.clear()
        bench.system.restart("logger")
        await anyio.sleep(1)

        decision = await bench.ref.ask(AwaitDecision(trace=TRACE), timeout_s=1)
        assert decision.terminal.entry.trace == TRACE


async def test_a_decision_that_cannot_be_looked_up_now_is_refused_and_ends_no_logger() -> None:
    async with Bench() as bench:
        await bench.ask(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        bench.log.decisions.clear()
        bench.index_is_down = True

        assert isinstance(await bench.ref.ask(AwaitDecision(trace=TRACE), timeout_s=1), Rejected)
        assert bench.system.all_running()


async def test_a_record_that_could_not_be_read_back_is_refused_and_told() -> None:
    async with Bench() as bench:
        answer = await bench.ref.ask(append(SignalExpired(age_s=float("nan"), limit_s=60), trace=TRACE), timeout_s=5)

        assert isinstance(answer, Rejected)
        await bench.ask(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)  # It did not count as decided.
        assert [logged.event_type for logged in bench.seen] == ["FILE_OPEN", "ERROR", "AUTO_ROUTE_SKIPPED"]


async def test_class_s_waits_for_company_but_not_longer_than_200_ms() -> None:
    async with Bench() as bench:
        await bench.ask(note("first"))
        bench.ref.shed(append(heartbeat()))
        await anyio.sleep(0.19)
        assert bench.of("HEARTBEAT") == []
        await anyio.sleep(0.02)

        assert len(bench.of("HEARTBEAT")) == 1


async def test_class_s_goes_with_the_next_record_and_before_it() -> None:
    async with Bench() as bench:
        bench.ref.shed(append(heartbeat()))
        await anyio.sleep(0.05)
        await bench.ask(note("first"))

        assert [logged.event_type for logged in bench.seen] == ["FILE_OPEN", "HEARTBEAT", "SYSTEM"]


@pytest.mark.fault("D7")
async def test_a_flood_sheds_only_class_s_and_counts_it(clock: Clock) -> None:
    capacity = 100
    async with Bench(capacity=capacity) as bench:
        latencies: list[float] = []
        for number in range(50):
            for _ in range(10 * capacity // 5):
                bench.ref.shed(append(heartbeat()))
            began = clock.monotonic()
            await bench.ask(note(str(number)))
            latencies.append(clock.monotonic() - began)
        await anyio.sleep(1)

        assert bench.notes() == [str(number) for number in range(50)]
        assert max(latencies) <= 0.01
        written = len(bench.of("HEARTBEAT"))
        told = sum(logged.entry.record.n for logged in bench.of("LOG_SHED") if isinstance(logged.entry.record, LogShed))
        assert told > 0
        assert written + told == 50 * 200
        assert len(bench.log.sheddable) == 0


async def test_a_low_disk_stops_class_s_alone() -> None:
    async with Bench() as bench:
        bench.journal.disk = DiskState.LOW
        await bench.ask(note("looked"))
        bench.ref.shed(append(heartbeat()))
        await anyio.sleep(1)
        await bench.ask(note("still"))

        assert bench.disk == [DiskState.LOW]
        assert bench.of("HEARTBEAT") == []
        assert bench.notes() == ["looked", "still"]
        assert bench.log.shed == 1


@pytest.mark.fault("D12")
async def test_the_next_life_commits_what_was_accepted_in_order() -> None:
    async with Bench() as bench:
        await bench.ask(note("before"))
        bench.journal.fail_next(RuntimeError("planned"))
        async with anyio.create_task_group() as group:
            group.start_soon(bench.ask_and_be_left, note("0"))
            await anyio.lowlevel.checkpoint()
            for number in range(1, 600):
                await bench.tell(note(str(number)))
        await anyio.sleep(1)
        await bench.ask(note("after"))

        assert bench.notes() == ["before", *[str(number) for number in range(600)], "after"]
        assert [logged.seq for logged in bench.seen] == list(range(1, 604))
        assert bench.system.cells["logger"].incarnation == 2


@pytest.mark.fault("D12")
async def test_a_poisonous_message_costs_no_accepted_record() -> None:
    async with Bench() as bench:
        await bench.tell(note("0"))
        await bench.ref.tell(Append(entries=(Entry(Record()),)))  # Of no known type.
        await bench.tell(note("1"))
        await anyio.sleep(1)

        assert bench.notes() == ["0", "1"]
        assert bench.system.cells["logger"].incarnation == 2


async def test_a_dead_device_ends_the_system_and_says_halted() -> None:
    bench = Bench()
    async with bench:
        await bench.ask(note("before"))
        bench.journal.dead = True
        await bench.tell(note("lost"))
        gave_up = await bench.system.wait()

        assert gave_up is not None
        assert isinstance(gave_up.error, LogDeviceDead)
        assert bench.disk[-1] is DiskState.HALTED
        assert bench.notes() == ["before"]


async def test_a_stop_writes_what_was_accepted_and_closes() -> None:
    bench = Bench()
    async with bench:
        for number in range(100):
            await bench.tell(note(str(number)))

    assert bench.notes() == [str(number) for number in range(100)]
    assert bench.journal.closed


async def test_in_place_every_append_is_committed_before_the_next_is_looked_at() -> None:
    async with Bench(in_place=True) as bench:
        committed = await bench.ask(note("0"))
        await bench.tell(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        await bench.tell(AutoRouteSkipped(reason="kind.chatter"), trace=TRACE)
        await anyio.sleep(1)

        assert committed == Committed(2, 2)
        assert bench.log.second_decisions == 1
        assert len(bench.log.accepted) == 0
        assert len(bench.log.deciding) == 0


async def test_a_crash_of_an_observer_is_a_crash_of_the_logger() -> None:
    async with Bench() as bench:
        bench.crash_on = "0"
        await bench.tell(note("0"))
        await anyio.sleep(1)
        await bench.tell(note("1"))
        await anyio.sleep(1)

        assert bench.system.cells["logger"].incarnation == 2
        assert bench.notes() == ["0", "1"]


async def test_a_snapshot_stands_for_what_the_observers_were_told() -> None:
    async with Bench() as bench:
        assert bench.log.position == bench.journal.position
        await bench.ask(note("0"))
        told = bench.log.position
        await bench.tell(note("1"))

        assert bench.log.position == told == bench.journal.position
        assert told.seq == bench.seen[-1].seq
        assert told.offset == sum(len(line) for line in bench.journal.lines)
