"""
From fields to one leg: which reading of the numbers satisfies the geometry of a trade.

LONG means SL < entry < targets, SHORT the mirror. A number with two readings takes the one
that fits the others; quote and unit follow from what is written, else from the last price,
else from plain magnitude. What no reading or more than one satisfies is refused with a reason.
"""

import math
import re
from decimal import Decimal

from levibotd.domain.posts.candidates import Fields, Number
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.tickers import CHEAP, CONTRACT, DEAR, STABLE_QUOTES
from levibotd.domain.posts.words import TP
from levibotd.domain.signal import Leg, Side

NEAR = 0.18  # |ln(entry / last)| of a limit, band or market entry.
FAR = 0.7  # The same of a deep ladder or a breakout.
ENTRIES_MAX = 10
TPS_MAX = 30

_SATOSHI = Decimal("1e-8")


class Unsolved(Exception):
    """This text gives no leg; the message says which check refused."""


def solve(fields: Fields, *, base: str, quote: str | None, text: str, market: MarketView) -> Leg:
    """
    Return the one leg that `fields` describe. Raises Unsolved with the check that failed.

    Numbers under several entry labels are one ladder if that fits, else exactly one label must.
    """
    _settle_sells(fields)
    if fields.current and any(number.group not in fields.current for number in fields.entry):
        fields.entry = [number for number in fields.entry if number.group not in fields.current]
    try:
        return _solve(fields, base=base, quote=quote, text=text, market=market)
    except Unsolved:
        groups = sorted({number.group for number in fields.entry})
        if len(groups) < 2:
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
    entries, tps, tp_unit, sl_numbers = _numbers(fields)
    scale = _scale([*entries, *(tps if tp_unit == "price" else []), *sl_numbers])
    entry = _values(entries, scale)
    tp_values = _values(tps, scale if tp_unit == "price" else None)
    entry = _half_edges(entries, entry)
    tp_values = _half_edges(tps, tp_values, near=entry) if tp_unit == "price" else tp_values
    sl, sl_kind = _stop(fields, sl_numbers, scale, text)
    tp_values = _unrepeated(tp_values)
    entry = _unrepeated(entry)
    entry_type = _entry_type(fields, entries, entry)
    side = _side(fields, entry, tp_values if tp_unit == "price" else [], sl if isinstance(sl, float) else None)
    _check(side, entry, tp_values if tp_unit == "price" else [], sl if isinstance(sl, float) else None, entry_type)
    if not tp_values and sl is None:
        raise Unsolved("bare_entry")
    reference = entry or (tp_values[:1] if tp_unit == "price" else [])
    futures = _market(fields, text)
    found_quote, inferred, unit, factor = _unit(fields, base, quote, reference, market, futures == "futures", [*entries, *tps, *sl_numbers])
    if futures is None and side is Side.SELL and found_quote in STABLE_QUOTES:
        futures = "futures"
    return Leg(
        symbol=f"{base}/{found_quote}" if found_quote else base,
        side=side,
        quote_inferred=inferred,
        market=futures,
        entry_type=entry_type,
        entry=tuple(entry),
        tps=tuple(tp_values),
        tp_unit=tp_unit,
        sl=sl,
        sl_kind=sl_kind,
        margin="cross" if "cross" in fields.flags else "isolated" if "isolated" in fields.flags else None,
        leverage=_leverage(fields),
        price_unit=unit,
        factor=factor,
        zone="zone" in fields.flags,
    )


def _settle_sells(fields: Fields) -> None:
    """Decide what a bare "sell" meant: targets of a long, or the entry of a short."""
    if not fields.sells:
        return
    if fields.entry or "buy" in fields.flags or "long" in fields.flags:
        if not fields.tps or all(n.pct for n in fields.tps):
            fields.tps = fields.sells
        elif "buy" in fields.flags or "long" in fields.flags:
            fields.tps = [*fields.sells, *fields.tps] if fields.sells[0].line < fields.tps[0].line else [*fields.tps, *fields.sells]
        elif not fields.entry:
            fields.entry = fields.sells
    else:
        fields.entry = fields.sells
        fields.flags.add("sell_entry")
    fields.sells = []


