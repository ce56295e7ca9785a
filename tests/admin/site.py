"""
A daemon small enough for a test of its HTTP interface: real actors, a real ledger and a real log, in memory.

`serving` runs AdminHttp under a supervisor on a free port and speaks to it over a real socket.
"""

import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import aiohttp
import msgspec

from levibotd.admin.auth import Keyring
from levibotd.admin.desk import Archiving, Desk, ExecWish, RiskWish
from levibotd.admin.feed import Feed
from levibotd.admin.limits import MemoryBuckets
from levibotd.admin.replies import EVENT_STREAM
from levibotd.admin.routes import ROUTES
from levibotd.admin.server import AdminHttp, listen, port_of
from levibotd.admin.totp import Totp
from levibotd.app.reload import Reloader
from levibotd.app.rules import Rulebook
from levibotd.app.story import story_of
from levibotd.config import Config, demo_config
from levibotd.domain import order_records, trade_plan
from levibotd.domain import records as r
from levibotd.domain.acts import ActBook
from levibotd.domain.cards.board import board_of
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.card import Board
from levibotd.domain.cards.trusting import TrustDesk
from levibotd.domain.climate.eth_led import EthLed
from levibotd.domain.climate.record import Climate, ClimateRecord
from levibotd.domain.climate.trend import Trend
from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.masking import Masker
from levibotd.domain.pictures.reliability import Bin, Reliability
from levibotd.domain.records import Entry, Logged, Record
from levibotd.domain.risk import STAGES
from levibotd.domain.signal import CallKey, Kind, Leg, Post, Reading, Scored, Side, Symbol, TraceId
from levibotd.errors import ConfigError
from levibotd.journal import TERMINAL, Chain, Preparer, decode
from levibotd.kernel.actor import Actor, Reply
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.errors import MailboxFull
from levibotd.kernel.events import Event
from levibotd.kernel.mailbox import FAIL, Box, Ref, Rejected
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import (
    Append,
    AwaitDecision,
    ClosePosition,
    Committed,
    Decision,
    Ingested,
    IngestPost,
    SetKillSwitch,
    SetLeverage,
    SetStage,
    Switch,
    Tried,
    TryOrder,
)
from levibotd.observe.logging import make_log
from levibotd.observe.metrics import Metrics
from levibotd.observe.notify import Herald, Notifier
from levibotd.ports.buckets import Buckets, Rate
from levibotd.ports.event_index import EventQuery, HourCount
from levibotd.ports.journal_file import Run
from levibotd.ports.learning import LearningDesk
from levibotd.ports.reports import LogDamaged, Made, NoLog, ReportQuery
from levibotd.sim.demo_market import DemoMarket

AT = 1_760_000_000.0
CALL = CallKey("paper|coins|7|0")
BTC = Symbol("BTCUSDT")
RELIABILITY = Reliability(model="abc", method="held out", ece=0.02, bins=(Bin(said=0.9, seen=0.8, posts=10),))
_NOBODY: Any = None  # Until there is a desk that it can be made over.


