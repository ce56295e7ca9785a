"""
From a post and its reading to the named features a classifier sees, and to the judged label.

Training and serving both call this module, so what was learned is what is served. Numbers
are folded to one sign: a model must not learn a price.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import add
from typing import Protocol

from msgspec.structs import replace

from levibotd.domain.posts.normalise import normalise
from levibotd.domain.signal import NO_TRADE, Kind, Leg, Post, Reading, Scored, Side

TEXT_USED = 2000  # Characters of a post that features are taken from.

_LINK = re.compile(r"(?:https?://|t\.me/|www\.)\S+")
_HANDLE = re.compile(r"@\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TOKEN = re.compile(r"[^\W\d_]+|\d|[%$?✅✔❌⛔🎯]")


_SURELY_NOT = {Side.BUY.value: 0.0, Side.SELL.value: 0.0, NO_TRADE: 1.0}
ABSTAINED = "abstained:"  # A reason: the labels that could not be told apart follow.
_CAP = 0.49  # Of both sides together, where nothing can be sent.


class TextClassifier(Protocol):
    """What scoring asks of a classifier; the port has more."""

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        """Probabilities of BUY, SELL and NO-TRADE."""

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        """The labels that cannot be ruled out by these probabilities; none where it never abstains."""


def score(post: Post, reading: Reading, classifier: TextClassifier) -> Scored:
    """
    Judge a reading: probabilities, and the label that wins.

    A stale or unread post is NO-TRADE by rule. Where no leg could be sent, or the legs go the
    other way than the classifier, that share of the probability is NO-TRADE's.
    """
    if reading.stale or "too_long" in reading.reasons:
        rule = "stale" if reading.stale else "too_long"
        return Scored(
            reading=reading, label=NO_TRADE, probs=dict(_SURELY_NOT), reasons=(*reading.reasons, f"rule:{rule}")
        )
    raw = classifier.probs(post.text, structure(post, reading))
    probs = _consistent(_sides_of(reading), buy=raw[Side.BUY.value], sell=raw[Side.SELL.value])
    label = max((NO_TRADE, Side.BUY.value, Side.SELL.value), key=probs.__getitem__)
    if label != NO_TRADE:
        plausible = classifier.plausible(probs)
        if plausible and (NO_TRADE in plausible or label not in plausible):
            return _abstained(reading, probs, plausible)
    return Scored(reading=reading, label=label, probs=probs, reasons=reading.reasons)


# The probabilities stay as they are; what would have been sent is not, and the labels that competed are named.
def _abstained(reading: Reading, probs: Mapping[str, float], plausible: Sequence[str]) -> Scored:
    reasons = (*reading.reasons, f"{ABSTAINED}{'|'.join(plausible)}")
    unsure = replace(reading, kind=Kind.AMBIGUOUS, legs=(), reasons=reasons)
    return Scored(reading=unsure, label=NO_TRADE, probs=probs, reasons=reasons)


# The sides on which something could be sent; none where the post opens nothing.
def _sides_of(reading: Reading) -> tuple[str, ...]:
    return tuple(sorted({leg.side.value for leg in reading.legs})) if reading.kind is Kind.NEW else ()


# NO-TRADE gets the share of what cannot be sent.
def surely_not() -> dict[str, float]:
    """The probabilities of what is no call by rule."""
    return dict(_SURELY_NOT)


def _consistent(sides: Sequence[str], *, buy: float, sell: float) -> dict[str, float]:
    if sides:
        buy = buy if Side.BUY in sides else 0.0
        sell = sell if Side.SELL in sides else 0.0
    elif buy + sell > _CAP:
        buy, sell = buy * _CAP / (buy + sell), sell * _CAP / (buy + sell)
    # Six decimals are at most six significant digits, and three such numbers can sum to 1.
    probs = {Side.BUY.value: round(buy, 6), Side.SELL.value: round(sell, 6), NO_TRADE: round(1.0 - buy - sell, 6)}
    # The largest takes the rounding of the others.
    largest = max(probs, key=probs.__getitem__)
    rest = sum([value for name, value in probs.items() if name != largest])
    probs[largest] = round(1.0 - rest, 6)
    return probs


def folded(text: str) -> str:
    """Return the raw post text in lower case, its numbers, links and handles each folded to one sign."""
    text = normalise(text[:TEXT_USED]).lower()
    if "/" in text or "www" in text:
        text = _LINK.sub(" zurl ", text)
    if "@" in text:
        text = _HANDLE.sub(" zusr ", text)
    return _NUMBER.sub("0", text)


def words(text: str) -> list[str]:
    """Return the folded words of a raw post text, in order."""
    return tokens(folded(text))


def tokens(folded_text: str) -> list[str]:
    """Return the words of a folded text, in order."""
    return _TOKEN.findall(folded_text)


def word_grams(tokens: Sequence[str]) -> list[str]:
    """Words and pairs of neighbouring words."""
    return [*tokens, *map(" ".join, pairwise(tokens))]


def character_grams(chunk: str) -> list[str]:
    """Runs of two to four characters of one chunk between blanks; a blank on either side marks its ends."""
    edged = f" {chunk} "
    twos = list(map(add, edged, edged[1:]))
    threes = list(map(add, twos, edged[2:]))
    return [*twos, *threes, *map(add, threes, edged[3:])]


def structure(post: Post, reading: Reading) -> tuple[str, ...]:
    """Name what the reading found, as tokens no text can contain."""
    out = [f"__kind_{reading.kind}"]
    out.extend(f"__{reason.replace(' ', '_')}" for reason in reading.reasons)
    if reading.stale:
        out.append("__stale")
    if post.forwarded_at is not None:
        out.append("__fwd")
    if post.reply_to is not None:
        out.append("__reply")
    if reading.symbols:
        out.append("__sym_known" if len(reading.symbols) == 1 else "__sym_many")
    if reading.legs:
        out.extend(_of_leg(reading.legs[0]))
        out.append(f"__legs{min(len(reading.legs), 4)}")
    return tuple(out)


def _of_leg(leg: Leg) -> list[str]:
    out = [
        "__geo_ok",
        f"__side_{leg.side}",
        f"__ntp{min(len(leg.tps), 6)}",
        "__has_sl" if leg.sl is not None else "__no_sl",
        f"__entry_{leg.entry_type}",
        f"__unit_{leg.price_unit}",
        f"__tp_{leg.tp_unit}",
    ]
    # Plain names for the pairs that decide most calls: side with completeness.
    full = "full" if leg.sl is not None and leg.tps else "open"
    out.append(f"__{'buy' if leg.side is Side.BUY else 'sell'}_{full}")
    if leg.quote_inferred:
        out.append("__quote_inferred")
    if leg.leverage is not None:
        out.append("__has_lev")
    return out
