"""What is said about open calls is carried out once, and written down in one piece."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from levibotd.domain.order_records import OrderBlocked, OrderDone, OrderFilled, OrderIntent
from levibotd.domain.records import (
    AutoRouteExecuted,
    AutoRouteSkipped,
    Control,
    Entry,
    Record,
    RiskSltp,
    RiskTicket,
    SignalDeleted,
    SignalEdited,
    SignalIngest,
)
from levibotd.domain.signal import CallKey, Change, Post, Side, Symbol, TraceId, call_key, trace_id
from levibotd.execution.commands import TRIES_MAX, Commands, Hands
from levibotd.execution.settler import Settler, always
from levibotd.kernel.clock import Clock
from levibotd.messages import Asked, ClosePosition, EndCalls, ReviseCalls
from tests.execution.orders import KEY, TRACE, Desk
from tests.execution.test_settler import NAMING
from tests.scenarios.bench import BTC, CHANNEL, T0

REPLY = trace_id(CHANNEL, 2)
EDIT = SignalEdited(channel=CHANNEL, message_id=1, revision=1, text="now", edited_at=T0, effect="noted")


class Bench:
    """Commands over a desk with one call of 2 at 99; what they set in motion is kept."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settled: list[Symbol] = []
        self.waiting: list[ReviseCalls] = []
        self.settler = Settler(
            protocol=desk.protocol,
            ledger=desk.state.ledger,
            market=desk.market,
            clock=desk.clock,
            naming=NAMING,
            stop_mover=lambda channel: "none",
            on_fill=self._nothing,
        )
        self.commands = Commands(
            protocol=desk.protocol,
            ledger=desk.state.ledger,
            settler=self.settler,
            market=desk.market,
            clock=desk.clock,
            splits=lambda channel: ("even", 5),
            hands=Hands(
                settle=self.settled.append,
                again=lambda delay_s, message: self.waiting.append(message),
                open=self._open,
            ),
        )

    async def _nothing(self, _fill: object) -> None:
        return None

    async def _open(self, trace: TraceId | None, ticket: RiskTicket, intents: tuple[OrderIntent, ...]) -> None:
        return None

    async def opened(self, *, filled: bool) -> None:
        for intent in (await self.desk.intend("s"), await self.desk.intend()):
            await self.settler.send(intent, trace=TRACE, symbol=BTC, may_send=always)
        if filled:
            record = OrderFilled(
                cid=intent.cid, trade_id="1", side=Side.BUY, qty=D(2), price=D(99), fee=D("0.04"),
                fee_currency="USDT", liquidity="maker", cum_qty=D(2), at=self.desk.clock.time(),
            )  # fmt: skip
            await self.desk.protocol.commit(TRACE, BTC, record)

    def since(self, count: int) -> list[Record]:
        return [one.entry.record for one in self.desk.journal.logged[count:]]

    @property
    def written(self) -> int:
        return len(self.desk.journal.logged)


@asynccontextmanager
async def bench_of(clock: Clock, *, filled: bool = True) -> AsyncIterator[Bench]:
    desk = Desk(clock)
    async with desk.open():
        bench = Bench(desk)
        await bench.opened(filled=filled)
        yield bench


def revise(change: Change, *, edit: SignalEdited | None = None, key: CallKey = KEY) -> ReviseCalls:
    trace = REPLY if edit is None else trace_id(CHANNEL, edit.message_id)
    return ReviseCalls(trace=trace, asked=(Asked(call=key, what=change),), received_at=T0, edit=edit)


async def test_a_change_and_what_ends_it_stand_together_in_the_log(clock: Clock) -> None:
    async with bench_of(clock) as bench:
        seen = bench.written
        await bench.commands.revise(revise(Change(stop=97.0, close_share=0.5, targets=(108.0,))))
        levels, reduce, ended = bench.since(seen)
        assert isinstance(levels, RiskSltp)
        assert (str(levels.stop), levels.stop_source, levels.targets_source, levels.why) == (
            "97", "reply", "reply", "moved",
        )  # fmt: skip
        assert isinstance(reduce, Control)
        assert (reduce.command, reduce.effect) == ("reduce", f"{KEY} 1")
        assert isinstance(ended, AutoRouteExecuted)
        assert (ended.effect, [leg.outcome for leg in ended.legs]) == ("reduced", ["reduced"])
        assert bench.settled == [BTC]


