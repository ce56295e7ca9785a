"""
How the followed channels lean, and how busy they are: bias and pulse.

Both count posts that are new calls, one post one voice, and no copies: what another channel, or the same one, said in
the same numbers a few days ago is no second opinion. They are asked as of a moment, and know only posts that were
scored by then.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct, field

from levibotd.domain.climate.hysteresis import settle
from levibotd.domain.copies import SAME_CALL_S
from levibotd.domain.remembering import forget_oldest
from levibotd.domain.signal import Side

HALF_LIFE_S = 12 * 3600.0  # Of a voice.
BIAS_ENTER, BIAS_LEAVE = 0.4, 0.2
WINDOW_S = 6 * 3600.0  # Pulse counts the calls of so long ...
WINDOWS = 112  # ... and holds them against as many of these windows before: four weeks ...
WINDOWS_MIN = 28  # ... of which there must be one at least.
CALLS_MIN = 20  # Fewer in all that time say nothing about what is usual.
PULSE_ENTER, PULSE_LEAVE = 2.0, 1.0
CALLS_KEPT = 20_000
CHANNELS_KEPT = 2_000

_SILENT = 0.001  # A voice below this is forgotten.
_BACK_S = tuple([number * WINDOW_S for number in range(WINDOWS + 2)])


class Voice(Struct):
    """What a channel said, decayed to the moment `at`."""

    at: float
    long: float = 0.0
    short: float = 0.0

    def faded(self, at: float) -> tuple[float, float]:
        """Long and short as of `at`."""
        if at <= self.at:
            return self.long, self.short
        share = 2.0 ** ((self.at - at) / HALF_LIFE_S)
        return self.long * share, self.short * share


class Bias(Struct, frozen=True, kw_only=True):
    """
    Net direction of calls over channels, from -1 (all short) to +1 (all long); `state` has hysteresis.

    A channel's say saturates with what it says: (L - S) / (1 + L + S), with L and S its decayed calls. Bias is the
    sum of these over 1 + the sum of (L + S) / (1 + L + S), so that neither one loud channel nor one call makes a mood.
    """

    value: float
    state: str  # long | short | none
    channels: int  # That are heard at all.
    long: float  # Decayed calls.
    short: float


class Pulse(Struct, frozen=True, kw_only=True):
    """
    How busy the channels are against their own past, in standard deviations; None while the past is too short.

    The deviation is at least that of calls that know nothing of each other (the root of their mean number).
    """

    value: float | None
    state: str  # busy | quiet | usual | unknown
    calls: int  # In the window that ends now.
    usual: float | None  # Mean number in the windows before.
    windows: int  # That there are of these.


class Crowd(Struct, kw_only=True):
    """The fold. `times` are those at which calls became known, ascending."""

    since: float | None = None  # The first post that was scored at all: here the past begins.
    voices: dict[str, Voice] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    said: dict[str, float] = field(default_factory=dict)
    copies: int = 0
    forgotten: int = 0  # Calls so many calls ago that a copy of them is not known any more.
    leaning: int = 0
    racing: int = 0

    def wake(self, at: float) -> None:
        """A post was scored, whatever it is."""
        if self.since is None:
            self.since = at

    def hear(self, channel: str, side: Side, *, posted_at: float, at: float, prints: Sequence[str | None] = ()) -> bool:
        """
        Count a call that became known at `at`; False where it is a copy. `prints` name its legs (`copies.py`).

        An old call that is only now known has the weight of its age. Times that go back count as now.
        """
        at = max(at, self.times[-1]) if self.times else at
        if self._is_copy(prints, at):
            self.copies += 1
            return False
        voice = self.voices.get(channel)
        long, short = (0.0, 0.0) if voice is None else voice.faded(at)
        weight = 2.0 ** (-max(at - posted_at, 0.0) / HALF_LIFE_S)
        long, short = (long + weight, short) if side is Side.BUY else (long, short + weight)
        self.voices.pop(channel, None)  # To the end: whoever was silent longest stands first.
        self.voices[channel] = Voice(at, long, short)
        self.times.append(at)
        self._forget(at)
        self.leaning = _leaning(self, _heard(self, at))[1]
        self.racing = _racing(self, at)[2]
        return True

    def _is_copy(self, prints: Sequence[str | None], at: float) -> bool:
        known = [one is not None and at - self.said.get(one, -math.inf) <= SAME_CALL_S for one in prints]
        for one in prints:
            if one is not None:
                self.said.pop(one, None)  # To the end: what was said last stands last.
                self.said[one] = at  # A copy of a copy is one too, for as long as it goes round.
        return bool(known) and all(known)

    def _forget(self, at: float) -> None:
        oldest = at - WINDOW_S * (WINDOWS + 1)
        if self.times[0] < oldest or len(self.times) > CALLS_KEPT:
            del self.times[: max(bisect_left(self.times, oldest), len(self.times) - CALLS_KEPT)]
        # Both stand in the order in which they were last heard.
        while self.said and at - self.said[first := next(iter(self.said))] > SAME_CALL_S:
            del self.said[first]
        self.forgotten += forget_oldest(self.said, limit=CALLS_KEPT)
        while self.voices and self._is_silent(next(iter(self.voices)), at):
            del self.voices[next(iter(self.voices))]

    def _is_silent(self, channel: str, at: float) -> bool:
        return sum(self.voices[channel].faded(at)) < _SILENT or len(self.voices) > CHANNELS_KEPT


def bias(crowd: Crowd, *, at: float) -> Bias | None:
    """How channels lean as of `at`; None where nobody was heard."""
    heard = _heard(crowd, at)
    if not heard:
        return None
    value, state = _leaning(crowd, heard)
    return Bias(
        value=value,
        state=("none", "long", "short")[state],
        channels=len(heard),
        long=sum([long for long, _ in heard]),
        short=sum([short for _, short in heard]),
    )


def pulse(crowd: Crowd, *, at: float) -> Pulse:
    """How busy it is as of `at`."""
    value, usual, state, counts = _racing(crowd, at)
    return Pulse(
        value=value,
        state="unknown" if value is None else ("usual", "busy", "quiet")[state],
        calls=counts[0],
        usual=usual,
        windows=len(counts) - 1,
    )


def _heard(crowd: Crowd, at: float) -> list[tuple[float, float]]:
    return [voice.faded(at) for voice in crowd.voices.values()]


def _leaning(crowd: Crowd, heard: Sequence[tuple[float, float]]) -> tuple[float, int]:
    said = sum([(long - short) / (1.0 + long + short) for long, short in heard])
    value = said / (1.0 + sum([(long + short) / (1.0 + long + short) for long, short in heard]))
    return value, settle(value, state=crowd.leaning, enter=BIAS_ENTER, leave=BIAS_LEAVE)


# How busy it is and usually is, None where too little is known to say so; the state; and the calls of each window.
def _racing(crowd: Crowd, at: float) -> tuple[float | None, float | None, int, list[int]]:
    counts = _counts(crowd, at)
    now, before = counts[0], counts[1:]
    value = usual = None
    if len(before) >= WINDOWS_MIN and (calls := sum(before)) >= CALLS_MIN:
        usual = calls / len(before)
        spread = sum([(count - usual) ** 2 for count in before]) / len(before)
        value = (now - usual) / math.sqrt(max(spread, usual))
    return value, usual, settle(value, state=crowd.racing, enter=PULSE_ENTER, leave=PULSE_LEAVE), counts


# Calls of the window that ends at `at` and of each whole one before it, newest first.
def _counts(crowd: Crowd, at: float) -> list[int]:
    past_s = 0.0 if crowd.since is None else at - crowd.since
    windows = max(0, min(WINDOWS, int(past_s / WINDOW_S) - 1))
    # How many there were by the end of each window, and by the beginning of the last.
    times = crowd.times
    known = [bisect_right(times, at - back_s) for back_s in _BACK_S[: windows + 2]]
    return [upper - lower for upper, lower in pairwise(known)]
