"""
The commands. Each parses its words, calls `levibotd.app` and prints; errors become exit codes.

Heavy parts are imported by the command that needs them, so that `levibotd version` is quick.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from levibotd.cli import archive, channels, ctl, learning, log, openapi, reading, report, service, training
from levibotd.cli.words import Command
from levibotd.errors import LeviError
from levibotd.exit_codes import MEANINGS, ExitCode, exit_code_of

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
    asked = make_parser().parse_args(argv)
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


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands; the reference pages are made from it too."""
    codes = "\n".join(f"  {code.value:<4}{meaning}" for code, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        prog="levibotd",
        description="Follow Telegram signal channels without being robbed by them.",
        epilog=_EXAMPLES + codes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for topic in (service, reading, training, learning, channels, report, log, archive, ctl, openapi):
        topic.add(commands)
    service.add_version(commands)
    return parser


def _complain(message: str) -> None:
    for line in message.splitlines() or [""]:
        print(f"levibotd: {line}", file=sys.stderr)
