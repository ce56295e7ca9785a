"""`levibotd archive`: closed days of the log in an object store."""

import argparse
import sys
from datetime import date
from functools import partial
from pathlib import Path

from levibotd.cli.words import Commands, command, config_or_demo, json_flag


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    archive = commands.add_parser("archive", help="finished days of the event log in an object store (S3)")
    actions = archive.add_subparsers(title="actions", required=True, metavar="ACTION")
    run = command(
        actions,
        "run",
        partial(_do_run, upload=True),
        "bring every finished day to the bucket, verify it there, and prune what is old; not beside a daemon",
        example="levibotd archive run --config /etc/levibotd/levibotd.toml",
    )
    prune = command(
        actions,
        "prune",
        partial(_do_run, upload=False),
        "delete here what is old and was read back from the bucket a moment before; not beside a daemon",
        example="levibotd archive prune --config /etc/levibotd/levibotd.toml",
    )
    verify = command(
        actions,
        "verify",
        _do_verify,
        "read everything back from the bucket; exit 1 names each object that is gone or changed",
        example="levibotd archive verify --day 2026-01-31 --json",
    )
    restore = command(
        actions,
        "restore",
        _do_restore,
        "bring the log of one day back, verified, into a directory of its own",
        example="levibotd archive restore --day 2026-01-31 --out /tmp/january",
    )
    verify.add_argument("--day", type=_day, metavar="D", help="only this UTC day (default: all)")
    restore.add_argument("--day", type=_day, required=True, metavar="D", help="which UTC day, YYYY-MM-DD")
    restore.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to; made where it is not there")
    for each in (verify, restore):
        each.add_argument(
            "--installation",
            metavar="NAME",
            help="whose archive, where several share the bucket (default: that of the state directory)",
        )
    for each in (run, prune, verify, restore):
        each.add_argument("--config", type=Path, metavar="F", help="configuration file")
        json_flag(each)


def _day(written: str) -> str:
    try:
        if date.fromisoformat(written).isoformat() == written:
            return written
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{written!r} is no day such as 2026-01-31")


def _do_run(asked: argparse.Namespace, *, upload: bool) -> int:
    from levibotd.app.archive_commands import run_archive

    config = config_or_demo(asked.config)
    return run_archive(config, upload=upload, as_json=asked.json, out=sys.stdout, err=sys.stderr)


def _do_verify(asked: argparse.Namespace) -> int:
    from levibotd.app.archive_commands import verify_archive

    return verify_archive(
        config_or_demo(asked.config),
        day=asked.day,
        installation=asked.installation,
        as_json=asked.json,
        out=sys.stdout,
        err=sys.stderr,
    )


def _do_restore(asked: argparse.Namespace) -> int:
    from levibotd.app.archive_commands import restore_day

    return restore_day(
        config_or_demo(asked.config),
        day=asked.day,
        into=asked.out,
        installation=asked.installation,
        as_json=asked.json,
        out=sys.stdout,
        err=sys.stderr,
    )
