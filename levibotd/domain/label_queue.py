"""
Which posts are worth a label: those the model cannot tell, those on which model and rules differ,
and calls in words that nobody has used before.

Fed by committed records. Nothing in here is acted on.
"""

import heapq
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import TypeVar

from msgspec import Struct

from levibotd.domain.copies import text_print
from levibotd.domain.features import ABSTAINED, words
from levibotd.domain.records import Logged, SignalIngest, SignalScored
from levibotd.domain.signal import NO_TRADE, Kind, Post, TraceId

QUEUE_MAX = 200
TEMPLATES_MAX = 10_000
ON_THEIR_WAY_MAX = 4_096
WORDS_USED = 60  # Of a text, for its template.

MARGIN = "margin"
RULE_AGAINST_MODEL = "rule_against_model"
NEW_TEMPLATE = "new_template"

K = TypeVar("K")
V = TypeVar("V")

_CLOSE = 0.5  # Between the two most likely labels.
_SURE = 0.4  # p(actionable) that a rule has cut down; a rule alone leaves at most 0.49.
_NEW_VALUE = 0.3
_AGAINST_VALUE = 0.5


class Candidate(Struct, frozen=True, kw_only=True):
    """A post worth a label. `value` orders the queue, `label` is what the model says now."""

    trace_id: TraceId
    digest: str
    value: float
    why: tuple[str, ...]
    channel: str
    message_id: int
    posted_at: float
    text: str
    label: str
    kind: str
    probs: Mapping[str, float]


class LabelQueue:
    """
    The most valuable posts of late, one a template, at most QUEUE_MAX.

    It is kept in memory alone: a restart begins with an empty one, and what is worth a label comes again.
    """

    def __init__(self) -> None:
        self._posts: OrderedDict[TraceId, Post] = OrderedDict()
        self._templates: OrderedDict[str, None] = OrderedDict()
        self._queued: dict[str, Candidate] = {}  # By template.
        self._labelled: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._queued)

    @property
    def waiting(self) -> int:
        """Posts that came in and are not scored yet."""
        return len(self._posts)

    def apply(self, one: Logged) -> None:
        """Take in a committed record."""
        record = one.entry.record
        if isinstance(record, SignalIngest):
            _remember(self._posts, record.post.trace, record.post, limit=ON_THEIR_WAY_MAX)
        elif isinstance(record, SignalScored) and one.entry.trace is not None:
            post = self._posts.pop(one.entry.trace, None)
            if post is not None:
                self._consider(post, record)

    def is_labelled(self, digest: str) -> None:
        """This text has its label now."""
        _remember(self._labelled, digest, None, limit=TEMPLATES_MAX)
        self._queued = {template: one for template, one in self._queued.items() if one.digest != digest}

    def best(self, count: int) -> list[Candidate]:
        """Return the most valuable ones, best first."""
        return heapq.nsmallest(count, self._queued.values(), key=lambda one: (-one.value, one.trace_id))

    def _consider(self, post: Post, scored: SignalScored) -> None:
        template = template_of(post.text, scored)
        is_new = template not in self._templates
        _remember(self._templates, template, None, limit=TEMPLATES_MAX)
        digest = text_print(post.text)
        if scored.stale or not post.text.strip() or digest in self._labelled:
            return
        value, why = worth(scored, is_new=is_new)
        held = self._queued.get(template)
        if not why or (held is not None and held.value >= value):
            return
        self._queued[template] = Candidate(
            trace_id=post.trace,
            digest=digest,
            value=round(value, 6),
            why=why,
            channel=post.channel,
            message_id=post.message_id,
            posted_at=post.posted_at,
            text=post.text,
            label=scored.label,
            kind=scored.kind,
            probs=scored.probs,
        )
        if len(self._queued) > QUEUE_MAX:
            least = min(self._queued, key=lambda name: (self._queued[name].value, self._queued[name].trace_id))
            del self._queued[least]


def worth(scored: SignalScored, *, is_new: bool) -> tuple[float, tuple[str, ...]]:
    """Return how much a label of this post would teach, and why; nothing where it would not."""
    first, second, _ = sorted(scored.probs.values(), reverse=True)
    why = []
    value = 0.0
    if first - second < _CLOSE:
        why.append(MARGIN)
        value += 1.0 - (first - second)
    if _differ(scored):
        why.append(RULE_AGAINST_MODEL)
        value += _AGAINST_VALUE
    # New words in chatter are what every day brings.
    if is_new and (scored.legs or scored.symbols or scored.kind in (Kind.AMBIGUOUS, Kind.UPDATE)):
        why.append(NEW_TEMPLATE)
        value += _NEW_VALUE
    return value, tuple(why)


# The rules read a call and the model does not believe it, or they found nothing that could be sent where it would
# have believed one: then p(actionable) was cut down, and stands where nothing else would leave it.
def _differ(scored: SignalScored) -> bool:
    if any(reason.startswith(ABSTAINED) for reason in scored.reasons):
        return True
    if scored.kind == Kind.NEW and scored.legs:
        return scored.label == NO_TRADE
    return 1.0 - scored.probs[NO_TRADE] >= _SURE


def template_of(text: str, scored: SignalScored) -> str:
    """Name the words of a post without its numbers, links, handles and coins."""
    named = [leg.symbol for leg in scored.legs] + list(scored.symbols)
    coins = {part for symbol in named for part in symbol.lower().split("/")}
    coins |= {symbol.lower().replace("/", "") for symbol in named}
    said = " ".join(["¤" if word in coins else word for word in words(text)[:WORDS_USED]])
    return blake2b(said.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _remember(known: OrderedDict[K, V], key: K, value: V, *, limit: int) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > limit:
        known.popitem(last=False)
