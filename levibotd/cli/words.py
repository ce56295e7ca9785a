"""The pieces that commands are made of: their shape, their common flags, what a written word means."""

import argparse
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from levibotd.config import Config, demo_config, load

Command = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(commands: Commands, name: str, do: Command, help_: str, *, example: str) -> argparse.ArgumentParser:
    """Add a command that runs `do`; what it is for stands in `help_`, and every one shows an example."""
    parser = commands.add_parser(
        name,
        help=help_,
        description=help_[0].upper() + help_[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=do)
    return parser


def json_flag(parser: argparse.ArgumentParser) -> None:
    """Every command that prints a result can print it as JSON."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def moment(written: str) -> float:
    """Unix seconds or ISO 8601; without an offset it is UTC. Raises ArgumentTypeError."""
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


def count(written: str) -> int:
    """A number of records. Raises ArgumentTypeError."""
    if not written.isdecimal():
        raise argparse.ArgumentTypeError(f"{written!r} is no number of records")
    return int(written)


def config_at(path: Path | None, *, to_run: bool = False) -> Config:
    """Load that file, None: defaults alone. Raises OSError when it is not there, ConfigError."""
    if path is not None:
        # A file that is not there is a mistyped word, not a configuration to be edited.
        path.open("rb").close()
    return load(path, to_run=to_run)


def config_or_demo(path: Path | None, *, to_run: bool = False) -> Config:
    """Load that file; without one, the demo's. Raises as `config_at`; `to_run` as for `config.load`."""
    return demo_config() if path is None else config_at(path, to_run=to_run)