@pytest.mark.parametrize("edit", [None, EDIT])
async def test_a_second_delivery_changes_nothing(clock: Clock, edit: SignalEdited | None) -> None:
    async with bench_of(clock) as bench:
        await bench.commands.revise(revise(Change(stop=97.0), edit=edit))
        seen = bench.written
        await bench.commands.revise(revise(Change(stop=98.0), edit=edit))
        assert bench.written == seen


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change(stop=90.0), "review.stop_widened"),
        (Change(stop=95.0), "no_change"),
        (Change(stop=9.5), "review.stop_unclear"),
        (Change(entry=(97.0,)), "review.entry_filled"),
    ],
)
async def test_what_may_not_be_is_noted_for_people(clock: Clock, change: Change, reason: str) -> None:
    async with bench_of(clock) as bench:
        seen = bench.written
        await bench.commands.revise(revise(change))
        assert bench.since(seen) == [AutoRouteSkipped(reason=reason)]
        await bench.commands.revise(revise(change, edit=EDIT))
        effect = "review" if reason.startswith("review") else "noted"
        (ended,) = [one for one in bench.since(seen + 1) if isinstance(one, SignalEdited)]
        assert (ended.effect, ended.reason) == (effect, reason if effect == "review" else "")


async def test_a_call_that_is_still_on_its_way_is_waited_for_and_not_for_ever(clock: Clock) -> None:
    key, trace = call_key("paper", CHANNEL, 7, 0), trace_id(CHANNEL, 7)
    async with bench_of(clock) as bench:
        post = Post(channel=CHANNEL, message_id=7, posted_at=T0, text="a call")
        ingest = SignalIngest(post=post, received_at=T0, source="test")
        await bench.desk.protocol.commit_all(trace, Entry(ingest, trace))
        message = revise(Change(stop=97.0), key=key)
        for _ in range(TRIES_MAX):
            await bench.commands.revise(message)
            message = bench.waiting.pop()
        seen = bench.written
        await bench.commands.revise(message)
        assert bench.since(seen) == [AutoRouteSkipped(reason="call.over")]


@pytest.mark.parametrize(("filled", "outcome"), [(True, "closed"), (False, "cancelled")])
async def test_an_end_is_written_with_its_decision(clock: Clock, filled: bool, outcome: str) -> None:
    async with bench_of(clock, filled=filled) as bench:
        seen = bench.written
        await bench.commands.end(EndCalls(trace=REPLY, calls=(KEY,), received_at=T0))
        command, ended = bench.since(seen)
        assert isinstance(command, Control)
        assert command.reason == REPLY  # `why` leads from the call to the post that closed it.
        assert (command.command, command.effect, command.by) == ("close", KEY, f"channel {CHANNEL}")
        assert isinstance(ended, AutoRouteExecuted)
        assert ended.effect == outcome
        assert bench.settler.given_up(KEY) == "close"


@pytest.mark.parametrize(("filled", "effect"), [(True, "noted"), (False, "cancelled")])
async def test_a_deletion_may_cancel_what_has_not_filled_alone(clock: Clock, filled: bool, effect: str) -> None:
    deletion = SignalDeleted(channel=CHANNEL, message_id=1, seen_by="update", at=T0)
    message = EndCalls(trace=trace_id(CHANNEL, 1), calls=(KEY,), received_at=T0, only_entries=True, deletion=deletion)
    async with bench_of(clock, filled=filled) as bench:
        for _ in range(2):
            await bench.commands.end(message)
        found = [one for one in bench.since(0) if isinstance(one, SignalDeleted)]
        assert [one.effect for one in found] == [effect]
        assert bench.desk.state.ledger().calls[KEY].status == ("open" if filled else "closing")


async def test_a_call_that_was_not_opened_yet_is_recalled(clock: Clock) -> None:
    key = call_key("paper", CHANNEL, 7, 0)
    async with bench_of(clock) as bench:
        await bench.commands.end(EndCalls(trace=REPLY, calls=(key,), received_at=T0))
        assert [one.gate for one in bench.since(0) if isinstance(one, OrderBlocked)] == ["recalled"]


