"""The paper exchange and its market as the configuration wants them; live, demo and replay alike."""

from collections.abc import Iterable
from decimal import Decimal

from levibotd.config import Config
from levibotd.domain.ledger import Ledger
from levibotd.domain.orders import Order
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Market, MarketList
from levibotd.ports.venue import OrderState, VenueOrder
from levibotd.sim.paper_venue import PaperVenue
from levibotd.sim.recorded_market import Candles, Filters, RecordedMarket


def recorded_market(config: Config, candles: Candles, *, listed: MarketList | None = None) -> RecordedMarket:
    """A market over candles with the fees and filters of the `paper` table."""
    paper = config.paper
    filters = None
    if any(key.startswith("paper.default_filters") for key in config.explicit):
        given = paper.default_filters
        filters = Filters(
            tick=Decimal(given.tick),
            step=Decimal(given.step),
            min_qty=Decimal(given.min_qty),
            min_notional=Decimal(given.min_notional),
        )
    return RecordedMarket(
        candles,
        listed=listed,
        market=config.exchange.market,
        default_filters=filters,
        maker_fee=_amount(paper.maker_fee),
        taker_fee=_amount(paper.taker_fee),
    )


def paper_venue(config: Config, market: Market, clock: Clock) -> PaperVenue:
    """A new paper exchange with nothing on it."""
    paper = config.paper
    return PaperVenue(
        market,
        clock,
        balance=Decimal(paper.balance),
        latency_ms=paper.latency_ms,
        slippage_bps=paper.slippage_bps,
        maker_fee=_amount(paper.maker_fee),
        taker_fee=_amount(paper.taker_fee),
    )


def restore(venue: PaperVenue, ledger: Ledger, *, equity: Decimal) -> None:
    """
    Bring the exchange back to what the log says of it: it lived in the process that is gone.

    An order whose ack was never committed is not on it: to us it is absent, as it should be.
    """
    resting = [state for order in ledger.open_orders() if (state := _on_the_book(order)) is not None]
    positions = {symbol: position.qty for symbol, position in ledger.positions.items()}
    venue.restore(orders=[*resting, *_ended(ledger.finished_orders())], positions=positions, equity=equity)


def _on_the_book(order: Order) -> OrderState | None:
    if not order.resting:
        return None
    return OrderState(order=_as_sent(order), venue_id=order.venue_id or "", status="open", cum_qty=order.cum_qty)


# Ended orders are remembered, so that none of their ids is ever taken again.
def _ended(orders: Iterable[Order]) -> list[OrderState]:
    return [
        OrderState(order=_as_sent(order), venue_id=order.venue_id, status=str(order.state), cum_qty=order.cum_qty)
        for order in orders
        if order.venue_id is not None
    ]


def _as_sent(order: Order) -> VenueOrder:
    return VenueOrder(
        cid=order.cid,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        tif=order.tif,
        qty=order.qty,
        price=order.price,
        trigger=order.trigger,
        reduce_only=order.reduce_only,
    )


def _amount(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)
