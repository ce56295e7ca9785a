"""
Which quote and unit the numbers of a leg are in.

What is written decides, then the last price, then plain magnitude: 940 of a coin that costs
cents is satoshi. Units are told apart only by a gap of a thousand; nearer misses are refused.
"""

import math
import re
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.tickers import (
    BITCOIN_CEILINGS,
    BITCOIN_FLOORS,
    CHEAP,
    CONTRACT,
    DEAR,
    DOLLARS_MOST,
    PRECIOUS,
    STABLE_QUOTES,
)

NEAR = 0.18  # |ln(entry / last)| of a limit, band or market entry.
FAR = 0.7  # The same of a deep ladder or a breakout.
ZEROS_MIN = 3  # Fewer missing zeros are a typo, not a habit.
WHOLE_SATOSHI_MIN = 2  # No coin has cost two bitcoins for long: from here on it is satoshi.
CHEAP_DIGITS_MIN = 50  # Dollars of a coin that costs fractions of a cent.
SATOSHI_DIGITS_MIN = 15  # Whole numbers from here on are satoshi, unless the coin is dear.
DOLLARS_MAX = 1000  # More than any coin costs that is not dear.

PRECIOUS_MIN = 1000  # Dollars that only few coins have cost.
CHEAP_DOLLARS_MAX = 0.1  # More than any of the cheap coins costs.
BITCOIN_DOLLARS = (2_500.0, 100_000.0)  # What a bitcoin has cost while these coins were called.

_WHOLE_MIN = {"ETH": 2, "BNB": 50}  # Whole coins that no other coin costs, unless it is dear.
_DELIVERY = re.compile(r"[FGHJKMNQUVXZ]\d\d")
_ONE = Decimal(1)
_SATOSHI = Decimal("1e-8")
_BITCOIN = ("XBT", "BTC")


class Written(Struct, frozen=True, kw_only=True):
    """What a post says about the unit of one leg. `price` is its first entry, or its first target."""

    base: str
    quote: str | None
    price: float | None
    dollars: bool  # A "$" stands beside a number.
    satoshi: bool  # The word is there.
    futures: bool
    far: bool  # A deep ladder or a breakout: the market may be further away.
    inverse: bool = False  # A contract that is margined in the coin itself: its price is in dollars.
    margined_in_bitcoin: bool = False  # A venue is named whose contracts on other coins are priced in bitcoin.


class Unit(Struct, frozen=True, kw_only=True):
    """The quote ("" = the symbol names its own), and how a written number becomes a price in it."""

    quote: str
    inferred: bool
    name: str = "quote"  # quote | satoshi | truncated
    factor: Decimal = _ONE


def settle(written: Written, *, market: MarketView) -> Unit:
    """Return the one unit that fits. Raises Unsolved when none does at the last price."""
    price = written.price
    if price is None:
        return Unit(quote=written.quote or market.stable_quote, inferred=written.quote is None)
    units = _possible(written, price, stable=market.stable_quote)
    lasts = [market.last_price(written.base, "USDT" if unit.quote == "USD" else unit.quote) for unit in units]
    reach = FAR if written.far else NEAR
    for unit, last in zip(units, lasts, strict=True):
        if last is not None and abs(math.log(price * float(unit.factor) / last)) <= reach:
            return unit
    for unit, last in zip(units, lasts, strict=True):
        factor = _missing_zeros(price, last) if last is not None and not written.satoshi else None
        if factor is not None:
            return Unit(quote=unit.quote, inferred=unit.inferred, name="truncated", factor=factor)
    if lasts[0] is not None:
        raise Unsolved("price_far_from_market")
    unit = units[0] if written.quote is not None else _likely(written.base, price, units)
    _check_plain(written, price, unit)
    return unit


def _likely(base: str, price: float, units: list[Unit]) -> Unit:
    """The first unit in which the coin may ever have cost `price`. Raises Unsolved where there is none."""
    low, high = _dollars_of(base)
    first, *others = units
    if first.quote not in STABLE_QUOTES or first.name != "quote" or low <= price <= high:
        return first
    # Too many dollars of a dear coin are digits without their zeros, hardly satoshi.
    if not others or (price > high and base in DEAR):
        raise Unsolved("unit_unclear")
    if price * float(others[0].factor) > BITCOIN_CEILINGS.get(base, WHOLE_SATOSHI_MIN):
        raise Unsolved("unit_unclear")
    return others[0]


def _dollars_of(base: str) -> tuple[float, float]:
    """About the least and the most dollars a coin has cost, as far as it is known."""
    if base in _BITCOIN:
        return BITCOIN_DOLLARS[0], math.inf
    return BITCOIN_FLOORS.get(base, 0.0) * BITCOIN_DOLLARS[0], min(
        _most_dollars(base), DOLLARS_MOST.get(base, math.inf)
    )


def _most_dollars(base: str) -> float:
    return BITCOIN_CEILINGS.get(base, math.inf) * BITCOIN_DOLLARS[1]


