"""The venue port: what ExecActor needs from an exchange, in our words."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from levibotd.domain.signal import Side, Symbol


class VenueOrder(Struct, frozen=True, kw_only=True):
    """
    One order as sent.

    Types: `limit` (tif GTC rests, IOC takes, GTX post-only), `market` (reduce-only exits alone), `stop`
    (market order once `trigger` trades), `trigger` (once a trade goes beyond `trigger`, IOC limit at `price`).
    A reduce-only order never opens or turns a position; while there is none it rests.
    """

    cid: str
    symbol: Symbol
    side: Side
    type: str
    tif: str
    qty: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    reduce_only: bool = False


class Ack(Struct, frozen=True, kw_only=True):
    """The venue has the order. Fills come as updates, never inside the answer."""

    cid: str
    venue_id: str
    at: float


class Fill(Struct, frozen=True, kw_only=True):
    """One trade, told at least once: `trade_id` makes it countable. `remaining` is what the order still has to do."""

    cid: str
    trade_id: str
    symbol: Symbol
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str  # maker | taker
    remaining: Decimal
    at: float
    filters: str = "venue"


class OrderEnded(Struct, frozen=True, kw_only=True):
    """The order does nothing more. Comes after its last fill."""

    cid: str
    symbol: Symbol
    final: str  # filled | cancelled | expired | rejected
    cum_qty: Decimal
    at: float
    why: str = ""


class Marked(Struct, frozen=True, kw_only=True):
    """The price of a symbol that has orders or a position: one a bar, after the bar's fills."""

    symbol: Symbol
    price: Decimal
    low: Decimal
    high: Decimal
    at: float


class Calm(Struct, frozen=True, kw_only=True):
    """
    Marks that need not be told: those of bars at whose end nothing fills, until one of these opens beyond its bounds.

    Of each symbol the least and the most; the price of a bar is its open, as `Market.mark` has it. A symbol
    that is not named here is told of at every bar.
    """

    bounds: dict[Symbol, tuple[float, float]]


VenueUpdate = Fill | OrderEnded | Marked


class OrderState(Struct, frozen=True, kw_only=True):
    """What the venue knows of one order."""

    order: VenueOrder
    venue_id: str
    status: str  # open | filled | cancelled | expired | rejected
    cum_qty: Decimal


class VenueSnapshot(Struct, frozen=True, kw_only=True):
    """Open orders, signed positions (long > 0) and all fills since the moment asked for."""

    at: float
    open_orders: tuple[OrderState, ...]
    positions: dict[Symbol, Decimal]
    fills: tuple[Fill, ...]


class Venue(Protocol):
    """An exchange, real or simulated."""

    @property
    def name(self) -> str:
        """`paper` or a dialect; the `venue` label of metrics."""

    async def place(self, order: VenueOrder) -> Ack:
        """
        Send once; never retries.

        Raises Refused (a definite no; its `code` says why), OutcomeUnknown when the answer was lost.
        """

    async def cancel(self, symbol: Symbol, cid: str) -> bool:
        """End an order; False when it was not open any more. Raises OutcomeUnknown."""

    async def order(self, symbol: Symbol, cid: str) -> OrderState | None:
        """What the venue knows of `cid`; None when it knows nothing. Raises Unavailable."""

    async def snapshot(self, *, since: float) -> VenueSnapshot:
        """Raises Unavailable."""

    def rest(self, calm: Calm | None) -> None:
        """
        Tell no marks that `calm` calls needless; it ends with the next update of the venue. None: tell all again.

        A venue whose prices come anyway may tell more than it must.
        """

    def updates(self) -> AsyncIterator[VenueUpdate]:
        """Everything that happens from now on. One consumer at a time; a new one goes on where the last stopped."""
