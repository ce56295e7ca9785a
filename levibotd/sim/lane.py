"""One symbol on its way from bar to bar: what the paper venue reads, and how far it may go at once."""

import math
from collections import deque

from levibotd.domain.signal import Symbol
from levibotd.ports.market import Bar, Market
from levibotd.sim.matching import Matcher

SAME_INSTANT_S = 1e-5
# At one instant bars end before others begin, and what waits in vain expires last.
END, OPEN, POLL = 0, 1, 2

_LOOKAHEAD_S = 30 * 86_400.0
_BARS_AHEAD = 32
_CALM_BARS = 96  # So far a lane looks for the end of a calm.
_ENTRY_WAIT_BARS = 2


class Lane:
    """One symbol that has orders or a position: its matcher, and where it stands among the bars."""

    def __init__(self, market: Market, matcher: Matcher, *, interval_s: float, cursor: float) -> None:
        self.matcher = matcher
        self.interval_s = interval_s
        self.patience_s = _ENTRY_WAIT_BARS * interval_s
        self.cursor = cursor  # No bar that begins before this one counts.
        self.opened: Bar | None = None  # Its open was told, its end was not.
        self.coming: Bar | None = None
        self.polls = 0
        self.due = cursor
        self.phase = POLL
        self._market = market
        self._ahead: deque[Bar] = deque()  # Read already, behind the one that is coming.

    def order_key(self) -> tuple[float, int, Symbol]:
        return (self.due, self.phase, self.matcher.symbol)

    # Bars are final, so several are read at once: a question to the market costs more than a bar.
    def next_bar(self) -> Bar | None:
        """Take the first bar from the cursor on; None when there is none yet."""
        ahead = self._ahead_of(self.cursor)
        if not ahead:
            ahead.extend(self._read(self.cursor))
        return ahead.popleft() if ahead else None

    def calm_end(self, bounds: tuple[float, float], *, until: float) -> float:
        """
        Say when the first bar ends, from the open one on, that is not calm; one that ends at `until` is the last.

        In a calm bar nothing fills, the next one begins at its end and within the bounds, and after that comes one
        more: what was told last before a gap is the price all through it. Minus infinity when the open one began
        beyond the bounds.
        """
        bar, matcher = self.opened, self.matcher
        assert bar is not None, "a calm is looked for in open bars"
        least, most = bounds
        if not least <= bar.open <= most:
            return -math.inf
        end = bar.ts + bar.interval_s
        ahead = self._ahead_of(end)
        seen = 0
        while end < until and seen < _CALM_BARS and matcher.ignores(bar):
            if seen + 1 >= len(ahead):
                ahead.extend(self._read(ahead[-1].ts + ahead[-1].interval_s if ahead else end))
                if seen + 1 >= len(ahead):
                    break
            after = ahead[seen]
            after_end = after.ts + after.interval_s
            if after.ts != end or ahead[seen + 1].ts != after_end or not least <= after.open <= most:
                break
            bar, seen, end = after, seen + 1, after_end
        return end

    def glide(self, until: float) -> None:
        """Leave out the bars that end by `until`, which must be calm ones: `calm_end` has looked at them."""
        bar = self.opened
        assert bar is not None, "only from an open bar"
        while self.due <= until:
            bar = self._ahead.popleft()
            self.due = bar.ts + bar.interval_s
        self.opened, self.cursor = bar, bar.ts
        self.matcher.open_bar(bar)

    def _ahead_of(self, cursor: float) -> deque[Bar]:
        while self._ahead and self._ahead[0].ts < cursor - SAME_INSTANT_S:
            self._ahead.popleft()
        return self._ahead

    def _read(self, since: float) -> list[Bar]:
        until = since + _LOOKAHEAD_S
        symbol = self.matcher.symbol
        return list(self._market.bars(symbol, since=since - SAME_INSTANT_S, until=until, limit=_BARS_AHEAD))
