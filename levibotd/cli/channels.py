"""`levibotd channels`: what following each channel would have come to."""

import argparse
import sys
from pathlib import Path

from levibotd.cli.words import Commands, command, config_or_demo, json_flag


def add(commands: Commands) -> None:
    """Add the command of this file."""
    channels = command(
        commands,
        "channels",
        _do_channels,
        "scorecards: coverage first, then what following every call came to",
        example="levibotd channels --logs .run/logs --out pictures",
    )
    channels.add_argument("names", nargs="*", metavar="CHANNEL", help="only these, by name, number or alias")
    channels.add_argument("--logs", type=Path, metavar="DIR", help="log directory (default: that of the configuration)")
    channels.add_argument("--config", type=Path, metavar="F", help="configuration file: fees, aliases")
    channels.add_argument(
        "--out", type=Path, metavar="DIR", help="draw pictures into this directory: equity by channel, reliability"
    )
    channels.add_argument(
        "--candles", type=Path, nargs="+", default=[], metavar="F",
        help="recorded prices: compare each call with the same trade at random times, with later ones and with holding",
    )  # fmt: skip
    json_flag(channels)


def _do_channels(asked: argparse.Namespace) -> int:
    from levibotd.app.channels_command import Wanted, channels

    config = config_or_demo(asked.config)
    wanted = Wanted(
        names=tuple(asked.names), as_json=asked.json, pictures=asked.out, candles=tuple(asked.candles)
    )  # fmt: skip
    return channels(wanted, logs=asked.logs or config.log_dir, config=config, out=sys.stdout, err=sys.stderr)
