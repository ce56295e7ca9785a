"""
The ledger: positions, money, control, tickets, cooldowns and the work list as a fold over records.

`Ledger.apply` takes one committed record after the other, in the order of the log, and looks at
nothing else: no clock, no price, no configuration. Two ledgers that saw the same records are
equal, whatever happened between: a snapshot as bytes plus the records after it gives the same
state as all the records.

The rules of each record stand in `fold.py`, the state itself in `book.py`.
"""

from collections.abc import Mapping
from decimal import Decimal
from statistics import median

import msgspec

from levibotd.domain.accounting import EXACT
from levibotd.domain.archive import ArchiveBook
from levibotd.domain.book import (
    ACTIVE,
    Call,
    ControlState,
    Held,
    KillState,
    PendingPost,
    Position,
    Revision,
    State,
    Tally,
    Ticket,
)
from levibotd.domain.fold import COOLDOWN_KEEP_S, FOLDED, fold
from levibotd.domain.order_records import PositionClosed
from levibotd.domain.orders import Order
from levibotd.domain.records import DayAnchor, Entry, Gate, Record, TgCursor
from levibotd.domain.signal import CallKey, Symbol, TraceId
from levibotd.domain.stills import in_pieces, still

STOPS_FOR_MEDIAN = 10  # Fewer say nothing about a channel.


