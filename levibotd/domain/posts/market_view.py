"""
What a reading may know of the market: which coins exist and what they last cost.

Both are as of the post's time; whoever calls `read` brings the view that fits.
"""

from typing import Protocol

from msgspec import Struct

from levibotd.domain.posts.tickers import WELL_KNOWN


class MarketView(Protocol):
    """The known list and the last prices, as of one moment."""

    @property
    def stable_quote(self) -> str:
        """The account's quote for calls that name none ("USDT")."""

    def is_known(self, base: str, quote: str | None) -> bool:
        """Whether an instrument of `base` (against `quote`, if given) was ever seen on any venue."""

    def last_price(self, base: str, quote: str) -> float | None:
        """Last price of BASE/QUOTE; None where there is none."""


class OpenMarketView(Struct, frozen=True, kw_only=True):
    """
    A view without any list: a plausible ticker is taken at its word.

    Bare words without `#`, `$` or a quote count only when they are well-known tickers.
    """

    stable_quote: str = "USDT"

    def is_known(self, base: str, quote: str | None) -> bool:
        return base in WELL_KNOWN or (base.startswith("1000") and base[4:] in WELL_KNOWN)

    def last_price(self, base: str, quote: str) -> float | None:
        return None


class ListedMarketView(Struct, frozen=True, kw_only=True):
    """A view over given instruments ("BTC/USDT") and prices; coins of the built-in list stay known by name."""

    bases: frozenset[str]
    pairs: frozenset[str] = frozenset()
    prices: dict[str, float]
    stable_quote: str = "USDT"

    def is_known(self, base: str, quote: str | None) -> bool:
        if quote is not None and self.pairs:
            return f"{base}/{quote}" in self.pairs
        return base in self.bases or base in WELL_KNOWN

    def last_price(self, base: str, quote: str) -> float | None:
        return self.prices.get(f"{base}/{quote}")


EMPTY_VIEW = OpenMarketView()
