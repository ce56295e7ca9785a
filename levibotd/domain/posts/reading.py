"""
The one entry to understanding a post: text in, kind and legs out, and the judged label.

Both functions are pure: same post, same view of the market, same classifier, same answer.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from levibotd.domain.features import structure
from levibotd.domain.posts import kinds
from levibotd.domain.posts.grammar import draft
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.normalise import TEXT_MAX, normalise
from levibotd.domain.posts.symbols import is_foreign
from levibotd.domain.signal import NO_TRADE, Kind, Post, Reading, Scored, Side

STALE_AFTER_S = 24 * 3600.0

_SURELY_NOT = {Side.BUY.value: 0.0, Side.SELL.value: 0.0, NO_TRADE: 1.0}
_CAP = 0.49  # Of both sides together, where nothing can be sent.


class TextClassifier(Protocol):
    """What scoring asks of a classifier; the port has more."""

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        """Probabilities of BUY, SELL and NO-TRADE."""


def read(post: Post, market: MarketView, *, parent: Reading | None = None) -> Reading:
    """Say what `post` is and which legs it would send. Never raises; what is not certain is ambiguous."""
    if len(post.text) > TEXT_MAX:
        return Reading(kind=Kind.AMBIGUOUS, reasons=("too_long",))
    stale = post.forwarded_at is not None and post.posted_at - post.forwarded_at > STALE_AFTER_S
    text = normalise(post.text)
    return _read_text(text, market, parent=parent, stale=stale)


def score(post: Post, reading: Reading, classifier: TextClassifier) -> Scored:
    """
    Judge a reading: probabilities, and the label that wins.

    A stale or unread post is NO-TRADE by rule. Where no leg could be sent, or the legs go the
    other way than the classifier, that share of the probability is NO-TRADE's.
    """
    if reading.stale or "too_long" in reading.reasons:
        rule = "stale" if reading.stale else "too_long"
        return Scored(reading=reading, label=NO_TRADE, probs=dict(_SURELY_NOT), reasons=(*reading.reasons, f"rule:{rule}"))
    raw = classifier.probs(post.text, structure(post, reading))
    probs = _consistent(reading, buy=raw[Side.BUY.value], sell=raw[Side.SELL.value])
    label = max((NO_TRADE, Side.BUY.value, Side.SELL.value), key=lambda name: probs[name])
    return Scored(reading=reading, label=label, probs=probs, reasons=reading.reasons)


def _consistent(reading: Reading, *, buy: float, sell: float) -> dict[str, float]:
    sides = {leg.side for leg in reading.legs} if reading.kind is Kind.NEW else set()
    if sides:
        buy = buy if Side.BUY in sides else 0.0
        sell = sell if Side.SELL in sides else 0.0
    elif buy + sell > _CAP:
        buy, sell = buy * _CAP / (buy + sell), sell * _CAP / (buy + sell)
    probs = {Side.BUY.value: float(f"{buy:.6g}"), Side.SELL.value: float(f"{sell:.6g}"), NO_TRADE: 1.0 - buy - sell}
    # The largest takes the rounding of the others, so that the three still sum to 1.
    largest = max(probs, key=lambda name: probs[name])
    rest = sum(value for name, value in probs.items() if name != largest)
    if largest != NO_TRADE:
        probs[NO_TRADE] = float(f"{max(0.0, probs[NO_TRADE]):.6g}")
        rest = sum(value for name, value in probs.items() if name != largest)
    probs[largest] = float(f"{max(0.0, 1.0 - rest):.6g}")
    return probs


def _read_text(text: str, market: MarketView, *, parent: Reading | None, stale: bool) -> Reading:
    found = draft(text, market=market)
    symbols = found.symbols or (parent.symbols if parent is not None else ())
    if not found.legs:
        kind = kinds.tell(text, call_like=found.call_like)
        if kind is Kind.AMBIGUOUS and is_foreign(text):
            kind = Kind.CHATTER
        return Reading(kind=kind, stale=stale, symbols=symbols, reasons=(f"refused:{found.refusal}",))
    spoiled = kinds.spoils_call(text)
    if spoiled is not None:
        return Reading(kind=spoiled, stale=stale, symbols=symbols, reasons=("spoiled",))
    if is_foreign(text):
        return Reading(kind=Kind.CHATTER, stale=stale, symbols=symbols, reasons=("foreign_market",))
    return Reading(kind=Kind.NEW, legs=found.legs, stale=stale, symbols=symbols)
