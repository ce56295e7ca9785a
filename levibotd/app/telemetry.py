"""From committed records and the state of the actors to metrics."""

from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal

from levibotd.app.committed import CommittedState, reason_of
from levibotd.domain.book import ACTIVE, HALTED, REDUCING
from levibotd.domain.bursts import BURST
from levibotd.domain.order_records import (
    OrderAbandoned,
    OrderAck,
    OrderDone,
    OrderFill,
    OrderFilled,
    OrderIntent,
    OrderNew,
    OrderReject,
)
from levibotd.domain.orders import OrderState
from levibotd.domain.protection import is_protected
from levibotd.domain.records import (
    AutoRouteSkipped,
    Logged,
    LogShed,
    Record,
    RiskTicket,
    SignalIngest,
    SignalRejected,
    SignalScored,
    SystemNote,
)
from levibotd.domain.signal import CallKey, TraceId
from levibotd.execution.equity import EquityWatch
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import System
from levibotd.observe.metrics import Metrics

_RISK_STATES = {ACTIVE: 0, REDUCING: 1, HALTED: 2}
_ON_THEIR_WAY = 1024  # Posts whose latency is followed.
_MAY_BARE = (OrderFill, OrderAck, OrderDone, OrderReject)  # What may begin or end a time without a stop.
_STAGE_OF: dict[type[Record], str] = {
    SignalIngest: "ingest",
    SignalScored: "score",
    RiskTicket: "risk",
    SignalRejected: "risk",
    OrderIntent: "intent",
    OrderNew: "sent",
    OrderAck: "acked",
}


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
        self._naked_since: dict[CallKey, float] = {}
        self._arrived: OrderedDict[TraceId, dict[str, float]] = OrderedDict()  # When, and the stages reached since.

    def observe(self, committed: Sequence[Logged]) -> None:
        metrics = self.metrics
        if committed:
            metrics.log_commit.observe(max(self._clock.time() - committed[0].ts, 0.0))
        if any(isinstance(one.entry.record, _MAY_BARE) for one in committed):
            self._watch_naked()
        for one in committed:
            metrics.events.of(one.event_type).inc()
            record = one.entry.record
            self._time(one)
            reason = reason_of(record)
            if reason is not None:
                metrics.decisions.of(one.event_type, _gate_of(record)).inc()
                self.decisions[reason] = self.decisions.get(reason, 0) + 1
            elif isinstance(record, SignalIngest):
                metrics.tg_last_message.set(record.received_at)
            elif isinstance(record, SignalScored):
                metrics.tg_last_score_ok.set(one.ts)
            elif isinstance(record, SystemNote) and record.note == BURST:
                metrics.command_bursts.inc()
            elif isinstance(record, LogShed):
                metrics.log_shed.inc(record.n)
            elif isinstance(record, OrderFilled):
                metrics.orders.of(self._venue, "filled").inc()
            elif isinstance(record, OrderDone):
                metrics.orders.of(self._venue, record.final).inc()
            elif isinstance(record, OrderReject):
                metrics.orders.of(self._venue, "rejected").inc()
            elif isinstance(record, OrderAbandoned):
                metrics.orders.of(self._venue, "abandoned").inc()

    def sample(self, system: System, *, tasks: int) -> None:
        ledger, metrics = self._state.ledger(), self.metrics
        equity = self._equity.equity(self._clock.time())
        anchor = ledger.day_anchor
        metrics.equity.set(float(equity))
        metrics.daily_pnl.set(float(equity - (anchor.equity if anchor is not None else Decimal(equity))))
        metrics.open_positions.set(len(ledger.positions))
        metrics.ledger_contradictions.set(ledger.contradictions + ledger.orphan_fills)
        for fold, kept in self._state.remembered().items():
            metrics.remembered.of(fold).set(kept)
        for fold, gone in self._state.forgotten().items():
            metrics.forgotten.of(fold).set(gone)
        unknown = [order for order in ledger.open_orders() if order.state is OrderState.UNKNOWN]
        metrics.order_unknown.set(len(unknown))
        self._watch_naked()
        now = self._clock.monotonic()
        metrics.naked.set(max((now - since for since in self._naked_since.values()), default=0.0))
        metrics.kill_switch.set(ledger.control.kill.tripped)
        metrics.risk_state.set(_RISK_STATES[ledger.control.risk_state])
        for name in system.cells:
            status = system.status(name)
            metrics.mailbox_depth.of(name).set(status.depth)
            metrics.mailbox_wait.of(name).observe(status.oldest_age_s)
        metrics.sample_process(tasks=tasks)

    # In running time, and looked at with each order's news: a window may be shorter than the time between two samples.
    def _watch_naked(self) -> None:
        ledger, now = self._state.ledger(), self._clock.monotonic()
        naked = [key for key, call in ledger.calls.items() if not is_protected(call, ledger.orders_of(key))]
        for key, since in self._naked_since.items():
            if key not in naked:
                self.metrics.naked_window.observe(now - since)
        self._naked_since = {key: self._naked_since.get(key, now) for key in naked}

    # Each stage once a post: a ladder has many intents, and the first one is what somebody waits for.
    def _time(self, one: Logged) -> None:
        stage = _STAGE_OF.get(type(one.entry.record))
        trace = one.entry.trace
        if stage is None or trace is None:
            return
        if isinstance(one.entry.record, SignalIngest):
            self._arrived[trace] = {"": one.entry.record.received_at}
            if len(self._arrived) > _ON_THEIR_WAY:
                self._arrived.popitem(last=False)
        reached = self._arrived.get(trace)
        if reached is not None and stage not in reached:
            reached[stage] = one.ts
            self.metrics.signal_latency.of(stage).observe(max(one.ts - reached[""], 0.0))


def _gate_of(record: Record) -> str:
    if isinstance(record, SignalRejected):
        return record.gate
    return record.reason if isinstance(record, AutoRouteSkipped) else ""
