"""What each record of the archive does to what is known of it."""

from collections.abc import Callable, Mapping
from typing import Any

from levibotd.domain import archive
from levibotd.domain.archive import BAD_OBJECT, DAYS_MAX, ArchivedDay, ArchivedFile, Stage
from levibotd.domain.book import State
from levibotd.domain.records import Entry, Record


def _sealed(state: State, entry: Entry, record: archive.ArchiveSealed) -> None:
    _went_well(state, record.at)
    state.archive.files[record.path] = ArchivedFile(
        path=record.path,
        stage=Stage.SEALED,
        size=record.size,
        sha256=record.sha256,
        first_seq=record.first_seq,
        last_seq=record.last_seq,
        last_hash=record.last_hash,
    )


def _compressed(state: State, entry: Entry, record: archive.ArchiveCompressed) -> None:
    _went_well(state, record.at)
    if (file := state.archive.files.get(record.path)) is not None:
        file.stage = Stage.COMPRESSED
        file.packed_size, file.packed_sha256, file.packed_md5 = record.size, record.sha256, record.md5


def _uploaded(state: State, entry: Entry, record: archive.ArchiveUploaded) -> None:
    _went_well(state, record.at)
    if (file := state.archive.files.get(record.path)) is not None:
        file.stage, file.key = Stage.UPLOADED, record.key


def _verified(state: State, entry: Entry, record: archive.ArchiveVerified) -> None:
    _went_well(state, record.at)
    if (file := state.archive.files.get(record.path)) is not None and file.key == record.key:
        file.stage = Stage.VERIFIED


def _manifested(state: State, entry: Entry, record: archive.ArchiveManifested) -> None:
    _went_well(state, record.at)
    book = state.archive
    before = book.days.get(record.day)
    for path in record.paths:
        # Only what was verified: a manifest proves nothing that was not proven before.
        if (file := book.files.get(path)) is not None and file.stage is Stage.VERIFIED:
            file.stage = Stage.MANIFESTED
    book.days[record.day] = ArchivedDay(
        day=record.day,
        key=record.key,
        sha256=record.sha256,
        files=len(record.paths),
        size=record.size,
        first_seq=record.first_seq,
        last_seq=record.last_seq,
        last_hash=record.last_hash,
        at=record.at,
        revision=0 if before is None else before.revision + (before.key != record.key),
        pruned=0 if before is None else before.pruned,
    )
    while len(book.days) > DAYS_MAX:
        del book.days[min(book.days)]


def _pruned(state: State, entry: Entry, record: archive.ArchivePruned) -> None:
    _went_well(state, record.at)
    book = state.archive
    file = book.files.get(record.path)
    if file is None:
        return
    # All up to `pruned_to` is deleted without another look: a bent word must not send other segments away.
    assert file.last_seq == record.last_seq, f"{record.path} does not end with seq {record.last_seq}"
    del book.files[record.path]
    book.pruned_to = max(book.pruned_to, record.last_seq)
    if (day := book.days.get(archive.day_in(record.path))) is not None:
        day.pruned += 1


def _failed(state: State, entry: Entry, record: archive.ArchiveFailed) -> None:
    state.archive.failed = record
    file = state.archive.files.get(record.subject)
    if file is not None and record.code == BAD_OBJECT:
        file.stage = Stage.COMPRESSED
        file.attempt += 1


def _went_well(state: State, at: float) -> None:
    state.archive.last_ok_at = at


CHANGES: Mapping[type[Record], Callable[[State, Entry, Any], None]] = {
    archive.ArchiveSealed: _sealed,
    archive.ArchiveCompressed: _compressed,
    archive.ArchiveUploaded: _uploaded,
    archive.ArchiveVerified: _verified,
    archive.ArchiveManifested: _manifested,
    archive.ArchivePruned: _pruned,
    archive.ArchiveFailed: _failed,
}
