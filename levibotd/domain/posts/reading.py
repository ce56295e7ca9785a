"""
The one entry to understanding a post: text in, kind and legs out.

Pure: same post, same view of the market, same parent, same answer.
"""

from levibotd.domain.posts import kinds
from levibotd.domain.posts.grammar import draft
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.normalise import TEXT_MAX, normalise
from levibotd.domain.posts.symbols import is_foreign
from levibotd.domain.signal import Kind, Post, Reading

STALE_AFTER_S = 24 * 3600.0


def read(post: Post, market: MarketView, *, parent: Reading | None = None) -> Reading:
    """Say what `post` is and which legs it would send. Never raises; what is not certain is ambiguous."""
    if len(post.text) > TEXT_MAX:
        return Reading(kind=Kind.AMBIGUOUS, reasons=("too_long",))
    stale = post.forwarded_at is not None and post.posted_at - post.forwarded_at > STALE_AFTER_S
    text = normalise(post.text)
    return _read_text(text, market, parent=parent, stale=stale)


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
