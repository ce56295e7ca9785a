"""Logs on disk for tests about reports: a day in March, some hours of it, some lives of a daemon."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Entry, Record, SystemNote
from levibotd.domain.signal import Symbol, TraceId
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Stamped

DAY = "2026-03-02"
BEFORE, AFTER = "2026-03-01", "2026-03-03"
TRACE, OTHER = TraceId("00000000000000aa"), TraceId("00000000000000bb")
BTC = Symbol("BTCUSDT")


def at(hour: float, *, day: str = DAY) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + hour * 3600.0


def write(
    directory: Path, records: Iterable[tuple[float, Entry]], *, seal: bool = True, boot: str = "a", key: bytes = b""
) -> None:
    """One life of a daemon: each entry at its time. Without `seal` it ends as by a crash."""
    journal = LocalJournal(OsFiles(directory), boot=boot, key=key, sync=False)
    journal.recover()
    preparer, last = Preparer(), 0.0
    for last, entry in records:
        for _ in journal.commit([Stamped((preparer.prepare(entry),), last, last)]):
            pass
    if seal:
        journal.seal(ts=last, mono=last)
    else:
        journal._open.flush()  # type: ignore[union-attr]  # What a daemon has written is in the page cache.
    journal.close()


def notes(hours: Sequence[float], *, day: str = DAY) -> list[tuple[float, Entry]]:
    return [(at(hour, day=day), Entry(SystemNote(note=f"{hour} {'x' * 50}"))) for hour in hours]


def entries(*told: tuple[float, Record, TraceId | None]) -> list[tuple[float, Entry]]:
    return [(at(hour), Entry(record, trace, BTC if trace else None)) for hour, record, trace in told]
