"""
Fit the classifier on labelled posts and write its compiled form.

`python -m levibotd.training.train --labels F… --out DIR` is started as a child process, so that
scikit-learn never enters the daemon. It writes `<name>.npz`, `<name>.json`, `metrics.json` and
`MODEL_CARD.md`; the same labels give the same bytes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from levibotd.domain.model import CompiledModel, decode, digest, encode
from levibotd.domain.signal import Reading
from levibotd.errors import ConfigError, LeviError
from levibotd.training.card import card
from levibotd.training.dataset import Example
from levibotd.training.evaluate import evaluate, prepare, rounded, samples_of
from levibotd.training.pipeline import CHANNELS_MIN, Fitted, Sample, fit

AGREEMENT = 1e-9  # Compiled against scikit-learn, on every training example.


class Trained(Struct, frozen=True, kw_only=True):
    """A model's bytes and what is to be said of it."""

    data: bytes
    sha256: str
    trained_until: float | None
    metrics: dict[str, Any]


def train(examples: Sequence[Example], readings: Sequence[Reading], *, channels_min: int = CHANNELS_MIN) -> Trained:
    """
    Fit on all examples; the figures are those of held-out channels, the fit to its own labels beside them.

    Raises ConfigError when the examples cannot carry a model, or when the compiled form does
    not agree with scikit-learn.
    """
    samples = samples_of(examples, readings)
    fitted = fit(samples, channels_min=channels_min)
    data = encode(fitted.arrays)
    difference = disagreement(fitted, samples, data)
    if difference > AGREEMENT:
        raise ConfigError(f"the compiled model is off by {difference:.3g}, more than {AGREEMENT:g}")
    held_out = evaluate(examples, readings, channels_min=channels_min)
    own = _own_fit(fitted, samples)
    times = [example.post.posted_at for example in examples if example.post.posted_at > 0]
    shape = {"words": len(fitted.arrays.words), "marks": len(fitted.arrays.marks)}
    metrics = {"held_out": held_out, "own_labels": own, "vocabulary": shape, "channels_min": channels_min}
    return Trained(
        data=data,
        sha256=digest(data),
        trained_until=max(times) if times else None,
        metrics=rounded(metrics),
    )


def disagreement(fitted: Fitted, samples: Sequence[Sample], data: bytes) -> float:
    """Return the largest difference between the bytes' probabilities and scikit-learn's."""
    model = CompiledModel(decode(data))
    wanted = fitted.probs(samples)
    worst = 0.0
    for sample, row in zip(samples, wanted.tolist(), strict=True):
        got = model.probs(sample.text, sample.structure)
        worst = max(worst, *(abs(a - b) for a, b in zip(got.values(), row, strict=True)))
    return worst


def write(trained: Trained, out: Path, *, name: str) -> None:
    """Write the four files into `out`. Raises ConfigError when that is not possible."""
    about = {"sha256": trained.sha256, "trained_until": trained.trained_until, "figures": "metrics.json"}
    files = {
        f"{name}.npz": trained.data,
        f"{name}.json": _json(about),
        "metrics.json": _json(trained.metrics),
        "MODEL_CARD.md": card(trained.metrics, sha256=trained.sha256, trained_until=trained.trained_until).encode(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
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
    given = parser.parse_args(argv)
    try:
        examples, readings = prepare(given.labels, given.messages)
        trained = train(examples, readings)
        write(trained, given.out, name=given.name)
    except LeviError as error:
        sys.stderr.write(f"levibotd train: {error}\n")
        return 2
    sys.stdout.write(json.dumps({"sha256": trained.sha256, "bytes": len(trained.data)}) + "\n")
    return 0


def _own_fit(fitted: Fitted, samples: Sequence[Sample]) -> dict[str, float]:
    model = CompiledModel(fitted.arrays)
    hits = 0
    for sample in samples:
        probs = model.probs(sample.text, sample.structure)
        hits += max(probs, key=lambda name: probs[name]) == sample.label
    return {"accuracy": hits / len(samples)}


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
