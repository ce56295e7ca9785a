"""
Binance's exchangeInfo documents, spot and USD-M, of any year: what is listed, with steps and minimums.

Filters changed their names over time: MIN_NOTIONAL became NOTIONAL, and its value is called `notional`
on USD-M. Futures with a delivery date are left out; a symbol is the perpetual one.
"""

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec
from msgspec import Struct

from levibotd.adapters.candle_rows import UnreadableInput
from levibotd.domain.signal import Symbol
from levibotd.domain.trading_costs import FEES, USUAL_HALF_SPREAD
from levibotd.ports.market import Instrument, MarketList

BYTES_MAX = 64 * 1024 * 1024  # Unpacked; the largest venue's is a fifth of it.

_GZIP_MAGIC = b"\x1f\x8b"
_PERPETUAL = ("", "PERPETUAL")
_NO_DELIVERY_MS = 4_000_000_000_000
_TICK_LEAST = Decimal("0.00000001")


class _Filter(Struct, rename="camel"):
    filter_type: str
    tick_size: str | None = None
    step_size: str | None = None
    min_qty: str | None = None
    max_qty: str | None = None
    min_notional: str | None = None
    notional: str | None = None


class _Symbol(Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]
    contract_type: str = ""
    delivery_date: int | None = None
    onboard_date: int | None = None
    is_spot_trading_allowed: bool = True


class _Document(Struct, rename="camel"):
    symbols: list[_Symbol]
    server_time: int


def read_market_list(path: Path) -> MarketList:
    """Read a document, gzipped or not. Raises UnreadableInput, naming what is wrong with it."""
    try:
        with path.open("rb") as stream:
            body = stream.read(BYTES_MAX + 1)
        if body.startswith(_GZIP_MAGIC) and len(body) <= BYTES_MAX:
            with gzip.open(io.BytesIO(body)) as unpacked:
                body = unpacked.read(BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableInput(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(body) > BYTES_MAX:
        raise UnreadableInput(f"{path}: no exchangeInfo document: more than {BYTES_MAX} bytes")
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableInput(f"{path}: no exchangeInfo document: {error}") from error
    listed = [each for each in document.symbols if each.contract_type in _PERPETUAL]
    if not listed:
        raise UnreadableInput(f"{path}: no exchangeInfo document: it lists no symbol")
    return MarketList(
        as_of=datetime.fromtimestamp(document.server_time / 1000, UTC).date().isoformat(),
        instruments=tuple(_instrument(path, each) for each in listed),
    )


def _instrument(path: Path, listed: _Symbol) -> Instrument:
    filters = {each.filter_type: each for each in listed.filters}
    place = f"{path}: {listed.symbol}"
    price = _filter(place, filters, ("PRICE_FILTER",))
    lot = _filter(place, filters, ("LOT_SIZE",))
    least = _filter(place, filters, ("NOTIONAL", "MIN_NOTIONAL"))
    swap = bool(listed.contract_type)
    fees = FEES["swap" if swap else "spot"]
    step = _number(f"{place}: stepSize", lot.step_size)
    tick = _number(f"{place}: tickSize", price.tick_size)
    if not step:
        raise UnreadableInput(f"{place}: stepSize is 0")
    delivered = listed.delivery_date is not None and listed.delivery_date < _NO_DELIVERY_MS
    return Instrument(
        symbol=Symbol(listed.symbol),
        base=listed.base_asset,
        quote=listed.quote_asset,
        tick=tick or _TICK_LEAST,  # Zero: the venue checks no tick.
        step=step,
        min_qty=_number(f"{place}: minQty", lot.min_qty),
        max_qty=_number(f"{place}: maxQty", lot.max_qty),
        min_notional=_number(f"{place}: minNotional", least.min_notional or least.notional),
        maker_fee=fees.maker,
        taker_fee=fees.taker,
        half_spread=USUAL_HALF_SPREAD,
        can_short=swap,
        max_leverage=20 if swap else 1,
        listed_at=None if listed.onboard_date is None else listed.onboard_date / 1000,
        tradable=listed.status == "TRADING" and listed.is_spot_trading_allowed and not delivered,
    )


def _filter(place: str, filters: Mapping[str, _Filter], names: Sequence[str]) -> _Filter:
    found = next((filters[name] for name in names if name in filters), None)
    if found is None:
        raise UnreadableInput(f"{place}: no filter {' or '.join(names)}")
    return found


# As short as it can be written: every price and quantity inherits the digits of tick and step.
def _number(place: str, written: str | None) -> Decimal:
    try:
        number = Decimal(written or "")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise UnreadableInput(f"{place}: expected a number, not {written!r}")
    return Decimal(f"{number.normalize():f}")
