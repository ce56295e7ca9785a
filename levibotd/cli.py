"""
The commands. Each parses its words, calls `levibotd.app` and prints; errors become exit codes.

Heavy parts are imported by the command that needs them, so that `levibotd version` is quick.
"""

import argparse
import errno
import io
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from levibotd import __version__
from levibotd.config import Config, demo_config, load
from levibotd.errors import LeviError
from levibotd.exit_codes import MEANINGS, ExitCode, exit_code_of

Command = Callable[[argparse.Namespace], int]

_DEVICE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)
_EXAMPLES = """\
examples:
  levibotd run --demo                         paper trading on made-up prices and posts
  levibotd check --config etc/levibotd.toml   is everything there that it needs?
  levibotd parse < posts.jsonl                what does each post say?
  levibotd replay --messages posts.jsonl.gz --candles candles.csv --out runs/a
  levibotd why 3f2a9c0d1e4b5a67 --logs .run/logs

exit codes:
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`levibotd/exit_codes.py`). Wrong usage raises SystemExit."""
    asked = _parser().parse_args(argv)
    command: Command = asked.command
    try:
        code = command(asked)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read has enough (`| head`). What is still in the buffer must not complain at exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except LeviError as error:
        _complain(str(error))
        return exit_code_of(error)
    except OSError as error:
        # A file or directory that the user named: interpreter trouble has other classes.
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return ExitCode.TEMPORARY if error.errno in _DEVICE_FAULTS else ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.OK


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code.value:<4}{meaning}" for code, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        prog="levibotd",
        description="Follow Telegram signal channels without being robbed by them.",
        epilog=_EXAMPLES + codes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _run(commands)
    _check(commands)
    _parse(commands)
    _replay(commands)
    _training(commands)
    _why(commands)
    _log(commands)
    version = _command(commands, "version", _do_version, "version and commit", example="levibotd version --json")
    _json(version)
    return parser


def _run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = _command(
        commands,
        "run",
        _do_run,
        "the daemon; without a configuration file, the demo",
        example="levibotd run --config etc/levibotd.toml",
    )
    which = run.add_mutually_exclusive_group()
    which.add_argument("--config", type=Path, metavar="F", help="configuration file (TOML)")
    which.add_argument("--demo", action="store_true", help="the embedded demo configuration")


def _check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = _command(
        commands,
        "check",
        _do_check,
        "configuration, credentials, disk, port: a line each, with the remedy",
        example="levibotd check --config etc/levibotd.toml",
    )
    check.add_argument("--config", type=Path, metavar="F", help="configuration file (default: the demo)")
    check.add_argument(
        "--offline", action="store_true", help="ask nobody outside this machine (this version never does)"
    )
    _json(check)


