"""
What the simulated venue refuses, and the account it checks against.

The same rules that a venue has: known symbol, price on the tick, quantity on the step, minimums
and maximums, no shorts where there are none, margin. Refusals carry a short stable reason.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from levibotd.domain.signal import Side, Symbol
from levibotd.errors import Refused
from levibotd.ports.market import Instrument, Mark, Market
from levibotd.ports.venue import Fill, OrderState, VenueOrder

_ZERO = Decimal(0)
_PRICE_MOST = Decimal(10**12)
_TIFS = {"limit": ("GTC", "IOC", "GTX"), "market": ("GTC", "IOC"), "stop": ("GTC",), "trigger": ("GTC", "IOC")}
_NEEDS_PRICE = ("limit", "trigger")
_NEEDS_TRIGGER = ("stop", "trigger")


class PaperAccount:
    """
    Cash and positions in the account's stable quote; symbols of other quotes are not counted.

    Margin of a position or an entry is its notional over the highest leverage of its symbol: the venue
    refuses what is absurd, the ceilings that matter are Risk's.
    """

    def __init__(self, market: Market, *, balance: Decimal) -> None:
        self._market = market
        self.cash = balance
        self.positions: dict[Symbol, Decimal] = {}

    def restore(self, positions: Mapping[Symbol, Decimal], *, equity: Decimal | None, at: float) -> None:
        """Go on with these positions; `equity` is what the account is worth with them at `at`."""
        worth = self.cash if equity is None else equity
        self.positions = {symbol: quantity for symbol, quantity in positions.items() if quantity}
        self.cash = worth - self._valued(at, lambda quantity, price, _: quantity * price)

    def book(self, fill: Fill) -> None:
        """Count a fill."""
        position = self.positions.get(fill.symbol, _ZERO) + fill.qty * fill.side.sign
        if position:
            self.positions[fill.symbol] = position
        else:
            self.positions.pop(fill.symbol, None)
        if fill.fee_currency == self._market.stable_quote:
            self.cash -= fill.qty * fill.price * fill.side.sign + fill.fee

    def equity(self, at: float) -> Decimal:
        """Cash and open positions at their marks; one without a mark counts as nothing."""
        return self.cash + self._valued(at, lambda quantity, price, _: quantity * price)

    def free_margin(self, open_orders: Iterable[OrderState], *, at: float) -> Decimal:
        held = self._valued(at, lambda quantity, price, leverage: abs(quantity) * price / leverage)
        waiting = _ZERO
        for state in open_orders:
            instrument = self._counted(state.order.symbol)
            if instrument is None or state.order.reduce_only or state.order.price is None:
                continue
            waiting += (state.order.qty - state.cum_qty) * state.order.price / instrument.max_leverage
        return self.equity(at) - held - waiting

    def _valued(self, at: float, worth: Callable[[Decimal, Decimal, int], Decimal]) -> Decimal:
        total = _ZERO
        for symbol, quantity in self.positions.items():
            instrument = self._counted(symbol)
            mark = self._market.mark(symbol, at)
            if instrument is not None and mark is not None:
                total += worth(quantity, mark.price, instrument.max_leverage)
        return total

    def _counted(self, symbol: Symbol) -> Instrument | None:
        instrument = self._market.instrument(symbol)
        return instrument if instrument is not None and instrument.quote == self._market.stable_quote else None


def check_shape(order: VenueOrder, instrument: Instrument) -> None:
    """Type, prices and quantity fit the symbol. Raises Refused."""
    if order.tif not in _TIFS.get(order.type, ()):
        raise Refused(f"no {order.type} orders with {order.tif}", reason="malformed")
    if order.type == "market" and not order.reduce_only:
        raise Refused("a market order may only reduce", reason="market_entry")
    if (order.price is None and order.type in _NEEDS_PRICE) or (order.trigger is None and order.type in _NEEDS_TRIGGER):
        raise Refused(f"a {order.type} order without its price", reason="malformed")
    prices = [price for price in (order.price, order.trigger) if price is not None]
    if not all(number.is_finite() for number in (order.qty, *prices)):
        raise Refused("a number that is none", reason="malformed")
    for price in prices:
        if not 0 < price < _PRICE_MOST or price % instrument.tick:
            raise Refused(f"{price} is not on the tick {instrument.tick}", reason="tick")
    if order.qty > instrument.max_qty:
        raise Refused(f"{order.qty} is more than {instrument.max_qty}", reason="max_qty")
    if order.qty <= 0 or order.qty % instrument.step:
        raise Refused(f"{order.qty} is not on the step {instrument.step}", reason="step")


def check_entry(order: VenueOrder, instrument: Instrument, *, mark: Mark | None, position: Decimal) -> None:
    """An order that may open meets the minimums, has a price, and goes a way that the venue goes. Raises Refused."""
    if not instrument.tradable:
        raise Refused(f"{order.symbol} does not trade", reason="not_tradable")
    if mark is None:
        raise Refused(f"{order.symbol} has no price", reason="no_price")
    if order.qty < instrument.min_qty:
        raise Refused(f"{order.qty} is less than {instrument.min_qty}", reason="min_qty")
    assert order.price is not None, "the shape was checked before"
    if order.qty * order.price < instrument.min_notional:
        raise Refused(f"less than {instrument.min_notional} {instrument.quote}", reason="min_notional")
    if order.side is Side.SELL and not instrument.can_short and order.qty > position:
        raise Refused(f"{order.symbol} cannot be sold short", reason="cannot_short")


def check_margin(order: VenueOrder, instrument: Instrument, *, free: Decimal) -> None:
    """Raises Refused when the account cannot carry an entry."""
    assert order.price is not None, "the shape was checked before"
    needed = order.qty * order.price / instrument.max_leverage
    if needed > free:
        raise Refused(f"needs {needed:f}, free is {free:f} {instrument.quote}", reason="insufficient_margin")
