"""`levibotd report`: what a day or a week came to."""

import argparse
import io
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import cast, get_args

from levibotd.cli.words import Commands, command, config_or_demo
from levibotd.config import read_secret
from levibotd.exit_codes import ExitCode
from levibotd.ports.reports import Format, Kind, ReportQuery


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    report = commands.add_parser("report", help="posts, decisions, results and faults of a day or a week")
    actions = report.add_subparsers(title="actions", required=True, metavar="ACTION")
    daily = command(
        actions,
        "daily",
        partial(_do_report, "daily"),
        "what one UTC day came to, in all and by channel",
        example="levibotd report daily --date 2026-01-31 --logs .run/logs",
    )
    weekly = command(
        actions,
        "weekly",
        partial(_do_report, "weekly"),
        "what seven UTC days came to, in all and by channel",
        example="levibotd report weekly --format csv --out week.csv",
    )
    daily.add_argument("--date", type=_day, metavar="D", help="the day, YYYY-MM-DD (default: the log's last)")
    weekly.add_argument("--date", type=_day, metavar="D", help="the last of them, YYYY-MM-DD (default: the log's last)")
    for each in (daily, weekly):
        each.add_argument("--format", choices=get_args(Format), default="json", help="default: json")
        each.add_argument("--out", type=Path, metavar="F", help="write to this file (default: standard output)")
        each.add_argument("--logs", type=Path, metavar="DIR", help="log directory (default: that of the configuration)")
        each.add_argument("--config", type=Path, metavar="F", help="configuration file")
        each.add_argument("--key-file", type=Path, metavar="F", help="the log key (default: that of the configuration)")
        each.add_argument("--json", action="store_const", const="json", dest="format", help="as --format json")


def _day(written: str) -> str:
    try:
        if date.fromisoformat(written).isoformat() != written:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is no day such as 2026-01-31") from None
    return written


def _do_report(kind: Kind, asked: argparse.Namespace) -> int:
    from levibotd.app.log_commands import key_in
    from levibotd.app.report_command import report

    if asked.format == "parquet" and asked.out is None and sys.stdout.isatty():
        print("levibotd: Parquet is nothing to read on a terminal; add --out FILE", file=sys.stderr)
        return ExitCode.USAGE
    logs, key = asked.logs, key_in(asked.key_file)
    if logs is None or asked.config is not None:
        config = config_or_demo(asked.config)
        logs = logs or config.log_dir
        key = key or (read_secret(config, "log_key") or "").encode()
    return report(
        ReportQuery(kind=kind, last=asked.date, format=asked.format),
        logs=logs,
        key=key,
        into=asked.out,
        out=cast(io.BufferedWriter, sys.stdout.buffer),
        err=sys.stderr,
    )
