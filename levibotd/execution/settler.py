"""
Bring a call to where it should be: ask what is missing, do it, ask again.

One settling runs per symbol at a time, so that two events never lead to the same order twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.book import CLOSED, CLOSING, Call
from levibotd.domain.exits import entries_over, moved_stop, mover_of, position_closed
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderIntent, Protect
from levibotd.domain.orders import ENTRY, STOP, TARGET, Order, OrderState, client_order_id
from levibotd.domain.protection import (
    RETRY_S,
    Action,
    CancelAction,
    FinishAction,
    PlaceOrderAction,
    is_protected,
    next_actions,
    opening_actions,
)
from levibotd.domain.records import Control, Record, RiskSltp, RiskTicket
from levibotd.domain.signal import CallKey, Symbol, TraceId
from levibotd.domain.sizing import Filters
from levibotd.errors import OutcomeUnknown, Unavailable
from levibotd.execution.close_watch import CloseWatch
from levibotd.execution.protocol import MaySend, OrderProtocol
from levibotd.execution.replacing import Replacement, may_not_begin
from levibotd.execution.told import armed, levels_of
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Instrument, Market
from levibotd.ports.venue import Fill

STOPPED = "stop"  # Why a call ends whose stop was reached.
ROUNDS_MAX = 16  # A call that is not settled after so many rounds is looked at again at the next event.


class Naming(Struct, frozen=True, kw_only=True):
    """What client order ids are made of beside the call: environment, installation and venue."""

    env: str
    installation: str
    venue: str


class Settler:
    """
    Carries out what `domain/protection.py` says, one call at a time.

    What it remembers (why entries must go, since when a position is naked) only makes it quicker:
    after a crash the same follows from the ledger and the next price.
    """

    def __init__(
        self,
        *,
        protocol: OrderProtocol,
        ledger: Callable[[], Ledger],
        market: Market,
        clock: Clock,
        naming: Naming,
        stop_mover: Callable[[str], str],
        on_fill: Callable[[Fill], Awaitable[None]],
    ) -> None:
        self._protocol = protocol
        self._ledger = ledger
        self._market = market
        self._clock = clock
        self._naming = naming
        self._stop_mover = stop_mover
        self._on_fill = on_fill
        self._closes = CloseWatch(market, clock)
        # Whoever changes levels reckons with those that rule, and nobody else does until his stand in the log.
        self.levels = asyncio.Lock()
        self._over: dict[CallKey, str] = {}
        self._closing: dict[CallKey, str] = {}
        self._replacing: dict[CallKey, Replacement] = {}
        self._naked_since: dict[CallKey, float] = {}
        self._best: dict[CallKey, Decimal] = {}  # The best price each call has seen since it holds something.
        self._cancelled: set[str] = set()  # What this incarnation has cancelled itself.

    def end_entries(self, call: CallKey, *, why: str) -> None:
        """What of this call is not filled yet must go."""
        self._over.setdefault(call, why)

    def close(self, call: CallKey, *, why: str) -> None:
        """This call must end: unfilled entries go, what is held is sold."""
        self._over.setdefault(call, why)
        self._closing.setdefault(call, why)

    def replace(self, call: CallKey, by: Replacement) -> Replacement | None:
        """
        Cancel what rests of this call; once that is over, and nothing has filled, begin anew by another plan.

        Returns the one that was waited for until now: nobody else will tell it that it is over.
        """
        before = self._replacing.get(call)
        self._replacing[call] = by
        return before

    def given_up(self, call: CallKey) -> str | None:
        """Why no entry of this call may go out any more; None while one may."""
        held = self._ledger().calls.get(call)
        if held is None:
            return "over"
        if call in self._replacing:
            return "replaced"
        if (why := self._over.get(call)) is not None:
            return why
        if held.status == CLOSING:
            return "closing"
        return entries_over(held, self._ledger().orders_of(call), now=self._clock.time())

    def trails(self, call: Call) -> bool:
        """Does the stop of this call follow prices, and not only what has filled?"""
        return bool(call.qty) and mover_of(self._stop_mover(call.channel)).looks_at_prices

    def see(self, call: Call, *, price: Decimal, low: Decimal, high: Decimal) -> bool:
        """Take note of what has traded; does a stop move because of it?"""
        if not self.trails(call):
            return False
        best, sign = self._best.get(call.key), call.side.sign
        # Of the bar in which it filled nobody knows what came before the fill.
        seen = price if best is None else high if sign > 0 else low
        if best is not None and (seen - best) * sign <= 0:
            return False
        self._best[call.key] = seen
        return self._wanted_stop(call, self._ledger().orders_of(call.key)) is not None

    def next_close_s(self, call: Call) -> float | None:
        """In how many seconds a bar closes that this call's stop looks at; None where none does."""
        return self._closes.next_look_s(call)

    def naked_since(self) -> dict[CallKey, float]:
        """Positions without a stop at the venue, and since when (monotonic)."""
        return dict(self._naked_since)

    def intent(self, call: CallKey, action: PlaceOrderAction, *, revision: int = 0) -> OrderIntent:
        """The record that comes before this order is sent."""
        cid = client_order_id(
            env=self._naming.env,
            installation=self._naming.installation,
            call=call,
            role=action.role,
            slot=action.slot,
            attempt=action.attempt,
        )
        return OrderIntent(
            cid=cid,
            call=call,
            role=action.role,
            slot=action.slot,
            attempt=action.attempt,
            side=action.side,
            type=action.type,
            tif=action.tif,
            qty=action.qty,
            price=action.price,
            trigger=action.trigger,
            reduce_only=action.reduce_only,
            venue=self._naming.venue,
            revision=revision,
            at=self._clock.time(),
        )

    async def send(self, intent: OrderIntent, *, trace: TraceId | None, symbol: Symbol, may_send: MaySend) -> None:
        """Send a committed intent once, and book what only a query brought to light."""
        for fill in await self._protocol.send(intent, trace=trace, symbol=symbol, may_send=may_send):
            await self._on_fill(fill)

    async def settle(self, symbol: Symbol) -> float | None:
        """
        Do all that is missing for the call that owns `symbol`. Returns in how many seconds to look again, if at all.

        Raises nothing of the venue's: what did not work is tried at the next look.
        """
        for _ in range(ROUNDS_MAX):
            call = self._owner(symbol)
            if call is None:
                return None
            try:
                orders = self._ledger().orders_of(call.key)
                if await self._replaced(call, orders):
                    continue
                await self._heed_closes(call)
                await self._move_stop(call, orders)
                actions = self._missing(call, orders)
                for action in actions:
                    await self._do(call, action)
                # Protection does not wait for what is unknown; everything else does.
                if not actions and not await self._resolved(call, orders):
                    waits = call.key in self._naked_since or self._refused_just_now(orders)
                    return RETRY_S if waits else None
            except (OutcomeUnknown, Unavailable):
                return RETRY_S
        return RETRY_S

    # Is this call on another plan now, or is it certain that it will not be? While entries rest neither is.
    async def _replaced(self, call: Call, orders: tuple[Order, ...]) -> bool:
        by = self._replacing.get(call.key)
        if by is None:
            return False
        entries = [order for order in orders if order.role == ENTRY]
        if call.bought or any(order.untold for order in entries):
            why = "filled"
        elif any(order.live for order in entries) and call.status != CLOSING and call.key not in self._over:
            return False
        else:
            why = "replaced"
        intents: tuple[OrderIntent, ...] = ()
        async with self.levels:
            if why == "replaced":
                over = self._over.get(call.key)
                why = may_not_begin(call, by.ticket, entries, self._ledger(), over=over, now=self._clock.time()) or why
            del self._replacing[call.key]
            if why == "replaced":
                intents = await self._begin_anew(call, by.ticket, orders)
        if intents:
            await by.open(call.trace, by.ticket, intents)
        await by.over(why)
        return True

    async def _begin_anew(self, call: Call, ticket: RiskTicket, orders: tuple[Order, ...]) -> tuple[OrderIntent, ...]:
        actions = opening_actions(ticket.plan, orders=orders)
        intents = tuple(self.intent(call.key, action, revision=ticket.revision) for action in actions)
        triggers = [armed(ticket, intent) for intent in intents if intent.type == "trigger"]
        levels = levels_of(ticket, why="replaced")
        await self._protocol.commit(call.trace, call.symbol, *intents, levels, *triggers)
        return intents

    # What was refused is tried again a little later, and no event of the venue's would remind us.
    def _refused_just_now(self, orders: tuple[Order, ...]) -> bool:
        since = self._clock.time() - RETRY_S
        return any(order.state is OrderState.REJECTED and order.at > since for order in orders)

    async def _resolved(self, call: Call, orders: tuple[Order, ...]) -> bool:
        unknown = [order for order in orders if order.state in (OrderState.UNKNOWN, OrderState.FENCED)]
        for order in unknown:
            fills = await self._protocol.resolve(
                order.cid, trace=call.trace, symbol=call.symbol, fence_at=order.fence_at or self._clock.time()
            )
            for fill in fills:
                await self._on_fill(fill)
        return bool(unknown)

    def _owner(self, symbol: Symbol) -> Call | None:
        ledger = self._ledger()
        owner = ledger.owner(symbol)
        return ledger.calls.get(owner) if owner is not None else None

    def _missing(self, call: Call, orders: tuple[Order, ...]) -> tuple[Action, ...]:
        if is_protected(call, orders):
            self._naked_since.pop(call.key, None)
        else:
            self._naked_since.setdefault(call.key, self._clock.monotonic())
        # The ledger speaks in unix time, a naked window in running time.
        naked = self._naked_since.get(call.key)
        now = self._clock.time()
        return next_actions(
            call,
            orders,
            now=now,
            filters=self._filters(call.symbol),
            over=self._over.get(call.key) or ("replaced" if call.key in self._replacing else None),
            close=call.key in self._closing,
            # A cancel that an earlier life wrote down may never have been sent.
            cancel_again=any(order.live and order.cancelling and order.cid not in self._cancelled for order in orders),
            naked_since=None if naked is None else now - (self._clock.monotonic() - naked),
        )

    async def _do(self, call: Call, action: Action) -> None:
        match action:
            case PlaceOrderAction():
                intent = self.intent(call.key, action)
                await self._protocol.commit(call.trace, call.symbol, intent)
                await self.send(intent, trace=call.trace, symbol=call.symbol, may_send=always)
                if action.role == STOP:
                    await self._protocol.commit(call.trace, call.symbol, self._protection(call.key))
            case CancelAction():
                await self._protocol.cancel(action.cid, why=action.why, trace=call.trace, symbol=call.symbol)
                self._cancelled.add(action.cid)
            case FinishAction():
                await self._finish(call)

    async def _finish(self, call: Call) -> None:
        records: list[Record] = []
        if call.sold:
            reason = self._closing.get(call.key) or self._stopped_out(call) if call.exit_role == "c" else None
            at = call.changed_at if call.changed_at is not None else self._clock.time()
            records.append(position_closed(call, at=at, reason=reason))
        records.append(Protect(call=call.key, state="ended", sl_cids=(), tp_cids=()))
        await self._protocol.commit(call.trace, call.symbol, *records)
        for memory in (self._over, self._closing):
            memory.pop(call.key, None)
        self._replacing.pop(call.key, None)
        self._best.pop(call.key, None)
        self._closes.forget(call.key)
        self._naked_since.pop(call.key, None)
        self._cancelled.difference_update(call.orders)

    def _wanted_stop(self, call: Call, orders: tuple[Order, ...]) -> Decimal | None:
        filters = self._filters(call.symbol)
        return moved_stop(
            call,
            orders,
            mover=self._stop_mover(call.channel),
            fee=filters.taker_fee,
            tick=filters.tick,
            best=self._best.get(call.key),
        )

    # A bar has closed beyond the stop: out, whatever rests at the venue. On record first, as every way out.
    async def _heed_closes(self, call: Call) -> None:
        if call.status in (CLOSING, CLOSED) or call.key in self._closing:
            return
        found = self._closes.beyond(call)
        if found is None:
            return
        beyond = f"{found.price:f} at {found.at:.0f}"
        out = Control(command="close", by="stop", reason=f"closed at {beyond}", effect=call.key)
        await self._protocol.commit(call.trace, call.symbol, out)
        self.close(call.key, why=STOPPED)

    # In a life that did not look itself.
    def _stopped_out(self, call: Call) -> str | None:
        return STOPPED if self._closes.stopped(call, until=call.changed_at or self._clock.time()) else None

    async def _move_stop(self, call: Call, orders: tuple[Order, ...]) -> None:
        if not call.qty or self._wanted_stop(call, orders) is None:
            return
        async with self.levels:
            level = self._wanted_stop(call, orders)
            if level is None:
                return  # Somebody else has moved it as far meanwhile.
            moved = RiskSltp(
                call=call.key,
                stop=level,
                stop_source=mover_of(self._stop_mover(call.channel)).kind,
                targets=call.targets,
                targets_source=call.targets_source,
                why="moved",
            )
            await self._protocol.commit(call.trace, call.symbol, moved)

    def _protection(self, key: CallKey) -> Protect:
        call = self._ledger().calls[key]
        orders = self._ledger().orders_of(key)
        return Protect(
            call=key,
            state="protected" if is_protected(call, orders) else "unprotected",
            sl_cids=tuple(order.cid for order in orders if order.role == STOP and order.resting),
            tp_cids=tuple(order.cid for order in orders if order.role == TARGET and order.resting),
        )

    def _filters(self, symbol: Symbol) -> Filters:
        instrument = self._market.instrument(symbol)
        if instrument is None:
            raise Unavailable(f"no instrument for {symbol}, on which we hold a call")
        return filters_of(instrument)


def filters_of(instrument: Instrument) -> Filters:
    """The market port's instrument in the words of `domain/sizing.py`."""
    return Filters(
        tick=instrument.tick,
        step=instrument.step,
        min_qty=instrument.min_qty,
        max_qty=instrument.max_qty,
        min_notional=instrument.min_notional,
        taker_fee=instrument.taker_fee,
        maker_fee=instrument.maker_fee,
        half_spread=instrument.half_spread,
        maintenance_margin=instrument.maintenance_margin,
        max_leverage=instrument.max_leverage,
        can_short=instrument.can_short,
        spot=not instrument.can_short,
    )


def always() -> str | None:
    """What protects or reduces needs no permission."""
    return None
