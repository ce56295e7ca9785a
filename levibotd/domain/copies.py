"""
Which texts say the same, and which calls are copies of one another.

A copy of a call in a second channel is no second opinion, and a post that is told again in its own
channel is no second call. Units do not hide a copy: only the significant digits of a price count,
so that 0.00000345 and 345 satoshi are the same price.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Protocol

from levibotd.domain.posts.normalise import normalise
from levibotd.domain.signal import Side

SAME_CALL_S = 7 * 86_400.0  # Told again within this time it is the same call: the horizon a call is followed for.

_DIGITS = 4  # Of a price that count.
_TARGETS = 2  # Copies leave the later ones out, or add their own.
_LINK = re.compile(r"(?:https?://|t\.me/|www\.)\S+|@\w+")
_BESIDE = re.compile(r"[^\w%.,$/:+-]+")


class Called(Protocol):
    """What must be known of a leg to tell a copy; numbers as written."""

    @property
    def symbol(self) -> str: ...

    @property
    def side(self) -> Side: ...

    @property
    def entry(self) -> Sequence[float | Decimal]: ...

    @property
    def tps(self) -> Sequence[float | Decimal]: ...

    @property
    def sl(self) -> "float | Decimal | Sequence[float | Decimal] | None": ...


def text_print(text: str) -> str:
    """
    Name what a text says: the same for two texts that differ in spaces, case, emoji, links and handles alone.

    Any other letter, digit or sign changes it. So an edit that leaves it as it was has changed nothing.
    """
    said = _BESIDE.sub(" ", _LINK.sub(" ", normalise(text).casefold()))
    return blake2b(" ".join(said.split()).encode("utf-8", "replace"), digest_size=8).hexdigest()


def call_print(leg: Called) -> str | None:
    """
    Name what a call says: coin, side, entries and first targets; equal for copies, whoever posts them.

    The stop and later targets are left out, for copies add and drop them. None where there is no
    number to tell a copy by: "BTC long now" is said every day.
    """
    entry, tps = _prices(leg.entry), [_significant(price) for price in leg.tps[:_TARGETS]]
    if not entry and not tps:
        return None
    said = f"{leg.symbol.split('/')[0]}|{leg.side}|{','.join(entry)}|{','.join(tps)}"
    return blake2b(said.encode(), digest_size=8).hexdigest()


def call_prints(legs: Sequence[Called]) -> tuple[str | None, ...]:
    """One name a leg, in their order."""
    return tuple(call_print(leg) for leg in legs)


# A band is the same however its edges are ordered.
def _prices(prices: Sequence[float | Decimal]) -> list[str]:
    return sorted(_significant(price) for price in prices)


def _significant(price: float | Decimal) -> str:
    # As written, without sign, point, exponent and the zeros around it.
    digits = str(price).lower().partition("e")[0].replace(".", "").strip("-0")
    if not digits.isdecimal():
        return ""  # Nothing is left of zero, and infinity is no price.
    # Shorter ones are as they are; longer ones are rounded, so that more digits hide nothing.
    return digits if len(digits) <= _DIGITS else str(round(int(digits[: _DIGITS + 1]) / 10)).rstrip("0")
