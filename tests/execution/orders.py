"""A venue, a log and a ledger around the order protocol, on the test's own clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from random import Random

from actors.logger import LoggerActor
from levibotd.app.committed import CommittedState
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderIntent
from levibotd.domain.orders import Order, client_order_id
from levibotd.domain.records import Record, RiskTicket
from levibotd.domain.signal import Side, TraceId, call_key
from levibotd.domain.trade_plan import Rung, Target, TradePlan
from levibotd.execution.protocol import Fence, OrderProtocol
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import BLOCK, Box, Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import LoggerMessage
from levibotd.recording.log import Log
from levibotd.sim.memory_journal import MemoryJournal
from levibotd.sim.paper_venue import PaperVenue
from levibotd.sim.recorded_market import RecordedMarket
from tests.scenarios.bench import BTC, T0, flat, minutes
from tests.sim.memory_candles import MemoryCandles

KEY = call_key("paper", "@calls", 1, 0)
TRACE = TraceId("0123456789abcdef")

PLAN = TradePlan(
    symbol=BTC,
    side=Side.BUY,
    rungs=(Rung(style="limit", qty=Decimal(2), price=Decimal(99)),),
    targets=(Target(price=Decimal(105), share=Decimal(1)),),
    stop=Decimal(95),
    stop_source="signal",
    targets_source="signal",
    qty=Decimal(2),
    notional=Decimal(198),
    planned_loss=Decimal(9),
    leverage=1,
    mark=Decimal(100),
    price_cap=Decimal(99),
)


class Desk:
    """One call with a ticket, and what is needed to send its orders."""

    def __init__(self, clock: Clock, *, fence: Fence | None = None, market: RecordedMarket | None = None) -> None:
        self.clock = clock
        self.state = CommittedState(Ledger(balance=Decimal(10_000)))
        self.journal = MemoryJournal()
        self.market = market or RecordedMarket(MemoryCandles({BTC: minutes(*flat(100.0, 30))}))
        self.venue = PaperVenue(self.market, clock)
        self.log: Ref[LoggerMessage] = Ref("logger", Box(64, BLOCK))
        self.protocol = OrderProtocol(
            venue=self.venue, log=self.log, ledger=self.state.ledger, clock=clock, fence=fence or Fence()
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Desk"]:
        log = Log(self.journal, on_commit=self.state.observe)

        def logger() -> LoggerActor:
            return LoggerActor(
                log=log,
                preparer=Preparer(),
                clock=self.clock,
                is_decided=self.state.is_decided,
                decision_of=lambda trace: None,
            )

        system = System(
            Group("root", children=(Child(self.log, logger),)),
            clock=self.clock,
            on_event=lambda event: None,
            rng=Random(1),
        )
        await system.start()
        await self.clock.sleep_until(T0 + 5)
        await self.protocol.commit(TRACE, BTC, self.ticket())
        try:
            yield self
        finally:
            await system.stop()

    def ticket(self) -> RiskTicket:
        now = self.clock.time()
        return RiskTicket(
            call=KEY,
            channel="@calls",
            plan=PLAN,
            gates=(),
            policy="moderate",
            policy_hash="",
            equity=Decimal(10_000),
            exposure_seq=0,
            entry_valid_until=now + 3600,
            expires_at=now + 30,
            at=now,
        )

    async def intend(self, role: str = "e", *, attempt: int = 0, valid_until: float | None = None) -> OrderIntent:
        """Commit the intent of an entry at 99 or a stop at 95."""
        entry = role == "e"
        cid = client_order_id(env="d", installation="aa", call=KEY, role=role, slot=0, attempt=attempt)
        intent = OrderIntent(
            cid=cid,
            call=KEY,
            role=role,
            slot=0,
            attempt=attempt,
            side=Side.BUY if entry else Side.SELL,
            type="limit" if entry else "stop",
            tif="GTC",
            qty=Decimal(2),
            venue="paper",
            at=self.clock.time(),
            price=Decimal(99) if entry else None,
            trigger=None if entry else Decimal(95),
            reduce_only=not entry,
            valid_until=valid_until,
        )
        await self.protocol.commit(TRACE, BTC, intent)
        return intent

    def order(self, intent: OrderIntent) -> Order:
        order = self.state.ledger().order(intent.cid)
        assert order is not None
        return order

    def of(self, cid: str) -> list[Record]:
        """The records of one order, in the order of the log."""
        records = [one.entry.record for one in self.journal.logged]
        return [record for record in records if getattr(record, "cid", None) == cid]

    def story(self, cid: str) -> list[str]:
        return [type(record).__name__ for record in self.of(cid)]
