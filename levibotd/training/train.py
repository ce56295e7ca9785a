"""
Fit the classifier on labelled posts and write its compiled form.

`python -m levibotd.training.train --labels F… --out DIR` is started as a child process, so that
scikit-learn never enters the daemon. It writes `<name>.npz`, `<name>.json`, `metrics.json` and
`MODEL_CARD.md`; the same labels give the same bytes.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from levibotd.domain.model import (
    REFERENCE_BINS,
    SIGMOID,
    TEMPERATURE,
    CompiledModel,
    decode,
    digest,
    encode,
    reference_bin,
)
from levibotd.domain.signal import Reading
from levibotd.errors import ConfigError, LeviError
from levibotd.training.card import card
from levibotd.training.corpus import Corpus, Sample
from levibotd.training.dataset import Example
from levibotd.training.evaluate import (
    ACROSS,
    NESTED,
    as_judged,
    figures_of,
    held_out_of,
    prepare,
    rounded,
    samples_of,
)
from levibotd.training.pipeline import PLAIN, Fitted, Pipeline, Recipe, fit_rows

AGREEMENT = 1e-9  # Compiled against scikit-learn.
CHECKED = 500  # Samples, about, that this is looked at on.
NESTED_MAX = 4_000  # Examples up to which each channel is held out of the calibration as well.


class Trained(Struct, frozen=True, kw_only=True):
    """A model's bytes and what is to be said of it."""

    data: bytes
    sha256: str
    trained_until: float | None
    metrics: dict[str, Any]


def train(examples: Sequence[Example], readings: Sequence[Reading], *, recipe: Recipe = PLAIN) -> Trained:
    """
    Fit on all examples; the figures are those of held-out channels, the fit to its own labels beside them.

    Raises ConfigError when the examples cannot carry a model, or when the compiled form does
    not agree with scikit-learn.
    """
    samples = samples_of(examples, readings)
    corpus = Corpus(samples)
    nested = len(examples) <= NESTED_MAX
    fitted = fit_rows(corpus, np.arange(len(samples)), recipe)
    if nested:
        judged, method = held_out_of(corpus, examples, readings, recipe), NESTED
    else:
        judged, method = as_judged(fitted.unseen, examples, readings), ACROSS
    reference = reference_of([(scored.probs, example.weight) for example, scored in zip(examples, judged, strict=True)])
    data = encode(replace(fitted.arrays, reference=reference))
    difference = disagreement(fitted, samples, data)
    if difference > AGREEMENT:
        raise ConfigError(f"the compiled model is off by {difference:.3g}, more than {AGREEMENT:g}")
    own = as_judged([fitted.seen], examples, readings)
    times = [example.post.posted_at for example in examples if example.post.posted_at > 0]
    arrays = fitted.arrays
    metrics = {
        "held_out": figures_of(examples, judged, method=method),
        "own_labels": figures_of(examples, own, method="the labels it was fitted on: this says little"),
        "vocabulary": {"words": len(arrays.words), "chars": len(arrays.chars), "marks": len(arrays.marks)},
        "channels_min": recipe.channels_min,
        "calibration": recipe.method,
    }
    return Trained(
        data=data,
        sha256=digest(data),
        trained_until=max(times) if times else None,
        metrics=rounded(metrics),
    )


def reference_of(judged: Sequence[tuple[Mapping[str, float], float]]) -> NDArray[np.float64]:
    """Return the share of real posts between each two of REFERENCE_EDGES: what drift is measured against."""
    bins = np.zeros(REFERENCE_BINS)
    for probs, weight in judged:
        bins[reference_bin(probs)] += weight
    total = bins.sum()
    return bins / total if total > 0 else np.zeros(0)


def disagreement(fitted: Fitted, samples: Sequence[Sample], data: bytes) -> float:
    """Return the largest difference between the bytes' probabilities and scikit-learn's, over CHECKED samples."""
    model = CompiledModel(decode(data))
    chosen = samples[:: max(len(samples) // CHECKED, 1)]
    wanted = Pipeline(fitted).probs(chosen)
    worst = 0.0
    for sample, row in zip(chosen, wanted.tolist(), strict=True):
        got = model.probs(sample.text, sample.structure)
        worst = max(worst, *(abs(a - b) for a, b in zip(got.values(), row, strict=True)))
    return worst


def files_of(trained: Trained, *, name: str) -> dict[str, bytes]:
    """Return what is written of a model: its arrays, what they are, its figures and its card."""
    figures = trained.metrics["held_out"]["all"]
    about = {
        "sha256": trained.sha256,
        "trained_until": trained.trained_until,
        "brier": figures.get("brier"),
        "ece": figures.get("ece"),
        "figures": "metrics.json",
        "method": trained.metrics["held_out"].get("method", ""),
        "reliability": figures.get("reliability", []),
    }
    return {
        f"{name}.npz": trained.data,
        f"{name}.json": _json(about),
        "metrics.json": _json(trained.metrics),
        "MODEL_CARD.md": card(trained.metrics, sha256=trained.sha256, trained_until=trained.trained_until).encode(),
    }


def write(trained: Trained, out: Path, *, name: str) -> None:
    """Write the four files into `out`. Raises ConfigError when that is not possible."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, data in files_of(trained, name=name).items():
            (out / file).write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{out}: {error.strerror or error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Train on `--labels` and write to `--out`. Exit 0, or 2 with a line on stderr."""
    parser = argparse.ArgumentParser(prog="levibotd train", description=__doc__)
    parser.add_argument("--labels", nargs="+", type=Path, required=True)
    parser.add_argument("--messages", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="model")
    parser.add_argument("--calibration", choices=(SIGMOID, TEMPERATURE), default=SIGMOID)
    given = parser.parse_args(argv)
    try:
        examples, readings = prepare(given.labels, given.messages)
        trained = train(examples, readings, recipe=Recipe(method=given.calibration))
        write(trained, given.out, name=given.name)
    except LeviError as error:
        sys.stderr.write(f"levibotd train: {error}\n")
        return 2
    sys.stdout.write(json.dumps({"sha256": trained.sha256, "bytes": len(trained.data)}) + "\n")
    return 0


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
