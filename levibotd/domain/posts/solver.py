"""
From fields to one leg: which reading of the numbers satisfies the geometry of a trade.

LONG means SL < entry < targets, SHORT the mirror. A number with two readings takes the one
that fits the others; quote and unit are the work of `units`. What no reading or more than one
satisfies is refused with a reason.
"""

import re
from itertools import pairwise

from msgspec import Struct

from levibotd.domain.posts.fields import Fields, Number
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.notation import (
    aligned,
    completed,
    lone_thousand,
    readings,
    scale_of,
    share_thousands,
    unique_edges,
    unrepeated,
    values_of,
)
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.stops import stop_of
from levibotd.domain.posts.tickers import PRECIOUS, STABLE_QUOTES
from levibotd.domain.posts.units import Written, settle
from levibotd.domain.posts.words import TP
from levibotd.domain.signal import Leg, Side

LIKELY = {"BTC": 10_000.0, "XBT": 10_000.0, "ETH": 1_000.0}  # Of dollars, to the nearest few thousandfold.
DOLLARS_LIKELY = 1.0  # The same of a coin that never cost a thousand: "5,127" has a decimal comma.
ENTRIES_MAX = 10
LABELS_MAX = 4  # Entries under more labels than these are no one call.
TPS_MAX = 30
LEVERAGE_MAX = 150
WORDS_TOLD_MAX = 3  # Beside an entry; a story needs all levels to be a call.
BAND_RATIO_MAX = 1.6  # Far edge to near edge of a band.
LADDER_RATIO_MAX = 3.0
FIRST_TARGET = (0.15, 6.0)  # Of the entry; beyond it a digit is missing.
NEXT_TARGET = (0.12, 8.0)  # Of the target before.
ANY_TARGET = (0.02, 60.0)
TARGET_LEAP = 1.8  # A target this many times both of its neighbours has a digit too many.
STAIRS_MAX = 4  # Entries of more lines than one without targets are hardly all entries.
STOP = (0.35, 2.2)  # Of the entry.
SIDE_WORDS_TOLD_MAX = 5  # Beside the word "buy", where no entry is told.
COUNTS_MAX = 10
UNREAD = (0.5, 2.0)  # Of the entry: a number there is likely a level of the same call.


class _Levels(Struct, frozen=True, kw_only=True):
    """The numbers of one leg with their values. `price_tps` and `price_stop` leave out what is in percent."""

    entry: list[float]
    entry_type: str
    tps: list[float]
    tp_unit: str
    stop: float | tuple[float, ...] | None
    stop_kind: str | None

    @property
    def price_tps(self) -> list[float]:
        return self.tps if self.tp_unit == "price" else []

    @property
    def price_stop(self) -> float | None:
        return self.stop if isinstance(self.stop, float) else None


def solve(fields: Fields, *, base: str, quote: str | None, text: str, market: MarketView) -> Leg:
    """
    Return the one leg that `fields` describe. Raises Unsolved with the check that failed.

    Numbers under several entry labels are one ladder if that fits, else exactly one label must.
    """
    _settle_sells(fields)
    if fields.current and any(number.group not in fields.current for number in fields.entry):
        fields.entry = [number for number in fields.entry if number.group not in fields.current]
    both = fields.flags & {"buy", "long"} and "short" in fields.flags
    if both and len({number.line for number in fields.entry}) > 1:
        raise Unsolved("both_sides")
    try:
        return _solve(fields, base=base, quote=quote, text=text, market=market)
    except Unsolved:
        groups = sorted({number.group for number in fields.entry})
        if not 2 <= len(groups) <= LABELS_MAX:
            raise
        every, fitting = fields.entry, []
        for group in groups:
            fields.entry = [number for number in every if number.group == group]
            try:
                fitting.append(_solve(fields, base=base, quote=quote, text=text, market=market))
            except Unsolved:
                continue
        if len(fitting) != 1:
            raise
        return fitting[0]


