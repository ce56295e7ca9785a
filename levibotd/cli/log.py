"""`levibotd why` and `log`: the event log, read without a daemon."""

import argparse
import sys
from pathlib import Path

from levibotd.cli.words import Commands, command, config_or_demo, count, json_flag


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    _why(commands)
    _log(commands)


def _why(commands: Commands) -> None:
    why = command(
        commands,
        "why",
        _do_why,
        "a message's whole story, every gate with value and limit",
        example="levibotd why 737 --logs .run/logs",
    )
    why.add_argument("message", metavar="TRACE_OR_MESSAGE", help="a trace id, a message id, or channel/message id")
    why.add_argument("--logs", type=Path, metavar="DIR", help="log directory (default: that of the configuration)")
    why.add_argument("--config", type=Path, metavar="F", help="configuration file")
    json_flag(why)


def _log(commands: Commands) -> None:
    log = commands.add_parser("log", help="verify, repair or read an event log")
    actions = log.add_subparsers(title="actions", required=True, metavar="ACTION")
    verify = command(
        actions,
        "verify",
        _do_verify,
        "chain and sequence of the whole log; exit 1 names the first bad record",
        example="levibotd log verify .run/logs",
    )
    repair = command(
        actions,
        "repair",
        _do_repair,
        "cut off a torn tail; its bytes are kept beside it",
        example="levibotd log repair .run/logs",
    )
    tail = command(
        actions,
        "tail",
        _do_tail,
        "the last records; --follow for those to come",
        example="levibotd log tail .run/logs --follow --type ORDER_FILLED",
    )
    for each in (verify, repair):
        each.add_argument("dir", type=Path, metavar="DIR", help="log directory")
        each.add_argument("--key-file", type=Path, metavar="F", help="the log key, where the log has one")
        json_flag(each)
    tail.add_argument(
        "dir", type=Path, nargs="?", metavar="DIR", help="log directory (default: that of the configuration)"
    )
    tail.add_argument("--config", type=Path, metavar="F", help="configuration file")
    tail.add_argument("--follow", action="store_true", help="go on with what is written from now on")
    tail.add_argument("--type", type=_event_type, metavar="T", help="only this event type")
    tail.add_argument("--lines", type=count, default=10, metavar="N", help="how many records first (default: 10)")
    tail.add_argument("--json", action="store_true", help="as it is: records are always JSON lines")


def _event_type(written: str) -> str:
    from levibotd.app.log_commands import event_type_of

    try:
        return event_type_of(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _do_why(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import why

    logs = asked.logs or config_or_demo(asked.config).log_dir
    return why(asked.message, logs=logs, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_verify(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import verify_log

    return verify_log(asked.dir, key_file=asked.key_file, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_repair(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import repair_log

    return repair_log(asked.dir, key_file=asked.key_file, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_tail(asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import tail_log

    directory = asked.dir or config_or_demo(asked.config).log_dir
    return tail_log(directory, follow=asked.follow, event_type=asked.type, lines=asked.lines, out=sys.stdout)