def _check_plain(written: Written, price: float, unit: Unit) -> None:
    """Refuse a unit that only magnitude speaks for, where magnitude speaks against it too."""
    base = written.base[:-3] if CONTRACT.fullmatch(written.base) else written.base
    if unit.name == "satoshi":
        worth = price * float(unit.factor)
        least = 0.0 if written.satoshi else BITCOIN_FLOORS.get(base, 0.0)  # Who writes satoshi means them.
        if not least <= worth <= BITCOIN_CEILINGS.get(base, WHOLE_SATOSHI_MIN):
            raise Unsolved("unit_unclear")
        if not written.satoshi and unit.inferred and written.futures and not written.margined_in_bitcoin:
            raise Unsolved("unit_unclear")  # Most contracts are priced in dollars: digits of which quote?
        if not written.satoshi and written.margined_in_bitcoin and base in BITCOIN_FLOORS:
            raise Unsolved("unit_unclear")
    elif unit.name == "quote" and unit.quote in STABLE_QUOTES:
        if (base in CHEAP and price >= CHEAP_DOLLARS_MAX) or (base not in PRECIOUS and price >= PRECIOUS_MIN):
            raise Unsolved("unit_unclear")
        if price > _most_dollars(base) or (base in _BITCOIN and price < BITCOIN_DOLLARS[0]):
            raise Unsolved("unit_unclear")
    elif unit.quote in _WHOLE_MIN and price >= _WHOLE_MIN[unit.quote] and price == int(price) and base not in DEAR:
        raise Unsolved("unit_unclear")


def _missing_zeros(price: float, last: float) -> Decimal | None:
    """The 10^-k that brings whole digits to the last price; None where there is none."""
    if price != int(price):
        return None
    k = round(math.log10(price / last))
    if k < ZEROS_MIN or abs(math.log(price / 10**k / last)) > NEAR:
        return None
    return _ONE.scaleb(-k)


def _possible(written: Written, price: float, *, stable: str) -> list[Unit]:
    """Every quote and unit this price may be in, the likeliest first."""
    base = written.base
    if written.quote is not None and _DELIVERY.fullmatch(written.quote):
        raise Unsolved("dated_contract")  # Of which coin's price, and in what, the post does not say.
    if written.quote is not None:
        return [_in_written_quote(written, written.quote, price)]
    if CONTRACT.fullmatch(base):
        bitcoin = price < WHOLE_SATOSHI_MIN or base.startswith((*_BITCOIN, "ETH"))
        return [Unit(quote="", inferred=False) if bitcoin else _satoshi("", inferred=False)]
    if base == "XBT":
        return [Unit(quote="USD", inferred=False)]
    if written.satoshi and not written.dollars:
        return [_of_bitcoin(price)]
    in_dollars = Unit(quote="USD" if written.inverse else stable, inferred=True)
    if written.dollars or base == "BTC":
        return [in_dollars]
    if base in CHEAP and price >= CHEAP_DIGITS_MIN and written.futures:
        return [_truncated(stable, price, inferred=True, cheap=True)]
    in_bitcoin = _of_bitcoin(price)
    tiny = price < 5e-4 and base not in CHEAP
    cents = base in DEAR and price < 0.2
    digits = price >= SATOSHI_DIGITS_MIN and price == int(price) and base not in DEAR
    if tiny or cents or (digits and not (written.futures and price < 100)):
        return [in_bitcoin, in_dollars]
    return [in_dollars, in_bitcoin]


def _in_written_quote(written: Written, quote: str, price: float) -> Unit:
    if quote == "BTC" and price >= WHOLE_SATOSHI_MIN and written.base not in _BITCOIN:
        return _satoshi(quote, inferred=False)
    if quote in STABLE_QUOTES:
        most = DOLLARS_MAX if written.dollars else min(DOLLARS_MAX, _most_dollars(written.base))
        whole = price >= most and price == int(price) and written.base not in DEAR
        if whole or (written.base in CHEAP and price >= CHEAP_DIGITS_MIN):
            return _truncated(quote, price, inferred=False, cheap=written.base in CHEAP)
        if written.satoshi and price >= WHOLE_SATOSHI_MIN:
            raise Unsolved("satoshi_of_dollars")
    return Unit(quote=quote, inferred=False)


def _of_bitcoin(price: float) -> Unit:
    return _satoshi("BTC", inferred=True) if price >= WHOLE_SATOSHI_MIN else Unit(quote="BTC", inferred=True)


def _satoshi(quote: str, *, inferred: bool) -> Unit:
    return Unit(quote=quote, inferred=inferred, name="satoshi", factor=_SATOSHI)


def _truncated(quote: str, price: float, *, inferred: bool, cheap: bool) -> Unit:
    """Digits without their zeros; until a last price tells, for five decimals, or more of a cheap coin."""
    factor = "1e-5" if not cheap else "1e-6" if price < 500 else "1e-8"
    return Unit(quote=quote, inferred=inferred, name="truncated", factor=Decimal(factor))
