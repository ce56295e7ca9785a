"""
The archive: its records, what they fold to, and what may be done next. Pure.

A closed segment goes SEALED, COMPRESSED, UPLOADED, VERIFIED; a day whose segments are all there
gets a manifest; what is old enough, verified and named by a manifest may be pruned. Where a
segment stands is said by the log alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256

import msgspec
from msgspec import Struct

from levibotd.domain.records import Record
from levibotd.errors import LeviError

BAD_OBJECT = "bad_object"
PREFIX = "levibot-"  # Of all keys; the name of the installation follows.
MANIFEST_FILE = "manifest.json"  # In the directory of a day that was restored from the archive.
MANIFEST_SCHEMA = 1
DAYS_MAX = 1000  # Archived days that are remembered; the bucket knows them all.

_MANIFEST_KEY = re.compile(r"/manifests/(\d{4}-\d{2}-\d{2})/(\d{15})-(\d{3,})-[0-9a-f]{64}\.json$")

# Where a crash is tried: each lies behind something done, or between that and the record of it.
POINTS: tuple[str, ...] = (
    "measured",
    "sealed.after",
    "packing",
    "packed",
    "compressed.after",
    "put",
    "uploaded.after",
    "checked",
    "verified.after",
    "copy_dropped",
    "manifest_put",
    "manifested.after",
    "base_kept",
    "read_back",
    "pruned.after",
    "forgotten",
    "unlinked",
)


# --- Records ----------------------------------------------------------------------------------


class ArchiveSealed(Record, frozen=True, kw_only=True):
    """A closed segment as it is archived: whatever it holds later is not this."""

    path: str
    size: int
    sha256: str
    first_seq: int
    last_seq: int
    last_hash: str
    at: float


class ArchiveCompressed(Record, frozen=True, kw_only=True):
    """Its compressed copy is whole and on disk."""

    path: str
    size: int
    sha256: str
    md5: str
    at: float


class ArchiveUploaded(Record, frozen=True, kw_only=True):
    """The store said that it has it, under this key."""

    path: str
    key: str
    at: float


class ArchiveVerified(Record, frozen=True, kw_only=True):
    """The store has it as it was sent: by its own checksums, or read back from it in full."""

    path: str
    key: str
    how: str  # checksum | read_back
    at: float


class ArchiveManifested(Record, frozen=True, kw_only=True):
    """A day is archived: this manifest names its segments and the head of the chain."""

    day: str
    key: str
    sha256: str
    paths: tuple[str, ...]
    size: int
    first_seq: int
    last_seq: int
    last_hash: str
    at: float


class ArchivePruned(Record, frozen=True, kw_only=True):
    """Read back from the store in full a moment ago, and now deleted here."""

    path: str
    key: str
    size: int
    last_seq: int
    last_hash: str
    at: float


class ArchiveFailed(Record, frozen=True, kw_only=True):
    """
    A step that did not succeed; it is tried again. `subject` is a segment, a day or nothing.

    With the code `bad_object` the store holds something else than what was sent: that segment is sent
    again, under another key.
    """

    step: str
    subject: str
    code: str
    detail: str
    at: float


# --- What they fold to ------------------------------------------------------------------------


class Stage(StrEnum):
    """How far a segment is."""

    SEALED = "sealed"
    COMPRESSED = "compressed"
    UPLOADED = "uploaded"
    VERIFIED = "verified"
    MANIFESTED = "manifested"


class ArchivedFile(Struct, kw_only=True):
    """One segment that is still here, or was when it was last written of."""

    path: str
    stage: Stage
    size: int
    sha256: str
    first_seq: int
    last_seq: int
    last_hash: str
    packed_size: int = 0
    packed_sha256: str = ""
    packed_md5: str = ""
    key: str = ""
    attempt: int = 0  # How often what the store held was not what had been sent: each time under another key.


class ArchivedDay(Struct, kw_only=True):
    """A day that has a manifest."""

    day: str
    key: str
    sha256: str
    files: int
    size: int
    first_seq: int
    last_seq: int
    last_hash: str
    at: float
    revision: int = 0  # How many manifests of this day were replaced by a newer one.
    pruned: int = 0  # How many of its segments are no longer here.


class ArchiveBook(Struct, kw_only=True):
    """All that the log says of the archive."""

    files: dict[str, ArchivedFile] = {}
    days: dict[str, ArchivedDay] = {}
    pruned_to: int = 0  # The last seq that was pruned: the log begins behind it.
    last_ok_at: float | None = None
    failed: ArchiveFailed | None = None  # The last failure, however long ago.


# --- Names ------------------------------------------------------------------------------------


class BadManifest(LeviError):
    """These bytes are no manifest, or not the one their key names."""

    code = "ARCHIVE_BAD_MANIFEST"


def day_in(path: str) -> str:
    """The day of a segment, by its name."""
    return path.partition("/")[0]


def packed_name(path: str) -> str:
    return f"{path}.zst"


def object_key(prefix: str, path: str, packed_sha256: str, *, attempt: int = 0) -> str:
    """Where a segment is kept. The digest in it means that different bytes never meet under one key."""
    again = f".{attempt}" if attempt else ""
    return f"{prefix}/segments/{path.removesuffix('.jsonl')}.{packed_sha256}{again}.jsonl.zst"


def manifests_prefix(prefix: str) -> str:
    return f"{prefix}/manifests/"


def manifest_key(prefix: str, day: str, *, last_seq: int, revision: int, digest: str) -> str:
    return f"{manifests_prefix(prefix)}{day}/{last_seq:015d}-{revision:03d}-{digest}.json"


class ManifestName(Struct, frozen=True, order=True):
    """What a manifest's key tells; the greater one is the newer one."""

    last_seq: int
    revision: int
    day: str
    key: str


