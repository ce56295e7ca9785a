"""
What a call would have made at other times: the same bracket at random times, and with other delays.

The placebo has the coin, the side and the shape of the call, and times drawn within 14 days of it, seeded by the
call's key. What the call makes beyond its placebo is its timing. All of it is reckoned from recorded prices where
cards are shown, off the loop; the number of times is lowered until the work is bounded.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.cards.book import id_of
from levibotd.domain.cards.compared import OtherTimes
from levibotd.domain.follower import Follow
from levibotd.domain.follower_terms import HORIZON_S, Aim, CloseRule, Lot, Terms
from levibotd.domain.records import Logged, SignalIngest, SignalScored
from levibotd.domain.shadow_book import ShadowBook, ShadowCall
from levibotd.domain.signal import CallKey
from levibotd.execution.pricing import Pricing, Source, ended_bars, mark_of, source_of
from levibotd.execution.shadowing import posted_terms
from levibotd.ports.market import Bar, Market

TIMES_MAX = 200
TIMES_MIN = 10
WITHIN_S = 14 * 86_400.0
LIFE_S = 86_400.0 + HORIZON_S
BARS_MAX = 30_000_000  # That are walked through for all cards together, about.
FOLLOWS_MAX = 100_000
DELAYS_S = (0.2, 1.0, 5.0, 30.0, 120.0)
DELAY_BAR_S = 60.0  # Coarser bars cannot tell such delays apart,
DELAY_COVER_S = 600.0  # nor do gaps in this time after the post.

_STEP_BARS = 256
_USUAL_SHARE = 0.3  # Of its longest life that a call is followed for.


def calls_of(log: Iterable[Logged]) -> Iterator[ShadowCall]:
    """Every call that a log tells of, as it was taken up."""
    book = ShadowBook()
    for logged in log:
        if isinstance(logged.entry.record, SignalIngest | SignalScored):
            before = book.taken_up
            book.apply(logged)
            new = book.taken_up - before
            if new:
                keys = list(book.calls)[-new:]
                yield from [book.calls.pop(key) for key in keys]


class Start(Struct, frozen=True):
    """A call that has a price: its bars, its terms and the price that they were made at."""

    key: CallKey
    source: Source
    terms: Terms
    mark: float
    since: float  # First and last of the other times.
    last: float


class OtherTimesBench:
    """Follows calls at other times than their own. Nothing after `until` is looked at."""

    def __init__(self, market: Market, *, pricing: Pricing, until: float, calls: int) -> None:
        self._market = market
        self._pricing = pricing
        self._until = until
        self._calls = max(calls, 1)

    def of(self, call: ShadowCall) -> OtherTimes | None:
        """How a call does at other times; None where it has no price."""
        start = self.start(call)
        if start is None:
            return None
        bars = [bar for part in self.slices(start) for bar in part]
        found = at_other_times(start, bars, times=self.times(bars[0].interval_s)) if bars else []
        return OtherTimes(
            channel=call.channel,
            id=id_of(call.key),
            placebo_r=fmean(found) if found else None,
            times=len(found),
            delayed_r={delay: self._delayed(call, start.source, delay) for delay in DELAYS_S},
        )

    def start(self, call: ShadowCall) -> Start | None:
        """Where a call starts from at other times; None where it has no price."""
        if call.fate is not None:
            return None
        source = source_of(self._market, call.leg, at=call.decided_at, pricing=self._pricing)
        if isinstance(source, str):
            return None
        terms = self._terms(call, source, at=call.decided_at)
        mark = mark_of(self._market, source, call.decided_at)
        if terms is None or mark is None:
            return None
        since, last = call.decided_at - WITHIN_S, min(call.decided_at + WITHIN_S, self._until - LIFE_S)
        return Start(call.key, source, terms, float(mark), since, last)

    def slices(self, start: Start) -> Iterator[Sequence[Bar]]:
        """The bars that its other times need, a thousand at a time."""
        return self._read(start.source, since=start.since, until=start.last + LIFE_S if start.last > start.since else 0)

    def times(self, interval_s: float) -> int:
        """How many times each call is tried at with bars of this length."""
        bars = LIFE_S / max(interval_s, 1.0) * _USUAL_SHARE
        return int(min(max(min(BARS_MAX / bars, FOLLOWS_MAX) / self._calls, TIMES_MIN), TIMES_MAX))

    def _terms(self, call: ShadowCall, source: Source, *, at: float) -> Terms | None:
        found = posted_terms(self._market, call, source, at=at)
        return found if isinstance(found, Terms) else None

    def _delayed(self, call: ShadowCall, source: Source, delay: float) -> float | None:
        at = call.heard_at + delay
        bars = self._bars(source, since=at - DELAY_BAR_S, until=min(at + LIFE_S, self._until))
        if not bars or not _covers(bars, since=at, until=at + DELAY_COVER_S):
            return None
        terms = self._terms(call, source, at=at)
        return 0.0 if terms is None else _followed(terms, bars, bisect_left([bar.ts for bar in bars], at))

    def _bars(self, source: Source, *, since: float, until: float) -> list[Bar]:
        return [bar for part in self._read(source, since=since, until=until) for bar in part]

    def _read(self, source: Source, *, since: float, until: float) -> Iterator[Sequence[Bar]]:
        more = since < until
        while more:
            read = ended_bars(self._market, source, since=since, now=until)
            yield read.bars
            more = read.more and bool(read.bars)
            if more:
                since = read.bars[-1].ts + read.bars[-1].interval_s


def at_other_times(start: Start, bars: Sequence[Bar], *, times: int) -> list[float]:
    """R at each of the times that have a price. Pure, and the same for the same call and bars."""
    opens = [bar.ts for bar in bars]
    chance = Random(f"placebo|{start.key}")
    found = []
    for _ in range(times):
        at = chance.uniform(start.since, start.last)
        number = bisect_left(opens, at)
        if 0 < number < len(bars) and bars[number - 1].ts + bars[number - 1].interval_s >= at:
            price = bars[number - 1].open  # The mark at a moment is the open of the bar that holds it.
            found.append(_followed(_moved(start.terms, at=at, factor=price / start.mark), bars, number))
    return found


def _followed(terms: Terms, bars: Sequence[Bar], number: int) -> float:
    follow = Follow(terms)
    while number < len(bars) and not follow.over:
        follow.advance(bars[number : number + _STEP_BARS])
        number += _STEP_BARS
    if not follow.over:
        follow.stop_here()
    return follow.result().r


def _moved(terms: Terms, *, at: float, factor: float) -> Terms:
    """The same shape at another time, around the price of then."""
    rule = terms.close_rule
    return replace(
        terms,
        lots=tuple(
            Lot(style=lot.style, price=lot.price * factor, share=lot.share, trigger=lot.trigger * factor)
            for lot in terms.lots
        ),
        aims=tuple(Aim(price=aim.price * factor, share=aim.share) for aim in terms.aims),
        stop=terms.stop * factor,
        planned_loss=terms.planned_loss * factor,
        decided_at=at,
        entry_until=at + (terms.entry_until - terms.decided_at),
        close_rule=None if rule is None else CloseRule(level=rule.level * factor, interval_s=rule.interval_s),
    )


def _covers(bars: Sequence[Bar], *, since: float, until: float) -> bool:
    covered = since
    for bar in bars:
        if bar.interval_s > DELAY_BAR_S or bar.ts > covered:
            return False
        covered = max(covered, bar.ts + bar.interval_s)
        if covered >= until:
            return True
    return False