def _solve(fields: Fields, *, base: str, quote: str | None, text: str, market: MarketView) -> Leg:
    levels = _levels(fields, text, likely=_likely(base, quote, market))
    side = _side(fields, levels)
    _check(side, levels, now=fields.now_line > 0)
    _check_words(fields, levels, side)
    place = _market(fields, text)
    numbers = [*fields.entry, *fields.tps, *fields.sls]
    prices = levels.entry or levels.price_tps
    unit = settle(
        Written(
            base=base,
            quote=quote,
            price=prices[0] if prices else None,
            dollars=any(number.dollar for number in numbers),
            satoshi="satoshi" in fields.flags or any(number.satoshi for number in numbers),
            futures=place == "futures",
            inverse=_INVERSE.search(text) is not None,
            margined_in_bitcoin=_BITCOIN_MARGIN.search(text) is not None,
            far=len(levels.entry) != 2 and levels.entry_type not in ("limit", "below", "market"),
        ),
        market=market,
    )
    if unit.name == "satoshi" and lone_thousand(numbers):
        raise Unsolved("thousands_of_satoshi")  # "1.54K" beside satoshi is a volume.
    if place is None and side is Side.SELL and unit.quote in STABLE_QUOTES:
        place = "futures"  # A short call cannot mean spot.
    return Leg(
        symbol=f"{base}/{unit.quote}" if unit.quote else base,
        side=side,
        quote_inferred=unit.inferred,
        market=place,
        entry_type=levels.entry_type,
        entry=tuple(levels.entry),
        tps=tuple(levels.tps),
        tp_unit=levels.tp_unit,
        sl=levels.stop,
        sl_kind=levels.stop_kind,
        margin=next((name for name in ("cross", "isolated") if name in fields.flags), None),
        leverage=_leverage(fields),
        price_unit=unit.name,
        factor=unit.factor,
        zone="zone" in fields.flags,
    )


def _settle_sells(fields: Fields) -> None:
    """Decide what a bare "sell" meant: targets of a long, or the entry of a short."""
    sells, fields.sells = fields.sells, []
    if not sells:
        return
    if not fields.entry and not fields.flags & {"buy", "long"}:
        fields.entry = sells
        fields.flags.add("sell_entry")
    elif not fields.tps or all(number.pct for number in fields.tps):
        fields.tps = sells
        fields.roles.discard(TP)  # A "sell" alone is too weak to carry targets without an entry.
    elif fields.flags & {"buy", "long"}:
        first, second = (sells, fields.tps) if sells[0].line < fields.tps[0].line else (fields.tps, sells)
        fields.tps = [*first, *second]


def _likely(base: str, quote: str | None, market: MarketView) -> float | None:
    """About what the coin costs: decides between `41.300` and `41300` where no other number does."""
    last = market.last_price(base, "USDT" if quote in (None, "USD") else quote)
    if last is not None:
        return last
    if quote in STABLE_QUOTES and base not in PRECIOUS:
        return DOLLARS_LIKELY
    return LIKELY.get(base)


def _levels(fields: Fields, text: str, *, likely: float | None) -> _Levels:
    entries = [number for number in fields.entry if not number.pct]
    tps = [number for number in fields.tps if not number.pct]
    tp_unit = "price"
    if fields.tps and not tps:
        tps, tp_unit = fields.tps, "pct"
    stops = [number for number in fields.sls if not number.pct]
    if len(entries) > ENTRIES_MAX or len(tps) > TPS_MAX:
        raise Unsolved("too_many_numbers")
    if likely == LIKELY["BTC"] or any(number.thousand for number in entries):
        share_thousands([*entries, *(tps if tp_unit == "price" else []), *stops])
    scale = scale_of([*entries, *(tps if tp_unit == "price" else []), *stops]) or likely
    entry = unrepeated(completed(entries, values_of(entries, scale)))
    if tp_unit == "price":
        tps = unique_edges(tps)
        targets = unrepeated(completed(tps, values_of(tps, scale)))
        if entry and tps and targets[0] / entry[0] > FIRST_TARGET[1]:
            targets = aligned(tps, targets, entries[0], entry[0])
    else:
        targets = values_of(tps, None)
    stop, stop_kind = stop_of(fields.sls, near=entry[0] if entry else None, scale=scale, text=text)
    if entry and isinstance(stop, float) and stop / entry[0] > FIRST_TARGET[1]:
        stop = aligned(stops[:1], [stop], entries[0], entry[0])[0]
    if not targets and stop is None:
        raise Unsolved("bare_entry")
    return _Levels(
        entry=entry,
        entry_type=_entry_type(fields, entries, entry),
        tps=targets,
        tp_unit=tp_unit,
        stop=stop,
        stop_kind=stop_kind,
    )


