"""`levibotd channels`: the scorecards of a log, as text, JSON and pictures; needs no daemon."""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec.structs import replace

from levibotd.adapters.os_files import OsFiles
from levibotd.app.card_text import as_text
from levibotd.app.cards import board, read_cards
from levibotd.app.comparing import compared
from levibotd.app.log_commands import log_in
from levibotd.app.progress import Progress
from levibotd.app.scoring import classifier_of
from levibotd.config import Config, channel_names
from levibotd.domain.cards.card import Board
from levibotd.domain.pictures.equity import equity_picture
from levibotd.domain.pictures.reliability import reliability_picture
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode

RELIABILITY = "reliability.svg"

_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whose cards, and how. Without names all; `pictures` is the directory they go to, None: none are drawn. With
    `candles` each call is compared with the same trade at random times, and later.
    """

    names: tuple[str, ...] = ()
    as_json: bool = False
    pictures: Path | None = None
    candles: tuple[Path, ...] = ()


def channels(wanted: Wanted, *, logs: Path, config: Config, out: TextIO, err: TextIO) -> int:
    """
    Print the cards of the log in `logs`; 1 where a channel that was named has none.

    Raises OSError for a directory without a log, and for one that pictures cannot go to.
    """
    files = log_in(logs)
    found = _asked_for(_read(files, wanted, config, err), wanted.names, config)
    print(msgspec.json.encode(found).decode() if wanted.as_json else as_text(found), file=out)
    if wanted.pictures is not None:
        _draw(found, wanted.pictures, config, err)
    missing = [name for name in wanted.names if not _asked_for(found, (name,), config).cards]
    for name in missing:
        print(f"levibotd: the log in {logs} has no call of {name}", file=err)
    return ExitCode.FAILED if missing else ExitCode.OK


def picture_name(channel: str) -> str:
    """A file name that tells the channel and can be no path; names that look the same are told apart."""
    plain = _PLAIN.sub("_", channel).strip("_")[:60]
    if channel == f"@{plain}":
        return f"{plain}.equity.svg"
    return f"{plain}-{blake2b(channel.encode('utf-8', 'replace'), digest_size=4).hexdigest()}.equity.svg"


def _read(files: OsFiles, wanted: Wanted, config: Config, err: TextIO) -> Board:
    with Progress(err) as progress:
        progress.show("reading the log")
        book, known = read_cards(files, progress=lambda records: progress.show(f"reading the log: {records:,} records"))
        if known.first_seq > 1:
            progress.clear()
            print(f"levibotd: this log begins with seq {known.first_seq}: what was before is in no figure", file=err)
        progress.show("making the cards")
        found = board(book, known, config)
        shown = _asked_for(found, wanted.names, config).cards
        channels = frozenset(
            card.channel for card in shown if None in (card.witnessed.withheld, card.backfilled.withheld)
        )
        if not wanted.candles or not channels:
            return found
        beside = compared(
            files,
            wanted.candles,
            config,
            until=known.at,
            channels=channels,
            progress=lambda done, whole: progress.show(f"comparing calls: {done:,} of {whole:,}"),
        )
        return board(book, known, config, compared=beside)


def _asked_for(whole: Board, names: Sequence[str], config: Config) -> Board:
    if not names:
        return whole
    asked = {name for written in names for name in _names_of(written, config)}
    return replace(whole, cards=tuple(card for card in whole.cards if _bare(card.channel) in asked))


# People write a channel with "@" or without, or by its alias.
def _names_of(written: str, config: Config) -> Iterator[str]:
    yield _bare(written)
    for channel in config.telegram.channels:
        known = channel_names(channel)
        if written in known:
            yield from map(_bare, known)


def _bare(name: str) -> str:
    return name.casefold().removeprefix("tg:").removeprefix("@")


def _draw(found: Board, directory: Path, config: Config, err: TextIO) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for card in found.cards:
        (directory / picture_name(card.channel)).write_bytes(equity_picture(card))
    try:
        of = classifier_of(config).reliability
    except ConfigError as fault:
        print(f"levibotd: no picture of the model: {fault}", file=err)  # The log may be of another machine.
    else:
        (directory / RELIABILITY).write_bytes(reliability_picture(of))
    print(f"levibotd: {len(found.cards)} pictures of equity in {directory}", file=err)
