"""The market as of one moment, as the reader of posts sees it."""

from collections.abc import Iterable
from decimal import Decimal

from levibotd.domain.posts.tickers import WELL_KNOWN
from levibotd.domain.signal import Leg, Symbol
from levibotd.ports.market import Market

ALIASES = {"XBT": "BTC"}


class MarketAsOf:
    """
    A `MarketView` over the market port at `at`; never shows a later price.

    A coin counts as known when the venue lists it or when it is one of the well-known names:
    what is known decides what a text means, what is tradable decides what is sent.
    """

    def __init__(self, market: Market, *, at: float) -> None:
        self._market = market
        self._at = at

    @property
    def stable_quote(self) -> str:
        return self._market.stable_quote

    def is_known(self, base: str, quote: str | None) -> bool:
        base = self.base(base)
        if quote is not None and self._market.symbol(base, self.quote(quote), self._at) is not None:
            return True
        return self._market.is_base(base, self._at) or base in WELL_KNOWN

    def last_price(self, base: str, quote: str) -> float | None:
        price = self._price(base, quote)
        return float(price) if price is not None else None

    def base(self, written: str) -> str:
        """The coin under the name that the venue uses."""
        return ALIASES.get(written, written)

    def quote(self, written: str | None) -> str:
        """The quote that a written one trades in: USD and none mean the account's stable quote."""
        return self.stable_quote if written in (None, "USD") else written

    def prices_of(self, legs: Iterable[Leg]) -> dict[str, Decimal]:
        """Last prices by symbol of the legs, where there are any."""
        found = {leg.symbol: self._price(leg.base, leg.quote) for leg in legs}
        return {symbol: price for symbol, price in found.items() if price is not None}

    def symbol_of(self, leg: Leg) -> Symbol | None:
        """The venue's symbol of a leg, None when the venue did not know it then."""
        return self._market.symbol(self.base(leg.base), self.quote(leg.quote), self._at)

    def _price(self, base: str, quote: str | None) -> Decimal | None:
        symbol = self._market.symbol(self.base(base), self.quote(quote), self._at)
        mark = self._market.mark(symbol, self._at) if symbol is not None else None
        return mark.price if mark is not None else None
