"""
Learning from labels: its records, what a labelled post is, and when a new model may take over. Pure.

A challenger is fitted on the older posts and judged on the newest, beside the champion; it is
served only if it is not worse. What was judged is what is served: nothing is fitted again after.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from levibotd.domain.posts.normalise import normalise
from levibotd.domain.records import Record
from levibotd.domain.signal import NO_TRADE, Side
from levibotd.errors import Refused

LABELS = (Side.BUY.value, Side.SELL.value, NO_TRADE)
TEXT_MAX = 8192
SHIPPED = "shipped"  # Stands for the model that came with the package.
MODEL_BOOK_SCHEMA = 1
NAME_MAX = 64

F1_LOSS_MAX = 0.01
ECE_GAIN_MAX = 0.01
BRIER_GAIN_MAX = 0.01  # One that says the base rate of every post is well calibrated, and knows nothing.
JUDGED_SHARE = 0.2  # Of all real posts that the labels stand for: the newest.
JUDGED_SHARE_RANGE = (0.1, 0.35)  # The split stays where it was frozen as long as its share lies in here.
JUDGED_MIN = 30  # Posts; with fewer nobody can say which model is better.
JUDGED_CALLS_MIN = 5

_TIE = 1e-9


class Labelled(Struct, frozen=True, kw_only=True):
    """One post that somebody has labelled. `ts` is when it was posted, unix seconds."""

    text: str
    label: str
    channel: str | None = None
    ts: float | None = None
    lang: str | None = None


class Quality(Struct, frozen=True, kw_only=True):
    """How good a model is on the newest posts; all but `posts` and `calls` are of real posts, by their weights."""

    posts: int
    calls: int
    accuracy: float
    macro_f1: float
    brier: float
    ece: float


class DsAppend(Record, frozen=True, kw_only=True):
    """
    A label was taken. `digest` names what the post says; its text is in the data set alone.

    `added` of more than one, without a digest: lines that came by another way than this daemon.
    """

    at: float
    digest: str
    label: str
    by: str
    total: int
    channel: str | None = None
    language: str | None = None
    replaced: bool = False
    added: int = 1


class ModelTrained(Record, frozen=True, kw_only=True):
    """
    A run of training is over. `sha256` None: nothing could be fitted; `why` says what stood against promoting it.

    The champion may have known posts that both are judged on (`champion_trained_until`): that favours it.
    """

    at: float
    by: str
    promoted: bool
    why: str
    examples: int = 0
    channels: int = 0
    sha256: str | None = None
    trained_until: float | None = None
    split_at: float | None = None
    challenger: Quality | None = None
    champion_sha256: str | None = None
    champion_trained_until: float | None = None
    champion: Quality | None = None
    cpu_s: float = 0.0


class ModelPromoted(Record, frozen=True, kw_only=True):
    """Decisions rest on another model from here on."""

    at: float
    sha256: str
    before: str
    trained_until: float | None
    why: str  # retrain | rollback | file | fallback: what was promoted cannot be read
    by: str


RECORDS: Mapping[str, type[Record]] = {
    "MODEL_TRAINED": ModelTrained,
    "MODEL_PROMOTED": ModelPromoted,
    "DS_APPEND": DsAppend,
}


class Appended(Struct, frozen=True, kw_only=True):
    """What became of a label. `fresh` is False when it was there already, word for word."""

    digest: str
    fresh: bool
    replaced: bool
    total: int


class DatasetCounts(Struct, frozen=True, kw_only=True):
    """
    What the data set holds. `bad` lines cannot be used: `problems` are the first of them, as file:line: reason, and
    `problem` the very first.
    """

    total: int
    labels: dict[str, int]
    languages: dict[str, int]
    channels: int
    bytes: int
    bad: int = 0
    problem: str | None = None
    problems: tuple[str, ...] = ()


class Promotion(Struct, frozen=True, kw_only=True):
    """A model became the one that is served. `sha256` is SHIPPED for the package's own."""

    sha256: str
    at: float
    by: str
    why: str  # retrain | rollback
    trained_until: float | None = None


class ModelBook(Struct, frozen=True, kw_only=True):
    """What an installation knows of its models. Promotions: oldest first; `frozen_at`: where the judged posts begin."""

    schema: int = MODEL_BOOK_SCHEMA
    serving: str = SHIPPED
    promotions: tuple[Promotion, ...] = ()
    frozen_at: float | None = None
    last: ModelTrained | None = None

    def before(self) -> str | None:
        """Return the model that was served before this one; None where there was none."""
        older = [one.sha256 for one in self.promotions if one.sha256 != self.serving]
        if older:
            return older[-1]
        return SHIPPED if self.serving != SHIPPED else None


def check_label(one: Labelled) -> None:
    """Raises Refused, saying what is wrong with it."""
    if one.label not in LABELS:
        raise Refused(f"label {one.label[:NAME_MAX]!r} is none of {', '.join(LABELS)}", reason="label")
    if not normalise(one.text).strip():
        raise Refused("an empty text says nothing", reason="text")
    if len(one.text) > TEXT_MAX:
        raise Refused(f"a text of {len(one.text)} characters; {TEXT_MAX} are read", reason="text")
    if any(len(name) > NAME_MAX for name in (one.channel, one.lang) if name is not None):
        raise Refused(f"a channel or language of more than {NAME_MAX} characters", reason="name")
    if one.ts is not None and not (math.isfinite(one.ts) and one.ts >= 0):
        raise Refused(f"ts {one.ts} is no unix time", reason="ts")


def split_at(posts: Sequence[tuple[float, float]], *, frozen: float | None = None) -> float:
    """
    Return the time from which on posts, given as (time, weight), are there to judge by.

    What was frozen stays as long as enough lies on either side of it. Posts of one moment are never parted.
    """
    ordered = sorted(posts, reverse=True)
    total = sum(weight for _, weight in ordered)
    least, most = JUDGED_SHARE_RANGE
    if frozen is not None:
        share = sum(weight for at, weight in ordered if at >= frozen)
        if least * total <= share <= most * total:
            return frozen
    taken = 0.0
    for at, weight in ordered:
        taken += weight
        if taken >= JUDGED_SHARE * total:
            return at
    return 0.0


def objection(champion: Quality, challenger: Quality) -> str | None:
    """Say why the challenger may not take over; None when it may."""
    if challenger.posts < JUDGED_MIN or challenger.calls < JUDGED_CALLS_MIN:
        return (
            f"too few to judge by: {challenger.posts} posts with {challenger.calls} calls, "
            f"{JUDGED_MIN} with {JUDGED_CALLS_MIN} are needed"
        )
    if challenger.macro_f1 < champion.macro_f1 - F1_LOSS_MAX - _TIE:
        return f"macro-F1 {challenger.macro_f1:.4f} is more than {F1_LOSS_MAX} below {champion.macro_f1:.4f}"
    if challenger.ece > champion.ece + ECE_GAIN_MAX + _TIE:
        return f"ECE {challenger.ece:.4f} is more than {ECE_GAIN_MAX} above {champion.ece:.4f}"
    if challenger.brier > champion.brier + BRIER_GAIN_MAX + _TIE:
        return f"Brier {challenger.brier:.4f} is more than {BRIER_GAIN_MAX} above {champion.brier:.4f}"
    return None
