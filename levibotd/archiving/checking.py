"""Is all that was archived still in the bucket, and is it what was archived? And back to a disk with it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from levibotd.archiving.fetching import fetch, fetch_manifest, manifests
from levibotd.domain.archive import (
    MANIFEST_FILE,
    PREFIX,
    BadManifest,
    Manifest,
    ManifestFile,
    ManifestName,
)
from levibotd.errors import Refused
from levibotd.ports.closed_segments import Measured, Unpacking
from levibotd.ports.object_store import NotThere, ObjectStore, StoreRefused

OnProgress = Callable[[str], None]


class BucketReport(Struct, frozen=True, kw_only=True):
    """What was looked at in full, and every object that is not as it should be, by name."""

    installation: str
    days: int
    files: int
    bytes: int
    faults: tuple[str, ...]


class NotArchived(Refused):
    """There is no such day, or no such installation, in the bucket."""

    code = "NOT_ARCHIVED"


async def installations(store: ObjectStore) -> tuple[str, ...]:
    """Whose archives the bucket holds."""
    found = {key.partition("/")[0].removeprefix(PREFIX) async for key in store.keys(PREFIX)}
    return tuple(sorted(found))


async def check_bucket(
    store: ObjectStore,
    installation: str,
    *,
    known: Mapping[str, str],
    unpack: Callable[[ManifestFile], Unpacking],
    day: str | None = None,
    on_progress: OnProgress = lambda text: None,
) -> BucketReport:
    """
    Read back every object that the newest manifest of each day names; `day` restricts it to one.

    `known` are the manifests this log wrote, by day: one that is gone is a fault too. Raises what the
    store raises when it does not answer.
    """
    names = await _newest(store, installation)
    faults = [
        f"{key}: the manifest of {of}, written by this log, is gone"
        for of, key in known.items()
        if day in (None, of) and (of not in names or names[of].key != key)
    ]
    files: list[ManifestFile] = []
    for name in names.values():
        if day not in (None, name.day):
            continue
        try:
            manifest = await fetch_manifest(store, name.key)
        except (BadManifest, NotThere) as fault:
            faults.append(str(fault))
            continue
        for file in manifest.files:
            on_progress(f"{name.day}: reading {file.path} back")
            files.append(file)
            if not await _is_whole(store, file, unpack(file)):
                faults.append(f"{file.key}: gone, or not what was archived")
    if day is None:
        faults += _gaps(files)
    looked = {name.day for name in names.values() if day in (None, name.day)}
    return BucketReport(
        installation=installation,
        days=len(looked),
        files=len(files),
        bytes=sum(file.packed_size for file in files),
        faults=tuple(faults),
    )


async def manifest_of_day(store: ObjectStore, installation: str, day: str) -> tuple[str, Manifest]:
    """The newest manifest of a day, with its key. Raises NotArchived, BadManifest and what the store raises."""
    name = (await _newest(store, installation)).get(day)
    if name is None:
        raise NotArchived(f"{day}: no manifest of this day in the bucket", reason="not_archived")
    return name.key, await fetch_manifest(store, name.key)


async def fetch_file(store: ObjectStore, file: ManifestFile, *, into: Unpacking) -> None:
    """Bring one segment back. Raises StoreRefused (`bad_object`) when it is not what was archived."""
    if not await _is_whole(store, file, into):
        raise StoreRefused(f"{file.key}: gone, or not what was archived", reason="bad_object")


def manifest_place(day: str) -> str:
    """Where a restored day keeps its manifest: it says why the log begins in the middle."""
    return f"{day}/{MANIFEST_FILE}"


async def _newest(store: ObjectStore, installation: str) -> Mapping[str, ManifestName]:
    # Later ones go before; two revisions of a day are in order.
    return {name.day: name for name in await manifests(store, f"{PREFIX}{installation}")}


async def _is_whole(store: ObjectStore, file: ManifestFile, into: Unpacking) -> bool:
    found = await fetch(store, file.key, into=into, limit_bytes=file.packed_size)
    return (
        found is not None
        and found.packed_sha256 == file.packed_sha256
        and found.plain == Measured(size=file.size, sha256=file.sha256)
    )


def _gaps(files: Iterable[ManifestFile]) -> Sequence[str]:
    faults: list[str] = []
    seq = 0
    for file in sorted(files, key=lambda file: file.first_seq):
        if file.first_seq > seq + 1:
            faults.append(f"no manifest names records {seq + 1} to {file.first_seq - 1}")
        seq = max(seq, file.last_seq)
    return faults