async def test_an_operator_closes_what_he_names_or_all(clock: Clock) -> None:
    async with bench_of(clock) as bench:
        nobodys = call_key("paper", CHANNEL, 9, 0)
        assert await bench.commands.close(ClosePosition(calls=(nobodys,), by="me", reason="r")) == ()
        assert await bench.commands.close(ClosePosition(by="me", reason="r")) == (KEY,)
        assert [one.command for one in bench.since(0) if isinstance(one, Control)] == ["flatten"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (Change(stop=97.0), "moved"),
        (Change(targets=(108.0,)), "targets"),
        (Change(close_share=0.5), "reduced"),
        (Change(close_share=1.0), "closed"),
        (Change(stop=101.0), "closed"),
    ],
)
@pytest.mark.parametrize("edit", [None, EDIT])
async def test_what_a_life_wrote_down_before_its_decision_was_carried_out(
    clock: Clock, change: Change, outcome: str, edit: SignalEdited | None
) -> None:
    written: list[Entry] = []
    async with bench_of(clock) as bench:
        seen = bench.written
        await bench.commands.revise(revise(change, edit=edit))
        written += [one.entry for one in bench.desk.journal.logged[seen:-1]]
    async with bench_of(clock) as bench:
        await bench.desk.protocol.commit_all(TRACE, *written)
        seen = bench.written
        await bench.commands.revise(revise(change, edit=edit))
        (ended,) = bench.since(seen)
        assert isinstance(ended, AutoRouteExecuted | SignalEdited)
        assert ended.effect == outcome


async def test_what_has_ended_meanwhile_is_not_ended_again(clock: Clock) -> None:
    async with bench_of(clock, filled=False) as bench:
        ticket = replace(bench.desk.ticket(), revision=1)
        await bench.desk.protocol.commit(TRACE, BTC, ticket)
        asked = Asked(call=KEY, what=Change(entry=(98.0,)), wants_plan=True, ticket=ticket)
        await bench.commands.revise(ReviseCalls(trace=TRACE, asked=(asked,), received_at=T0, edit=EDIT))
        told = replace(EDIT, effect="noted", reason="told before")
        await bench.desk.protocol.commit_all(TRACE, Entry(told, TRACE))
        (entry,) = [one for one in bench.desk.state.ledger().open_orders() if one.role == "e"]
        await bench.desk.protocol.commit(TRACE, BTC, OrderDone(cid=entry.cid, final="cancelled", cum_qty=D(0)))
        await bench.settler.settle(BTC)
        assert bench.desk.state.ledger().calls[KEY].revision == 1
        assert [one for one in bench.since(0) if isinstance(one, SignalEdited)] == [told]


async def test_of_two_plans_on_their_way_the_newer_one_rules_and_both_posts_end(clock: Clock) -> None:
    async with bench_of(clock, filled=False) as bench:
        desk = bench.desk
        for trace, price in ((REPLY, "98"), (trace_id(CHANNEL, 3), "97")):
            plan = replace(desk.ticket().plan, rungs=(replace(desk.ticket().plan.rungs[0], price=D(price)),))
            ticket = replace(desk.ticket(), plan=plan, revision=1)
            await desk.protocol.commit(TRACE, BTC, ticket)
            asked = Asked(call=KEY, what=Change(entry=(float(price),)), wants_plan=True, ticket=ticket)
            await bench.commands.revise(ReviseCalls(trace=trace, asked=(asked,), received_at=T0))
        (entry,) = [one for one in desk.state.ledger().open_orders() if one.role == "e"]
        await desk.protocol.commit(TRACE, BTC, OrderDone(cid=entry.cid, final="cancelled", cum_qty=D(0)))
        await bench.settler.settle(BTC)
        ends = [one for one in bench.since(0) if isinstance(one, AutoRouteExecuted | AutoRouteSkipped)]
        assert [one.reason if isinstance(one, AutoRouteSkipped) else one.effect for one in ends] == [
            "superseded", "replaced",
        ]  # fmt: skip
        call = desk.state.ledger().calls[KEY]
        assert [str(rung.price) for rung in call.plan.rungs] == ["97"]
        assert [str(one.price) for one in bench.since(0) if isinstance(one, OrderIntent) and one.revision] == [
            "None", "97",
        ]  # fmt: skip


async def test_levels_are_changed_one_after_the_other(clock: Clock) -> None:
    """Whoever reckons with levels waits for those that are on their way to the log."""
    async with bench_of(clock) as bench, asyncio.TaskGroup() as tasks:
        async with bench.settler.levels:
            seen = bench.written
            change = tasks.create_task(bench.commands.revise(revise(Change(targets=(108.0,)))))
            await clock.sleep(1.0)
            assert bench.written == seen
            (call,) = bench.desk.state.ledger().calls.values()
            mover = RiskSltp(
                call=KEY,
                stop=D(98),
                stop_source="breakeven",
                targets=call.targets,
                targets_source="signal",
                why="moved",
            )
            await bench.desk.protocol.commit(TRACE, BTC, mover)
        await change
        call = bench.desk.state.ledger().calls[KEY]
        assert (str(call.stop), [str(one.price) for one in call.targets]) == ("98", ["108"])
