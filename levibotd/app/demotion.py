"""
Who loses the evidence for his stage goes down by one, by himself; who begins to write otherwise, to where he is only
looked at.

Looked at when a call of a channel has ended in the shadow ledger, when an act of ours was found wrong, and once a day.
Where calls only cost paper nothing is taken. A human may put the channel back, with evidence or by his word.
"""

from collections.abc import Callable, Iterable, Sequence

from levibotd.domain.acts import ActBook, ActJudged
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.evidence import REAL, drifted, evidence_of, lost
from levibotd.domain.cards.state import ChannelKept
from levibotd.domain.cards.trusting import TrustDesk
from levibotd.domain.outcomes import AS_FOLLOWED, PLACEBO, ShadowOutcome
from levibotd.domain.records import DayAnchor, Logged, Record, SignalScored
from levibotd.domain.risk import STAGES
from levibotd.domain.trust import Trust
from levibotd.kernel.clock import Clock
from levibotd.messages import SetStage

BY = "evidence"
OBSERVE = "observe"

_WATCHED = frozenset((SignalScored, ShadowOutcome, ActJudged, DayAnchor))
_MOVES = (AS_FOLLOWED, PLACEBO)  # Ledgers that trust is made of.


class Demotion:
    """
    Watches what is committed. `tell` hands on a wish and says whether it could; what could not is asked again later.

    `stage_of` is a channel's own stage, `names_of` what it is called, its own name first; who stands there by the
    operator's word only loses it by its losses.
    """

    def __init__(
        self,
        *,
        cards: CardBook,
        trust: TrustDesk,
        acts: ActBook,
        stage_of: Callable[[str], str],
        is_unproven: Callable[[str], bool],
        names_of: Callable[[str], tuple[str, ...]],
        tell: Callable[[SetStage], bool],
        clock: Clock,
    ) -> None:
        self._cards = cards
        self._trust = trust
        self._acts = acts
        self._stage_of = stage_of
        self._is_unproven = is_unproven
        self._names_of = names_of
        self._tell = tell
        self._clock = clock

    @staticmethod
    def concerns(kind: type[Record]) -> bool:
        """May a record of this type be a reason to look at a channel?"""
        return kind in _WATCHED

    def observe(self, committed: Sequence[Logged]) -> None:
        """Look at the channels that these records of a commit tell of."""
        scored: dict[str, None] = {}
        touched: dict[str, None] = {}
        for one in committed:
            record = one.entry.record
            if isinstance(record, SignalScored):
                scored[record.channel] = None
            else:
                touched |= dict.fromkeys(self._touched(record))
        for channel in scored:
            self._look_at_format(channel)
        for channel in touched:
            self._look(channel)

    # Whoever writes otherwise is read otherwise, and none of what was measured is of him.
    def _look_at_format(self, channel: str) -> None:
        kept = self._cards.channels.get(channel)
        if kept is None or not kept.format.is_full or self._stage_of(channel) not in REAL:
            return
        why = drifted(kept.format.psi)
        if why is not None:
            now = self._clock.time()
            self._lower(channel, kept, OBSERVE, why, held=self._trust.of(channel, at=now), at=now)

    def _touched(self, record: Record) -> Iterable[str]:
        match record:
            case ShadowOutcome(ledger=ledger, channel=channel, witnessed=True) if ledger in _MOVES:
                return (channel,)
            case ActJudged(channel=channel, wrong=True):
                return (channel,)
            case DayAnchor():
                return self._cards.channels
        return ()

    def _look(self, channel: str) -> None:
        stage, kept = self._stage_of(channel), self._cards.channels.get(channel)
        if kept is None or stage not in ("canary", "live"):
            return
        now = self._clock.time()
        held = self._trust.of(channel, at=now)
        silent_s = None if kept.last_call_at is None else now - kept.last_call_at
        judged = None if self._is_unproven(channel) else held
        acts = self._acts.tally(*self._names_of(channel))
        why = lost(stage, judged, since_stage_r=kept.since_stage_r, silent_s=silent_s, acts=acts)
        if why is not None:
            self._lower(channel, kept, STAGES[STAGES.index(stage) - 1], why, held=held, at=now)

    # Under its own name, whatever its posts call it: that is the one that rules.
    def _lower(self, channel: str, kept: ChannelKept, stage: str, why: str, *, held: Trust, at: float) -> None:
        names = self._names_of(channel)
        told = evidence_of(kept, held, at=at, acts=self._acts.tally(*names))
        self._tell(SetStage(stage=stage, by=BY, reason=why, channel=names[0], names=names, evidence=told))