def manifest_names(keys: Iterable[str]) -> list[ManifestName]:
    """Those of `keys` that name manifests, oldest first."""
    found = (_MANIFEST_KEY.search(key) for key in keys)
    return sorted(ManifestName(int(one[2]), int(one[3]), one[1], one.string) for one in found if one is not None)


# --- The manifest of a day --------------------------------------------------------------------


class ManifestFile(Struct, frozen=True, kw_only=True):
    """One segment of the day: what it was here, and what it is in the bucket."""

    path: str
    key: str
    size: int
    sha256: str
    packed_size: int
    packed_sha256: str
    first_seq: int
    last_seq: int
    last_hash: str


class Manifest(Struct, frozen=True, kw_only=True):
    """
    One day: its segments in the order of the log, and the head of the chain at its end.

    A log that is shorter than `last_seq`, or has another hash there, is not the one that was archived.
    """

    schema: int
    installation: str
    day: str
    files: tuple[ManifestFile, ...]
    size: int
    first_seq: int
    last_seq: int
    last_hash: str

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self) + b"\n"


def manifest_of(
    files: Sequence[ArchivedFile], *, installation: str, day: str, gone: Sequence[ManifestFile] = ()
) -> Manifest:
    """
    The same files give the same bytes, whenever they are asked for.

    `gone` are those of the day that are in the bucket alone.
    """
    here = (
        ManifestFile(
            path=file.path,
            key=file.key,
            size=file.size,
            sha256=file.sha256,
            packed_size=file.packed_size,
            packed_sha256=file.packed_sha256,
            first_seq=file.first_seq,
            last_seq=file.last_seq,
            last_hash=file.last_hash,
        )
        for file in files
    )
    listed = tuple(sorted((*gone, *here), key=lambda file: file.first_seq))
    return Manifest(
        schema=MANIFEST_SCHEMA,
        installation=installation,
        day=day,
        files=listed,
        size=sum(file.size for file in listed),
        first_seq=listed[0].first_seq,
        last_seq=listed[-1].last_seq,
        last_hash=listed[-1].last_hash,
    )


def read_manifest(key: str, data: bytes) -> Manifest:
    """Raises BadManifest."""
    if not key.endswith(f"-{sha256(data).hexdigest()}.json"):
        raise BadManifest(f"{key}: its content is not the one it was written with")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadManifest(f"{key}: no manifest: {fault}") from fault
    if manifest.schema > MANIFEST_SCHEMA:
        raise BadManifest(f"{key}: of schema {manifest.schema}, this version knows {MANIFEST_SCHEMA}")
    return manifest


# --- What the disk has, and what a run comes to ------------------------------------------------


class ClosedSegment(Struct, frozen=True, kw_only=True):
    """
    A segment that is never written again, as the disk has it, in the order of the log.

    `last_seq` and `last_hash` are its end as the segment behind it tells. None: nobody does, so it is damaged.
    """

    path: str
    size: int
    first_seq: int
    last_seq: int | None
    last_hash: str


class ArchiveOutcome(Struct, frozen=True, kw_only=True):
    """What a run did. `failures` are told in full by the log; with any of them it is not ok."""

    at: float
    elapsed_s: float
    verified: int = 0  # Segments.
    days: tuple[str, ...] = ()  # That have a manifest now and had none, or an older one.
    pruned: int = 0
    unverified_bytes: int = 0
    failures: tuple[str, ...] = ()
    hindered: str | None = None  # Why nothing was pruned, where something could have been.

    @property
    def ok(self) -> bool:
        return not self.failures


RECORDS: Mapping[str, type[Record]] = {
    "ARCHIVE_SEALED": ArchiveSealed,
    "ARCHIVE_COMPRESSED": ArchiveCompressed,
    "ARCHIVE_UPLOADED": ArchiveUploaded,
    "ARCHIVE_VERIFIED": ArchiveVerified,
    "ARCHIVE_MANIFESTED": ArchiveManifested,
    "ARCHIVE_PRUNED": ArchivePruned,
    "ARCHIVE_FAILED": ArchiveFailed,
}