def _numbers(fields: Fields) -> tuple[list[Number], list[Number], str, list[Number]]:
    entries = [n for n in fields.entry if not n.pct]
    tps = [n for n in fields.tps if not n.pct]
    tp_unit = "price"
    if fields.tps and (not tps or _shares_percent(fields.tps, entries)):
        tps, tp_unit = fields.tps, "pct"
    sls = [n for n in fields.sls if not n.pct]
    if len(sls) == 1 and fields.sls[0] is sls[0] and _is_percent_range(fields.sls):
        sls = []  # "5-7 %": the sign is written once for both.
    if len(entries) > ENTRIES_MAX or len(tps) > TPS_MAX:
        raise Unsolved("too_many_numbers")
    return entries, tps, tp_unit, sls


def _is_percent_range(stops: list[Number]) -> bool:
    low, high = _readings(stops[0])[0], _readings(stops[-1])[0]
    return len(stops) == 2 and stops[1].pct and stops[1].join.strip() in ("-", "/", ",", "~") and 1 <= low < high < 60


def _shares_percent(tps: list[Number], entries: list[Number]) -> bool:
    """Whether the "%" behind the last number of one list is meant for all of them: `30 - 50 - 80 %`."""
    if not tps[-1].pct or not entries or len({n.line for n in tps}) > 1 or any(n.pct for n in tps[:-1]):
        return False
    entry = _readings(entries[0])[0]
    return any(not 0.2 < _readings(n)[0] / entry < 5 for n in tps if entry > 0)


def _readings(number: Number) -> list[float]:
    """Every value this notation may stand for; the usual one first."""
    raw = number.raw
    dots, commas = raw.count("."), raw.count(",")
    out: list[str] = []
    if dots and commas:
        last = max(raw.rfind("."), raw.rfind(","))
        head = re.sub("[.,]", "", raw[:last])
        out = [f"{head}.{raw[last + 1 :]}"]
    elif commas == 1:
        head, tail = raw.split(",")
        if len(tail) == 3 and head != "0" and len(head) <= 3:
            out = [head + tail, f"{head}.{tail}"]
        else:
            out = [f"{head}.{tail}"]
    elif dots == 1:
        head, tail = raw.split(".")
        out = [f"{head or '0'}.{tail}"]
        if len(tail) == 3 and head not in ("", "0") and len(head) <= 3 and not head.startswith("0"):
            out.append(head + tail)
    elif dots or commas:
        parts = re.split("[.,]", raw)
        if all(len(part) == 3 for part in parts[1:]) and parts[0] != "0":
            out = ["".join(parts)]
        elif commas:
            raise Unsolved("comma_list")
        else:
            raise Unsolved("unreadable_number")
    else:
        out = [raw]
    values = [float(value[:40]) for value in out]
    return [value * 1000 for value in values] if number.thousand else values


