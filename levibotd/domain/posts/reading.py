"""
The one entry to understanding a post: text in, kind and legs out.

Pure: same post, same view of the market, same parent, same answer.
"""

from levibotd.domain.posts import kinds
from levibotd.domain.posts.changes import change_asked
from levibotd.domain.posts.glance import Glance, glance
from levibotd.domain.posts.grammar import draft, named_coins
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.normalise import TEXT_MAX, normalise
from levibotd.domain.posts.symbols import is_foreign, is_other_market
from levibotd.domain.signal import Change, Kind, Post, Reading

STALE_AFTER_S = 24 * 3600.0

_ABOUT_CALLS = frozenset({Kind.CLOSE, Kind.CANCEL, Kind.UPDATE})  # A result changes nothing of ours.


def read(post: Post, market: MarketView, *, parent: Reading | None = None) -> Reading:
    """
    Say what `post` is and which legs it would send. Never raises; what is not certain is ambiguous.

    A close, cancel or update that names no coin speaks of those of `parent`, the post it replies to.
    """
    if len(post.text) > TEXT_MAX:
        return Reading(kind=Kind.AMBIGUOUS, reasons=("too_long",))
    stale = post.forwarded_at is not None and post.posted_at - post.forwarded_at > STALE_AFTER_S
    return _read_text(glance(normalise(post.text)), market, parent=parent, stale=stale)


def _read_text(look: Glance, market: MarketView, *, parent: Reading | None, stale: bool) -> Reading:
    if look.dense or len(look.text) > TEXT_MAX:
        return Reading(kind=Kind.AMBIGUOUS, stale=stale, reasons=("too_dense",))
    spoiled = kinds.spoils_call(look)
    if spoiled is not None or not look.may_call:
        kind = spoiled or kinds.tell(look, call_like=False)
        return _without_legs(
            look, market, kind, parent=parent, stale=stale, reason="spoiled" if spoiled else "no_levels"
        )
    if look.has_many_numbers:
        return Reading(kind=Kind.AMBIGUOUS, stale=stale, reasons=("too_dense",))
    found = draft(look.text, market=market)
    if found.legs:
        if is_foreign(look.text):
            return Reading(kind=Kind.CHATTER, stale=stale, symbols=found.symbols, reasons=("foreign_market",))
        return Reading(kind=Kind.NEW, legs=found.legs, stale=stale, symbols=found.symbols)
    kind = kinds.tell(look, call_like=found.call_like)
    elsewhere = is_foreign if found.symbols else is_other_market
    if kind in (Kind.AMBIGUOUS, Kind.CLOSE) and elsewhere(look.text):
        kind = Kind.CHATTER
    return _without_legs(look, market, kind, parent=parent, stale=stale, reason=f"refused:{found.refusal}")


def _without_legs(
    look: Glance, market: MarketView, kind: Kind, *, parent: Reading | None, stale: bool, reason: str
) -> Reading:
    change = change_asked(look, near=_price_of(parent)) if kind is not Kind.CANCEL else None
    kind = kind if change is None else Kind.UPDATE
    symbols: tuple[str, ...] = ()
    if kind in _ABOUT_CALLS:
        symbols = named_coins(look.text, market=market) or (parent.symbols if parent is not None else ())
    if change is not None and len(symbols) > 1 and _has_levels(change):
        change = None  # One level cannot be meant for two coins.
    every = kind in _ABOUT_CALLS and kinds.names_all(look)
    return Reading(kind=kind, stale=stale, symbols=symbols, every_call=every, reasons=(reason,), change=change)


def _price_of(parent: Reading | None) -> float | None:
    if parent is None or len(parent.legs) != 1:
        return None
    leg = parent.legs[0]
    return next(iter(leg.entry or (leg.tps if leg.tp_unit == "price" else ())), None)


def _has_levels(change: Change) -> bool:
    return change.stop is not None or bool(change.targets or change.entry)
