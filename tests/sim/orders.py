"""Orders as tests write them: one base unit of BTCUSDT unless said otherwise."""

from decimal import Decimal

from levibotd.domain.signal import Side, Symbol
from levibotd.ports.venue import VenueOrder

BTC = Symbol("BTCUSDT")


def limit(cid: str, side: Side, price: str, *, qty: str = "1", tif: str = "GTC", symbol: Symbol = BTC) -> VenueOrder:
    """An entry."""
    return VenueOrder(cid=cid, symbol=symbol, side=side, type="limit", tif=tif, qty=Decimal(qty), price=Decimal(price))


def breakout(cid: str, side: Side, trigger: str, price: str, *, qty: str = "1") -> VenueOrder:
    return VenueOrder(
        cid=cid,
        symbol=BTC,
        side=side,
        type="trigger",
        tif="IOC",
        qty=Decimal(qty),
        price=Decimal(price),
        trigger=Decimal(trigger),
    )


def stop(cid: str, side: Side, trigger: str, *, qty: str = "1", symbol: Symbol = BTC) -> VenueOrder:
    return VenueOrder(
        cid=cid,
        symbol=symbol,
        side=side,
        type="stop",
        tif="GTC",
        qty=Decimal(qty),
        trigger=Decimal(trigger),
        reduce_only=True,
    )


def target(cid: str, side: Side, price: str, *, qty: str = "1", symbol: Symbol = BTC) -> VenueOrder:
    return VenueOrder(
        cid=cid,
        symbol=symbol,
        side=side,
        type="limit",
        tif="GTC",
        qty=Decimal(qty),
        price=Decimal(price),
        reduce_only=True,
    )


def close(cid: str, side: Side, *, qty: str = "1", symbol: Symbol = BTC) -> VenueOrder:
    return VenueOrder(cid=cid, symbol=symbol, side=side, type="market", tif="IOC", qty=Decimal(qty), reduce_only=True)
