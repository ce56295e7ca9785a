"""
The one entry to understanding a post: text in, kind and legs out.

Pure: same post, same view of the market, same parent, same answer.
"""

from levibotd.domain.posts import kinds
from levibotd.domain.posts.changes import change_asked, levels_told
from levibotd.domain.posts.glance import Glance, glance
from levibotd.domain.posts.grammar import draft, named_coins
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.normalise import TEXT_MAX, normalise
from levibotd.domain.posts.symbols import is_foreign, is_other_market
from levibotd.domain.posts.told import as_told
from levibotd.domain.signal import Change, Kind, Leg, Post, Reading

STALE_AFTER_S = 24 * 3600.0
TOLD_MAX = 3000  # What a text is that calls nothing shows in its beginning; the rest costs more than it tells.

BEGUN_LENGTH_MAX = 300  # Of a post that begins a call; a longer one tells a story.
COIN_ALONE_LENGTH_MAX = 40

_MAY_BEGIN = frozenset({Kind.CHATTER, Kind.AMBIGUOUS})
_BEGINNINGS = frozenset({"no_levels", "refused:bare_entry", "refused:no_entry", "refused:no_side"})
_MAY_TELL_LEVELS = frozenset({Kind.CHATTER, Kind.AMBIGUOUS, Kind.UPDATE})
_ABOUT_CALLS = frozenset({Kind.CLOSE, Kind.CANCEL, Kind.UPDATE})  # A result changes nothing of ours.


def read(post: Post, market: MarketView, *, parent: Reading | None = None) -> Reading:
    """
    Say what `post` is and which legs it would send. Never raises; what is not certain is ambiguous.

    A close, cancel or update that names no coin speaks of those of `parent`, the post it replies to. Where `parent`
    only began a call (`begun`), a reply with the missing levels is the new call; where it was one, such a reply, and
    one that repeats the call, changes it.
    """
    if len(post.text) > TEXT_MAX:
        return Reading(kind=Kind.AMBIGUOUS, reasons=("too_long",))
    return _read_text(glance(normalise(post.text)), market, parent=parent, stale=is_stale(post))


def is_stale(post: Post) -> bool:
    """Whether what it passes on was said too long ago."""
    return post.forwarded_at is not None and post.posted_at - post.forwarded_at > STALE_AFTER_S


def _read_text(look: Glance, market: MarketView, *, parent: Reading | None, stale: bool) -> Reading:
    if look.is_dense or len(look.text) > TEXT_MAX:
        return Reading(kind=Kind.AMBIGUOUS, stale=stale, reasons=("too_dense",))
    spoiled = kinds.spoils_call(look)
    if spoiled is not None or look.is_story or not look.may_call:
        told = look if len(look.text) <= TOLD_MAX else glance(look.text[:TOLD_MAX])
        kind = spoiled or kinds.tell(told, call_like=False)
        reason = "spoiled" if spoiled else "story" if look.is_story else "no_levels"
        return _without_legs(look, market, kind, parent=parent, stale=stale, reason=reason)
    if look.has_many_numbers:
        return Reading(kind=Kind.AMBIGUOUS, stale=stale, reasons=("too_dense",))
    found = draft(look.text, market=market)
    reasons: tuple[str, ...] = ()
    if not found.legs and parent is not None and parent.begun is not None and found.symbols in ((), parent.symbols):
        completed = draft(f"{parent.begun}\n{look.text}", market=market)
        if len(completed.legs) == 1 and completed.legs[0].entry:  # "Now" was then.
            found, reasons = completed, ("completes_parent",)
    if found.legs:
        if is_foreign(look.text):
            return Reading(kind=Kind.CHATTER, stale=stale, symbols=found.symbols, reasons=("foreign_market",))
        if parent is not None and _repeats(found.legs, parent.legs):
            return Reading(
                kind=Kind.UPDATE,
                stale=stale,
                symbols=found.symbols,
                change=_as_change(found.legs[0]),
                reasons=("repeats",),
            )
        retold = as_told(look, found.legs)
        if retold is not None:
            return _without_legs(look, market, retold, parent=parent, stale=stale, reason="told")
        return Reading(kind=Kind.NEW, legs=found.legs, stale=stale, symbols=found.symbols, reasons=reasons)
    kind = kinds.tell(look, call_like=found.call_like)
    elsewhere = is_foreign if found.symbols else is_other_market
    if kind in (Kind.AMBIGUOUS, Kind.CLOSE) and elsewhere(look.text):
        kind = Kind.CHATTER
    return _without_legs(look, market, kind, parent=parent, stale=stale, reason=f"refused:{found.refusal}")


def _without_legs(
    look: Glance, market: MarketView, kind: Kind, *, parent: Reading | None, stale: bool, reason: str
) -> Reading:
    near = _price_of(parent)
    talk = kind is Kind.CHATTER and reason == "spoiled"
    change = change_asked(look, near=near) if kind is not Kind.CANCEL and not talk else None
    if change is None and near is not None and not talk and kind in _MAY_TELL_LEVELS:
        change = levels_told(look, near=near)
    kind = kind if change is None else Kind.UPDATE
    change = change if change != Change() else None
    symbols: tuple[str, ...] = ()
    if kind in _ABOUT_CALLS:
        symbols = named_coins(look.text, market=market) or (parent.symbols if parent is not None else ())
    if change is not None and len(symbols) > 1 and _has_levels(change):
        change = None  # One level cannot be meant for two coins.
    begun = _begun(look, market) if kind in _MAY_BEGIN and reason in _BEGINNINGS else ()
    return Reading(
        kind=kind,
        stale=stale,
        symbols=symbols or begun,
        every_call=kind in _ABOUT_CALLS and kinds.names_all(look),
        reasons=(reason,),
        change=change,
        begun=look.text if begun and not stale else None,
    )


def _begun(look: Glance, market: MarketView) -> tuple[str, ...]:
    """The one coin of a short post that names it with a side, or alone; nothing where that is no beginning."""
    if len(look.text) > BEGUN_LENGTH_MAX or not (look.names_a_side or len(look.text) <= COIN_ALONE_LENGTH_MAX):
        return ()
    coins = named_coins(look.text, market=market)
    return coins if len(coins) == 1 else ()


def _repeats(legs: tuple[Leg, ...], before: tuple[Leg, ...]) -> bool:
    return len(legs) == 1 and any((legs[0].base, legs[0].side) == (leg.base, leg.side) for leg in before)


def _as_change(leg: Leg) -> Change:
    return Change(
        stop=leg.sl if isinstance(leg.sl, float) else None,
        targets=leg.tps if leg.tp_unit == "price" else (),
        entry=leg.entry if leg.entry_type != "market" else (),
    )


def _price_of(parent: Reading | None) -> float | None:
    if parent is None or len(parent.legs) != 1:
        return None
    leg = parent.legs[0]
    return next(iter(leg.entry or (leg.tps if leg.tp_unit == "price" else ())), None)


def _has_levels(change: Change) -> bool:
    return change.stop is not None or bool(change.targets or change.entry)
