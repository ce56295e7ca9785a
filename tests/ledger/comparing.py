"""
The outcomes that a log holds, each beside what the second follower makes of the same call.

What holds at a decision (the mark, ranges, volume, what the channel posted before) is worked out here, from the
candles and the log alone.
"""

import json
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import floor, inf, log10
from pathlib import Path
from typing import Any, NamedTuple

from tests.ledger.second_follower import DAY, HOUR, MONDAY, TIMEFRAMES, Bar, Outcome, Terms, follow

FEES = {"spot": (0.001, 0.001), "futures": (0.0002, 0.0005)}
SPREADS = ((50_000_000.0, 0.0002), (5_000_000.0, 0.0005), (0.0, 0.0015))
STOPS_MIN, STOPS_MAX = 10, 50  # Of a channel, the last ones.
STOP_LEAST, STOP_MOST = 0.001, 0.5  # What is nearer or further is a slip of the pen.
QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "USD", "BTC", "ETH", "BNB")
STABLE = ("USDT", "USDC", "BUSD", "FDUSD", "USD")
FOLLOWED_S = 8 * DAY + 2 * HOUR  # A day to enter, a week to hold, and the bar after it.
TICK_LEAST = -8  # Of a decimal exponent; six digits of the first price ever seen, otherwise.
REACTION_S = 1.0  # From a post to what it does.
R_TOLERANCE = 0.002  # Ticks and six digits.


class Series(NamedTuple):
    """The bars of one symbol, ascending, and what was traded in each, in stable money."""

    bars: Sequence[Bar]
    traded: Sequence[float]


class Compared(NamedTuple):
    call: str
    leg: dict[str, Any]
    theirs: dict[str, Any]
    ours: Outcome

    @property
    def dollars(self) -> bool:
        """Whether it is priced in dollars, not in another coin."""
        return self.leg["symbol"].split("/")[-1] in STABLE

    @property
    def differs(self) -> str | None:
        """In what the two followers differ."""
        if self.theirs["status"] != self.ours.status:
            return f"status {self.theirs['status']} {self.theirs['reason']}, ours {self.ours.status} {self.ours.reason}"
        if self.ours.status != "filled":
            return None
        if self.leg["sl"] is None:
            return _apart("return_pct", self.theirs["return_pct"], self.ours.pct, 100 * R_TOLERANCE)
        found = _apart("r", self.theirs["r"], self.ours.r, R_TOLERANCE)
        found = found or _apart("filled_share", self.theirs["filled_share"], self.ours.share, 1e-3)
        if found or self.theirs["proxy"] or self.theirs["synthetic"]:  # The bounds are wider by what a proxy may miss.
            return found
        low = _apart("r_low", self.theirs["r_low"], self.ours.low, R_TOLERANCE)
        return low or _apart("r_high", self.theirs["r_high"], self.ours.high, R_TOLERANCE)


class Farewell(NamedTuple):
    """A channel says that calls of its own are over. Acted on from `at`."""

    at: float
    reply_to: int | None
    everything: bool
    names: tuple[str, ...]

    def means(self, call: str, symbol: str, outcome: Mapping[str, Any]) -> bool:
        """Whether `call` is one of them."""
        if self.at <= outcome["decided_at"]:
            return False
        if self.reply_to is not None:
            return int(call.split("|")[-2]) == self.reply_to
        base = next((symbol.removesuffix(quote) for quote in QUOTES if symbol.endswith(quote)), symbol)
        return self.everything or any(name.replace("/", "") in (symbol, base) for name in self.names)


def compared(log: Path, series: Mapping[str, Series], *, interval: float = HOUR) -> Iterator[Compared]:
    """
    Every call that has a price in the canonical ledger of `log`, in order.

    `series` is asked for the symbol of the record, with a star where it was priced through a cross.
    """
    legs: dict[str, list[dict[str, Any]]] = {}
    scored: dict[str, tuple[float, str]] = {}
    posts: dict[str, dict[str, Any]] = {}
    farewells: dict[str, list[Farewell]] = {}
    found: list[dict[str, Any]] = []
    for record in records(log):
        payload = record["payload"]
        if record["event_type"] == "SIGNAL_INGEST":
            posts[record["trace_id"]] = payload
        elif record["event_type"] == "SIGNAL_SCORED" and payload["kind"] in ("close", "cancel"):
            farewells.setdefault(payload["channel"], []).append(_farewell(posts[record["trace_id"]], payload))
        elif record["event_type"] == "SIGNAL_SCORED" and payload["legs"] and payload["kind"] == "new":
            legs[record["trace_id"]] = payload["legs"]
            scored[record["trace_id"]] = record["ts"], payload["channel"]
        elif record["event_type"] == "SHADOW_OUTCOME" and payload["ledger"] == "as_posted":
            found.append(record)
    for record in found:
        outcome = record["payload"]
        if outcome["status"] not in ("filled", "unfilled", "cancelled"):
            continue
        leg = _numbers(legs[record["trace_id"]][int(outcome["call"].rsplit("|", 1)[1])])
        earlier = [
            trace
            for trace, (ts, channel) in scored.items()
            if channel == outcome["channel"] and ts < outcome["decided_at"] and trace != record["trace_id"]
        ]
        posted = [_numbers(one) for trace in earlier for one in legs[trace]]
        own = series[record["symbol"] + ("*" if outcome["synthetic"] else "")]
        said = farewells.get(outcome["channel"], ())
        ended_at = min((one.at for one in said if one.means(outcome["call"], record["symbol"], outcome)), default=inf)
        terms, bars = _terms(leg, outcome, own, posted, interval)._replace(ended_at=ended_at), own.bars
        first = bisect_left(bars, outcome["decided_at"], key=lambda bar: bar.ts)
        end = bisect_left(bars, outcome["decided_at"] + FOLLOWED_S, key=lambda bar: bar.ts)
        yield Compared(outcome["call"], leg, outcome, follow(leg, bars[first:end], terms))


