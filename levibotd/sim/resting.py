"""
An order between its acceptance and its end: where it rests, and whether a bar reaches it.

What happens then is for `levibotd/sim/matching.py` to say.
"""

from decimal import Decimal

from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from levibotd.ports.venue import OrderState, VenueOrder


class Resting:
    """An open order with its levels as floats, and how far it got."""

    def __init__(self, order: VenueOrder, *, number: int, accepted_at: float, filled: Decimal) -> None:
        self.order = order
        self.number = number
        self.accepted_at = accepted_at
        self.filled = filled
        self.live = False  # Has seen an open, and takes part in the bar.
        self.buys = order.side is Side.BUY
        self.takes = order.type == "market" or (order.type == "limit" and order.tif == "IOC")
        self.trigger = float(order.trigger) if order.trigger is not None else 0.0
        is_limit = order.type == "limit"
        self.level = float(self.price) if is_limit else self.trigger
        self.watches_low = self.buys if is_limit else not self.buys
        self.at_level = order.type == "stop"  # Fires when its level trades, all others when the price goes beyond.

    @property
    def price(self) -> Decimal:
        """Of an order that has one. The venue lets no limit or trigger pass without its price."""
        assert self.order.price is not None
        return self.order.price

    @property
    def remaining(self) -> Decimal:
        return self.order.qty - self.filled

    @property
    def unpriced(self) -> bool:
        """Does it still wait for the first price that it would take, to open something?"""
        return not self.live and self.takes and not self.order.reduce_only

    def reached(self, bar: Bar) -> bool:
        """Does something trade in this bar that lets it fill, or fires it?"""
        if self.watches_low:
            return bar.low < self.level or (self.at_level and bar.low == self.level)
        return bar.high > self.level or (self.at_level and bar.high == self.level)

    def behind(self, first: float) -> float:
        """The worse of trigger and first price."""
        return max(first, self.trigger) if self.buys else min(first, self.trigger)

    def worse(self, price: Decimal, limit: Decimal) -> bool:
        """Would `price` cost more than `limit`?"""
        return price > limit if self.buys else price < limit

    def state(self, status: str) -> OrderState:
        return OrderState(order=self.order, venue_id=self.order.cid, status=status, cum_qty=self.filled)
