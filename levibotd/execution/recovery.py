"""
What an earlier life left under way: decide it, ask the venue about it, hear what it missed.

The earlier life may be another process or the actor that crashed a moment ago. Whatever it had in
hand is lost; what it had committed is not.
"""

from collections.abc import Callable

from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderUnknown
from levibotd.domain.orders import Order, OrderState
from levibotd.domain.records import AutoRouteExecuted, LegOutcome
from levibotd.errors import Unavailable
from levibotd.execution.protocol import OrderProtocol
from levibotd.kernel.clock import Clock
from levibotd.ports.venue import Fill, OrderEnded, Venue

OVERLAP_S = 300.0  # Fills are asked for from this long before the oldest open order on.


class Recovery:
    """One pass over the ledger and the venue. Run again, it finds nothing."""

    def __init__(self, *, protocol: OrderProtocol, venue: Venue, ledger: Callable[[], Ledger], clock: Clock) -> None:
        self._protocol = protocol
        self._venue = venue
        self._ledger = ledger
        self._clock = clock

    async def caught_up(self) -> None:
        """
        Wait until all that the earlier life gave to the log is committed.

        It may have died between giving and hearing, with its intents still on their way; whoever looked at
        the ledger before they stand there would forget them.
        """
        await self._protocol.catch_up()

    async def decide(self) -> None:
        """Posts whose intents were committed and whose decision was not: they did execute."""
        ledger = self._ledger()
        for trace in tuple(ledger.pending):
            legs = [
                LegOutcome(symbol=call.symbol, outcome="intent")
                for call in ledger.calls.values()
                if call.trace == trace
            ]
            if legs:
                await self._protocol.tell(trace, AutoRouteExecuted(legs=tuple(legs), effect="opened"))

    async def resolve(self) -> list[Fill]:
        """Whatever has an intent and no answer is UNKNOWN: nobody sends it again. Returns the fills it had."""
        fence_at = self._protocol.fence_at(self._clock.time())
        found: list[Fill] = []
        for order in self._ledger().open_orders():
            if order.resting:
                continue
            call = self._ledger().calls[order.call]
            if order.state in (OrderState.READY, OrderState.SENT):
                unknown = OrderUnknown(cid=order.cid, cause="restart", fence_at=fence_at)
                await self._protocol.commit(call.trace, call.symbol, unknown)
            try:
                found += await self._protocol.resolve(
                    order.cid, trace=call.trace, symbol=call.symbol, fence_at=order.fence_at or fence_at
                )
            except Unavailable:
                continue  # It stays UNKNOWN; settling its symbol asks again.
        return found

    async def missed(self) -> list[Fill | OrderEnded]:
        """
        What the venue has told and the log does not have: fills first, then ends.

        Raises Unavailable while the venue cannot be asked: ask again, nobody else will tell.
        """
        orders = [order for order in self._ledger().orders.values() if not order.terminal or order.untold]
        if not orders:
            return []
        snapshot = await self._venue.snapshot(since=min(order.at for order in orders) - OVERLAP_S)
        resting = {state.order.cid for state in snapshot.open_orders}
        ends = [await self._end_of(order) for order in orders if order.resting and order.cid not in resting]
        fills = [fill for fill in snapshot.fills if self._is_news(fill)]
        return [*fills, *(end for end in ends if end is not None)]

    def _is_news(self, fill: Fill) -> bool:
        order = self._ledger().order(fill.cid)
        return order is not None and fill.trade_id not in order.trade_ids

    async def _end_of(self, order: Order) -> OrderEnded | None:
        state = await self._venue.order(order.symbol, order.cid)
        if state is None or state.status == "open":
            return None
        return OrderEnded(
            cid=order.cid, symbol=order.symbol, final=state.status, cum_qty=state.cum_qty, at=self._clock.time()
        )
