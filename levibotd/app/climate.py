"""
What is around a call, as of the moment it is scored: the fold over the log, and closed bars of the market.

Bars are asked for once each: what a coin's bars said is kept until the next one closes. Nothing here looks at a bar
that was open at that moment, or at a record that came after it.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable

from levibotd.app.rules import timeframe_s
from levibotd.domain.climate import eth_led as eth
from levibotd.domain.climate.crowd import bias, pulse
from levibotd.domain.climate.eth_led import EthLed, eth_led
from levibotd.domain.climate.hybrid import Parts, probability
from levibotd.domain.climate.record import Climate, ClimateRecord
from levibotd.domain.climate.terms import LegTerms, Terms
from levibotd.domain.climate.trend import CLOSES, Trend, trend
from levibotd.domain.signal import NO_TRADE, Kind, Leg, Scored, Symbol
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Market
from levibotd.settings import FeaturesConfig

COINS_KEPT = 512

_HELD_AGAINST = "BTC"
_LEADS = "ETH"


class ClimateWatch:
    """
    Answers as of moments that only go on.

    `eager`: whatever is missing is read at once, as in replay. Else the many bars that ether's lead is told from are
    read a coin at a time by `warm`, so that no post waits for them; until then the lead is not known.
    """

    def __init__(
        self,
        *,
        market: Market,
        record: Callable[[], ClimateRecord],
        features: Callable[[], FeaturesConfig],
        eager: bool = False,
    ) -> None:
        self._market = market
        self._record = record
        self._features = features
        self._eager = eager
        self._closes = _Closes(market)
        self._trends: OrderedDict[tuple[Symbol, float], tuple[int, Trend | None]] = OrderedDict()
        self._lead: tuple[int, tuple[str, ...], EthLed | None] | None = None

    def around(self, scored: Scored, *, at: float) -> Terms | None:
        """The terms of an actionable call, None for all else and where it is not looked at."""
        reading = scored.reading
        if reading.kind is not Kind.NEW or scored.label == NO_TRADE or not reading.legs or not self._features().enabled:
            return None
        record = self._record()
        mood, verdict = bias(record.crowd, at=at), record.proof.verdict()
        leaning, rush = _six(None if mood is None else mood.value), _six(pulse(record.crowd, at=at).value)
        legs: list[LegTerms] = []
        for leg in reading.legs:
            drift, lead = self._of_coin(leg, at)
            parts = Parts(
                p_call=scored.p_call, side=leg.side, bias=leaning, pulse=rush, trend=drift, eth_led=lead
            )  # fmt: skip
            score = float(f"{probability(parts.row(), verdict.weights):.6g}")
            legs.append(LegTerms(trend=drift, eth_led=lead, hybrid=score))
        return Terms(bias=leaning, pulse=rush, legs=tuple(legs), source=verdict.source, used=verdict.used)

    def seen(self, *, at: float, symbols: Iterable[Symbol] = ()) -> Climate:
        """All of it, with the trends of bitcoin, ether and `symbols`."""
        if not self._features().enabled:
            return self._record().seen(at=at, eth_led=None, trends={})
        found = [self._market.symbol(base, self._market.stable_quote, at) for base in (_HELD_AGAINST, _LEADS)]
        named = dict.fromkeys([*(symbol for symbol in found if symbol is not None), *symbols])
        trends = {str(symbol): self._trend(symbol, at) for symbol in named}
        return self._record().seen(at=at, eth_led=self._eth_led(at), trends=trends)

    def warm(self, *, at: float) -> None:
        """Read the bars of one more coin that ether's lead still waits for."""
        if self._features().enabled:
            missing = (one for one in self._followed(at) if not self._closes.knows(one, eth.INTERVAL_S))
            for symbol in missing:
                self._closes.upto(symbol, interval_s=eth.INTERVAL_S, at=at, count=eth.CLOSES)
                return

    def _of_coin(self, leg: Leg, at: float) -> tuple[float | None, bool | None]:
        view = MarketAsOf(self._market, at=at)
        symbol = view.symbol_of(leg)
        drift = None if symbol is None else self._trend(symbol, at)
        lead = None if view.base(leg.base) == _HELD_AGAINST else self._eth_led(at)
        return _six(None if drift is None else drift.value), None if lead is None else lead.on

    def _trend(self, symbol: Symbol, at: float) -> Trend | None:
        interval_s = timeframe_s(self._features().trend_timeframe)
        number, key = math.floor(at / interval_s), (symbol, interval_s)
        known = self._trends.get(key)
        if known is not None and known[0] == number:
            return known[1]
        closes = self._closes.upto(symbol, interval_s=interval_s, at=at, count=CLOSES)
        # Bars that ended long ago, or with holes between them, tell of another time.
        first = (number - CLOSES) * interval_s
        found = trend(list(closes.values())) if len(closes) == CLOSES and next(iter(closes)) == first else None
        if found is not None or self._eager:  # Live, a bar may only be late.
            self._trends[key] = (number, found)
            if len(self._trends) > COINS_KEPT:
                self._trends.popitem(last=False)
        return found

    def _eth_led(self, at: float) -> EthLed | None:
        number, alts = math.floor(at / eth.INTERVAL_S), self._features().alts
        if self._lead is not None and self._lead[:2] == (number, alts):
            return self._lead[2]
        symbols = self._followed(number * eth.INTERVAL_S)
        if not symbols or not (self._eager or all(self._closes.knows(one, eth.INTERVAL_S) for one in symbols)):
            return None
        held_against, leads, *others = [
            self._closes.upto(one, interval_s=eth.INTERVAL_S, at=at, count=eth.CLOSES) for one in symbols
        ]
        found = eth_led(btc=held_against, eth=leads, alts=others)
        if found is not None and found.as_of != number * eth.INTERVAL_S:
            found = None  # Of another time.
        if found is not None or self._eager:
            self._lead = (number, alts, found)
        return found

    # Bitcoin, ether and the others that this market has; nothing where one of the first two is missing.
    def _followed(self, at: float) -> tuple[Symbol, ...]:
        quote = self._market.stable_quote
        first = [self._market.symbol(base, quote, at) for base in (_HELD_AGAINST, _LEADS)]
        if None in first:
            return ()  # Nothing is led here, or nothing leads.
        alts = [self._market.symbol(base, quote, at) for base in self._features().alts]
        return tuple(one for one in (*first, *dict.fromkeys(alts)) if one is not None)