def _entry_type(fields: Fields, numbers: list[Number], entry: list[float]) -> str:
    if not entry:
        if fields.now_line or (TP in fields.roles and fields.flags & {"instant", "buy", "long", "short"}):
            return "market"
        raise Unsolved("no_entry")
    lines = {number.line for number in numbers}
    below, above = bool(lines & fields.below), bool(lines & fields.above)
    if len(entry) == 1:
        now = numbers[0].line == fields.now_line and not below  # "Buying here below 5" waits.
        if now or "instant" in fields.flags or numbers[0].group in fields.current:
            return "market"
        if "stop_entry" in fields.flags:
            return "stop"
        return "below" if below else "above" if above else "limit"
    if len(entry) == 2 and above and not below:
        return "above"
    if len(entry) == 2 and numbers[1].line == numbers[0].line:
        return "below" if below else "range"
    return "ladder"


def _side(fields: Fields, levels: _Levels) -> Side:
    """The side that the levels show; the words must not contradict it, and decide where levels are silent."""
    up = bool(fields.flags & {"buy", "long"})
    down = bool(fields.flags & {"short", "sell_entry"})
    votes = _votes(levels)
    if len(set(votes)) > 1:
        raise Unsolved("geometry")
    if votes:
        side = votes[0]
        if up != down and up != (side is Side.BUY):
            raise Unsolved("side_contradicts")
        return side
    if up == down:
        raise Unsolved("no_side")
    return Side.BUY if up else Side.SELL


def _votes(levels: _Levels) -> list[Side]:
    tps, stop = levels.price_tps, levels.price_stop
    if not levels.entry:
        return [Side.BUY if stop < tps[0] else Side.SELL] if stop is not None and tps else []
    middle = sum(levels.entry) / len(levels.entry)
    votes = [Side.BUY if tps[-1] > middle else Side.SELL] if tps else []
    if stop is not None:
        votes.append(Side.BUY if stop < middle else Side.SELL)
    return votes


def _check(side: Side, levels: _Levels, *, now: bool) -> None:
    sign, tps, stop = side.sign, levels.price_tps, levels.price_stop
    if not levels.entry:
        rising = all((after - before) * sign > 0 for before, after in pairwise(tps))
        few = len(tps) < 2 and not (tps and now and stop is not None)
        if few or not rising or max(tps) / min(tps) > 4:
            raise Unsolved("no_entry")
        if stop is not None and not _within(stop / tps[0], NEXT_TARGET):
            raise Unsolved("stop_far")
        if stop is None and all(tp <= COUNTS_MAX and tp == int(tp) for tp in tps):
            raise Unsolved("no_entry")  # They may well count paragraphs.
        return
    low, high = min(levels.entry), max(levels.entry)
    if high / low > (LADDER_RATIO_MAX if levels.entry_type == "ladder" else BAND_RATIO_MAX):
        raise Unsolved("band_too_wide")
    far, near = (high, low) if side is Side.BUY else (low, high)
    if any((tp - far) * sign <= 0 for tp in tps):
        raise Unsolved("target_inside")
    if any(not _within(after / before, NEXT_TARGET) for before, after in pairwise(tps)):
        raise Unsolved("target_typo")
    if any(_leaps(*tps[i : i + 3]) for i in range(len(tps) - 2)):
        raise Unsolved("target_typo")
    if not all(_within(tp / far, ANY_TARGET) for tp in tps) or (tps and not _within(tps[0] / far, FIRST_TARGET)):
        raise Unsolved("target_far")
    at_edge = stop == near and levels.stop_kind != "price"  # As a candle may close there.
    if stop is not None and (near - stop) * sign <= 0 and not at_edge:
        raise Unsolved("stop_inside")
    if stop is not None and not _within(stop / near, STOP):
        raise Unsolved("stop_far")


_SIDES = frozenset({"buy", "long", "short", "sell", "sell_entry"})


def _told_of(fields: Fields) -> bool:
    """Whether targets, or every word of buying, stand in sentences of a story."""
    aims = max((fields.told.get(number.sentence, 0) for number in fields.tps), default=0)
    sides = min((fields.told.get(sentence, 0) for sentence in fields.sides), default=0)
    return aims > WORDS_TOLD_MAX or sides > SIDE_WORDS_TOLD_MAX


