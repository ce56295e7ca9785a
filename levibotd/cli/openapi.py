"""`levibotd openapi`: the description of the HTTP interface, without a daemon."""

import argparse
import sys
from pathlib import Path

from levibotd import __version__
from levibotd.cli.words import Commands, command
from levibotd.exit_codes import ExitCode

INDENT = 2


def add(commands: Commands) -> None:
    """Add the command."""
    openapi = command(
        commands,
        "openapi",
        _do_openapi,
        "the OpenAPI document of the HTTP interface",
        example="levibotd openapi --out openapi.json",
    )
    openapi.add_argument("--json", action="store_true", help="as it is: the document is JSON")
    openapi.add_argument("--out", type=Path, metavar="F", help="write it there instead of printing it")


def _do_openapi(asked: argparse.Namespace) -> int:
    from levibotd.admin.schema import openapi_bytes

    written = openapi_bytes(version=__version__, indent=INDENT)
    if asked.out is not None:
        asked.out.write_bytes(written)
    else:
        sys.stdout.write(written.decode())
    return ExitCode.OK
