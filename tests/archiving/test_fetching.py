"""What is in the bucket is held against what it must be."""

from hashlib import sha256

import pytest
import zstandard

from levibotd.adapters.closed_segments import Unpacked
from levibotd.archiving.fetching import fetch, fetch_manifest, is_as_sent, manifests
from levibotd.domain.archive import ArchivedFile, BadManifest, Stage, manifest_key, manifest_of
from levibotd.ports.object_store import Head, NotThere, StoreUnavailable
from levibotd.sim import memory_object_store as sim
from levibotd.sim.memory_object_store import MemoryObjectStore

DATA = b"a line of the log\n" * 100
COPY = zstandard.ZstdCompressor().compress(DATA)


def stored() -> MemoryObjectStore:
    store = MemoryObjectStore()
    store.objects["k"] = COPY
    return store


async def test_an_object_is_read_and_unpacked() -> None:
    found = await fetch(stored(), "k", into=Unpacked(limit_bytes=len(DATA)), limit_bytes=len(COPY))

    assert found is not None
    assert found.packed_sha256 == sha256(COPY).hexdigest()
    assert (found.plain.size, found.plain.sha256) == (len(DATA), sha256(DATA).hexdigest())


@pytest.mark.parametrize("stored_as", [None, b"", COPY[:-4], COPY + b"more", b"not a frame"])
async def test_what_is_no_such_copy_is_nothing(stored_as: bytes | None) -> None:
    store = MemoryObjectStore()
    if stored_as is not None:
        store.objects["k"] = stored_as

    assert await fetch(store, "k", into=Unpacked(limit_bytes=1 << 20), limit_bytes=len(COPY)) is None


async def test_an_answer_that_breaks_off_says_nothing_about_the_object() -> None:
    store = stored()
    store.fail_next("get", sim.TRUNCATED)

    with pytest.raises(StoreUnavailable):
        await fetch(store, "k", into=Unpacked(limit_bytes=len(DATA)), limit_bytes=len(COPY))


@pytest.mark.parametrize(
    ("head", "speaks_for_it"),
    [
        (Head(size=3), True),
        (Head(size=3, sha256="a", md5="b"), True),
        (Head(size=4, sha256="a", md5="b"), False),
        (Head(size=3, sha256="x", md5="b"), False),
        (Head(size=3, sha256="a", md5="x"), False),
        (Head(size=3, md5="x"), False),
    ],
)
def test_all_that_the_store_says_must_speak_for_it(head: Head, speaks_for_it: bool) -> None:
    assert is_as_sent(head, size=3, sha256="a", md5="b") is speaks_for_it


def a_manifest() -> tuple[str, bytes]:
    file = ArchivedFile(
        path="2026-10-01/events-00.jsonl", stage=Stage.VERIFIED, size=3, sha256="a", first_seq=1, last_seq=9,
        last_hash="f" * 32, packed_size=2, packed_sha256="b", key="k",
    )  # fmt: skip
    data = manifest_of([file], installation="aa", day="2026-10-01").to_bytes()
    digest = sha256(data).hexdigest()
    return manifest_key("levibot-aa", "2026-10-01", last_seq=9, revision=0, digest=digest), data


async def test_a_manifest_is_believed_when_its_key_holds_its_digest() -> None:
    store = MemoryObjectStore()
    key, data = a_manifest()
    store.objects[key] = data

    assert (await fetch_manifest(store, key)).last_seq == 9
    assert [name.key for name in await manifests(store, "levibot-aa")] == [key]
    assert await manifests(store, "levibot-bb") == []
    store.objects[key] = data.replace(b'"last_seq":9', b'"last_seq":8')
    with pytest.raises(BadManifest, match=key):
        await fetch_manifest(store, key)
    del store.objects[key]
    with pytest.raises(NotThere):
        await fetch_manifest(store, key)
