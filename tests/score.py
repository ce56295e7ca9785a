"""
`make score`: how well posts of unseen channels are read, in the eyes of a scorer outside this project.

Held out: five folds over channels, each post judged by a model that has seen nothing of its channel. Beside it, as what
it is, the shipped model on the labels that it was fitted on. The rules of the reader are the same in every fold.
`python -m tests.score SCORER LABELS MESSAGES`, SCORER being a script that takes labels and answers of `parse`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from levibotd.domain.posts.parse_output import parse_object
from levibotd.training.dataset import load_texts
from levibotd.training.evaluate import held_out, prepare

GROUPS = ("certain", "doubted", "all")
# What must hold on unseen channels, by group; a share to stay below or to reach.
BARS = {
    "certain": {
        "accuracy": 0.95,
        "harmful": 0.025,
        "wrong_act": 0.06,
        "act_recall": 0.82,
        "brier_skill": 0.6,
        "ece": 0.04,
        "auroc": 0.96,
    },
    "doubted": {"harmful": 0.08},
}
AT_MOST = frozenset({"harmful", "wrong_act", "ece"})

_COLUMNS = ("posts", "acts", "accuracy", "harmful", "wrong_act", "act_recall", "brier_skill", "ece", "auroc")
_HELD_OUT = "held out: five folds over channels, each judged by a model that never saw them"
_SHIPPED = "the shipped model on the labels it was fitted on: a fit, no accuracy"


def missed(figures: dict[str, dict[str, float]]) -> list[str]:
    """The bars that `figures` (by group) do not reach."""
    return [
        f"{group} {name} {figures[group][name]:.4f}, {'at most' if name in AT_MOST else 'at least'} {bar}"
        for group, bars in BARS.items()
        for name, bar in bars.items()
        if (figures[group][name] > bar if name in AT_MOST else figures[group][name] < bar)
    ]


def held_out_answers(labels: Path, messages: Path) -> Iterator[dict[str, Any]]:
    """What `parse` would print for each label, had the model not seen the post's channel."""
    examples, readings = prepare([labels], [messages])
    for example, judged in zip(examples, held_out(examples, readings), strict=True):
        yield parse_object(example.id, judged)


def shipped_answers(labels: Path, messages: Path) -> Iterator[dict[str, Any]]:
    """What `levibotd parse` prints, as a program; the texts that are replied to go before."""
    rows = [json.loads(line) for line in labels.read_text("utf-8").splitlines()]
    parents = load_texts([messages], [str(row["reply_to"]) for row in rows if row.get("reply_to") is not None])
    asked = "".join(json.dumps(line) + "\n" for line in _lines(rows, parents))
    parse = subprocess.run(
        [sys.executable, "-m", "levibotd", "parse"], input=asked.encode(), stdout=subprocess.PIPE, check=True
    )
    return map(json.loads, parse.stdout.splitlines())


def scored(scorer: Path, labels: Path, answers: Iterable[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """What the outside scorer says of `answers`, by group."""
    with tempfile.TemporaryDirectory() as directory:
        answered = Path(directory) / "answered.jsonl"
        answered.write_text("".join(json.dumps(answer) + "\n" for answer in answers), "utf-8")
        said = subprocess.run(
            [sys.executable, str(scorer), str(labels), str(answered), "--json"], stdout=subprocess.PIPE, check=True
        )
    found: dict[str, dict[str, float]] = json.loads(said.stdout)
    return found


def _lines(labels: Iterable[dict[str, Any]], parents: dict[str, str]) -> Iterator[dict[str, Any]]:
    for parent, text in parents.items():
        yield {"id": parent, "text": text}
    for label in labels:
        line = {key: label.get(key) for key in ("id", "text", "ts", "channel", "reply_to")}
        if label.get("ts") is not None and label.get("fwd_age_h") is not None:
            line["fwd_ts"] = label["ts"] - label["fwd_age_h"] * 3600
        yield line


def _table(title: str, figures: dict[str, dict[str, float]]) -> str:
    rows = [title, "  " + "".join(f"{name:>12}" for name in ("", *_COLUMNS))]
    for group in GROUPS:
        cells = [f"{figures[group].get(name, float('nan')):.4f}" for name in _COLUMNS[2:]]
        counts = [f"{figures[group][name]:.0f}" for name in _COLUMNS[:2]]
        rows.append("  " + "".join(f"{cell:>12}" for cell in (group, *counts, *cells)))
        bounds = (f"{name} at most {figures[group][name + '_hi']:.4f}" for name in ("harmful", "wrong_act"))
        rows.append(f"{'':>14}  with 95 % confidence {', '.join(bounds)}")
    return "\n".join(rows)


def main(scorer: str, labels: str, messages: str) -> int:
    """Print both tables; 1 when unseen channels are read worse than the bars allow, 2 when a file is not there."""
    script, truth, posts = paths = [Path(name) for name in (scorer, labels, messages)]
    for path in paths:
        if not path.is_file():
            print(f"make score: {path} is no file", file=sys.stderr)
            return 2
    figures = scored(script, truth, held_out_answers(truth, posts))
    print(_table(_HELD_OUT, figures))
    print()
    print(_table(_SHIPPED, scored(script, truth, shipped_answers(truth, posts))))
    below = missed(figures)
    print("\n" + ("every bar is reached on held-out channels" if not below else "missed: " + "; ".join(below)))
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
