"""
Stops that look at closes alone: has a bar of the market closed beyond such a stop since its call was planned?

Told from the bars alone, each time anew: a bar that closed while nobody looked is found at the next look.
"""

import math
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.book import CLOSED, CLOSING, Call
from levibotd.domain.trade_plan import CloseStop
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Bar, Market

SOON_S = 1.0  # After the end of a bar: by then its last trade, and what filled in it, has reached us.
LATE_S = 60.0  # Where the last minutes of a bar have not come by now, they will not.
BARS_MAX = 5_000

_DAY_S = 86_400.0
_WEEK_S = 7 * _DAY_S
_WEEK_BEGINS_S = 4 * _DAY_S  # Bars of a week begin on Mondays; unix time began on a Thursday.


class ClosedBeyond(Struct, frozen=True):
    """The first close beyond a stop: the end of its bar, and the price."""

    at: float
    price: Decimal


class CloseWatch:
    """
    Looks at each bar once, as long as it lives; a new one begins with the plan of each call.

    Bars are those of UTC, weeks begin on Mondays.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market = market
        self._clock = clock
        self._seen: dict[str, tuple[float, float]] = {}  # By call: its plan, and the last end that needs no look.

    def beyond(self, call: Call) -> ClosedBeyond | None:
        """The first close beyond the stop that nobody has looked at yet; None where there is none."""
        rule, now = call.close_stop, self._clock.time()
        if rule is None:
            return None
        planned_at, seen = self._seen.get(call.key, (call.ticket_at, call.ticket_at))
        since = seen if planned_at == call.ticket_at else call.ticket_at
        last = _last_end(rule, now)
        if last <= since:
            return None
        until = last if now >= last + LATE_S or self._is_whole(call, last, now) else last - rule.interval_s
        found = self._first(call, rule, since=since, until=until)
        if found is None and now >= last + LATE_S:
            self._seen[call.key] = (call.ticket_at, last)
        return found

    def stopped(self, call: Call, *, until: float) -> bool:
        """Had a bar closed beyond the stop of this call by `until`?"""
        rule = call.close_stop
        return rule is not None and self._first(call, rule, since=call.ticket_at, until=until) is not None

    def next_look_s(self, call: Call) -> float | None:
        """In how many seconds the next bar has closed; None where no close matters."""
        rule, now = call.close_stop, self._clock.time()
        if rule is None or call.status in (CLOSING, CLOSED):
            return None
        last = _last_end(rule, now)
        return next(at for at in (last + SOON_S, last + LATE_S, last + rule.interval_s + SOON_S) if at > now) - now

    def forget(self, call: str) -> None:
        self._seen.pop(call, None)

    # Has all that traded until `end` reached us?
    def _is_whole(self, call: Call, end: float, now: float) -> bool:
        finest = self._market.bar_interval_s(call.symbol)
        newest = () if finest is None else self._market.closed_bars(call.symbol, interval_s=finest, until=now, limit=1)
        return any(bar.ts + (finest or 0.0) >= end for bar in newest)

    def _first(self, call: Call, rule: CloseStop, *, since: float, until: float) -> ClosedBeyond | None:
        # Where bars are longer than those of the stop, they are all there is.
        interval_s = max(rule.interval_s, self._market.bar_interval_s(call.symbol) or 0.0)
        step_s = _DAY_S if interval_s == _WEEK_S else interval_s
        count = min(math.ceil((until - since + interval_s) / step_s) + 1, BARS_MAX)
        closes: dict[float, Bar] = {}
        for bar in self._market.closed_bars(call.symbol, interval_s=step_s, until=until, limit=count):
            closes[_end_of(bar, interval_s)] = bar
        for end, bar in closes.items():
            price = Decimal(repr(bar.close))
            if since < end <= until and (price - rule.price) * call.side.sign < 0:
                return ClosedBeyond(end, price)
        return None


def _begins(interval_s: float) -> float:
    return _WEEK_BEGINS_S if interval_s == _WEEK_S else 0.0


def _end_of(bar: Bar, interval_s: float) -> float:
    begins = _begins(interval_s)
    return begins + (math.floor((bar.ts - begins) / interval_s) + 1) * interval_s


def _last_end(rule: CloseStop, now: float) -> float:
    begins = _begins(rule.interval_s)
    return begins + math.floor((now - begins) / rule.interval_s) * rule.interval_s