class MemoryLog:
    """The event log of the test: lines as they would stand on disk, and the fold over them."""

    def __init__(self) -> None:
        self.lines_written: list[bytes] = []
        self.ledger = Ledger(balance=Decimal(10_000))
        self.cards = CardBook()
        self.acts = ActBook()
        self.waiting: dict[TraceId, list[Reply]] = {}
        self.newest = Feed()
        self.around = ClimateRecord()
        self._preparer = Preparer()
        self._chain = Chain(boot="test")

    def commit(self, record: Record, *, trace: TraceId | None = None, symbol: Symbol | None = None) -> Logged:
        prepared = self._preparer.prepare(Entry(record, trace, symbol))
        line = self._chain.line(prepared, ts=AT + len(self.lines_written), mono=0.0)
        self.lines_written.append(line)
        self.ledger.apply(prepared.entry)
        self.cards.apply(prepared.entry)
        self.acts.apply(prepared.entry)
        self.around.apply(decode(line))
        self.newest.publish([Run("memory", 0, [line], [decode(line)], 0, "")])
        if trace is not None and (decision := self.decision(trace)) is not None:
            for reply in self.waiting.pop(trace, []):
                reply.send(decision)
        return decode(line)

    def decision(self, trace: TraceId) -> Decision | None:
        of_trace = [x for x in map(decode, self.lines_written) if x.entry.trace == trace]
        terminal = [x for x in of_trace if x.event_type in TERMINAL]
        scored = [x for x in of_trace if x.event_type == "SIGNAL_SCORED"]
        return Decision(terminal=terminal[0], scored=scored[-1] if scored else None) if terminal else None

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        return self.find(query)

    async def settled(self) -> None:
        """It is its own index."""

    async def hours(self, *, since: float, until: float) -> list[HourCount]:
        found = Counter((line.ts // 3600 * 3600, line.event_type) for line in map(decode, self.lines_written))
        counts = [HourCount(at=at, event_type=name, count=count) for (at, name), count in sorted(found.items())]
        return [one for one in counts if since - 3600 < one.at < until]

    @property
    def indexed_seq(self) -> int:
        return len(self.lines_written)

    def feed(self, runs: Sequence[Run]) -> None:
        raise AssertionError("handlers only read")

    def climate(self, symbols: Iterable[Symbol]) -> Climate:
        trends = {str(symbol): Trend(value=1.5, state="up") for symbol in symbols}
        led = EthLed(on=True, lead=0.05, breadth=0.75, alts=8, as_of=AT)
        return self.around.seen(at=AT + len(self.lines_written), eth_led=led, trends={"ETHUSDT": None, **trends})

    async def board(self) -> Board:
        return board_of(self.cards, at=AT + len(self.lines_written))

    def find(self, query: EventQuery) -> list[bytes]:
        order = reversed(self.lines_written) if query.newest_first else iter(self.lines_written)
        return [line for line in order if _fits(decode(line), query)][: query.limit]


def _fits(line: Logged, query: EventQuery) -> bool:
    beyond = query.beyond
    seen = beyond is not None and (line.seq >= beyond if query.newest_first else line.seq <= beyond)
    return (
        not seen
        and (query.trace_id is None or line.entry.trace == query.trace_id)
        and (not query.types or line.event_type in query.types)
        and (query.symbol is None or line.entry.symbol == query.symbol)
        and (query.since is None or line.ts >= query.since)
    )


class ReportsOfTest:
    """Tells what was asked for. Days of 2001 have no log; those of 2002 are damaged, 2003 lacks what it needs."""

    async def make(self, query: ReportQuery, *, on_progress: Callable[[str], None] = lambda text: None) -> Made:
        last = query.last or "2020-01-07"
        match last[:4]:
            case "2001":
                raise NoLog(f"the log of {last} was pruned", reason="no_log")
            case "2002":
                raise LogDamaged("the log is damaged at seq 7 in x", reason="log_damage")
            case "2003":
                raise ConfigError("reports need duckdb: pip install 'levibotd[reports]'")
            case "2004":
                raise MailboxFull("reports")
        body = msgspec.json.encode(query)
        return Made(body=body, format=query.format, first=last, last=last, complete=True, through_seq=9)


class Crash(Exception):
    """What an actor of the test dies of when it is asked to."""


class ExecOfTest(Actor[ExecWish]):
    """Does at once what it is asked, and writes it down."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def receive(self, message: ExecWish) -> object:
        control, by, reason = self._log.ledger.control, message.by, message.reason
        if reason == "crash":
            raise Crash("as wished")
        match message:
            case SetStage(stage=stage, channel=str(channel)):
                stage_before = control.channel_stages.get(channel, "paper")
                self._log.commit(
                    r.ChannelStage(
                        stage=stage,
                        before=stage_before,
                        by=by,
                        reason=reason,
                        channel=channel,
                        names=message.names,
                        evidence=message.evidence,
                    )
                )
                return stage_before
            case Switch(on=on):
                before = control.switch_on
                self._log.commit(r.Control(command="start" if on else "stop", by=by, reason=reason))
                return before
            case SetKillSwitch(tripped=tripped):
                if tripped == control.kill.tripped:
                    return Rejected("the kill switch stands so already")
                self._log.commit(r.KillSwitch(tripped=tripped, why=reason, by=by))
                return not tripped
            case SetStage(stage=stage):
                stage_before = control.stage or "paper"
                self._log.commit(r.ChannelStage(stage=stage, before=stage_before, by=by, reason=reason))
                return stage_before
            case ClosePosition(calls=calls):
                self._log.commit(r.Control(command="close", by=by, reason=reason))
                return calls or tuple(self._log.ledger.calls)


class RiskOfTest(Actor[RiskWish]):
    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def receive(self, message: RiskWish) -> object:
        if isinstance(message, TryOrder):
            return tried(message)
        if isinstance(message, SetLeverage):
            cap = self._log.ledger.control.leverage_cap
            effect = "" if message.leverage is None else str(message.leverage)
            self._log.commit(r.Control(command="leverage", by=message.by, reason=message.reason, effect=effect))
            return cap or 0
        before = self._log.ledger.control.policy or "demo"
        self._log.commit(
            r.RiskPolicyChanged(policy=message.policy, before=before, by=message.by, reason=message.reason)
        )
        return before


def tried(wish: TryOrder) -> Tried | Refusal:
    """An order at 60000, whose venue takes five in quote at least, lists Bitcoin alone and knows no shorts."""
    if not wish.symbol.startswith("BTC"):
        return Refusal(gate=GateName.NOT_TRADABLE, value=wish.symbol, limit="listed")
    if wish.side is Side.SELL:
        return Refusal(gate=GateName.CANNOT_SHORT, value=BTC, limit="a venue that shorts")
    if wish.notional is not None and wish.notional < 5:
        return Refusal(gate=GateName.TOO_SMALL, value=wish.notional, limit=Decimal("5.5"))
    price = wish.entry or Decimal(60_000)
    plan = plan_of(qty=(wish.notional or Decimal(600)) / price, price=price)
    targets = tuple(trade_plan.Target(price=one, share=Decimal(1) / len(wish.targets)) for one in wish.targets)
    plan = msgspec.structs.replace(plan, stop=wish.stop or plan.stop, targets=targets or plan.targets)
    return Tried(plan=plan, refused_by=r.Gate(name="cooldown", value=3.0, limit=5.0))


def plan_of(*, qty: Decimal, price: Decimal) -> trade_plan.TradePlan:
    """One rung at a price, half of it away the stop, twice as far the target."""
    return trade_plan.TradePlan(
        symbol=BTC,
        side=Side.BUY,
        rungs=(trade_plan.Rung(style="limit", qty=qty, price=price),),
        targets=(trade_plan.Target(price=price * 2, share=Decimal(1)),),
        stop=price / 2,
        stop_source="signal",
        targets_source="signal",
        qty=qty,
        notional=qty * price,
        planned_loss=Decimal(100),
        leverage=1,
        mark=price,
        price_cap=price,
    )


class IntakeOfTest(Actor[IngestPost]):
    """
    Telegram, Scorer and Risk in one: `BUY` in a text is a call that a gate refuses; "hold" is never decided.

    So is `LONG`, and with a stop at 59999 the gates let it pass.
    """

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def receive(self, message: IngestPost) -> Ingested:
        post, trace = message.post, message.post.trace
        fresh = not any(decode(line).entry.trace == trace for line in self._log.lines_written)
        if fresh:
            self._log.commit(r.SignalIngest(post=post, received_at=post.posted_at, source="http"), trace=trace)
        if fresh and "hold" not in post.text:
            self._decide(post, trace)
        return Ingested(trace=trace, fresh=fresh)

    def _decide(self, post: Post, trace: TraceId) -> None:
        call = "BUY" in post.text or "LONG" in post.text
        self._log.commit(scored(post, call=call), trace=trace)
        if "SL: 59999" in post.text:
            opened = r.LegOutcome(symbol=BTC, outcome="intent")
            self._log.commit(r.AutoRouteExecuted(legs=(opened,), effect="opened"), trace=trace)
        elif call:
            rejected = r.SignalRejected(gate="confidence", value=0.625, limit=0.7)
            self._log.commit(rejected, trace=trace)
        else:
            self._log.commit(r.AutoRouteSkipped(reason="kind.chatter"), trace=trace)


class LoggerOfTest(Actor[AwaitDecision | Append]):
    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def receive(self, message: AwaitDecision | Append) -> object:
        if isinstance(message, Append):
            if any(isinstance(x.record, r.Control) and x.record.reason == "crash" for x in message.entries):
                raise Crash("as wished")
            seqs = [self._log.commit(x.record, trace=x.trace, symbol=x.symbol).seq for x in message.entries]
            return Committed(first_seq=seqs[0], last_seq=seqs[-1])
        assert message.trace is not None
        decision = self._log.decision(message.trace)
        if decision is None:
            self._log.waiting.setdefault(message.trace, []).append(self.take_reply())
        return decision


def scored(post: Post, *, call: bool) -> r.SignalScored:
    leg = Leg(symbol="BTC/USDT", side=Side.BUY, entry=(64000.0, 64100.5), tps=(65000.0,), sl=63000.0)
    return r.SignalScored(
        channel=post.channel,
        kind="new" if call else "chatter",
        label="BUY" if call else "NO-TRADE",
        probs={"BUY": 0.625, "SELL": 0.0, "NO-TRADE": 0.375},
        p_call=0.625 if call else 0.375,
        stale=False,
        legs=(LegRead.of(leg),) if call else (),
        reasons=("words",),
        revision=0,
        last_price={},
        markets_as_of=None,
        model_sha="test",
        trained_until=None,
    )


def read(post: Post) -> Scored:
    """Read a call in any text."""
    leg = Leg(symbol="BTC/USDT", side=Side.BUY, entry=(0.1, 1e-7), sl=(2.0, 3.5), sl_kind="pct", leverage=(3.0, 5.0))
    reading = Reading(kind=Kind.NEW, legs=(leg,))
    return Scored(reading=reading, label="BUY", probs={"BUY": 0.5, "SELL": 0.0, "NO-TRADE": 0.5}, reasons=(post.text,))


def open_position(log: MemoryLog, *, qty: str = "0.5", price: str = "60000") -> CallKey:
    """Let the log tell of a call that bought and holds a position."""
    amount, paid = Decimal(qty), Decimal(price)
    plan = plan_of(qty=amount, price=paid)
    ticket = r.RiskTicket(
        call=CALL,
        channel="coins",
        plan=plan,
        gates=(),
        policy="moderate",
        policy_hash="0",
        equity=Decimal(10_000),
        exposure_seq=0,
        entry_valid_until=AT + 100,
        expires_at=AT + 100,
        at=AT,
    )
    trace = TraceId("00000000000000aa")
    intent = order_records.OrderIntent(
        cid="c1", call=CALL, role="e", slot=0, attempt=1, side=Side.BUY, type="limit", tif="GTC",
        qty=amount, venue="paper", at=AT, price=paid,
    )  # fmt: skip
    fill = order_records.OrderFilled(
        cid="c1", trade_id="t1", side=Side.BUY, qty=amount, price=paid, fee=Decimal("1.25"),
        fee_currency="USDT", liquidity="maker", cum_qty=amount, at=AT,
    )  # fmt: skip
    for record in (
        ticket,
        intent,
        order_records.OrderNew(cid="c1"),
        order_records.OrderAck(cid="c1", venue_id="v1", status="open", at=AT),
        fill,
    ):
        log.commit(record, trace=trace, symbol=BTC)
    return CALL


def closed_trade(*, channel: str = "coins") -> order_records.PositionClosed:
    return order_records.PositionClosed(
        call=CallKey("paper|coins|5|0"),
        channel=channel,
        side=Side.BUY,
        qty=Decimal("0.5"),
        entry=Decimal(60000),
        exit=Decimal("60100.50"),
        pnl=Decimal("50.25"),
        fees=Decimal("2.5"),
        net=Decimal("47.75"),
        r=0.4775,
        reason="target",
        opened_at=AT,
        at=AT + 60,
    )


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def code(self) -> str:
        assert self.headers["Content-Type"].startswith("application/problem+json")
        problem = self.json()
        assert problem["status"] == self.status
        return str(problem["code"])


@dataclass
class Site:
    """The running interface and what stands behind it."""

    log: MemoryLog
    desk: Desk
    system: System
    port: int
    printed: io.StringIO
    session: aiohttp.ClientSession
    reasons: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, *, body: object = None, **headers: str) -> Answer:
        """Send one request. A body that is not bytes is sent as JSON; in header names `_` stands for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
            endless = response.content_type == EVENT_STREAM
            read = b"" if endless else await response.read()
            return Answer(status=response.status, headers=response.headers, body=read)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return await self.ask("POST", path, body=body, **headers)


@asynccontextmanager
async def serving(
    *,
    log: MemoryLog | None = None,
    config: Config | None = None,
    keyring: Keyring | None = None,
    rate: Rate | None = None,
    buckets: Buckets | None = None,
    risk: Ref[RiskWish] | None = None,
    totp: bytes | None = None,
    reread: Callable[[], Config] | None = None,
    score: Callable[[Post], Scored] | None = None,
    archive: Archiving | None = None,
    learning: LearningDesk | None = None,
) -> AsyncIterator[Site]:
    """Run the interface with everything behind it, and stop it again."""
    log = MemoryLog() if log is None else log
    config = demo_config(environ={"HOME": "/nonexistent"}) if config is None else config
    clock, printed, reasons = LoopClock(), io.StringIO(), list[str]()
    risk = Ref("risk", Box(8, FAIL)) if risk is None else risk
    exec_: Ref[ExecWish] = Ref("exec", Box(8))
    telegram: Ref[IngestPost] = Ref("telegram", Box(8))
    logger: Ref[Any] = Ref("logger", Box(8))
    http: Ref[None] = Ref("http", Box(1))
    listener = listen("127.0.0.1:0")
    shared = MemoryBuckets(rate or Rate(), clock=clock) if buckets is None else buckets
    children = [
        Child(exec_, lambda: ExecOfTest(log)),
        Child(telegram, lambda: IntakeOfTest(log)),
        Child(logger, lambda: LoggerOfTest(log)),
        Child(http, lambda: AdminHttp(desk, listener=listener, keyring=keyring, buckets=shared)),
    ]
    if risk.capacity > 1:  # A smaller one is full already, and nobody serves it.
        children.append(Child(risk, lambda: RiskOfTest(log)))
    system = System(Group("root", children=tuple(children)), clock=clock, on_event=_ignore, rng=Random(0))
    desk = _desk(
        log, config=config, clock=clock, system=system, printed=printed, reasons=reasons,
        refs=(telegram, risk, exec_, logger), score=score,
    )  # fmt: skip
    rulebook = Rulebook(config, lambda: log.ledger)
    desk = msgspec.structs.replace(
        desk,
        configured=lambda: rulebook.config,
        stage_of=rulebook.stage_of,
        configuring=_reloader(desk, rulebook, reread or (lambda: config)),
        second_factor=Totp(totp, clock=clock, confirmed=lambda: log.ledger.control.confirmed),
        archive=archive,
        learning=learning,
    )
    await system.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Site(log, desk, system, port_of(listener), printed, session, reasons)
    finally:
        await system.stop()
        listener.close()


def _desk(
    log: MemoryLog,
    *,
    config: Config,
    clock: Clock,
    system: System,
    printed: io.StringIO,
    reasons: list[str],
    refs: tuple[Any, Any, Any, Any],
    score: Callable[[Post], Scored] | None,
) -> Desk:
    async def why(trace: TraceId) -> object:
        return story_of(log.find(EventQuery(trace_id=trace, limit=100)))

    telegram, risk, exec_, logger = refs
    return Desk(
        telegram=telegram,
        risk=risk,
        exec_=exec_,
        logger=logger,
        view=lambda: log.ledger,
        last_seq=lambda: len(log.lines_written),
        decisions=lambda: {"kind.chatter": 1},
        events=log,
        reports=ReportsOfTest(),
        feed=log.newest,
        system=system,
        metrics=Metrics(version="1.2.3", routes=[route.template for route in ROUTES]),
        log=make_log(printed, clock=clock, masker=Masker()),
        clock=clock,
        configured=lambda: config,
        configuring=_NOBODY,
        second_factor=Totp(None, clock=clock),
        market=DemoMarket(),
        score=score or read,
        cards=lambda: log.cards,
        acts=lambda names: log.acts.tally(*names),
        board=log.board,
        reliability=lambda: RELIABILITY,
        trust=lambda channel, sides: TrustDesk(log.cards).of(channel, at=clock.time(), sides=sides),
        is_unproven=lambda channel: log.ledger.control.unproven.get(channel, False),
        readiness=lambda: tuple(reasons),
        why=why,
        climate=log.climate,
        stage_of=lambda channel: "paper",
        stages=STAGES[: STAGES.index(config.exchange.stage) + 1],
        started_at=clock.monotonic(),
        version="1.2.3",
        ask_timeout_s=2.0,
        decision_timeout_s=0.2,
    )


def _reloader(desk: Desk, rulebook: Rulebook, read: Callable[[], Config]) -> Reloader:
    logger: Ref[Any] = desk.logger
    herald = Herald(
        Notifier(None), clock=desk.clock, log=desk.log, watchdog_s=None, missing=tuple, stalled=tuple, doing="test"
    )
    return Reloader(read, rulebook=rulebook, has_keys=False, logger=logger, herald=herald, log=desk.log)


def _ignore(event: Event) -> None:
    """Tests look at answers, not at the supervisor."""
