"""
Where a trade is given up: at a price, at the close of a candle beyond it, or after a loss in percent.
"""

import re

from levibotd.domain.posts.fields import Number
from levibotd.domain.posts.notation import values_of
from levibotd.domain.posts.refusal import Unsolved

PERCENT_MAX = 60
BARE_PERCENT_MAX = 21  # Without its sign.
NO_PRICE = 0.1  # Of the entry: "-7" below a price of 500 leaves its percent sign out.


def stop_of(
    numbers: list[Number], *, near: float | None, scale: float | None, text: str
) -> tuple[float | tuple[float, ...] | None, str | None]:
    """
    Return the stop that `numbers` of an entry at `near` mean, and its kind; percents come as a tuple.

    Raises Unsolved where a percent is no loss anybody plans for.
    """
    prices = [number for number in numbers if not number.pct]
    if prices and not _lacks_percent(prices, near):
        close = _CLOSE.search(text)
        kind = _CLOSE_KINDS.get("".join(close.group(1).lower().split())[:2], "4h_close") if close else "price"
        return values_of(prices[:1], scale)[0], kind
    if numbers:
        values = tuple(values_of(numbers[:2], None))
        if all(0 < value < PERCENT_MAX for value in values):
            return values, "pct"
        raise Unsolved("stop_percent")
    return None, None


def _lacks_percent(numbers: list[Number], near: float | None) -> bool:
    """Whether the stop is written as a small loss, minus sign and all, far below any price of this trade."""
    first = numbers[0]
    if near is None or len(numbers) > 1 or first.thousand or not (first.join.endswith("-") and first.raw.isdigit()):
        return False
    return float(first.raw[:6]) < min(BARE_PERCENT_MAX, NO_PRICE * near)


_CLOSE_STARTS = {"weekly_close": "we 1w w1 اس أس", "daily_close": "da 1d d1 يو"}
_CLOSE_KINDS = {start: kind for kind, starts in _CLOSE_STARTS.items() for start in starts.split()}
_CLOSE = re.compile(
    # On its line, or soon below: two ways that never overlap, or every pair of lengths would be tried.
    r"(?:stop|s[./]?l\b|invalidation|ستوب|وقف)(?:[^\n]{0,60}?|[^\n]{0,40}?\n{1,3}[^\n]{0,20}?)"
    r"(weekly|week|1\s?w|w1|daily|day|1\s?d|d1|4\s?_?\s?h(?:r|our)?s?|h4|[اأ]سبوع\w*|يوم\w*|4 ساعات|[اأ]ربع ساعات)\b"
    r"[^\n]{0,12}(?:candle|close|closing|\d)",
    re.IGNORECASE,
)
