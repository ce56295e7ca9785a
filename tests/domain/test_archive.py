"""Names, manifests and records of the archive."""

from hashlib import sha256

import pytest

from levibotd.domain.archive import (
    ArchivedFile,
    ArchiveOutcome,
    BadManifest,
    Manifest,
    Stage,
    day_in,
    manifest_key,
    manifest_names,
    manifest_of,
    object_key,
    read_manifest,
)

PREFIX = "levibot-aa"


def file(hour: int, *, day: str = "2026-10-01") -> ArchivedFile:
    return ArchivedFile(
        path=f"{day}/events-{hour:02d}.jsonl", stage=Stage.VERIFIED, size=100, sha256=f"{hour}" * 64,
        first_seq=hour + 1, last_seq=hour + 1, last_hash="f" * 32, packed_size=10, packed_sha256="b" * 64,
        key=f"k{hour}",
    )  # fmt: skip


def test_keys_hold_the_digest_and_an_attempt_has_another() -> None:
    key = object_key(PREFIX, "2026-10-01/events-03.1.jsonl", "ab" * 32)

    assert key == f"levibot-aa/segments/2026-10-01/events-03.1.{'ab' * 32}.jsonl.zst"
    assert object_key(PREFIX, "2026-10-01/events-03.1.jsonl", "ab" * 32, attempt=2) != key
    assert day_in("2026-10-01/events-03.1.jsonl") == "2026-10-01"


def test_manifests_are_in_the_order_of_the_log_and_then_of_their_revision() -> None:
    digest = "0" * 64
    keys = [
        manifest_key(PREFIX, "2026-10-02", last_seq=90, revision=0, digest=digest),
        manifest_key(PREFIX, "2026-10-01", last_seq=1000, revision=1, digest=digest),
        manifest_key(PREFIX, "2026-10-01", last_seq=1000, revision=0, digest=digest),
        "levibot-aa/manifests/2026-10-01/notes.txt",
        object_key(PREFIX, "2026-10-01/events-00.jsonl", digest),
    ]

    assert [(name.day, name.last_seq, name.revision) for name in manifest_names(keys)] == [
        ("2026-10-02", 90, 0),
        ("2026-10-01", 1000, 0),
        ("2026-10-01", 1000, 1),
    ]


def manifest() -> Manifest:
    return manifest_of([file(1), file(0)], installation="aa", day="2026-10-01")


def test_the_same_files_give_the_same_manifest_in_the_order_of_the_log() -> None:
    other = manifest_of([file(0), file(1)], installation="aa", day="2026-10-01")

    assert manifest().to_bytes() == other.to_bytes()
    assert (other.first_seq, other.last_seq, other.size) == (1, 2, 200)
    gone = manifest_of([file(1)], installation="aa", day="2026-10-01", gone=other.files[:1])
    assert gone.to_bytes() == other.to_bytes()


def test_a_manifest_is_read_back_only_under_the_key_it_was_written_with() -> None:
    data = manifest().to_bytes()
    key = manifest_key(PREFIX, "2026-10-01", last_seq=2, revision=0, digest=sha256(data).hexdigest())

    assert read_manifest(key, data) == manifest()
    for changed in (data[:-1], data.replace(b"k0", b"kX"), b""):
        with pytest.raises(BadManifest, match="not the one"):
            read_manifest(key, changed)


LATER = manifest().to_bytes().replace(b'"schema":1', b'"schema":9')


@pytest.mark.parametrize("data", [b"[]", b"{}", b"no json", LATER])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    key = manifest_key(PREFIX, "2026-10-01", last_seq=2, revision=0, digest=sha256(data).hexdigest())

    with pytest.raises(BadManifest, match=r"no manifest|schema 9"):
        read_manifest(key, data)


def test_an_outcome_with_a_failure_is_not_ok() -> None:
    assert ArchiveOutcome(at=0.0, elapsed_s=0.0).ok
    assert not ArchiveOutcome(at=0.0, elapsed_s=0.0, failures=("x",)).ok
