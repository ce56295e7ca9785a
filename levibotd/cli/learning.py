"""`levibotd dataset` and `model`: labels that were given here, and the models made of them."""

import argparse
import sys
from pathlib import Path

from levibotd.cli.words import Commands, command, config_or_demo, json_flag, moment


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    _dataset(commands)
    _model(commands)


def _dataset(commands: Commands) -> None:
    dataset = commands.add_parser("dataset", help="labelled posts of this installation, which training reads")
    actions = dataset.add_subparsers(title="actions", required=True, metavar="ACTION")
    append = command(
        actions,
        "append",
        _do_append,
        "keep one label, or those of files; each text once",
        example="levibotd dataset append --text '#ADA long 1.0 tp 1.1 sl 0.9' --label BUY",
    )
    show = command(
        actions,
        "show",
        _do_show_dataset,
        "how many labels there are, by class and language",
        example="levibotd dataset show --json",
    )
    append.add_argument("--text", metavar="T", help="the text of a post; needs --label")
    append.add_argument("--label", metavar="L", help="BUY, SELL or NO-TRADE")
    append.add_argument("--channel", metavar="C", help="who posted it")
    append.add_argument("--ts", type=moment, metavar="T", help="when it was posted (default: now)")
    append.add_argument("--lang", metavar="L", help="its language")
    append.add_argument(
        "--file", type=Path, nargs="+", default=[], metavar="F", help="JSON lines {text, label, channel?, ts?, lang?}"
    )
    append.add_argument("--replace", action="store_true", help="a text that is labelled otherwise takes this label")
    for each in (append, show):
        each.add_argument("--config", type=Path, metavar="F", help="configuration file")
        json_flag(each)


def _model(commands: Commands) -> None:
    model = commands.add_parser("model", help="the model that is served, and those before it")
    actions = model.add_subparsers(title="actions", required=True, metavar="ACTION")
    show = command(
        actions,
        "show",
        _do_show_model,
        "which model is served, and how the last training ended",
        example="levibotd model show --json",
    )
    retrain = command(
        actions,
        "retrain",
        _do_retrain,
        "train in a child process, and serve the new model unless it is worse than the one that is served",
        example="levibotd model retrain --config /etc/levibotd/levibotd.toml",
    )
    rollback = command(
        actions,
        "rollback",
        _do_rollback,
        "serve the model before, or the one that is named",
        example="levibotd model rollback",
    )
    rollback.add_argument("sha256", nargs="?", metavar="SHA256", help="a model that is kept, or: shipped")
    for each in (show, retrain, rollback):
        each.add_argument("--config", type=Path, metavar="F", help="configuration file")
        json_flag(each)


def _do_append(asked: argparse.Namespace) -> int:
    from levibotd.app.learning_commands import append
    from levibotd.domain.learning import Labelled
    from levibotd.kernel.clock import LoopClock

    if (asked.text is None) != (asked.label is None) or (asked.text is None and not asked.file):
        print("levibotd: give --text with --label, or --file", file=sys.stderr)
        return 2
    labels = []
    if asked.text is not None:
        ts = LoopClock().time() if asked.ts is None else asked.ts
        labels = [Labelled(text=asked.text, label=asked.label, channel=asked.channel, ts=ts, lang=asked.lang)]
    config = config_or_demo(asked.config)
    return append(
        config,
        labels,
        files=asked.file,
        replace=asked.replace,
        as_json=asked.json,
        out=sys.stdout,
        err=sys.stderr,
    )


def _do_show_dataset(asked: argparse.Namespace) -> int:
    from levibotd.app.learning_commands import show_dataset

    return show_dataset(config_or_demo(asked.config), as_json=asked.json, out=sys.stdout)


def _do_show_model(asked: argparse.Namespace) -> int:
    from levibotd.app.learning_commands import show_model

    return show_model(config_or_demo(asked.config), as_json=asked.json, out=sys.stdout)


def _do_retrain(asked: argparse.Namespace) -> int:
    from levibotd.app.learning_commands import retrain
    from levibotd.kernel.clock import LoopClock

    return retrain(config_or_demo(asked.config), clock=LoopClock(), as_json=asked.json, out=sys.stdout)


def _do_rollback(asked: argparse.Namespace) -> int:
    from levibotd.app.learning_commands import roll_back
    from levibotd.kernel.clock import LoopClock

    config = config_or_demo(asked.config)
    return roll_back(config, to=asked.sha256, clock=LoopClock(), as_json=asked.json, out=sys.stdout)
