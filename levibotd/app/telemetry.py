"""From committed records and the state of the actors to metrics."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from levibotd.app.committed import CommittedState, reason_of
from levibotd.domain.book import ACTIVE, HALTED, REDUCING
from levibotd.domain.orders import OrderState
from levibotd.domain.records import (
    Logged,
    LogShed,
    OrderAbandoned,
    OrderDone,
    OrderReject,
    SignalIngest,
    SignalRejected,
    SignalScored,
)
from levibotd.execution.equity import EquityWatch
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import System
from levibotd.observe.metrics import Metrics

_RISK_STATES = {ACTIVE: 0, REDUCING: 1, HALTED: 2}


class Telemetry:
    """Counts each commit, and takes the gauges when asked to."""

    def __init__(
        self, metrics: Metrics, *, state: CommittedState, equity: EquityWatch, clock: Clock, venue: str
    ) -> None:
        self.metrics = metrics
        self._state = state
        self._equity = equity
        self._clock = clock
        self._venue = venue
        self.decisions: dict[str, int] = {}

    def observe(self, committed: Sequence[Logged]) -> None:
        metrics = self.metrics
        for one in committed:
            metrics.events.of(one.event_type).inc()
            record = one.entry.record
            reason = reason_of(record)
            if reason is not None:
                gate = record.gate if isinstance(record, SignalRejected) else ""
                metrics.decisions.of(one.event_type, gate).inc()
                self.decisions[reason] = self.decisions.get(reason, 0) + 1
            elif isinstance(record, SignalIngest):
                metrics.tg_last_message.set(record.received_at)
            elif isinstance(record, SignalScored):
                metrics.tg_last_score_ok.set(one.ts)
            elif isinstance(record, LogShed):
                metrics.log_shed.inc(record.n)
            elif isinstance(record, OrderDone):
                metrics.orders.of(self._venue, record.final).inc()
            elif isinstance(record, OrderReject):
                metrics.orders.of(self._venue, "rejected").inc()
            elif isinstance(record, OrderAbandoned):
                metrics.orders.of(self._venue, "abandoned").inc()

    def sample(self, system: System, *, tasks: int, naked_s: Callable[[], float] = lambda: 0.0) -> None:
        ledger, metrics = self._state.ledger(), self.metrics
        equity = self._equity.equity(self._clock.time())
        anchor = ledger.day_anchor
        metrics.equity.set(float(equity))
        metrics.daily_pnl.set(float(equity - (anchor.equity if anchor is not None else Decimal(equity))))
        metrics.open_positions.set(len(ledger.positions))
        unknown = [order for order in ledger.open_orders() if order.state is OrderState.UNKNOWN]
        metrics.order_unknown.set(len(unknown))
        metrics.naked.set(naked_s())
        metrics.kill_switch.set(ledger.control.kill.tripped)
        metrics.risk_state.set(_RISK_STATES[ledger.control.risk_state])
        for name in system.cells:
            metrics.mailbox_depth.of(name).set(system.status(name).depth)
        metrics.sample_process(tasks=tasks)