class _Closes:
    """Closes by the opening time of their bars; of each coin the last ones that were asked for."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._known: OrderedDict[tuple[str, float], tuple[int, dict[float, float]]] = OrderedDict()

    def knows(self, symbol: Symbol, interval_s: float) -> bool:
        return (symbol, interval_s) in self._known

    def upto(self, symbol: Symbol, *, interval_s: float, at: float, count: int) -> dict[float, float]:
        """The closes of the last `count` bars that ended by `at`, ascending, and of no earlier time than these span."""
        number, key = math.floor(at / interval_s), (symbol, interval_s)
        read_upto, closes = self._known.get(key, (number - count, {}))
        if number > read_upto:
            missing = min(number - read_upto, count)
            bars = self._market.closed_bars(symbol, interval_s=interval_s, until=number * interval_s, limit=missing)
            closes.update({bar.ts: bar.close for bar in bars})
            first = (number - count) * interval_s
            closes = {ts: close for ts, close in closes.items() if ts >= first}
            # A bar that is late is asked for again.
            read_upto = number if (number - 1) * interval_s in closes else read_upto
            self._known[key] = (max(read_upto, number - count), closes)
        self._known.move_to_end(key)
        if len(self._known) > COINS_KEPT:
            self._known.popitem(last=False)
        return closes if number >= read_upto else {ts: one for ts, one in closes.items() if ts < number * interval_s}


# As the log rounds it in replay, so that live and replayed terms are the same numbers.
def _six(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
