"""What the records of the archive fold to."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from levibotd.domain.archive import (
    DAYS_MAX,
    ArchiveCompressed,
    ArchiveFailed,
    ArchiveManifested,
    ArchivePruned,
    ArchiveSealed,
    ArchiveUploaded,
    ArchiveVerified,
    Stage,
)
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Entry, Record

PATH = "2026-10-01/events-00.jsonl"
SEALED = ArchiveSealed(path=PATH, size=9, sha256="a", first_seq=1, last_seq=5, last_hash="f" * 32, at=1.0)
COMPRESSED = ArchiveCompressed(path=PATH, size=4, sha256="b", md5="c", at=2.0)
UPLOADED = ArchiveUploaded(path=PATH, key="k", at=3.0)
VERIFIED = ArchiveVerified(path=PATH, key="k", how="checksum", at=4.0)
MANIFESTED = ArchiveManifested(
    day="2026-10-01", key="m", sha256="d", paths=(PATH,), size=9, first_seq=1, last_seq=5, last_hash="f" * 32, at=5.0
)
PRUNED = ArchivePruned(path=PATH, key="k", size=9, last_seq=5, last_hash="f" * 32, at=6.0)


def after(*records: Record) -> Ledger:
    ledger = Ledger(balance=Decimal(1))
    for record in records:
        ledger.apply(Entry(record))
    return ledger


def stage(*records: Record) -> Stage:
    return after(*records).archive.files[PATH].stage


def test_each_record_brings_a_segment_one_stage_on() -> None:
    chain: list[Record] = []
    for record, expected in zip((SEALED, COMPRESSED, UPLOADED, VERIFIED, MANIFESTED), Stage, strict=True):
        chain.append(record)
        assert stage(*chain) is expected
    book = after(*chain, PRUNED).archive
    assert (book.files, book.pruned_to, book.days["2026-10-01"].pruned, book.last_ok_at) == ({}, 5, 1, 6.0)


def test_a_manifest_makes_nothing_of_what_was_not_verified() -> None:
    assert stage(SEALED, COMPRESSED, UPLOADED, MANIFESTED) is Stage.UPLOADED


def test_a_verification_of_another_object_is_none() -> None:
    other = ArchiveVerified(path=PATH, key="other", how="checksum", at=4.0)

    assert stage(SEALED, COMPRESSED, UPLOADED, other) is Stage.UPLOADED


def test_a_bad_object_sends_its_segment_back_and_gives_it_another_key() -> None:
    failed = ArchiveFailed(step="prune", subject=PATH, code="bad_object", detail="gone", at=7.0)
    book = after(SEALED, COMPRESSED, UPLOADED, VERIFIED, MANIFESTED, failed).archive

    assert (book.files[PATH].stage, book.files[PATH].attempt) == (Stage.COMPRESSED, 1)
    assert (book.failed, book.last_ok_at) == (failed, 5.0)


def test_another_failure_changes_nothing_but_what_is_told_of_it() -> None:
    failed = ArchiveFailed(step="file", subject=PATH, code="STORE_UNAVAILABLE", detail="down", at=7.0)
    book = after(SEALED, COMPRESSED, UPLOADED, failed).archive

    assert (book.files[PATH].stage, book.files[PATH].attempt, book.failed) == (Stage.UPLOADED, 0, failed)


def test_a_newer_manifest_of_a_day_counts_as_its_next_revision() -> None:
    newer = replace(MANIFESTED, key="m2", sha256="e")
    book = after(MANIFESTED, newer, newer).archive

    assert (book.days["2026-10-01"].key, book.days["2026-10-01"].revision) == ("m2", 1)


def test_records_of_what_is_not_known_any_more_are_harmless() -> None:
    book = after(COMPRESSED, UPLOADED, VERIFIED, PRUNED, PRUNED).archive

    assert (book.files, book.pruned_to) == ({}, 0)


@pytest.mark.fault("D2")
def test_a_bent_word_of_a_pruning_sends_nothing_else_away() -> None:
    """What the log calls pruned is deleted without being looked at again."""
    bent = replace(PRUNED, last_seq=PRUNED.last_seq + 4096)
    book = after(SEALED, COMPRESSED, UPLOADED, VERIFIED, MANIFESTED, bent).archive

    assert book.pruned_to == 0
    assert PATH in book.files


def test_no_more_days_are_remembered_than_the_limit() -> None:
    book = after(*(replace(MANIFESTED, day=f"{year}-01-01") for year in range(1000, 1001 + DAYS_MAX))).archive

    assert len(book.days) == DAYS_MAX
    assert "1000-01-01" not in book.days
