"""What is in the bucket, held against what it must be."""

from msgspec import Struct

from levibotd.domain.archive import Manifest, ManifestName, manifest_names, manifests_prefix, read_manifest
from levibotd.kernel import offload
from levibotd.ports.closed_segments import BadCopy, Measured, Unpacking
from levibotd.ports.object_store import Head, NotThere, ObjectStore, StoreRefused

MANIFEST_BYTES_MAX = 16 << 20


class Fetched(Struct, frozen=True, kw_only=True):
    """A compressed copy as the store holds it, and what it unpacks to."""

    packed_sha256: str
    plain: Measured


def is_as_sent(head: Head, *, size: int, sha256: str, md5: str) -> bool:
    """Does all that the store says of an object speak for it?"""
    return head.size == size and head.sha256 in (None, sha256) and head.md5 in (None, md5)


async def fetch(store: ObjectStore, key: str, *, into: Unpacking, limit_bytes: int) -> Fetched | None:
    """
    Read an object in full and unpack it; None when it is missing or no such copy at all.

    Raises StoreUnavailable, and StoreRefused where the store does not let us read.
    """
    try:
        async for piece in store.get(key, limit_bytes=limit_bytes):
            await offload.call(into.feed, piece)
        plain = await offload.call(into.finish)
    except (NotThere, BadCopy):
        return None
    except StoreRefused as refusal:
        if refusal.reason != "too_large":
            raise
        return None
    return Fetched(packed_sha256=into.packed.sha256, plain=plain)


async def manifests(store: ObjectStore, prefix: str) -> list[ManifestName]:
    """All manifests of an installation, oldest first."""
    return manifest_names([key async for key in store.keys(manifests_prefix(prefix))])


async def fetch_manifest(store: ObjectStore, key: str) -> Manifest:
    """Raises BadManifest, NotThere and what the store raises."""
    data = b"".join([piece async for piece in store.get(key, limit_bytes=MANIFEST_BYTES_MAX)])
    return read_manifest(key, data)
