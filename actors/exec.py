"""
ExecActor: the only spender.

It takes a ticket once, writes every intent before anything is sent, and then keeps each call
where it should be: after each fill, end or price it has the settler ask what is missing and do
that, one order at a time for each symbol. What it knows is the fold over the committed log, so a
crash at any point goes on where the log ends.
"""

from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, assert_never

from msgspec import Struct

from levibotd.domain.book import KILL_SWITCH, Call
from levibotd.domain.exits import entries_over
from levibotd.domain.gates import GateName
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderBlocked, OrderDone, OrderIntent, PosRecon
from levibotd.domain.orders import ENTRY
from levibotd.domain.protection import RETRY_S, opening_actions
from levibotd.domain.records import AutoRouteExecuted, Gate, Record, RiskTicket, SignalRejected
from levibotd.domain.signal import CallKey, Symbol, TraceId
from levibotd.errors import Unavailable
from levibotd.execution.commands import Commands, Hands
from levibotd.execution.equity import EquityWatch, until_midnight_s
from levibotd.execution.protocol import MaySend, OrderProtocol
from levibotd.execution.recovery import Recovery
from levibotd.execution.settler import Settler, always
from levibotd.execution.told import armed, fill_record, opened, outcome
from levibotd.execution.wishes import ExecRules, Wishes
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.messages import ClosePosition, EndCalls, PlaceOrder, ReviseCalls, SetKillSwitch, SetStage, Switch
from levibotd.ports.market import Market
from levibotd.ports.venue import Calm, Fill, Marked, OrderEnded, Venue

OPENED = ("intent", "armed")
SYMBOL_BUSY = GateName.SYMBOL_BUSY

Orders = PlaceOrder | EndCalls | ReviseCalls | Switch | SetKillSwitch | SetStage | ClosePosition


class LookAgain(Struct, frozen=True):
    """To oneself: something about this symbol is due."""

    symbol: Symbol


class AskVenue(Struct, frozen=True):
    """To oneself: the venue could not be asked what an earlier life missed."""


class DayBegins(Struct, frozen=True):
    """To oneself: midnight, UTC."""


ExecMessage = Orders | Fill | OrderEnded | Marked | LookAgain | AskVenue | DayBegins


