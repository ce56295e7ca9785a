"""Labels and models: what is learned from, what is served, and what is worth a label."""

from collections.abc import Mapping
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from levibotd.admin.replies import Answer, Body, answer_of, caller_of, desk_of, json, read_body, read_query
from levibotd.domain.label_queue import QUEUE_MAX, Candidate
from levibotd.domain.learning import TEXT_MAX, Labelled, ModelTrained, Promotion
from levibotd.errors import Refused
from levibotd.messages import Retrain
from levibotd.ports.learning import LearningDesk

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Sha = Annotated[str, Meta(pattern=r"^([0-9a-f]{64}|shipped)(?!\n)$")]
Count = Annotated[int, Meta(ge=1, le=QUEUE_MAX)]


class LabelWanted(Body, frozen=True):
    """
    A post and what it is. `ts` is when it was posted, now where it is not said.

    A text that is labelled otherwise is refused unless this label is to replace that.
    """

    text: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]
    label: Literal["BUY", "SELL", "NO-TRADE"]
    channel: Name | None = None
    ts: Annotated[float, Meta(ge=0, le=1e11)] | None = None
    lang: Name | None = None
    replace: bool = False


class LabelTaken(Answer, frozen=True):
    """`fresh` is false when that text has that label already; `digest` names what it says."""

    ok: bool
    fresh: bool
    replaced: bool
    digest: str
    total: int


class Dataset(Answer, frozen=True):
    """How many labels there are. `bad` lines cannot be used: `problems` are the first ones, `problem` the first."""

    total: int
    labels: Mapping[str, int]
    languages: Mapping[str, int]
    channels: int
    bytes: int
    bad: int
    problem: str | None
    problems: tuple[str, ...]


class QueueWanted(Body, frozen=True):
    """How many, best first."""

    limit: Count = 50


class Queue(Answer, frozen=True):
    """Posts worth a label, best first, since this start of the daemon. `count` is how many there are in all."""

    count: int
    posts: tuple[Candidate, ...]


class ModelShown(Answer, frozen=True):
    """
    The served model. `figures` are those of its card, on channels it had not seen, and its drift since the start.

    `source`: `shipped`, `trained` or `file`; then the configuration names it, and no training is served. `promotions`
    are those of the past, newest first, and `last` is how the last training ended.
    """

    sha256: str
    source: str
    trained_until: float | None
    figures: Mapping[str, float]
    training_since: float | None
    last: ModelTrained | None
    promotions: tuple[Promotion, ...]
    before: str | None


class TrainingStarted(Answer, frozen=True):
    """`fresh` is false when one was under way; then that one is what there is."""

    ok: bool
    fresh: bool
    training_since: float


class RollbackWanted(Body, frozen=True):
    """Which model; without one, that before. `shipped` is the one of the package."""

    sha256: Sha | None = None


class RolledBack(Answer, frozen=True):
    """What is served now."""

    ok: bool
    sha256: str


async def post_label(request: web.Request) -> web.Response:
    """`POST /ml/dataset/append` - keep a label, once."""
    desk, body = desk_of(request), await read_body(request, LabelWanted)
    ts = desk.clock.time() if body.ts is None else body.ts
    one = Labelled(text=body.text, label=body.label, channel=body.channel, ts=ts, lang=body.lang)
    taken = await _there(desk.learning).append(one, replace=body.replace, by=caller_of(request))
    return json(LabelTaken(ok=True, fresh=taken.fresh, replaced=taken.replaced, digest=taken.digest, total=taken.total))


async def get_dataset(request: web.Request) -> web.Response:
    """`GET /ml/dataset` - how many labels, by class and language."""
    found = await _there(desk_of(request).learning).counts()
    return json(
        Dataset(
            total=found.total, labels=found.labels, languages=found.languages, channels=found.channels,
            bytes=found.bytes, bad=found.bad, problem=found.problem, problems=found.problems,
        )
    )  # fmt: skip


async def get_queue(request: web.Request) -> web.Response:
    """`GET /ml/queue` - posts worth a label."""
    wanted = read_query(request, QueueWanted)
    queue = _there(desk_of(request).learning).queue
    return json(Queue(count=len(queue), posts=tuple(queue.best(wanted.limit))))


async def get_model(request: web.Request) -> web.Response:
    """`GET /ml/model` - what is served, and what was before."""
    learning = _there(desk_of(request).learning)
    book, model = await learning.book(), learning.serving
    source = "file" if learning.pinned else ("trained" if model.sha == book.serving else "shipped")
    return json(
        ModelShown(
            sha256=model.sha, source=source, trained_until=model.trained_until, figures=learning.figures,
            training_since=learning.running_since, last=book.last, promotions=book.promotions[::-1],
            before=book.before(),
        )
    )  # fmt: skip


async def post_retrain(request: web.Request) -> web.Response:
    """`POST /ml/retrain` - begin a training now; it is answered before it is over."""
    desk = desk_of(request)
    learning = _there(desk.learning)
    learning.expect_able()
    begun = await answer_of(learning.ref, Retrain(by=caller_of(request)), timeout_s=desk.ask_timeout_s)
    return json(TrainingStarted(ok=True, fresh=begun.fresh, training_since=begun.since), status=202)


async def post_rollback(request: web.Request) -> web.Response:
    """`POST /ml/rollback` - serve the model before."""
    desk, body = desk_of(request), await read_body(request, RollbackWanted)
    sha = await _there(desk.learning).roll_back(body.sha256, by=caller_of(request))
    return json(RolledBack(ok=True, sha256=sha))


def _there(learning: LearningDesk | None) -> LearningDesk:
    if learning is None:
        raise Refused("nothing is learned here", reason="no_learning")
    return learning
