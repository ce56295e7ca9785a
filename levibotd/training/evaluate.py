"""
How good is parser plus classifier on channels it has not seen?

Five folds over channels: each channel is judged by a model fitted on the others. `python -m
levibotd.training.evaluate --labels F…` prints the figures as JSON.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from sklearn.model_selection import GroupKFold

from levibotd.domain.features import score, structure
from levibotd.domain.model import CLASSES, SIGMOID, TEMPERATURE, CompiledModel, plausible
from levibotd.domain.posts.market_view import EMPTY_VIEW, MarketView
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import NO_TRADE, Post, Reading, Scored
from levibotd.errors import ConfigError, LeviError
from levibotd.training.acts import Tally
from levibotd.training.corpus import Corpus, Sample
from levibotd.training.dataset import Example, load_examples, load_texts
from levibotd.training.metrics import Judged, by_language, figures
from levibotd.training.pipeline import FOLDS, PLAIN, Judgement, Recipe, fit_rows

NESTED = f"grouped {FOLDS}-fold by channel, held out"
ACROSS = f"grouped {FOLDS}-fold by channel, each fold calibrated by the others"
DIGITS = 6  # Significant digits of every printed figure.


def evaluate(
    examples: Sequence[Example],
    readings: Sequence[Reading],
    *,
    recipe: Recipe = PLAIN,
) -> dict[str, Any]:
    """Return the held-out figures. Raises ConfigError when the examples cannot be split by channel."""
    judged = held_out(examples, readings, recipe)
    return figures_of(examples, judged)


def figures_of(examples: Sequence[Example], judged: Sequence[Scored], *, method: str = NESTED) -> dict[str, Any]:
    """Return the figures of posts that were judged by models that had not seen their channels."""
    found = {
        "method": method,
        "channels": len({example.group for example in examples}),
        "all": _group(examples, judged),
        "certain": _group(*_chosen(examples, judged, certain=True)),
        "doubted": _group(*_chosen(examples, judged, certain=False)),
        "languages": by_language(judged_rows(examples, judged)),
    }
    return {key: rounded(value) for key, value in found.items()}


def held_out(examples: Sequence[Example], readings: Sequence[Reading], recipe: Recipe = PLAIN) -> list[Scored]:
    """Judge every example by a model that has seen nothing of its channel. Raises ConfigError as `evaluate`."""
    corpus = Corpus(samples_of(examples, readings))
    return held_out_of(corpus, examples, readings, recipe)


def held_out_of(
    corpus: Corpus, examples: Sequence[Example], readings: Sequence[Reading], recipe: Recipe
) -> list[Scored]:
    """As `held_out`, where the samples are counted already."""
    groups = [example.group for example in examples]
    count = len(set(groups))
    if count < 3:
        raise ConfigError(f"{count} channels: holding one out needs at least three")
    out: dict[int, Scored] = {}
    split: Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
    split = GroupKFold(n_splits=min(FOLDS, count)).split(np.zeros(len(groups)), groups=groups)
    for train, test in split:
        model = CompiledModel(fit_rows(corpus, train, recipe).arrays)
        for i in test:
            out[int(i)] = score(examples[i].post, readings[i], model)
    return [out[i] for i in range(len(examples))]


class _Said(Struct, frozen=True):
    """A classifier that has judged one post already."""

    row: Sequence[float]
    floors: Sequence[float]

    def probs(self, text: str, structure: Sequence[str]) -> dict[str, float]:
        return dict(zip(CLASSES, self.row, strict=True))

    def plausible(self, probs: Mapping[str, float]) -> tuple[str, ...]:
        return plausible(self.floors, probs)


def as_judged(
    judgements: Sequence[Judgement], examples: Sequence[Example], readings: Sequence[Reading]
) -> list[Scored]:
    """
    Score every example as one of these judges it.

    Of one fit these are six models in place of thirty-six. What `unseen` says knows of the channels it was not fitted
    on only which n-grams there are, and, by the margins of the other folds, how sure to be.
    """
    out: dict[int, Scored] = {}
    for judgement in judgements:
        for i, row in zip(judgement.rows.tolist(), judgement.probs.tolist(), strict=True):
            out[i] = score(examples[i].post, readings[i], _Said(row, judgement.floors))
    return [out[i] for i in range(len(examples))]


def read_all(
    examples: Sequence[Example],
    *,
    market: MarketView = EMPTY_VIEW,
    parents: dict[str, str] | None = None,
) -> list[Reading]:
    """Read every example, a reply with the text it replies to where that is known."""
    out = []
    for example in examples:
        text = (parents or {}).get(example.parent or "")
        parent = read(Post(channel=example.group, message_id=0, posted_at=0.0, text=text), market) if text else None
        out.append(read(example.post, market, parent=parent))
    return out


def samples_of(examples: Sequence[Example], readings: Sequence[Reading]) -> list[Sample]:
    """What the classifier sees of each example."""
    return [
        Sample(
            text=example.post.text,
            structure=structure(example.post, reading),
            label=example.label,
            group=example.group,
            weight=example.weight,
        )
        for example, reading in zip(examples, readings, strict=True)
    ]


def rounded(value: Any) -> Any:
    """Round every float in a tree of figures, so that equal runs print equal bytes."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def prepare(labels: Sequence[Path], messages: Sequence[Path]) -> tuple[list[Example], list[Reading]]:
    """Load labels, and the texts they reply to, and read them. Raises ConfigError for a bad line."""
    examples = load_examples(labels)
    wanted = [example.parent for example in examples if example.parent is not None]
    parents = load_texts(messages, wanted) if messages and wanted else {}
    return examples, read_all(examples, parents=parents)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the held-out figures of `--labels`. Exit 0, or 2 with a line on stderr."""
    parser = argparse.ArgumentParser(prog="levibotd evaluate", description=__doc__)
    parser.add_argument("--labels", nargs="+", type=Path, required=True)
    parser.add_argument("--messages", nargs="*", type=Path, default=[])
    parser.add_argument("--calibration", choices=(SIGMOID, TEMPERATURE), default=SIGMOID)
    given = parser.parse_args(argv)
    try:
        examples, readings = prepare(given.labels, given.messages)
        found = evaluate(examples, readings, recipe=Recipe(method=given.calibration))
    except LeviError as error:
        sys.stderr.write(f"levibotd evaluate: {error}\n")
        return 2
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    return 0


def _group(examples: Sequence[Example], judged: Sequence[Scored]) -> dict[str, Any]:
    tally = Tally()
    for example, scored in zip(examples, judged, strict=True):
        sent = scored.reading.legs if scored.label != NO_TRADE else ()
        tally.add(sent, example.legs if example.expected != NO_TRADE else ())
    return figures(judged_rows(examples, judged)) | tally.figures()


def _chosen(
    examples: Sequence[Example], judged: Sequence[Scored], *, certain: bool
) -> tuple[list[Example], list[Scored]]:
    chosen = [i for i, example in enumerate(examples) if example.certain is certain]
    return [examples[i] for i in chosen], [judged[i] for i in chosen]


def judged_rows(examples: Sequence[Example], judged: Sequence[Scored]) -> list[Judged]:
    """Each example beside what was said of it, as figures are made of it."""
    return [
        Judged(
            expected=example.expected,
            label=scored.label,
            probs=scored.probs,
            weight=example.weight,
            language=example.language,
        )
        for example, scored in zip(examples, judged, strict=True)
    ]


if __name__ == "__main__":
    sys.exit(main())