def _scale(numbers: list[Number]) -> float | None:
    """The order of magnitude of this call, from the numbers that can be read in one way only."""
    sure = sorted(values[0] for number in numbers if len(values := _readings(number)) == 1 and values[0] > 0)
    if not sure:
        return None
    return sure[len(sure) // 2]


def _values(numbers: list[Number], scale: float | None) -> list[float]:
    out = []
    for number in numbers:
        values = [value for value in _readings(number) if value > 0]
        if not values:
            raise Unsolved("zero")
        if len(values) > 1 and scale:
            values.sort(key=lambda value: abs(math.log(value / scale)))
        out.append(values[0])
    return out


def _half_edges(numbers: list[Number], values: list[float], near: list[float] | None = None) -> list[float]:
    """Complete edges written by their last digits only: `0.00027000 - 28500`, `.000022/20`, `57450-600`."""
    out = list(values)
    anchor_raw, anchor = (numbers[0].raw, out[0]) if numbers else ("", 0.0)
    for i in range(1, len(out)):
        if anchor <= 0 or 0.2 < out[i] / anchor < 5:
            continue
        tail = numbers[i].raw
        head = anchor_raw.replace(",", "")
        if not tail.isdigit() or len(tail) >= len(head.replace(".", "")) or out[i] < anchor and "." in head:
            continue
        full = float(head[: -len(tail)] + tail) if "." not in head[-len(tail) :] else 0.0
        if full and abs(math.log(full / anchor)) <= 0.5:
            out[i] = full
    return out


def _stop(fields: Fields, sls: list[Number], scale: float | None, text: str) -> tuple[float | tuple[float, ...] | None, str | None]:
    if sls:
        value = _values(sls[:1], scale)[0]
        close = _CLOSE.search(text)
        kind = "price"
        if close and close.group(1):
            kind = _CLOSE_KINDS.get(close.group(1).lower().replace(" ", "")[:2], "4h_close")
        return value, kind
    percents = fields.sls
    if percents:
        values = tuple(_values(percents[:2], None))
        if all(0 < value < 60 for value in values):
            return values, "pct"
        raise Unsolved("stop_percent")
    return None, None


_CLOSE_KINDS = {"we": "weekly_close", "1w": "weekly_close", "da": "daily_close", "1d": "daily_close"}
_CLOSE = re.compile(
    r"(?:stop|sl\b)[^\n]{0,40}?(weekly|week|1\s?w|daily|day|1\s?d|4\s?_?\s?h(?:r|our)?s?)\b[^\n]{0,12}(?:candle|close|closing|\d)|"
    r"(?:stop|sl\b)[^\n]{0,40}?\b(?:candle\s)?clos(?:e|ing)\b[^\n]{0,20}",
    re.IGNORECASE,
)


def _unrepeated(values: list[float]) -> list[float]:
    """Drop the second copy of a list that a bilingual post writes twice."""
    half = len(values) // 2
    if half and len(values) % 2 == 0 and values[:half] == values[half:]:
        return values[:half]
    return values


def _entry_type(fields: Fields, numbers: list[Number], entry: list[float]) -> str:
    flags = fields.flags
    if not entry:
        if fields.now_line or (TP in fields.roles and flags & {"instant", "buy", "long", "short"}):
            return "market"
        raise Unsolved("no_entry")
    lines = {number.line for number in numbers}
    below, above = bool(lines & fields.below), bool(lines & fields.above)
    if len(entry) == 1:
        if numbers[0].line == fields.now_line or "instant" in flags or numbers[0].group in fields.current:
            return "market"
        if "stop_entry" in flags:
            return "stop"
        if below:
            return "below"
        return "above" if above else "limit"
    if len(entry) == 2:
        if above and not below:
            return "above"
        if numbers[1].line != numbers[0].line:
            return "ladder"
        return "below" if below else "range"
    return "ladder"


def _side(fields: Fields, entry: list[float], tps: list[float], sl: float | None) -> Side:
    flags = fields.flags
    up = bool(flags & {"buy", "long"})
    down = "short" in flags or "sell_entry" in flags
    reference = sum(entry) / len(entry) if entry else None
    votes = []
    if reference is not None:
        if tps:
            votes.append(Side.BUY if tps[-1] > reference else Side.SELL)
        if sl is not None:
            votes.append(Side.BUY if sl < reference else Side.SELL)
    elif sl is not None and tps:
        votes.append(Side.BUY if sl < tps[0] else Side.SELL)
    if len(set(votes)) > 1:
        raise Unsolved("geometry")
    if votes:
        side = votes[0]
        if (side is Side.BUY and down and not up) or (side is Side.SELL and up and not down):
            raise Unsolved("side_contradicts")
        return side
    if up == down:
        raise Unsolved("no_side")
    return Side.BUY if up else Side.SELL


def _check(side: Side, entry: list[float], tps: list[float], sl: float | None, entry_type: str) -> None:
    sign = side.sign
    if not entry:
        rising = all((b - a) * sign > 0 for a, b in zip(tps, tps[1:], strict=False))
        if len(tps) < 2 or not rising or max(tps) / min(tps) > 4:
            raise Unsolved("no_entry")
        return
    low, high = min(entry), max(entry)
    if low <= 0 or high / low > (1.6 if entry_type != "ladder" else 3):
        raise Unsolved("band_too_wide")
    far = high if sign > 0 else low
    if any((tp - far) * sign <= 0 for tp in tps):
        raise Unsolved("target_inside")
    if any(not 0.1 < tp / far < 12 for tp in tps[:1]) or any(not 0.02 < tp / far < 60 for tp in tps):
        raise Unsolved("target_far")
    near = low if sign > 0 else high
    if sl is not None:
        if (near - sl) * sign <= 0:
            raise Unsolved("stop_inside")
        if not 0.35 < sl / near < 2.2:
            raise Unsolved("stop_far")


def _market(fields: Fields, text: str) -> str | None:
    if _FUTURES.search(text) or fields.leverage or fields.flags & {"cross", "isolated"}:
        return "futures"
    return "spot" if _SPOT.search(text) else None


_FUTURES = re.compile(r"futures?\b|\bperp|bitmex|bybit|\bлеверидж|vadeli|фьючерс", re.IGNORECASE)
_SPOT = re.compile(r"\bspot\b|спот", re.IGNORECASE)


def _leverage(fields: Fields) -> tuple[float, float] | None:
    values = [value for value in fields.leverage if 1 <= value <= 150]
    return (min(values), max(values)) if values else None


def _unit(
    fields: Fields, base: str, quote: str | None, prices: list[float], market: MarketView, futures: bool, numbers: list[Number]
) -> tuple[str, bool, str, Decimal]:
    """Return quote, whether it was inferred, price unit and factor. Raises Unsolved when two fit or none does."""
    if not prices:
        return quote or market.stable_quote, quote is None, "quote", Decimal(1)
    price = prices[0]
    dollars = any(n.dollar for n in numbers)
    satoshi = "satoshi" in fields.flags or any(n.satoshi for n in numbers)
    options = _options(base, quote, price, dollars=dollars, satoshi=satoshi, futures=futures, stable=market.stable_quote)
    near = NEAR if len(prices) < 3 else FAR
    likeliest_unknown = False
    for option in options:
        last = market.last_price(base, "USDT" if option[0] == "USD" else option[0])
        if last is None:
            likeliest_unknown = likeliest_unknown or option is options[0]
        elif abs(math.log(price * float(option[3]) / last)) <= near:
            return option
    for name, inferred, _, _ in options:
        last = market.last_price(base, "USDT" if name == "USD" else name)
        factor = _missing_zeros(price, last) if last is not None else None
        if factor is not None:
            return name, inferred, "truncated", factor
    if likeliest_unknown:
        return options[0]
    raise Unsolved("price_far_from_market")


def _missing_zeros(price: float, last: float) -> Decimal | None:
    """The 10^-k, k of at least 3, that brings whole digits to the last price; None where there is none."""
    if price != int(price):
        return None
    k = round(math.log10(price / last))
    if k < 3 or abs(math.log(price / 10**k / last)) > NEAR:
        return None
    return Decimal(1).scaleb(-k)


def _options(base: str, quote: str | None, price: float, *, dollars: bool, satoshi: bool, futures: bool, stable: str) -> list[tuple[str, bool, str, Decimal]]:
    """Every quote and unit this price may be in, the likeliest first."""
    one = Decimal(1)
    if quote is not None:
        inferred = False
        if quote == "BTC":
            if price >= 2 and base not in ("XBT", "BTC"):
                return [(quote, inferred, "satoshi", _SATOSHI)]
            return [(quote, inferred, "quote", one)]
        if quote == "ETH" or quote == "BNB":
            return [(quote, inferred, "quote", one)]
        if quote in STABLE_QUOTES:
            if _is_truncated(base, price):
                return [(quote, inferred, "truncated", _truncation(price))]
            if satoshi and price >= 2:
                raise Unsolved("satoshi_of_dollars")
            return [(quote, inferred, "quote", one)]
        return [(quote, inferred, "quote", one)]
    if CONTRACT.fullmatch(base):
        return [("", False, "satoshi" if price >= 2 and base[:3] not in ("BTC", "XBT", "ETH") else "quote", _SATOSHI if price >= 2 and base[:3] not in ("BTC", "XBT", "ETH") else one)]
    if base == "XBT":
        return [("USD", False, "quote", one)]
    if satoshi and not dollars:
        return [("BTC", True, "satoshi" if price >= 2 else "quote", _SATOSHI if price >= 2 else one)]
    in_dollars = (stable, True, "quote", one)
    in_satoshi = ("BTC", True, "satoshi", _SATOSHI)
    in_bitcoin = ("BTC", True, "quote", one)
    if dollars or base == "BTC":
        return [in_dollars]
    if base in CHEAP and price >= 50 and futures:
        return [(stable, True, "truncated", _truncation(price))]
    if price < 1e-4 and base not in CHEAP:
        return [in_bitcoin, in_dollars]
    if price < 1:
        return [in_bitcoin, in_dollars] if base in DEAR and price < 0.2 else [in_dollars, in_bitcoin]
    whole = price == int(price)
    if base in DEAR or not whole or (futures and price < 100):
        return [in_dollars, in_satoshi]
    if price >= 15:
        return [in_satoshi, in_dollars]
    return [in_dollars, in_satoshi]


def _is_truncated(base: str, price: float) -> bool:
    """Whether dollars of this coin can only be digits without their leading zeros."""
    return (base in CHEAP and price >= 50) or (base not in DEAR and price >= 1000 and price == int(price))


def _truncation(price: float) -> Decimal:
    """10^-k for digits whose leading zeros were left out; without a price k is the least that makes cents."""
    return Decimal("1e-8") if price >= 500 else Decimal("1e-6")
