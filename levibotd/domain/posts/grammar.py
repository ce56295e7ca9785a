"""
From a normalised text to its legs: coins first, then fields, then the solver, coin by coin.
"""

import re
from itertools import chain

from msgspec import Struct

from levibotd.domain.posts import words as w
from levibotd.domain.posts.candidates import SYMBOL_MARK, collect
from levibotd.domain.posts.fields import Fields
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.solver import solve
from levibotd.domain.posts.symbols import Mention, find_symbols, nearby_quote
from levibotd.domain.posts.tickers import NO_COIN, STABLE_QUOTES, WORDY
from levibotd.domain.signal import Leg

COINS_MAX = 8

# A card that repeats, below, the words of the channel it takes a call from.
_QUOTED = re.compile(r"[Oo](?<!\w.)(?i:riginal (?:signal|call|post|message))\b")
_CALL_WORDS = frozenset({w.ENTRY, w.BUY, w.SELL, w.LONG, w.SHORT, w.TP, w.STOP})


class Draft(Struct, frozen=True, kw_only=True):
    """What grammar made of a text: legs, or the check that refused; `call_like` = levels and a coin are there."""

    legs: tuple[Leg, ...] = ()
    symbols: tuple[str, ...] = ()
    refusal: str | None = None
    call_like: bool = False


def draft(text: str, *, market: MarketView) -> Draft:
    """Read every coin of `text` (normalised). Pure; all legs solve or none is given."""
    quoted = _QUOTED.search(text)
    if quoted is not None:
        text = text[: quoted.start()]
    mentions = find_symbols(text, market=market)
    coins = _coins(text, mentions)
    names = tuple(f"{base}/{quote}" if quote else base for base, quote, _ in coins)
    if not coins:
        return _draft_without_coin(text)
    if len(coins) > COINS_MAX:
        return Draft(symbols=names, refusal="too_many_coins")
    if _names_another(text, {name for base, quote, _ in coins for name in (base, quote)}, market):
        return Draft(symbols=names, refusal="another_coin", call_like=True)
    if any(_priced_twice(text, spans) for _, _, spans in coins):
        return Draft(symbols=names, refusal="two_quotes", call_like=True)
    segments = _segments(text, coins)
    header = text[: segments[0][0]]  # What is said above all coins is said of each.
    legs = []
    call_like = False
    refusal = None
    for (base, quote, spans), segment in zip(coins, segments, strict=True):
        try:
            fields = collect(_masked(text, spans, segment))
            call_like = call_like or _looks_like_call(fields)
            said = header + text[segment[0] : segment[1]]
            legs.append(solve(fields, base=base, quote=quote, text=said, market=market))
        except Unsolved as reason:
            refusal = str(reason)
    if refusal is not None:
        return Draft(symbols=names, refusal=refusal, call_like=call_like)
    return Draft(legs=tuple(legs), symbols=names, call_like=True)


def _names_another(text: str, names: set[str | None], market: MarketView) -> bool:
    """Whether a price is told of a coin that was not taken for one: "BUY NEAR 8.90", "ALICE long 13.95"."""
    for name in chain.from_iterable(pattern.findall(text) for pattern in _PRICED):
        if (
            name not in names
            and name not in STABLE_QUOTES
            and name not in NO_COIN
            and (name in WORDY or market.is_known(name, None))
        ):
            return True
    return False


_AT = r"(?:@ ?|at |below |under |around |near |here |now )*\$?\d"
_SIDES = ("BUY", "Buy", "buy", "Buying", "buying", "LONG", "Long", "long", "SHORT", "Short", "short")
_TRADE = "(?:" + "|".join(rf"{side}(?<!\w{side})" for side in _SIDES) + ")"
_PRICED = (
    re.compile(rf"{_TRADE} +([A-Z]{{2,10}}) +{_AT}"),
    re.compile(rf"([A-Z](?<![\w#$/.:-].)[A-Z]{{1,9}}) +{_TRADE} +{_AT}"),
)


def _draft_without_coin(text: str) -> Draft:
    try:
        fields = collect(text)
    except Unsolved as reason:
        return Draft(refusal=str(reason), call_like=True)
    levels = bool(fields.sls) or len(fields.tps) > 1
    return Draft(refusal="no_symbol", call_like=levels and _looks_like_call(fields))


def named_coins(text: str, *, market: MarketView) -> tuple[str, ...]:
    """The coins a text names, for what is about calls without being one."""
    coins = _coins(text, find_symbols(text, market=market))[:COINS_MAX]
    return tuple(f"{base}/{quote}" if quote else base for base, quote, _ in coins)


def _looks_like_call(fields: Fields) -> bool:
    entered = bool(fields.entry or fields.sells) and bool(fields.tps or fields.sls or fields.sells)
    aimed = len(fields.tps) > 1 and not any(number.pct for number in fields.tps) and not fields.stray
    return bool(fields.roles & _CALL_WORDS) and (entered or aimed)


def _coins(text: str, mentions: list[Mention]) -> list[tuple[str, str | None, list[Mention]]]:
    """Group mentions by coin, in order of the text. Two quotes of one coin: the first is meant."""
    grouped: dict[str, list[Mention]] = {}
    for mention in mentions:
        grouped.setdefault(mention.base, []).append(mention)
    out = []
    for base, found in grouped.items():
        quote = next((mention.quote for mention in found if mention.quote), None) or nearby_quote(text, found[0])
        out.append((base, quote, found))
    return out


def _priced_twice(text: str, spans: list[Mention]) -> bool:
    """Whether one coin has a price in bitcoin on one line, and one in dollars on another: which do the rest mean?"""
    priced = set()
    for mention in spans:
        end = text.find("\n", mention.end)
        line = text[mention.end : end if end >= 0 else len(text)]
        if mention.quote is not None and _BESIDE.search(line):
            priced.add(mention.quote in STABLE_QUOTES)
    return len(priced) > 1


_BESIDE = re.compile(r"\d(?!\d?%)")


def _segments(text: str, coins: list[tuple[str, str | None, list[Mention]]]) -> list[tuple[int, int]]:
    """The stretch of text that speaks of each coin: from its line to the next coin's line; one coin has it all."""
    if len(coins) == 1:
        return [(0, len(text))]
    starts = [text.rfind("\n", 0, spans[0].start) + 1 for _, _, spans in coins]
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def _masked(text: str, spans: list[Mention], segment: tuple[int, int]) -> str:
    out = []
    at = segment[0]
    for mention in spans:
        if mention.start >= at and mention.end <= segment[1]:
            out.append(text[at : mention.start])
            out.append(f" {SYMBOL_MARK}{_side_tail(text[mention.start : mention.end])} ")
            at = mention.end
    out.append(text[at : segment[1]])
    return "".join(out)


def _side_tail(written: str) -> str:
    """The side that is glued to a ticker ("SRMLONG") stays in the text as a word."""
    found = _TAIL.search(written)
    return f" {found.group(1)}" if found else ""


_TAIL = re.compile(r"(LONG|SHORT)$")
