"""
Following open calls through the market, in both ledgers, as far as its bars are over.

All in here is reckoned from the book and the bars; it is lost with whoever holds it, and made anew by
taking the same calls up again.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.follower import Follow
from levibotd.domain.follower_path import PRICE_MOST
from levibotd.domain.follower_terms import NotEntered, Result, Terms, as_posted
from levibotd.domain.levels import wanted
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, ShadowOutcome
from levibotd.domain.shadow_book import ShadowCall
from levibotd.domain.signal import CallKey, Symbol
from levibotd.execution.pricing import (
    NO_CANDLES,
    EndedBars,
    Pricing,
    Source,
    conditions_of,
    ended_bars,
    mark_of,
    source_of,
)
from levibotd.ports.market import Market

LOOK_BARS = 8  # So many bars are taken at once: an outcome is written so much later at most.
LOOK_LEAST_S = 60.0
LOOK_MOST_S = 14_400.0
TTL = "ttl"
LEVELS = "levels"

# The terms of our own plan for a call that can be priced, or the gate that refuses it.
Planned = Callable[[ShadowCall, Source], Terms | str]


class Standing(Struct, frozen=True, kw_only=True):
    """A call that is not over: its R so far, as if what is open were closed now. 0 while nothing is filled."""

    call: CallKey
    channel: str
    ledger: str
    posted_at: float
    opened_at: float | None
    r: float


class Followed:
    """One call on its way, in the ledgers in which it can be followed."""

    def __init__(self, call: ShadowCall, source: Source, *, look_s: float) -> None:
        self.call = call
        self.source = source
        self.look_s = look_s
        self.ways: dict[str, Follow] = {}

    @property
    def cursor(self) -> float:
        return min(way.cursor for way in self.ways.values())


class Shadowing:
    """The calls that are followed now. What is over comes back as its outcome, once."""

    def __init__(self, market: Market, *, pricing: Callable[[], Pricing], planned: Planned) -> None:
        self._market = market
        self._pricing = pricing
        self._planned = planned
        self._followed: dict[CallKey, Followed] = {}
        self._read: dict[tuple[Symbol, Symbol | None, float, float], EndedBars] = {}

    @property
    def followed(self) -> Mapping[CallKey, Followed]:
        return self._followed

    def take_up(self, call: ShadowCall) -> list[ShadowOutcome]:
        """Begin to follow a call. Outcomes of the ledgers in which there is nothing to follow come back at once."""
        outcomes = list(self._begin(call))
        return [outcome for outcome in outcomes if outcome.ledger not in call.done]

    def advance(self, key: CallKey, *, now: float) -> tuple[list[ShadowOutcome], float | None]:
        """Follow one call up to `now`. Returns what is over, and when to look again; None: never."""
        one = self._followed[key]
        caught_up = self._catch_up(one, now)
        # Where a bar is under way, more will come.
        silent = caught_up and self._market.mark(one.source.symbol, now) is None
        over: list[ShadowOutcome] = []
        for ledger, way in list(one.ways.items()):
            if way.over or (silent and way.settle(now)):
                del one.ways[ledger]
                over.append(_outcome(one.call, ledger, way.result(), source=one.source))
        if not one.ways:
            del self._followed[key]
            return over, None
        return over, self._next_look(one, now) if caught_up else now

    def forget_bars(self) -> None:
        """What was read is kept for calls that need the same bars, until this is called."""
        self._read.clear()

    def standings(self, channel: str, *, at: float) -> Iterator[Standing]:
        """The witnessed calls of a channel that are not over, at the mark of `at`. Nothing after it is looked at."""
        self.forget_bars()
        of_channel = [one for one in self._followed.values() if one.call.channel == channel and one.call.witnessed]
        for one in of_channel:
            self._catch_up(one, at)
            price = mark_of(self._market, one.source, at)
            for ledger, way in one.ways.items():
                yield Standing(
                    call=one.call.key,
                    channel=one.call.channel,
                    ledger=ledger,
                    posted_at=one.call.posted_at,
                    opened_at=way.opened_at,
                    r=way.so_far(None if price is None else float(price)),
                )

    def _begin(self, call: ShadowCall) -> Iterator[ShadowOutcome]:
        if call.fate is not None:
            status = "unknown" if call.fate == "unknown" else "unpriced"
            yield from (_nothing(call, ledger, status, call.fate) for ledger in (AS_POSTED, AS_FOLLOWED))
            return
        found = self._terms(call)
        if isinstance(found, str):
            yield from (_nothing(call, ledger, "unpriced", found) for ledger in (AS_POSTED, AS_FOLLOWED))
            return
        source, posted, planned = found
        one = Followed(call, source, look_s=self._look_s(source))
        if isinstance(posted, NotEntered):
            yield _nothing(call, AS_POSTED, "unfilled", posted.reason, source=source)
        elif AS_POSTED not in call.done:
            one.ways[AS_POSTED] = Follow(posted)
        if isinstance(planned, str):
            yield _nothing(call, AS_FOLLOWED, "cancelled", planned, source=source)
        elif AS_FOLLOWED not in call.done:
            one.ways[AS_FOLLOWED] = Follow(planned)
        if one.ways:
            self._followed[call.key] = one

    # What is followed in each ledger, or why nothing is.
    def _terms(self, call: ShadowCall) -> tuple[Source, Terms | NotEntered, Terms | str] | str:
        try:
            source = source_of(self._market, call.leg, at=call.decided_at, pricing=self._pricing())
            if isinstance(source, str):
                return source
            posted = posted_terms(self._market, call, source, at=call.decided_at)
            if posted is None:
                return NO_CANDLES
            return source, posted, TTL if call.expired else self._planned(call, source)
        except (ArithmeticError, AssertionError, ValueError):
            # Whatever a channel writes: numbers of which no levels can be made end this call, and no other.
            return LEVELS

    # False: there is more to be read.
    def _catch_up(self, one: Followed, now: float) -> bool:
        announced_at = one.call.announced_at
        if announced_at is not None:
            for way in one.ways.values():
                way.announce(announced_at)
        key = (one.source.symbol, one.source.divisor, one.cursor, now)
        read = self._read.get(key)
        if read is None:
            read = self._read[key] = ended_bars(self._market, one.source, since=one.cursor, now=now)
        for way in one.ways.values():
            way.advance(read.bars)
        return not read.more

    def _look_s(self, source: Source) -> float:
        interval_s = self._market.bar_interval_s(source.symbol) or LOOK_LEAST_S
        return min(max(LOOK_BARS * interval_s, LOOK_LEAST_S), LOOK_MOST_S)

    # On one grid for all, so that many are looked at in one turn.
    def _next_look(self, one: Followed, now: float) -> float:
        return (now // one.look_s + 1) * one.look_s


def posted_terms(market: Market, call: ShadowCall, source: Source, *, at: float) -> Terms | NotEntered | None:
    """The canonical terms of a call that is decided on at `at`; None where there is no price then."""
    leg = call.leg
    conditions = conditions_of(market, source, leg, at=at, posted_at=call.posted_at, median_stop=call.median_stop)
    if conditions is None:
        return None
    want = wanted(leg.as_leg(), symbol=source.symbol)
    if leg.margin == "cross":
        # A whole account answers for it: nobody knows when that is gone.
        want = replace(want, leverage=None)
    found = as_posted(want, conditions, tick=source.tick, costs=source.costs, decided_at=at, fuzz=source.fuzz)
    return found if isinstance(found, NotEntered) or _is_sane(found) else NotEntered(reason=LEVELS)


def _is_sane(terms: Terms) -> bool:
    # Not the targets: one that is never reached must not make a call undone.
    prices = [terms.stop, *(lot.price for lot in terms.lots)]
    return 0.0 < terms.planned_loss < PRICE_MOST and all(0.0 < price < PRICE_MOST for price in prices)


def _nothing(call: ShadowCall, ledger: str, status: str, reason: str, *, source: Source | None = None) -> ShadowOutcome:
    priced = status in ("unfilled", "cancelled")
    in_r = priced and (ledger == AS_FOLLOWED or call.leg.sl is not None)
    return ShadowOutcome(
        call=call.key,
        channel=call.channel,
        ledger=ledger,
        side=call.leg.side,
        status=status,
        reason=reason,
        witnessed=call.witnessed,
        posted_at=call.posted_at,
        decided_at=call.decided_at,
        at=call.decided_at,
        r=0.0 if in_r else None,
        r_low=0.0 if in_r else None,
        r_high=0.0 if in_r else None,
        return_pct=0.0 if priced else None,
        posted_stop=call.leg.sl is not None,
        proxy=source is not None and source.proxy,
        synthetic=source is not None and source.synthetic,
        contaminated=call.contaminated,
    )


def _outcome(call: ShadowCall, ledger: str, result: Result, *, source: Source) -> ShadowOutcome:
    if result.status == "unpriced":
        return _nothing(call, ledger, result.status, result.reason or NO_CANDLES, source=source)
    # As posted, a call without a stop has no R: the stop would be ours.
    in_r = ledger == AS_FOLLOWED or call.leg.sl is not None
    return ShadowOutcome(
        call=call.key,
        channel=call.channel,
        ledger=ledger,
        side=call.leg.side,
        status=result.status,
        reason=result.reason,
        witnessed=call.witnessed,
        posted_at=call.posted_at,
        decided_at=call.decided_at,
        at=result.at,
        opened_at=result.opened_at,
        entry=_price(result.entry),
        exit=_price(result.exit),
        filled_share=result.filled_share,
        r=result.r if in_r else None,
        r_low=result.r_low if in_r else None,
        r_high=result.r_high if in_r else None,
        undecided=result.undecided,
        return_pct=result.return_pct,
        worst_pct=result.worst_pct,
        ended_by=result.ended_by,
        posted_stop=call.leg.sl is not None,
        imputed_r=None if in_r else result.r,
        proxy=source.proxy,
        synthetic=source.synthetic,
        contaminated=call.contaminated,
    )


def _price(price: float | None) -> Decimal | None:
    return None if price is None else Decimal(f"{price:.10g}")
