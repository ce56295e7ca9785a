"""`levibotd train` and `evaluate`: the classifier."""

import argparse
import sys
from pathlib import Path

from levibotd.cli.words import Commands, command, json_flag


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    train = command(
        commands,
        "train",
        _do_train,
        "fit the classifier in a child process",
        example="levibotd train --labels labels.jsonl --out models/",
    )
    evaluate = command(
        commands,
        "evaluate",
        _do_evaluate,
        "score parser and classifier on channels they have not seen",
        example="levibotd evaluate --labels labels.jsonl --json",
    )
    for each in (train, evaluate):
        each.add_argument(
            "--labels", type=Path, nargs="+", required=True, metavar="F", help="labelled posts (JSON lines)"
        )
        each.add_argument("--messages", type=Path, nargs="+", default=[], metavar="F", help="the posts they reply to")
        each.add_argument(
            "--calibration",
            choices=("sigmoid", "temperature"),
            default="sigmoid",
            help="how margins become probabilities: a sigmoid a class (default), or one temperature",
        )
        json_flag(each)
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where model, card and metrics.json go")
    train.add_argument("--name", default="model", metavar="NAME", help="file name of the model (default: model)")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="also keep metrics.json here")


def _do_train(asked: argparse.Namespace) -> int:
    from levibotd.app.children import train

    return train(
        asked.labels,
        messages=asked.messages,
        out_dir=asked.out,
        name=asked.name,
        calibration=asked.calibration,
        as_json=asked.json,
        out=sys.stdout,
    )


def _do_evaluate(asked: argparse.Namespace) -> int:
    from levibotd.app.children import evaluate

    return evaluate(
        asked.labels,
        messages=asked.messages,
        out_dir=asked.out,
        calibration=asked.calibration,
        as_json=asked.json,
        out=sys.stdout,
    )