class Ledger:
    """The state of all money and of all work, made from records alone."""

    def __init__(self, *, balance: Decimal, switch_on: bool = True, cooldown_keep_s: float = COOLDOWN_KEEP_S) -> None:
        self._state = State(
            start=balance,
            cooldown_keep_s=cooldown_keep_s,
            control=ControlState(switch_on=switch_on, kill=KillState()),
            cash=balance,
            total=Tally(),
        )

    @staticmethod
    def concerns(kind: type[Record]) -> bool:
        """Does a record of this type change anything here?"""
        return kind in FOLDED

    def apply(self, entry: Entry) -> None:
        """Fold one committed record in. Never raises; see `contradictions`."""
        fold(self._state, entry)

    # Snapshots.

    def to_bytes(self) -> bytes:
        return bytes(in_pieces(self._state))

    @classmethod
    def from_bytes(cls, snapshot: bytes) -> "Ledger":
        """Raises msgspec.DecodeError when these bytes are no snapshot of this version."""
        ledger = cls(balance=Decimal(0))
        ledger._state = msgspec.msgpack.decode(snapshot, type=State)
        return ledger

    def copy(self) -> "Ledger":
        """The same as of now; what becomes of one is nothing to the other."""
        other = Ledger(balance=self._state.start)
        other._state = still(self._state)
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self._state == other._state

    # Control.

    @property
    def control(self) -> ControlState:
        return self._state.control

    def may_open(self) -> Gate | None:
        """None when calls may be opened; else the first that says no: switch, kill switch, risk state, safe mode."""
        says_no = self.says_no()
        return says_no[0] if says_no else None

    def says_no(self) -> tuple[Gate, ...]:
        """All that forbid opening now."""
        control = self._state.control
        gates = []
        if not control.switch_on:
            gates.append(Gate(name="switch", value="off", limit="on"))
        if control.kill.tripped:
            gates.append(Gate(name="kill_switch", value=control.kill.why, limit="armed"))
        if control.risk_state != ACTIVE:
            gates.append(Gate(name="risk_state", value=control.risk_state, limit=ACTIVE))
        if control.safe_mode:
            gates.append(Gate(name="safe_mode", value=",".join(control.safe_mode), limit="off"))
        return tuple(gates)

    # Calls, orders, positions.

    @property
    def calls(self) -> Mapping[CallKey, Call]:
        """Calls that are not over, by key, in the order in which they were opened."""
        return self._state.calls

    @property
    def orders(self) -> Mapping[str, Order]:
        """Orders of the calls that are not over, terminal ones included."""
        return self._state.orders

    def order(self, cid: str) -> Order | None:
        """An order of an open call, or one of the last thousand of ended calls."""
        return self._state.orders.get(cid) or self._state.finished.get(cid)

    def orders_of(self, call: CallKey) -> tuple[Order, ...]:
        """The orders of an open call in the order of their intents."""
        held = self._state.calls.get(call)
        return tuple(self._state.orders[cid] for cid in held.orders) if held else ()

    def open_orders(self) -> tuple[Order, ...]:
        """All orders that are not terminal."""
        return tuple(order for order in self._state.orders.values() if not order.terminal)

    def finished_orders(self) -> tuple[Order, ...]:
        """The newest orders of ended calls, oldest first."""
        return tuple(self._state.finished.values())

    @property
    def positions(self) -> dict[Symbol, Position]:
        return {
            call.symbol: Position(
                symbol=call.symbol, qty=call.side.sign * call.qty, entry_value=call.entry_value, owner=call.key
            )
            for call in self._state.calls.values()
            if call.qty
        }

    def owner(self, symbol: Symbol, *, at: float | None = None) -> CallKey | None:
        """
        The one call this symbol belongs to, from its ticket until it is flat and all its orders are over.

        With `at`, a ticket that nobody has spent yet counts until it expires; without, spent ones alone.
        """
        owner = self._state.owners.get(symbol)
        if owner is None and at is not None:
            for ticket in self._state.tickets.values():
                if ticket.plan.symbol == symbol and ticket.expires_at > at:
                    return ticket.call
        return owner

    def held(self, *, at: float | None = None) -> tuple[Held, ...]:
        """What exposure is counted from: calls that are not over and, with `at`, tickets that may still be spent."""
        calls = [(c.key, c.channel, c.plan) for c in self._state.calls.values() if not (c.ended and c.flat)]
        if at is not None:
            calls += [(t.call, t.channel, t.plan) for t in self._state.tickets.values() if t.expires_at > at]
        return tuple(
            Held(call=key, channel=channel, symbol=plan.symbol, side=plan.side, planned_loss=plan.planned_loss)
            for key, channel, plan in calls
        )

    # Tickets.

    def ticket(self, call: CallKey) -> Ticket | None:
        """A ticket that was not spent yet. Whether it has expired is for the reader to say."""
        return self._state.tickets.get(call)

    def ticket_spent(self, call: CallKey) -> bool:
        """Has this call an intent, an armed entry or a refusal of Exec's already? Then it never gets another."""
        return call in self._state.spent

    def was_blocked(self, call: CallKey) -> bool:
        """Was its ticket spent on a refusal of Exec's?"""
        return self._state.spent.get(call) == "blocked"

    # Money.

    @property
    def cash(self) -> Decimal:
        return self._state.cash

    @property
    def start_balance(self) -> Decimal:
        return self._state.start

    @property
    def realised(self) -> Decimal:
        """Realised profit before fees, since the first record."""
        return self._state.realised

    @property
    def fees(self) -> Decimal:
        return self._state.fees

    @property
    def day_anchor(self) -> DayAnchor | None:
        return self._state.anchor

    @property
    def realised_today(self) -> Decimal:
        """Realised profit less fees since the day anchor."""
        return self._state.realised - self._state.fees - self._state.net_at_anchor

    def equity(self, marks: Mapping[Symbol, Decimal]) -> Decimal:
        """Cash plus what open positions have gained. A symbol without a mark counts at what was paid."""
        equity = self._state.cash
        for call in self._state.calls.values():
            if call.qty and (mark := marks.get(call.symbol)) is not None:
                worth = EXACT.subtract(EXACT.multiply(mark, call.qty), call.entry_value)
                equity = EXACT.add(equity, EXACT.multiply(worth, call.side.sign))
        return equity

    @property
    def total(self) -> Tally:
        return self._state.total

    @property
    def channels(self) -> Mapping[str, Tally]:
        return self._state.channels

    @property
    def trades(self) -> tuple[PositionClosed, ...]:
        """The last thousand closed calls, oldest first."""
        return tuple(self._state.trades)

    @property
    def orphan_fills(self) -> int:
        """Fills of orders that are not known here; not booked, reconciliation looks at the venue."""
        return self._state.orphan_fills

    @property
    def contradictions(self) -> int:
        """Records that could not follow what was before them and changed nothing: each is a race or a bug."""
        return self._state.contradictions

    @property
    def archive(self) -> ArchiveBook:
        """How far the archive is, segment by segment."""
        return self._state.archive

    # Cooldowns and channels.

    def last_close(self, symbol: Symbol) -> float | None:
        return self._state.closed_at.get(symbol)

    def last_stop_out(self, symbol: Symbol) -> float | None:
        return self._state.stopped_at.get(symbol)

    def channel_median_stop(self, channel: str) -> float | None:
        """Median distance of the stops this channel has posted, as share of the entry; None below ten of them."""
        distances = self._state.stop_distances.get(channel, ())
        return median(distances) if len(distances) >= STOPS_FOR_MEDIAN else None

    # The work list.

    @property
    def pending(self) -> Mapping[TraceId, PendingPost]:
        """Posts that were ingested and have no decision yet, oldest first."""
        return self._state.pending

    def decision(self, trace: TraceId) -> str | None:
        """Event type of the terminal decision of a post; the last sixteen thousand at least are known."""
        return self._state.decided.get(trace)

    def revision(self, trace: TraceId) -> Revision | None:
        """The newest edit of a post that stands in the log, None where there is none."""
        return self._state.revisions.get(trace)

    def deleted(self, trace: TraceId) -> bool:
        """Does the log say that this post is gone? The last sixteen thousand at least are known."""
        return trace in self._state.deleted

    def opened_before(self, channel: str, said: str, *, since: float) -> CallKey | None:
        """The call of this channel that was opened since then and says the same (`copies.call_print`)."""
        opened = self._state.opened.get(f"{channel}|{said}")
        return opened.call if opened is not None and opened.at >= since else None

    @property
    def cursors(self) -> Mapping[str, TgCursor]:
        return self._state.cursors