def _parse(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parse = _command(
        commands,
        "parse",
        _do_parse,
        "JSON lines {id, text, ...} in, readings out, in the same order",
        example="""echo '{"id": 1, "text": "#BTCUSDT LONG 60000 TP 62000 SL 59000"}' | levibotd parse""",
    )
    parse.add_argument("--markets", type=Path, metavar="F", help="exchangeInfo document: which coins exist")
    parse.add_argument("--explain", action="store_true", help="add the n-grams that weighed most")
    parse.add_argument("--json", action="store_true", help="as it is: answers are always JSON lines")


def _replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = _command(
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
    replay.add_argument("--since", type=_moment, default=0.0, metavar="T", help="first post: unix seconds or ISO 8601")
    replay.add_argument("--until", type=_moment, default=math.inf, metavar="T", help="posts before this moment")
    replay.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    replay.add_argument("--strict", action="store_true", help="stop at the first bad line")
    _json(replay)


def _training(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = _command(
        commands,
        "train",
        _do_train,
        "fit the classifier in a child process",
        example="levibotd train --labels labels.jsonl --out models/",
    )
    evaluate = _command(
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
        _json(each)
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where model, card and metrics.json go")
    train.add_argument("--name", default="model", metavar="NAME", help="file name of the model (default: model)")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="also keep metrics.json here")


def _why(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    why = _command(
        commands,
        "why",
        _do_why,
        "a message's whole story, every gate with value and limit",
        example="levibotd why 737 --logs .run/logs",
    )
    why.add_argument("message", metavar="TRACE_OR_MESSAGE", help="a trace id, a message id, or channel/message id")
    why.add_argument("--logs", type=Path, metavar="DIR", help="log directory (default: that of the configuration)")
    why.add_argument("--config", type=Path, metavar="F", help="configuration file")
    _json(why)


def _log(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    log = commands.add_parser("log", help="verify, repair or read an event log")
    actions = log.add_subparsers(title="actions", required=True, metavar="ACTION")
    verify = _command(
        actions,
        "verify",
        _do_verify,
        "chain and sequence of the whole log; exit 1 names the first bad record",
        example="levibotd log verify .run/logs",
    )
    repair = _command(
        actions,
        "repair",
        _do_repair,
        "cut off a torn tail; its bytes are kept beside it",
        example="levibotd log repair .run/logs",
    )
    tail = _command(
        actions,
        "tail",
        _do_tail,
        "the last records; --follow for those to come",
        example="levibotd log tail .run/logs --follow --type ORDER_FILLED",
    )
    for each in (verify, repair):
        each.add_argument("dir", type=Path, metavar="DIR", help="log directory")
        each.add_argument("--key-file", type=Path, metavar="F", help="the log key, where the log has one")
        _json(each)
    tail.add_argument(
        "dir", type=Path, nargs="?", metavar="DIR", help="log directory (default: that of the configuration)"
    )
    tail.add_argument("--config", type=Path, metavar="F", help="configuration file")
    tail.add_argument("--follow", action="store_true", help="go on with what is written from now on")
    tail.add_argument("--type", type=_event_type, metavar="T", help="only this event type")
    tail.add_argument("--lines", type=_count, default=10, metavar="N", help="how many records first (default: 10)")
    tail.add_argument("--json", action="store_true", help="as it is: records are always JSON lines")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, do: Command, help_: str, *, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help_,
        description=help_[0].upper() + help_[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=do)
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _moment(written: str) -> float:
    try:
        unix = float(written)
    except ValueError:
        pass
    else:
        if not math.isfinite(unix):
            raise argparse.ArgumentTypeError(f"{written!r} is no moment")
        return unix
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is neither unix seconds nor ISO 8601") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _event_type(written: str) -> str:
    from levibotd.app.log_commands import event_type_of

    try:
        return event_type_of(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(written: str) -> int:
    if not written.isdecimal():
        raise argparse.ArgumentTypeError(f"{written!r} is no number of records")
    return int(written)


def _do_run(asked: argparse.Namespace) -> int:
    from levibotd.app.daemon import run

    read = partial(_config_or_demo, asked.config)
    return run(read(), reread=read, out=sys.stdout)


def _do_check(asked: argparse.Namespace) -> int:
    from levibotd.app.checking import check

    return check(partial(_config_or_demo, asked.config), as_json=asked.json, out=sys.stdout)


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
    config = partial(_config, asked.config)
    return replay_command(
        config, wanted, keep=asked.out is not None, as_json=asked.json, out=sys.stdout, err=sys.stderr
    )


def _do_train(asked: argparse.Namespace) -> int:
    from levibotd.app.children import train

    return train(
        asked.labels, messages=asked.messages, out_dir=asked.out, name=asked.name, as_json=asked.json, out=sys.stdout
    )


def _do_evaluate(asked: argparse.Namespace) -> int:
    from levibotd.app.children import evaluate

    return evaluate(asked.labels, messages=asked.messages, out_dir=asked.out, as_json=asked.json, out=sys.stdout)


def _do_why(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import why

    logs = asked.logs or _config_or_demo(asked.config).log_dir
    return why(asked.message, logs=logs, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_verify(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import verify_log

    return verify_log(asked.dir, key_file=asked.key_file, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_repair(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import repair_log

    return repair_log(asked.dir, key_file=asked.key_file, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_tail(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import tail_log

    directory = asked.dir or _config_or_demo(asked.config).log_dir
    return tail_log(directory, follow=asked.follow, event_type=asked.type, lines=asked.lines, out=sys.stdout)


def _do_version(asked: argparse.Namespace) -> int:
    from levibotd.app.version import git_sha

    sha = git_sha()
    if asked.json:
        print(json.dumps({"version": __version__, "git_sha": sha}))
    else:
        print(f"levibotd {__version__} ({sha})")
    return ExitCode.OK


def _config(path: Path | None) -> Config:
    if path is not None:
        # A file that is not there is a mistyped word, not a configuration to be edited.
        path.open("rb").close()
    return load(path)


def _config_or_demo(path: Path | None) -> Config:
    return demo_config() if path is None else _config(path)


def _complain(message: str) -> None:
    for line in message.splitlines() or [""]:
        print(f"levibotd: {line}", file=sys.stderr)
