"""
When a channel says too much about its calls at once.

A channel that was taken over, or that loses its head, closes and changes everything within a minute. What
takes risk away is done all the same; whatever else is asked in a burst is not.
"""

from collections import OrderedDict, deque
from collections.abc import Collection

from msgspec import Struct

from levibotd.domain.signal import CallKey

BURST = "burst"  # The SYSTEM note that is an alarm.
WINDOW_S = 60.0
COMMANDS_MAX = 5  # In a minute.
SHARE_MAX = 0.5  # Of a channel's open calls that may be spoken of in a minute ...
CALLS_MIN = 3  # ... where that many are: of one or two, every word is about more than half.
CHANNELS_MAX = 1_000


class Burst(Struct, frozen=True, kw_only=True):
    """So many commands about so many calls within a minute. `begins`: the first one of it that is too much."""

    commands: int
    calls: int
    begins: bool


class _Minute(Struct):
    said: deque[tuple[float, tuple[CallKey, ...]]]
    open_calls: int = 0  # The most there were: those that are closed do not make the rest a larger share.
    is_burst: bool = False


class BurstWatch:
    """Counts lifecycle commands by channel. Its memory is a minute long and bounded in channels."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[str, _Minute] = OrderedDict()

    def take(self, channel: str, calls: Collection[CallKey], *, open_calls: int, at: float) -> Burst | None:
        """Take note of one command that means these calls; None while that is no burst."""
        minute = self._minutes.pop(channel, None) or _Minute(said=deque())
        self._minutes[channel] = minute
        if len(self._minutes) > CHANNELS_MAX:
            self._minutes.popitem(last=False)
        while minute.said and minute.said[0][0] <= at - WINDOW_S:
            minute.said.popleft()
        if not minute.said:
            minute.open_calls, minute.is_burst = 0, False
        minute.said.append((at, tuple(calls)))
        minute.open_calls = max(minute.open_calls, open_calls)
        spoken_of = len({call for _, named in minute.said for call in named})
        commands = len(minute.said)
        too_many = spoken_of >= CALLS_MIN and spoken_of > SHARE_MAX * minute.open_calls
        if commands <= COMMANDS_MAX and not too_many and not minute.is_burst:
            return None
        burst = Burst(commands=commands, calls=spoken_of, begins=not minute.is_burst)
        minute.is_burst = True
        return burst