def _unread_level(fields: Fields, levels: _Levels, side: Side) -> bool:
    """Whether a number that no label took could be a missing target, or stands under a label of its own like a stop."""
    if not levels.entry or (levels.tps and levels.stop is not None):
        return False
    near = levels.entry[0]
    for number in fields.unread:
        ratios = [value / near for value in readings(number) if UNREAD[0] < value / near < UNREAD[1]]
        labelled = ":" in number.join or "=" in number.join
        if ratios and (not levels.tps or (labelled and all((ratio - 1) * side.sign < 0 for ratio in ratios))):
            return True
    return False


def _lost_level(fields: Fields, levels: _Levels, side: Side) -> bool:
    """Whether the stop, or a list of targets, stands under words that we do not understand."""
    if not levels.entry:
        return False
    near = levels.entry[0]

    def fits(number: Number, sign: int) -> bool:
        return any(UNREAD[0] < value / near < UNREAD[1] and (value - near) * sign > 0 for value in readings(number))

    if levels.stop is None and any(fits(number, -side.sign) for number in fields.unread_stops):
        return True
    return not levels.tps and sum(fits(number, side.sign) for number in fields.skipped) > 1


def _check_words(fields: Fields, levels: _Levels, side: Side) -> None:
    """Refuse what the words around the numbers make doubtful, though the numbers fit."""
    told = max((fields.told.get(number.sentence, 0) for number in fields.entry), default=0)
    if told > WORDS_TOLD_MAX and (levels.stop is None or not levels.tps):
        raise Unsolved("told_in_a_story")
    if not levels.entry and levels.stop is None and not fields.now_line and _told_of(fields):
        raise Unsolved("told_in_a_story")
    if "entry_by_coin" in fields.flags and levels.stop is None and not fields.flags & _SIDES:
        raise Unsolved("no_entry")  # A number beside a coin, and no word of buying it.
    if not levels.entry and not fields.now_line and (fields.unread or len(fields.skipped) > 1):
        raise Unsolved("no_entry")  # One of the numbers no label took may be it.
    if _lost_level(fields, levels, side) or _unread_level(fields, levels, side):
        raise Unsolved("unread_level")
    if "averaging" in fields.flags:
        raise Unsolved("averaging")
    staircase = len(levels.entry) > STAIRS_MAX and len({number.line for number in fields.entry}) > 1
    elsewhere = TP in fields.roles and len(levels.entry) > 1 and "open_targets" not in fields.flags
    if not levels.tps and (staircase or elsewhere):
        raise Unsolved("targets_or_entries")  # Targets are named, and the numbers went elsewhere.


def _leaps(before: float, target: float, after: float) -> bool:
    return target > TARGET_LEAP * max(before, after) or target * TARGET_LEAP < min(before, after)


def _within(ratio: float, limits: tuple[float, float]) -> bool:
    return limits[0] < ratio < limits[1]


def _market(fields: Fields, text: str) -> str | None:
    if fields.leverage or fields.flags & {"cross", "isolated"} or _FUTURES.search(text):
        return "futures"
    return "spot" if _SPOT.search(text) and not _SPOT_TOO.search(text) else None


_INVERSE = re.compile(r"\binverse\b|coin-?m\b", re.IGNORECASE)
_FUTURES = re.compile(
    r"\bfutures\b|\bfuture (?:call|signal|trade)|futuresignal|(?<![#$A-Za-z])perp(?!\s?[/-])|bitmex|bybit|vadeli|"
    r"фьючерс|فيوتشر|العقود|فیوچرز",
    re.IGNORECASE,
)
_BITCOIN_MARGIN = re.compile(r"bitmex", re.IGNORECASE)
_SPOT_TOO = re.compile(
    r"\b(?:in|on) spot (?:also|too|as well)|\bcan (?:also )?(?:buy|accumulate)[^\n]{0,30}\bspot\b", re.IGNORECASE
)
_SPOT = re.compile(r"\bspot\b|спот|سبوت|اسپات", re.IGNORECASE)


def _leverage(fields: Fields) -> tuple[float, float] | None:
    values = [value for value in fields.leverage if 1 <= value <= LEVERAGE_MAX]
    return (min(values), max(values)) if values else None
