"""Each leg is judged on what is known now, and a ticket stands in the log before anybody may spend it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from actors.risk import RiskActor
from levibotd.app.rules import Rulebook
from levibotd.app.tree import ACCOUNT
from levibotd.config import Config
from levibotd.domain.features import score
from levibotd.domain.gates import Refusal
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderBlocked, OrderIntent
from levibotd.domain.posts.reading import read
from levibotd.domain.records import (
    AutoRouteDryrun,
    Control,
    Entry,
    RiskPolicyChanged,
    RiskSltp,
    RiskState,
    RiskTicket,
    SignalRejected,
)
from levibotd.domain.signal import Post, Side, call_key, trace_id
from levibotd.execution.equity import EquityWatch
from levibotd.kernel.clock import Clock
from levibotd.kernel.events import Crashed
from levibotd.kernel.mailbox import Rejected
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import PlaceOrder, ScoredSignal, SetLeverage, SetPolicy, Tried, TryOrder
from levibotd.ports.as_of import MarketAsOf
from levibotd.sim.recorded_market import RecordedMarket
from tests.actors.listeners import InstantLog, Listener, box, of
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, bars, classifier, config_of, flat, key_of, minutes
from tests.sim.memory_candles import MemoryCandles

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
BOTH = f"{LONG}\n\nETH/USDT LONG\nEntry: market\nTargets: 52, 54\nStop Loss: 48"


class Bench:
    def __init__(self, clock: Clock, *, config: Config | None = None) -> None:
        self.clock = clock
        self.config = config or config_of()
        self.ledger = Ledger(balance=Decimal(10_000))
        self.entries: list[Entry] = []
        self.told: list[Any] = []
        self.refuses = False
        self.crashes: list[BaseException] = []
        self.ref, self.log, self.exec_ = box("risk"), box("log"), box("exec")
        self.market = RecordedMarket(
            MemoryCandles({BTC: minutes(*flat(100.0, 5)), ETH: minutes(*flat(50.0, 5))}), market="swap"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        children = (
            Child(self.log, lambda: InstantLog(self.ledger, self.entries, lambda: self.refuses)),
            Child(self.exec_, lambda: Listener(self.told)),
            Child(self.ref, self._risk, waits_on=(self.exec_, self.log)),
        )
        system = System(Group("root", children=children), clock=self.clock, on_event=self._hear, rng=Random(1))
        await system.start()
        await self.clock.sleep_until(T0 + 30)
        try:
            yield self
        finally:
            await system.stop()

    async def judge(self, text: str, *, number: int = 1, age_s: float = 0.0) -> None:
        await self.ref.tell(self.signal(text, number=number, age_s=age_s))
        await self.clock.sleep(0.001)

    def signal(self, text: str, *, number: int = 1, age_s: float = 0.0) -> ScoredSignal:
        now = self.clock.time()
        post = Post(channel=CHANNEL, message_id=number, posted_at=now - age_s, text=text)
        scored = score(post, read(post, MarketAsOf(self.market, at=now)), classifier())
        return ScoredSignal(trace=post.trace, post=post, received_at=now, scored=scored, revision=3)

    def rejections(self) -> list[SignalRejected]:
        return of(self.entries, SignalRejected)

    def _hear(self, event: object) -> None:
        if isinstance(event, Crashed):
            self.crashes.append(event.error)

    def _risk(self) -> RiskActor:
        rulebook = Rulebook(self.config, lambda: self.ledger)
        return RiskActor(
            setup=lambda: rulebook.setup(ACCOUNT),
            market=self.market,
            ledger=lambda: self.ledger,
            equity=EquityWatch(
                ledger=lambda: self.ledger,
                market=self.market,
                daily_loss_limit=lambda: rulebook.policy.daily_loss_limit,
                peak_loss_limit=lambda: None,
            ),
            orders=self.exec_,
            log=self.log,
            clock=self.clock,
        )


async def test_a_ticket_and_its_levels_stand_in_the_log_before_exec_hears_of_them(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)

    assert [type(entry.record) for entry in bench.entries] == [RiskTicket, RiskSltp]
    (ticket,) = of(bench.entries, RiskTicket)
    (order,) = bench.told
    assert isinstance(order, PlaceOrder)
    assert (order.tickets, order.refused, order.revision) == ((ticket,), (), 3)
    assert (ticket.call, ticket.equity, ticket.expires_at) == (key_of(1), Decimal(10_000), ticket.at + 30)
    assert ticket.entry_valid_until == ticket.at + 86_400
    assert {str(gate.name) for gate in ticket.gates} >= {"stage", "confidence", "ttl", "no_price", "heat"}


async def test_one_leg_may_pass_while_another_is_refused(clock: Clock) -> None:
    config = config_of({"LEVI_SYMBOLS__DENY": '["ETHUSDT"]'})
    async with Bench(clock, config=config).running() as bench:
        await bench.judge(BOTH)

    (order,) = bench.told
    assert [ticket.plan.symbol for ticket in order.tickets] == [BTC]
    assert [(leg.symbol, leg.outcome, leg.gate) for leg in order.refused] == [(ETH, "rejected", "symbols")]
    assert bench.rejections() == []  # The post has one decision, and Exec tells it.


async def test_where_no_leg_passes_the_first_refusal_is_the_decision(clock: Clock) -> None:
    config = config_of({"LEVI_SYMBOLS__DENY": '["ETHUSDT", "BTCUSDT"]'})
    async with Bench(clock, config=config).running() as bench:
        await bench.judge(BOTH)

    (rejected,) = bench.rejections()
    assert (rejected.gate, rejected.value, len(rejected.legs)) == ("symbols", "BTC/USDT", 2)
    assert [leg.symbol for leg in rejected.legs] == [BTC, ETH]  # As the venue writes them.
    assert bench.entries[-1].symbol is None  # Two coins: filed under neither.
    assert bench.told == []


@pytest.mark.parametrize(
    ("settings", "age_s", "gate"),
    [
        ({"LEVI_STRATEGY__CONFIDENCE_MIN": "1.0"}, 0.0, "confidence"),
        ({}, 61.0, "ttl"),
        ({"LEVI_RISK__MIN_VOLUME_24H": "1e12"}, 0.0, "not_tradable"),
        ({"LEVI_RISK__NOTIONAL_MAX": '"5"'}, 0.0, "too_small"),
    ],
)
async def test_a_refusal_names_gate_value_and_limit(
    clock: Clock, settings: dict[str, str], age_s: float, gate: str
) -> None:
    async with Bench(clock, config=config_of(settings)).running() as bench:
        await bench.judge(LONG, age_s=age_s)

    (rejected,) = bench.rejections()
    assert rejected.gate == gate
    assert rejected.value is not None
    assert rejected.limit is not None
    assert of(bench.entries, RiskTicket) == []


@pytest.mark.parametrize(("hybrids", "refused"), [((0.39,), True), ((0.4,), False), ((), False)])
async def test_a_call_whose_surroundings_speak_against_it_is_refused_where_that_is_wanted(
    clock: Clock, hybrids: tuple[float, ...], refused: bool
) -> None:
    config = config_of({"LEVI_FEATURES__HYBRID_MIN": "0.4"})
    async with Bench(clock, config=config).running() as bench:
        await bench.ref.tell(replace(bench.signal(LONG), hybrids=hybrids))
        await clock.sleep(0.001)

    assert [(one.gate, one.value, one.limit) for one in bench.rejections()] == [("hybrid", 0.39, 0.4)] * refused
    assert len(of(bench.entries, RiskTicket)) == (not refused)


async def test_without_a_bar_there_is_no_price(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        signal = bench.signal(LONG)
        await clock.sleep_until(T0 + 310)
        await bench.ref.tell(ScoredSignal(**{**_fields(signal), "post": _younger(signal.post, clock.time())}))
        await clock.sleep(0.001)

    assert [one.gate for one in bench.rejections()] == ["no_price"]


@pytest.mark.parametrize(("volume", "refused"), [(10.0, ["sl_too_tight"]), (1e7, [])])
async def test_a_stop_is_measured_against_the_spread_of_this_moment(
    clock: Clock, volume: float, refused: list[str]
) -> None:
    bench = Bench(clock)
    traded = bars(*flat(100.0, 62), start=T0 - 3600.0, volume=volume)
    bench.market = RecordedMarket(MemoryCandles({BTC: traded}), market="swap")
    async with bench.running():
        await bench.judge(LONG.replace("95", "99"))

    assert [rejected.gate for rejected in bench.rejections()] == refused


async def test_in_stage_observe_no_ticket_is_written(clock: Clock) -> None:
    async with Bench(clock, config=config_of({"LEVI_EXCHANGE__STAGE": "observe"})).running() as bench:
        await bench.judge(BOTH)

    (dry,) = of(bench.entries, AutoRouteDryrun)
    assert [(leg.symbol, leg.outcome) for leg in dry.legs] == [(BTC, "dryrun"), (ETH, "dryrun")]
    assert len(bench.entries) == 1
    assert bench.told == []


async def test_a_second_delivery_gets_the_same_ticket_and_writes_none(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)
        await bench.judge(LONG)

    assert len(of(bench.entries, RiskTicket)) == 1
    first, second = bench.told
    assert first.tickets[0].plan == second.tickets[0].plan
    assert first.tickets[0].expires_at == second.tickets[0].expires_at


@pytest.mark.fault("C13")
async def test_a_ticket_whose_time_is_over_is_refused(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)
        await clock.sleep(30.5)
        await bench.judge(LONG)

    assert len(bench.told) == 1
    assert [one.gate for one in bench.rejections()] == ["ticket_expired"]


async def test_a_ticket_that_exec_refused_is_not_given_again(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)
        bench.ledger.apply(Entry(OrderBlocked(call=key_of(1), gate="max_open"), None, BTC))
        await bench.judge(LONG)

    assert [one.gate for one in bench.rejections()] == ["ticket_spent"]


async def test_a_post_whose_intents_stand_is_execs_to_decide(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)
        (ticket,) = of(bench.entries, RiskTicket)
        intent = OrderIntent(
            cid="c", call=ticket.call, role="e", slot=0, attempt=0, side=ticket.plan.side, type="limit", tif="IOC",
            qty=ticket.plan.qty, price=ticket.plan.price_cap, venue="paper", at=ticket.at,
        )  # fmt: skip
        bench.ledger.apply(Entry(intent, bench.signal(LONG).trace, BTC))
        await bench.judge(LONG)  # Told again before Exec has said that it executed.

    assert bench.rejections() == []
    assert len(bench.told) == 1


async def test_an_unspent_ticket_holds_its_symbol_until_it_expires(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)
        await bench.judge(LONG, number=2)
        (busy,) = bench.rejections()
        assert (busy.gate, busy.owner) == ("symbol_busy", call_key(ACCOUNT, CHANNEL, 1, 0))
        await clock.sleep(31.0)
        await bench.judge(LONG, number=3)

    assert len(of(bench.entries, RiskTicket)) == 2


async def test_what_forbids_opening_is_asked_first(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        bench.ledger.apply(Entry(RiskState(state="REDUCING", why="disk", by="log")))
        await bench.judge(LONG, age_s=1000.0)

    (rejected,) = bench.rejections()
    assert (rejected.gate, rejected.value, rejected.limit) == ("risk_state", "REDUCING", "ACTIVE")


async def test_a_ticket_that_the_log_does_not_take_is_never_handed_on(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        bench.refuses = True
        await bench.judge(LONG)

    assert bench.told == []
    assert [type(error).__name__ for error in bench.crashes] == ["Unavailable"]


async def test_the_policy_is_switched_and_an_unknown_one_refused(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        ask = bench.ref.ask
        assert await ask(SetPolicy(policy="aggressive", by="operator", reason="brave"), timeout_s=5) == "moderate"
        assert await ask(SetPolicy(policy="moderate", by="operator", reason="calm"), timeout_s=5) == "aggressive"
        refused = await ask(SetPolicy(policy="reckless", by="operator", reason="?"), timeout_s=5)
        await bench.judge(LONG)

    assert isinstance(refused, Rejected)
    assert "reckless" in refused.reason
    assert [one.policy for one in of(bench.entries, RiskPolicyChanged)] == ["aggressive", "moderate"]
    (ticket,) = of(bench.entries, RiskTicket)
    assert ticket.policy == "moderate"


def _fields(signal: ScoredSignal) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in ("trace", "post", "received_at", "scored", "revision")}


def _younger(post: Post, at: float) -> Post:
    return Post(channel=post.channel, message_id=post.message_id, posted_at=at, text=post.text)


async def test_the_cap_on_leverage_is_a_command_that_new_calls_keep_to(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.judge(LONG)
        assert await bench.ref.ask(SetLeverage(leverage=1, by="operator", reason="news"), timeout_s=5) == 0
        await bench.judge(LONG.replace("BTC", "ETH").replace("105, 110", "52, 54").replace("95", "48"), number=2)
        assert await bench.ref.ask(SetLeverage(leverage=None, by="operator", reason="over"), timeout_s=5) == 1

    before, after = of(bench.entries, RiskTicket)
    assert before.plan.leverage > after.plan.leverage == 1
    assert [(one.command, one.effect) for one in of(bench.entries, Control)] == [("leverage", "1"), ("leverage", "")]
    assert bench.ledger.control.leverage_cap is None


def trial(**more: Any) -> TryOrder:
    return TryOrder(**{"channel": "manual", "symbol": "BTCUSDT", "side": Side.BUY, **more})


async def test_what_an_order_would_come_to_is_told_and_leaves_no_trace(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        for symbol in ("BTCUSDT", "BTC/USDT"):
            tried = await bench.ref.ask(trial(symbol=symbol, notional=Decimal(250)), timeout_s=5)
            assert isinstance(tried, Tried)
            assert (tried.plan.symbol, tried.refused_by) == (BTC, None)
            assert Decimal(245) < tried.plan.notional <= Decimal(250)
            assert tried.plan.stop < tried.plan.mark < tried.plan.targets[0].price
        own = trial(entry=Decimal(99), stop=Decimal(95), targets=(Decimal(105), Decimal(110)), notional=Decimal(100))
        tried = await bench.ref.ask(own, timeout_s=5)
        assert isinstance(tried, Tried)
        assert (tried.plan.rungs[0].price, tried.plan.stop) == (Decimal(99), Decimal(95))
        assert [target.price for target in tried.plan.targets] == [Decimal(105), Decimal(110)]

    assert (bench.entries, bench.told) == ([], [])


async def test_what_would_refuse_it_as_a_call_is_told_beside_the_plan(clock: Clock) -> None:
    config = config_of({"LEVI_SYMBOLS__DENY": '["BTCUSDT"]'})
    async with Bench(clock, config=config).running() as bench:
        tried = await bench.ref.ask(trial(notional=Decimal(100)), timeout_s=5)
    assert isinstance(tried, Tried)
    assert tried.refused_by is not None
    assert tried.refused_by.name == "symbols"


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"notional": Decimal(3)}, "too_small"),
        ({"symbol": "NOPEUSDT", "notional": Decimal(100)}, "no_price"),
        ({"stop": Decimal(101), "notional": Decimal(100)}, "sl_wrong_side"),
        ({"targets": (Decimal(90),), "notional": Decimal(100)}, "tp_wrong_side"),
    ],
)
async def test_what_no_venue_takes_is_refused_by_its_gate(clock: Clock, change: dict[str, Any], gate: str) -> None:
    async with Bench(clock).running() as bench:
        refused = await bench.ref.ask(trial(**change), timeout_s=5)
    assert isinstance(refused, Refusal)
    assert refused.gate == gate
    assert bench.entries == []


async def test_an_operators_own_call_spends_no_more_than_he_said(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        command = Control(command="call", by="operator", effect=f"{trace_id(CHANNEL, 1)} 120")
        bench.ledger.apply(Entry(command))
        await bench.judge(LONG)
        await bench.judge(LONG.replace("BTC", "ETH").replace("105, 110", "52, 54").replace("95", "48"), number=2)

    own, other = of(bench.entries, RiskTicket)
    assert Decimal(100) < own.plan.notional <= Decimal(120)
    assert other.plan.notional > Decimal(900)
