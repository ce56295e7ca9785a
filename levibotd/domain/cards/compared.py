"""
What calls would have made at other times, and what holding would have made: from recorded prices, not from the log.

It is reckoned where cards are shown, and only where there are prices; cards without it say so by null.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.state import ChannelKept
from levibotd.domain.rounding import six_digits


class OtherTimes(Struct, frozen=True, kw_only=True):
    """Mean R of one call at random times, and its R at each delay in seconds (None: the bars cannot tell)."""

    channel: str
    id: str
    placebo_r: float | None = None
    times: int = 0
    delayed_r: Mapping[float, float | None] = {}


class Compared(Struct, frozen=True, kw_only=True):
    """By channel and id of the call. Holding in percent, over the time of all calls, after costs."""

    calls: Mapping[str, Mapping[str, OtherTimes]] = {}
    hold_btc_pct: float | None = None
    equal_weight_pct: float | None = None

    @classmethod
    def of(
        cls, found: Iterable[OtherTimes], *, hold_btc_pct: float | None = None, equal_weight_pct: float | None = None
    ) -> "Compared":
        calls: dict[str, dict[str, OtherTimes]] = {}
        for one in found:
            calls.setdefault(one.channel, {})[one.id] = one
        return cls(calls=calls, hold_btc_pct=hold_btc_pct, equal_weight_pct=equal_weight_pct)

    def beside(self, book: CardBook) -> CardBook:
        """A book like this one, each of whose calls knows its placebo."""
        if not self.calls:
            return book
        other = book.copy()
        for channel, kept in other.channels.items():
            for name, times in self.calls.get(channel, {}).items():
                if name in kept.calls:
                    kept.calls[name] = replace(kept.calls[name], placebo_r=times.placebo_r, placebos=())
        return other

    def latency(self, channel: str, kept: ChannelKept, *, witnessed: bool) -> dict[str, float | None]:
        """Expectancy by delay, over the calls of which it can be told at every delay; None where there is none."""
        found = self.calls.get(channel, {})
        own = [
            found[call.id].delayed_r for call in kept.calls.values() if call.witnessed is witnessed and call.id in found
        ]
        delays = sorted({delay for one in own for delay in one})
        told = [one for one in own if all(one.get(delay) is not None for delay in delays)]
        sums = {delay: sum([one[delay] or 0.0 for one in told]) for delay in delays}
        return {f"{delay:g}": six_digits(sums[delay] / len(told)) if told else None for delay in delays}


NOTHING_COMPARED = Compared()
