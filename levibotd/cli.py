"""
The commands. Each parses its words, calls `levibotd.app` and prints; errors become exit codes.

Heavy parts are imported by the command that needs them, so that `levibotd version` is quick.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from levibotd import __version__
from levibotd.errors import LeviError
from levibotd.exit_codes import ExitCode, exit_code_of

Command = Callable[[argparse.Namespace], int]

_EXAMPLES = """\
examples:
  levibotd run --demo                         paper trading on made-up prices and posts
  levibotd check --config etc/levibotd.toml   is everything there that it needs?
  levibotd parse < posts.jsonl                what does each post say?
  levibotd replay --messages posts.jsonl.gz --candles candles.csv --out runs/a
  levibotd why 3f2a9c0d1e4b5a67 --logs .run/logs
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`levibotd/exit_codes.py`)."""
    asked = _parser().parse_args(argv)
    command: Command = asked.command
    try:
        return command(asked)
    except LeviError as error:
        _complain(str(error))
        return exit_code_of(error)
    except OSError as error:
        # A file or directory that the user named: interpreter trouble has other classes.
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return ExitCode.USAGE
    except BrokenPipeError:
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="levibotd",
        description="Follow Telegram signal channels without being robbed by them.",
        epilog=_EXAMPLES,
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
    version = _command(commands, "version", _do_version, "version and commit")
    _json(version)
    return parser


def _run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = _command(commands, "run", _do_run, "the daemon; without a configuration file, the demo")
    run.add_argument("--config", type=Path, metavar="F", help="configuration file (TOML)")
    run.add_argument("--demo", action="store_true", help="the embedded demo configuration")


def _check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = _command(commands, "check", _do_check, "configuration, credentials, disk, port: a line each, with the remedy")
    check.add_argument("--config", type=Path, metavar="F", help="configuration file (default: the demo)")
    check.add_argument("--offline", action="store_true", help="ask nobody outside this machine")
    _json(check)


def _parse(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parse = _command(commands, "parse", _do_parse, "JSON lines {id, text, …} in, readings out, in the same order")
    parse.add_argument("--markets", type=Path, metavar="F", help="exchangeInfo document: which instruments exist")
    parse.add_argument("--explain", action="store_true", help="add the n-grams that weighed most")


def _replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = _command(commands, "replay", _do_replay, "the same actors on simulated time, over recorded posts")
    replay.add_argument("--messages", type=Path, nargs="+", required=True, metavar="F", help="posts (JSON lines or result.json)")
    replay.add_argument("--candles", type=Path, nargs="+", required=True, metavar="F", help="candles (.csv, .jsonl, .parquet)")
    replay.add_argument("--markets", type=Path, metavar="F", help="exchangeInfo document")
    replay.add_argument("--config", type=Path, metavar="F", help="configuration file (default: embedded defaults)")
    replay.add_argument("--out", type=Path, default=Path("replay"), metavar="DIR", help="where the log goes (default: replay)")
    replay.add_argument("--since", type=_moment, default=0.0, metavar="T", help="first post: unix seconds or ISO 8601")
    replay.add_argument("--until", type=_moment, default=float("inf"), metavar="T", help="posts before this moment")
    replay.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    replay.add_argument("--strict", action="store_true", help="stop at the first bad line")
    _json(replay)


def _training(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = _command(commands, "train", _do_train, "fit the classifier in a child process")
    train.add_argument("--labels", type=Path, nargs="+", required=True, metavar="F", help="labelled posts (JSON lines)")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where model, card and metrics.json go")
    evaluate = _command(commands, "evaluate", _do_evaluate, "score the classifier on labels of unseen channels")
    evaluate.add_argument("--labels", type=Path, nargs="+", required=True, metavar="F", help="labelled posts (JSON lines)")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="where metrics.json goes")
    for each in (train, evaluate):
        _json(each)


def _why(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    why = _command(commands, "why", _do_why, "a message's whole story, every gate with value and limit")
    why.add_argument("message", metavar="TRACE_OR_MESSAGE", help="a trace id, a message id, or channel/message id")
    why.add_argument("--logs", type=Path, metavar="DIR", help="log directory (default: that of the configuration)")
    why.add_argument("--config", type=Path, metavar="F", help="configuration file")
    _json(why)


def _log(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    log = commands.add_parser("log", help="verify, repair or read an event log")
    actions = log.add_subparsers(title="actions", required=True, metavar="ACTION")
    verify = _command(actions, "verify", _do_verify, "chain and sequence of the whole log; exit 1 names the first bad record")
    repair = _command(actions, "repair", _do_repair, "cut off a torn tail; its bytes are kept beside it")
    tail = _command(actions, "tail", _do_tail, "the last lines; --follow for those to come")
    for each in (verify, repair):
        each.add_argument("dir", type=Path, metavar="DIR", help="log directory")
        each.add_argument("--key-file", type=Path, metavar="F", help="the log key, where the log has one")
        _json(each)
    tail.add_argument("dir", type=Path, nargs="?", metavar="DIR", help="log directory (default: that of the configuration)")
    tail.add_argument("--config", type=Path, metavar="F", help="configuration file")
    tail.add_argument("--follow", action="store_true", help="go on with what is written from now on")
    tail.add_argument("--type", metavar="T", help="only this event type")
    tail.add_argument("--lines", type=int, default=10, metavar="N", help="how many lines first (default: 10)")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, do: Command, help_: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    parser.set_defaults(command=do)
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _moment(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is neither unix seconds nor ISO 8601") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _do_run(asked: argparse.Namespace) -> int:
    from levibotd.app.daemon import run
    from levibotd.config import demo_config, load

    config = load(asked.config) if asked.config is not None and not asked.demo else demo_config()
    return run(config, out=sys.stdout)


def _do_check(asked: argparse.Namespace) -> int:
    from levibotd.app.checking import check

    return check(asked.config, offline=asked.offline, as_json=asked.json, out=sys.stdout)


def _do_parse(asked: argparse.Namespace) -> int:
    from levibotd.app.parsing import parse

    return parse(sys.stdin.buffer, sys.stdout.buffer, markets=asked.markets, explain=asked.explain)


def _do_replay(asked: argparse.Namespace) -> int:
    from levibotd.app.replay_command import replay_command

    return replay_command(asked, out=sys.stdout, err=sys.stderr)


def _do_train(asked: argparse.Namespace) -> int:
    from levibotd.app.children import train

    return train(asked.labels, out=asked.out, as_json=asked.json)


def _do_evaluate(asked: argparse.Namespace) -> int:
    from levibotd.app.children import evaluate

    return evaluate(asked.labels, out=asked.out, as_json=asked.json)


def _do_why(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import why

    return why(asked.message, logs=asked.logs, config=asked.config, as_json=asked.json, out=sys.stdout)


def _do_verify(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import verify_log

    return verify_log(asked.dir, key_file=asked.key_file, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_repair(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import repair_log

    return repair_log(asked.dir, key_file=asked.key_file, as_json=asked.json, out=sys.stdout)


def _do_tail(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import tail_log

    return tail_log(
        asked.dir, config=asked.config, follow=asked.follow, event_type=asked.type, lines=asked.lines, out=sys.stdout
    )


def _do_version(asked: argparse.Namespace) -> int:
    from levibotd.app.version import git_sha

    sha = git_sha()
    if asked.json:
        print(f'{{"version":"{__version__}","git_sha":"{sha}"}}')
    else:
        print(f"levibotd {__version__} ({sha})")
    return ExitCode.OK


def _complain(message: str) -> None:
    print(f"levibotd: {message}", file=sys.stderr)
