"""`levibotd parse` and `replay`: posts that others wrote, read and acted on."""

import argparse
import io
import math
import sys
from functools import partial
from pathlib import Path
from typing import cast

from levibotd.cli.words import Commands, command, config_at, json_flag, moment


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    _parse(commands)
    _replay(commands)


def _parse(commands: Commands) -> None:
    parse = command(
        commands,
        "parse",
        _do_parse,
        "JSON lines {id, text, ...} in, readings out, in the same order",
        example="""echo '{"id": 1, "text": "#BTCUSDT LONG 60000 TP 62000 SL 59000"}' | levibotd parse""",
    )
    parse.add_argument("--markets", type=Path, metavar="F", help="exchangeInfo document: which coins exist")
    parse.add_argument("--explain", action="store_true", help="add the n-grams that weighed most")
    parse.add_argument("--json", action="store_true", help="as it is: answers are always JSON lines")


def _replay(commands: Commands) -> None:
    replay = command(
        commands,
        "replay",
        _do_replay,
        "the same actors on simulated time, over recorded posts",
        example="levibotd replay --messages posts.jsonl.gz --candles candles.csv --since 2021-05-01 --out runs/a",
    )
    many = partial(replay.add_argument, type=Path, nargs="+", required=True, metavar="F")
    many("--messages", help="posts (JSON lines or result.json), gzipped or not")
    many("--candles", help="candles (.csv, .jsonl, .parquet), gzipped or not")
    replay.add_argument("--markets", type=Path, metavar="F", help="exchangeInfo document")
    replay.add_argument("--config", type=Path, metavar="F", help="configuration file (default: embedded defaults)")
    replay.add_argument(
        "--out", type=Path, metavar="DIR", help="keep the log in this new directory (default: it is not kept)"
    )
    replay.add_argument("--since", type=moment, default=0.0, metavar="T", help="first post: unix seconds or ISO 8601")
    replay.add_argument("--until", type=moment, default=math.inf, metavar="T", help="posts before this moment")
    replay.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    replay.add_argument("--strict", action="store_true", help="stop at the first bad line")
    json_flag(replay)


def _do_parse(asked: argparse.Namespace) -> int:
    from levibotd.app.parsing import parse

    lines = cast(io.BufferedReader, sys.stdin.buffer)
    return parse(lines, sys.stdout.buffer, markets=asked.markets, explain=asked.explain)


def _do_replay(asked: argparse.Namespace) -> int:
    from levibotd.app.replay import ReplayInput
    from levibotd.app.replay_command import replay_command

    wanted = ReplayInput(
        messages=tuple(asked.messages),
        candles=tuple(asked.candles),
        markets=asked.markets,
        out=asked.out or Path(),
        since=asked.since,
        until=asked.until,
        seed=asked.seed,
        strict=asked.strict,
    )
    config = partial(config_at, asked.config)
    return replay_command(
        config, wanted, keep=asked.out is not None, as_json=asked.json, out=sys.stdout, err=sys.stderr
    )
