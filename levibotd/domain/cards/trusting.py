"""Trust in the channels of a card book, as of any moment."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.calls import FILLED, UNKNOWN, UNPRICED, CallKept, Followed
from levibotd.domain.cards.card import COVERAGE_MIN
from levibotd.domain.cards.state import ChannelKept
from levibotd.domain.cards.sums import UNREADABLE
from levibotd.domain.chance import week_begin, week_of
from levibotd.domain.lived import Evidence, Lived, evidence
from levibotd.domain.trust import (
    Prior,
    Survival,
    Trust,
    cautious,
    of_kind,
    prior_of,
    trust,
    with_history,
)

CALLS_AT_ONCE = 2_000  # Some milliseconds of the loop.

Running = Callable[[str], Mapping[str, float]]  # R so far of the open calls of a channel, by their ids.


class _Measured(Struct):
    """The prior of a week on its way: the channels that are left, the next one last, and what was found."""

    week: int
    left: list[str]
    found: list[Evidence] = field(default_factory=list)


class _Told:
    """
    The witnessed calls of a channel, or the others, as trust sees them, in their order.

    A channel may have thousands of calls, and is asked for at each of its posts: only what changed since is made anew.
    """

    def __init__(self, *, witnessed: bool = True) -> None:
        self.changes = -1
        self._witnessed = witnessed
        self.lived: list[Lived] = []
        self._gone: tuple[int, str | None] = 0, None
        self._lost: list[str] = []  # What they say again, and was forgotten: its outcome may bring it back.
        self._names: list[str] = []
        self._ended: list[Followed | None] = []
        self._placebos: list[tuple[tuple[float, float], ...]] = []
        self._found: list[Lived | None] = []

    def look(self, kept: ChannelKept) -> list[Lived]:
        if kept.changes == self.changes:
            return self.lived
        calls = [call for call in kept.calls.values() if call.witnessed == self._witnessed]
        gone = kept.witnessed.calls + kept.backfilled.calls, next(iter(kept.calls), None)
        names = [call.id for call in calls]
        known = len(self._names)
        if gone != self._gone or self._names != names[:known]:
            known = 0  # Some were forgotten: those that others say again among them, it may be.
        if any(first in kept.calls for first in self._lost):
            known = 0
        if not known:
            self._lost = [call.first for call in calls if call.first not in kept.calls]
        ended, placebos, found = self._ended, self._placebos, self._found
        for place, call in enumerate(calls[:known]):
            if ended[place] is not call.as_followed or placebos[place] is not call.placebos or call.contaminated:
                ended[place], placebos[place] = call.as_followed, call.placebos
                found[place] = _clean(call, kept)
        new = calls[known:]
        ended[known:] = [call.as_followed for call in new]
        placebos[known:] = [call.placebos for call in new]
        found[known:] = [_clean(call, kept) for call in new]
        self._names, self._gone, self.changes = names, gone, kept.changes
        self.lived = [lived for lived in found if lived is not None]
        return self.lived

    def with_marks(self, marks: Mapping[str, float]) -> list[Lived]:
        """The same, with what is open at its mark."""
        return [
            lived if (mark := marks.get(name)) is None else replace(lived, running_r=mark)
            for name, lived in zip(self._names, self._found, strict=True)
            if lived is not None
        ]


class TrustDesk:
    """
    Answers what is held of a channel. Of the calls posted by then, and of what had become of them by then, alone.

    The prior is that of the beginning of the ISO week: it moves slowly, and looks at every channel. When a week begins,
    each question looks at some of them; until all are, the prior of the week before stands. The first looks at all.
    """

    def __init__(self, book: CardBook, *, running: Running = lambda _channel: {}) -> None:
        self._book = book
        self._running = running
        self._told: dict[str, _Told] = {}
        self._past: dict[str, _Told] = {}  # Of those calls that were there before us.
        self._prior: tuple[int, Prior] | None = None
        self._next: _Measured | None = None

    def of(self, channel: str, *, at: float, sides: Sequence[str] = ()) -> Trust:
        """
        What is held of `channel` at `at`; of one that nobody knows, what channels are like.

        With `sides` also what a call on these makes: where they are two, that on which less is made.
        """
        prior = self.prior(at=at)
        kept = self._book.channels.get(channel)
        if kept is None:
            unknown = trust(None, prior=prior, at=at)
            return of_kind(unknown, None, side=min(sides)) if sides else unknown
        past = evidence(self._backfilled(channel, kept), at=at) if kept.backfilled_posts else None
        calls = self._with_marks(channel, self._witnessed(channel, kept))
        held = trust(evidence(calls, at=at), prior=with_history(prior, past, survival_of(kept)), at=at)
        kinds = [of_kind(held, evidence(_on(side, calls), at=at, adjusted=held.adjusted), side=side) for side in sides]
        held = min(kinds, key=_expected) if kinds else held
        return cautious(held, at=at) if _coverage(kept, at=at) < COVERAGE_MIN else held

    def prior(self, *, at: float) -> Prior:
        """What channels are like, as of the beginning of that week."""
        week = week_of(at)
        known = self._prior
        if known is not None and known[0] == week:
            return known[1]
        if self._next is None or self._next.week != week:
            self._next = _Measured(week, sorted(self._book.channels, reverse=True))
        if known is None or week < known[0]:
            self._measure(self._next, calls=None)
        else:
            self._measure(self._next, calls=CALLS_AT_ONCE)
        if self._next.left and known is not None:
            return known[1]
        prior = prior_of(self._next.found)
        self._prior, self._next = (week, prior), None
        return prior

    def _measure(self, measured: _Measured, *, calls: int | None) -> None:
        looked = 0
        while measured.left and (calls is None or looked < calls):
            name = measured.left.pop()
            lived = self._witnessed(name, self._book.channels[name])
            looked += len(lived)
            found = evidence(lived, at=week_begin(measured.week))
            if found is not None:
                measured.found.append(found)

    def _witnessed(self, channel: str, kept: ChannelKept) -> list[Lived]:
        return self._told.setdefault(channel, _Told()).look(kept)

    def _backfilled(self, channel: str, kept: ChannelKept) -> list[Lived]:
        return self._past.setdefault(channel, _Told(witnessed=False)).look(kept)

    def _with_marks(self, channel: str, calls: list[Lived]) -> list[Lived]:
        marks = self._running(channel)
        return self._told[channel].with_marks(marks) if marks else calls


def _on(side: str, calls: Sequence[Lived]) -> list[Lived]:
    return [call for call in calls if call.side == side]


def _expected(held: Trust) -> float:
    return held.expected_r


# Of the witnessed calls that are over, and of its pictures: who hides his losers in them is not held for more.
def _coverage(kept: ChannelKept, *, at: float) -> float:
    over = [
        call.as_posted.status != UNPRICED
        for call in kept.calls.values()
        if call.witnessed and call.as_posted is not None and call.as_posted.at <= at
    ]
    older = kept.witnessed
    priced = sum(over) + older.priced + older.status(UNKNOWN)
    unpriced = len(over) - sum(over) + older.status(UNPRICED) - older.reasons.get(UNREADABLE, 0)
    unpriced += sum(seen <= at for seen in kept.pictures)
    return priced / (priced + unpriced) if priced + unpriced else 1.0


def survival_of(kept: ChannelKept) -> Survival:
    """What of a channel's past was still there to be read."""
    if not kept.backfilled_posts or kept.lowest_id is None or kept.highest_id is None:
        return Survival()
    span = kept.highest_id - kept.lowest_id + 1
    return Survival(
        missing=max(0.0, 1.0 - kept.backfilled_posts / span),
        edited=kept.backfilled_edited / kept.backfilled_posts,
    )


def _clean(call: CallKept, kept: ChannelKept) -> Lived | None:
    return None if call.contaminated else _one(call, kept.calls.get(call.first, call).side)


def _one(call: CallKept, side: str) -> Lived | None:
    ended = call.as_followed
    if ended is not None and ended.status == UNPRICED:
        return None
    return Lived(
        posted_at=call.posted_at,
        said=call.first,
        side=side,
        lifetime_s=call.lifetime_s,
        over_at=None if ended is None else ended.at,
        r=ended.r if ended is not None and ended.status == FILLED else None,
        placebo_r=None if call.placebos else call.placebo_r,
        placebos=call.placebos,
    )
