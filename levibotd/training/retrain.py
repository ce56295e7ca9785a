"""
A challenger against the champion: fitted on the older labels, judged beside it on the newest.

What was judged is what may be served; nothing is fitted again on all of them afterwards.
"""

from collections.abc import Sequence

from msgspec import Struct

from levibotd.domain.features import TextClassifier, score
from levibotd.domain.learning import JUDGED_MIN, Quality, objection, split_at
from levibotd.domain.model import CompiledModel, decode
from levibotd.domain.signal import NO_TRADE, Reading
from levibotd.errors import ConfigError
from levibotd.training.dataset import Example
from levibotd.training.evaluate import judged_rows
from levibotd.training.metrics import figures
from levibotd.training.pipeline import PLAIN, Recipe
from levibotd.training.train import Trained, train


class Challenge(Struct, frozen=True, kw_only=True):
    """How it went. `objection` says why the challenger may not be served; None: it may."""

    trained: Trained
    split_at: float
    champion: Quality
    challenger: Quality
    objection: str | None


def challenge(
    examples: Sequence[Example],
    readings: Sequence[Reading],
    champion: TextClassifier,
    *,
    frozen_at: float | None = None,
    recipe: Recipe = PLAIN,
) -> Challenge:
    """
    Fit a challenger and judge both. `frozen_at` is where the judged posts began the last time.

    Raises ConfigError when the older examples cannot carry a model, or when there is nothing to judge by.
    """
    at = split_at([(one.post.posted_at, one.weight) for one in examples], frozen=frozen_at)
    pairs = list(zip(examples, readings, strict=True))
    older = [pair for pair in pairs if pair[0].post.posted_at < at]
    newest = [pair for pair in pairs if pair[0].post.posted_at >= at]
    if not older:
        raise ConfigError(
            f"all {len(examples)} labels are of one moment: without older ones nothing can be fitted and then judged"
        )
    if len(newest) < JUDGED_MIN:
        raise ConfigError(
            f"{len(newest)} of {len(examples)} labels are the newest fifth; {JUDGED_MIN} are needed to judge by"
        )
    trained = train([one for one, _ in older], [reading for _, reading in older], recipe=recipe)
    before = quality(newest, champion)
    after = quality(newest, CompiledModel(decode(trained.data)))
    return Challenge(
        trained=trained, split_at=at, champion=before, challenger=after, objection=objection(before, after)
    )


def quality(pairs: Sequence[tuple[Example, Reading]], classifier: TextClassifier) -> Quality:
    """Judge these posts by that model."""
    scored = [score(example.post, reading, classifier) for example, reading in pairs]
    rows = judged_rows([example for example, _ in pairs], scored)
    found = figures(rows)
    return Quality(
        posts=len(rows),
        calls=sum(row.expected != NO_TRADE for row in rows),
        accuracy=found["accuracy"],
        macro_f1=found["macro_f1_weighted"],
        brier=found.get("brier", 0.0),
        ece=found.get("ece", 0.0),
    )