class ExecActor(Actor[ExecMessage]):
    """
    Carry out tickets and keep every position of ours protected or flat.

    A restart loses nothing: orders that were under way are UNKNOWN and asked for, intents that were
    never sent are abandoned, and what is held gets its stop before anything else.
    """

    def __init__(
        self,
        *,
        protocol: OrderProtocol,
        settler: Callable[[Callable[[Fill], Coroutine[Any, Any, None]]], Settler],
        venue: Venue,
        market: Market,
        ledger: Callable[[], Ledger],
        equity: EquityWatch,
        clock: Clock,
        rules: ExecRules,
    ) -> None:
        self._protocol = protocol
        self._settler = settler(self._tell_myself)
        self._venue = venue
        self._ledger = ledger
        self._equity = equity
        self._clock = clock
        self._rules = rules
        self._wishes = Wishes(protocol=protocol, ledger=ledger, rules=rules, on_trip=self._end_what_the_trip_ends)
        self._commands = Commands(
            protocol=protocol,
            ledger=ledger,
            settler=self._settler,
            market=market,
            clock=clock,
            splits=rules.splits,
            hands=Hands(settle=self._settle_soon, again=self._again, open=self._open),
        )
        self._recovery = Recovery(protocol=protocol, venue=venue, ledger=ledger, clock=clock)
        self._settling: set[Symbol] = set()
        self._newest: Fill | OrderEnded | Marked | None = None  # Of what the venue has told.

    # Life.

    async def on_continue(self) -> None:
        await self._recovery.caught_up()
        await self._recovery.decide()
        for update in [*await self._recovery.resolve(), *await self._missed()]:
            await self.receive(update)
        await self._begin_day()
        await self._watch_equity()  # Prices went on while nobody looked.
        if self._ledger().control.kill.tripped:
            self._end_what_the_trip_ends()
        for call in tuple(self._ledger().calls.values()):
            self._watch_lifetime(call)
            self._watch_closes(call)
            self._settle_soon(call.symbol)

    def sources(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._follow_venue,)

    async def receive(self, message: ExecMessage) -> object:
        match message:
            case PlaceOrder():
                await self._take(message)
            case Fill():
                await self._filled(message)
            case OrderEnded():
                await self._order_ended(message)
            case Marked():
                await self._marked(message)
            case LookAgain(symbol=symbol):
                self._look_again(symbol)
            case AskVenue():
                self.start(self._hear_missed, key="venue", urgent=True)
            case DayBegins():
                await self._begin_day()
            case EndCalls():
                await self._commands.end(message)
            case ReviseCalls():
                await self._commands.revise(message)
            case ClosePosition():
                return await self._commands.close(message)
            case Switch():
                return await self._wishes.switch(message)
            case SetKillSwitch():
                return await self._wishes.set_kill_switch(message)
            case SetStage():
                return await self._wishes.set_stage(message)
            case _:
                assert_never(message)
        return None

    async def _follow_venue(self) -> None:
        self._venue.rest(None)  # What an earlier life thought of prices is forgotten with it.
        async for update in self._venue.updates():
            self._newest = update
            await self.me.tell(update)

    async def _hear_missed(self) -> None:
        for update in await self._missed():
            await self.me.tell(update)

    async def _missed(self) -> list[Fill | OrderEnded]:
        try:
            return await self._recovery.missed()
        except Unavailable:
            self.after(RETRY_S, AskVenue(), key="venue")
            return []

    async def _tell_myself(self, fill: Fill) -> None:
        await self.me.tell(fill)

    # Opening.

    async def _take(self, message: PlaceOrder) -> None:
        trace = message.trace
        if trace is None or self._ledger().decision(trace) is not None:
            return  # Delivered before.
        outcomes = list(message.refused)
        refusal: Gate | None = None
        for ticket in message.tickets:
            gate = await self._spend(ticket, trace, revision=message.revision)
            refusal = refusal or gate
            outcomes.append(outcome(ticket, gate))
        if any(one.outcome in OPENED for one in outcomes):
            await self._protocol.tell(trace, AutoRouteExecuted(legs=tuple(outcomes), effect="opened"))
        elif refusal is not None:
            legs = tuple(outcomes)
            owner = self._ledger().calls.get(CallKey(str(refusal.value))) if refusal.name == SYMBOL_BUSY else None
            no = SignalRejected(
                gate=refusal.name,
                value=refusal.value,
                limit=refusal.limit,
                owner=None if owner is None else owner.key,
                side=None if owner is None else owner.side,
                legs=legs,
            )
            await self._protocol.tell(trace, no)

    async def _spend(self, ticket: RiskTicket, trace: TraceId, *, revision: int) -> Gate | None:
        """Commit all intents of a ticket at once, the stop's first; None, or the gate that said no."""
        symbol = ticket.plan.symbol
        if self._ledger().was_blocked(ticket.call):
            return Gate(name=GateName.TICKET_SPENT, value=ticket.call, limit="once")
        if self._ledger().ticket_spent(ticket.call):
            return None  # By an earlier delivery, whose intents stand in the log.
        gate = self._blocked(ticket)
        if gate is not None:
            blocked = OrderBlocked(call=ticket.call, gate=gate.name, value=gate.value, limit=gate.limit)
            await self._protocol.commit(trace, symbol, blocked)
            return gate
        actions = opening_actions(ticket.plan)
        intents = tuple(self._settler.intent(ticket.call, action, revision=revision) for action in actions)
        triggers = [armed(ticket, intent) for intent in intents if intent.type == "trigger"]
        await self._protocol.commit(trace, symbol, *intents, *triggers)
        self._watch_lifetime(self._ledger().calls[ticket.call])  # First: what the fold does not know is not sent.
        self.start(partial(self._open, trace, ticket, intents), key=symbol)
        return None

    def _blocked(self, ticket: RiskTicket) -> Gate | None:
        ledger, now = self._ledger(), self._clock.time()
        if now > ticket.expires_at or ledger.ticket(ticket.call) is None:
            return Gate(name=GateName.TICKET_EXPIRED, value=now, limit=ticket.expires_at)
        if (closed := ledger.may_open()) is not None:
            return closed
        owner = ledger.owner(ticket.plan.symbol)
        if owner is not None and owner != ticket.call:
            return Gate(name=GateName.SYMBOL_BUSY, value=owner, limit="one owner")
        held, limit = len(ledger.held()), self._rules.max_open()
        if held >= limit:
            return Gate(name=GateName.MAX_OPEN, value=float(held), limit=float(limit))
        if not self.can_start():
            return Gate(name=GateName.CAPACITY, value="order tasks", limit="a free place")
        return None

    async def _open(self, trace: TraceId | None, ticket: RiskTicket, intents: tuple[OrderIntent, ...]) -> None:
        """Send what was committed: the stop, and entries only while the stop stands at the venue."""
        symbol = ticket.plan.symbol
        may_enter = self._may_enter(ticket, stop_cid=intents[0].cid)
        for intent in intents:
            may_send = may_enter if intent.role == ENTRY else always
            try:
                await self._settler.send(intent, trace=trace, symbol=symbol, may_send=may_send)
            except Unavailable:
                continue  # It is UNKNOWN; settling asks again, and no entry goes out beside an unknown stop.
        if (call := self._ledger().calls.get(ticket.call)) is not None:
            self._watch_closes(call)  # Of this plan, which may have taken the place of another.
        self._settle_soon(symbol)

    def _may_enter(self, ticket: RiskTicket, *, stop_cid: str) -> MaySend:
        def look() -> str | None:
            if self._clock.time() > ticket.expires_at:
                return str(GateName.TICKET_EXPIRED)  # The process stood still, or the stop took its time.
            if (given_up := self._settler.given_up(ticket.call)) is not None:
                return given_up  # Cancelled, closed or over since its intents were written.
            ledger = self._ledger()
            stop = ledger.order(stop_cid)
            if stop is None or not stop.resting:
                return str(GateName.UNPROTECTED)
            closed = ledger.may_open()
            return None if closed is None else closed.name

        return look

    # What the venue tells.

    async def _filled(self, fill: Fill) -> None:
        ledger = self._ledger()
        order = ledger.order(fill.cid)
        if order is not None and fill.trade_id in order.trade_ids:
            return
        call = ledger.calls.get(order.call) if order is not None else None
        if order is None or call is None:
            orphan = PosRecon(venue=fill.qty, ledger=Decimal(0), action="orphan")
            await self._protocol.commit(None, fill.symbol, orphan)
            return
        records: list[Record] = [fill_record(order, fill)]
        if order.role == ENTRY and call.opened_at is None:
            records.append(opened(call, fill))
        await self._protocol.commit(call.trace, call.symbol, *records)
        self._settle_soon(call.symbol)
        await self._watch_equity()

    async def _order_ended(self, ended: OrderEnded) -> None:
        order = self._ledger().order(ended.cid)
        if order is None or (order.terminal and order.cum_qty == ended.cum_qty):
            return
        call = self._ledger().calls.get(order.call)
        done = OrderDone(cid=ended.cid, final=ended.final, cum_qty=ended.cum_qty, why=ended.why)
        await self._protocol.commit(call.trace if call else None, ended.symbol, done)
        if ended.cum_qty > order.filled:
            self.after(RETRY_S, AskVenue(), key="venue")  # Trades that it has overtaken.
        self._settle_soon(ended.symbol)

    async def _marked(self, mark: Marked) -> None:
        self._equity.price(mark.symbol, mark.price)
        ledger = self._ledger()
        owner = ledger.owner(mark.symbol)
        call = ledger.calls.get(owner) if owner is not None else None
        if call is not None:
            orders = ledger.orders_of(call.key)
            over = entries_over(call, orders, now=self._clock.time(), low=mark.low, high=mark.high)
            if over is not None and any(order.role == ENTRY and order.live for order in orders):
                self._settler.end_entries(call.key, why=over)
                self._settle_soon(mark.symbol)
            if self._settler.see(call, price=mark.price, low=mark.low, high=mark.high):
                self._settle_soon(mark.symbol)
        await self._watch_equity()
        if mark is self._newest:
            self._venue.rest(self._calm())

    # What is not known yet, waits for an entry or is trailed by its stop is to be told at every bar.
    def _calm(self) -> Calm | None:
        calm = self._equity.calm()
        if calm is None:
            return None
        ledger = self._ledger()
        for symbol in tuple(calm.bounds):
            owner = ledger.owner(symbol)
            if (
                owner is None
                or self._settler.trails(ledger.calls[owner])
                or any(order.role == ENTRY and order.live for order in ledger.orders_of(owner))
            ):
                del calm.bounds[symbol]
        return calm

    # Keeping calls where they should be.

    def _again(self, delay_s: float, message: ReviseCalls) -> None:
        revision = message.edit.revision if message.edit is not None else None
        self.after(delay_s, message, key=("revise", message.trace, revision))

    def _settle_soon(self, symbol: Symbol) -> None:
        if symbol in self._settling:
            return  # It has not begun yet and will see what happened.
        self._settling.add(symbol)
        self.start(partial(self._settle, symbol), key=symbol, urgent=True)

    async def _settle(self, symbol: Symbol) -> None:
        self._settling.discard(symbol)
        again_s = await self._settler.settle(symbol)
        if again_s is not None:
            self.after(again_s, LookAgain(symbol), key=("again", symbol))

    def _look_again(self, symbol: Symbol) -> None:
        owner = self._ledger().owner(symbol)
        if owner is not None:
            self._watch_closes(self._ledger().calls[owner])
            if not self._settler.given_up(owner):
                # Not over by the clock that says so, which may have been set back since.
                self._watch_lifetime(self._ledger().calls[owner])
        self._settle_soon(symbol)

    def _watch_lifetime(self, call: Call) -> None:
        left_s = max(call.entry_valid_until - self._clock.time(), 0.0)
        self.after(left_s, LookAgain(call.symbol), key=("lifetime", call.symbol))

    def _watch_closes(self, call: Call) -> None:
        left_s = self._settler.next_close_s(call)
        if left_s is not None:
            self.after(left_s, LookAgain(call.symbol), key=("close", call.symbol))

    async def _watch_equity(self) -> None:
        tripped = self._equity.trip(self._clock.time())
        if tripped is not None:
            await self._wishes.trip(tripped)

    def _end_what_the_trip_ends(self) -> None:
        for call in tuple(self._ledger().calls.values()):
            if self._rules.flatten_on_trip():
                self._settler.close(call.key, why="flatten")
            else:
                self._settler.end_entries(call.key, why=KILL_SWITCH)
            self._settle_soon(call.symbol)

    async def _begin_day(self) -> None:
        now = self._clock.time()
        anchor = self._equity.anchor(now)
        if anchor is not None:
            await self._protocol.commit(None, None, anchor)
        self.after(until_midnight_s(now), DayBegins(), key="midnight")