def records(log: Path) -> Iterator[dict[str, Any]]:
    """Every record of a log, in order."""
    for path in sorted(log.glob("*/events-*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield json.loads(line)


def _farewell(ingest: dict[str, Any], scored: dict[str, Any]) -> Farewell:
    at, reply_to = ingest["received_at"] + REACTION_S, ingest["post"]["reply_to"]
    return Farewell(at, reply_to, scored["every_call"], tuple(scored["symbols"]))


def _apart(name: str, theirs: float | None, ours: float | None, tolerance: float) -> str | None:
    if theirs is None or ours is None:
        return None if theirs is ours else f"{name} {theirs}, ours {ours}"
    return None if abs(theirs - ours) <= tolerance * max(1.0, abs(ours)) else f"{name} {theirs:.5f}, ours {ours:.5f}"


def _numbers(leg: dict[str, Any]) -> dict[str, Any]:
    stop = leg["sl"]
    stop = [float(part) for part in stop] if isinstance(stop, list) else None if stop is None else float(stop)
    prices = {name: [float(price) for price in leg[name]] for name in ("entry", "tps")}
    leverage = [float(bound) for bound in leg["leverage"]] if leg["leverage"] else None
    return {**leg, **prices, "sl": stop, "leverage": leverage}


def _terms(
    leg: dict[str, Any], outcome: dict[str, Any], series: Series, posted: list[dict[str, Any]], interval: float
) -> Terms:
    bars, at = series.bars, outcome["decided_at"]
    closed = bisect_right(bars, at - interval, key=lambda bar: bar.ts)  # Of these the next one contains the decision.
    day = range(max(0, closed - int(DAY / interval)), closed)
    volume = 0.0 if outcome["synthetic"] else sum(series.traded[place] for place in day)
    half_spread = next(share for least, share in SPREADS if volume >= least)
    market = leg["market"] or ("futures" if leg["symbol"].split("/")[-1] in STABLE else "spot")
    maker, taker = FEES[market]
    frame = TIMEFRAMES.get(leg["sl_kind"] or "", 0.0)
    distances = [far for one in posted if STOP_LEAST <= (far := _distance(one) or 0.0) <= STOP_MOST][-STOPS_MAX:]
    return Terms(
        decided_at=at,
        mark=_mark(bars, at, interval),
        posted_mark=_mark(bars, outcome["posted_at"], interval),
        interval=interval,
        maker=maker,
        taker=taker,
        half_spread=half_spread,
        atr=_atr(_longer(bars[:closed], HOUR, at, crossed=outcome["synthetic"])),
        close_atr=_atr(_longer(bars[:closed], frame, at, crossed=outcome["synthetic"])) if frame else 0.0,
        median_stop=statistics.median(distances) if len(distances) >= STOPS_MIN else 0.07,
        funding=0.0 if market == "spot" else 0.0003,
        tick=1e-12 if outcome["synthetic"] else 10.0 ** max(TICK_LEAST, floor(log10(bars[0].open)) - 5),
    )


def _mark(bars: Sequence[Bar], at: float, interval: float) -> float:
    place = bisect_right(bars, at, key=lambda bar: bar.ts) - 1
    return bars[place].open


def _distance(leg: dict[str, Any]) -> float | None:
    if leg["sl"] is None:
        return None
    if leg["sl_kind"] == "pct":
        return max(leg["sl"]) / 100
    if not leg["entry"]:
        return None
    worst = max(leg["entry"]) if leg["side"] == "BUY" else min(leg["entry"])
    return abs(worst - leg["sl"]) / worst


def _longer(bars: Sequence[Bar], length: float, until: float, *, crossed: bool) -> list[Bar]:
    """Bars of `length` that had ended by `until`. Of a cross only open and close are known, of a day as of an hour."""
    offset = MONDAY if length > DAY else 0.0
    grouped: dict[float, list[Bar]] = {}
    for bar in bars[-int(100 * length / HOUR) - 200 :]:
        grouped.setdefault((bar.ts - offset) // length * length + offset, []).append(bar)
    whole = []
    for ts, group in grouped.items():
        first, last = group[0].open, group[-1].close
        known = [Bar(ts, first, max(first, last), min(first, last), last)] if crossed else group
        if ts + length <= until:
            whole.append(Bar(ts, first, max(bar.high for bar in known), min(bar.low for bar in known), last))
    return whole


def _atr(bars: Sequence[Bar], period: int = 14) -> float:
    bars = bars[-5 * period :]  # With how many it begins is a choice: five periods are forgotten but for a hundredth.
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in pairwise(bars)
    ]
    if len(ranges) < period:
        return 0.0
    average = sum(ranges[:period]) / period
    for one in ranges[period:]:
        average += (one - average) / period
    return average
