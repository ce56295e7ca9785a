"""`levibotd run`, `check` and `version`: the daemon itself."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from levibotd import __version__
from levibotd.cli.words import Commands, command, config_or_demo, json_flag
from levibotd.exit_codes import ExitCode


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    _run(commands)
    _check(commands)


def add_version(commands: Commands) -> None:
    """Add `version`, the last one of the list."""
    version = command(commands, "version", _do_version, "version and commit", example="levibotd version --json")
    json_flag(version)


def _run(commands: Commands) -> None:
    run = command(
        commands,
        "run",
        _do_run,
        "the daemon; without a configuration file, the demo",
        example="levibotd run --config etc/levibotd.toml",
    )
    which = run.add_mutually_exclusive_group()
    which.add_argument("--config", type=Path, metavar="F", help="configuration file (TOML)")
    which.add_argument("--demo", action="store_true", help="the embedded demo configuration")
    run.add_argument(
        "--forget-overrides",
        action="store_true",
        help="let go of what was put over the file, and of the policy switched to, where the file does not know them",
    )


def _check(commands: Commands) -> None:
    check = command(
        commands,
        "check",
        _do_check,
        "configuration, credentials, disk, port: a line each, with the remedy",
        example="levibotd check --config etc/levibotd.toml",
    )
    check.add_argument("--config", type=Path, metavar="F", help="configuration file (default: the demo)")
    check.add_argument(
        "--offline", action="store_true", help="ask nobody outside this machine: the bucket of the archive"
    )
    json_flag(check)


def _do_run(asked: argparse.Namespace) -> int:
    from levibotd.app.daemon import run

    read = partial(config_or_demo, asked.config, to_run=True)
    return run(read(), reread=read, out=sys.stdout, forget_overrides=asked.forget_overrides)


def _do_check(asked: argparse.Namespace) -> int:
    from levibotd.app.checking import check

    load = partial(config_or_demo, asked.config, to_run=True)
    return check(load, as_json=asked.json, out=sys.stdout, offline=asked.offline)


def _do_version(asked: argparse.Namespace) -> int:
    from levibotd.app.version import git_sha

    sha = git_sha()
    if asked.json:
        print(json.dumps({"version": __version__, "git_sha": sha}))
    else:
        print(f"levibotd {__version__} ({sha})")
    return ExitCode.OK
