"""Logs in which channels make calls, for tests of cards: three months of one that loses, and a few calls of another."""

from collections.abc import Iterable
from pathlib import Path
from random import Random

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Entry
from levibotd.domain.signal import Kind
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Stamped
from tests.domain.cards.log import BEGIN, DAY, Hand

ALPHA, FEW, HOSTILE = "@alpha", "@few", "../<b>&\x1b[31m\u202e"
COINS = ("BTC", "ETH", "SOL", "ADA", "XRP", "DOT")


def hand() -> Hand:
    """Ninety witnessed and thirty backfilled calls of one channel, three of each other."""
    chance, written, at = Random(3), Hand(), BEGIN
    for number in range(90):
        at += DAY * chance.uniform(0.3, 1.6)
        won = chance.random() < 0.35
        post = written.called(ALPHA, at, 1.5 if won else -1.0, coin=chance.choice(COINS))
        if won:
            written.post(ALPHA, at + 1.1 * DAY, text="target 1 hit ✅ +20%", kind=Kind.RESULT, reply_to=post)
        if number % 30 == 0:
            written.edit(ALPHA, post, at + 2 * DAY)
        if number % 40 == 0:
            written.delete(ALPHA, post, at + 2 * DAY)
    for _ in range(30):
        at += DAY * chance.uniform(0.3, 1.6)
        written.called(ALPHA, at, chance.gauss(0.2, 1.0), coin=chance.choice(COINS), source="replay")
    for number in range(3):
        written.called(FEW, BEGIN + number * 9 * DAY, 0.5)
        written.called(HOSTILE, BEGIN + number * 9 * DAY, 0.5)
    return written


def write_log(directory: Path, entries: Iterable[Entry], *, at: float = BEGIN + 200 * DAY) -> Path:
    """Write `entries` as an event log; its last record is of `at`."""
    journal, preparer = LocalJournal(OsFiles(directory), boot="boot", sync=False), Preparer()
    journal.recover()
    for entry in entries:
        list(journal.commit((Stamped((preparer.prepare(entry),), at, 0.0),)))
    journal.seal(ts=at, mono=0.0)
    journal.close()
    return directory
