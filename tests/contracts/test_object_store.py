"""What every object store promises: in memory, moto in a process of its own, and a real Ceph."""

import io
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from hashlib import md5, sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from levibotd.adapters.resolver import FRESH_S, Resolver
from levibotd.adapters.s3_object_store import Credential, S3ObjectStore
from levibotd.kernel.clock import LoopClock
from levibotd.ports.object_store import AlreadyThere, Content, NotThere, ObjectStore, StoreRefused, StoreUnavailable
from levibotd.sim.memory_object_store import MemoryObjectStore
from tests.contracts import buckets

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(300)]

STORES = ("memory", "memory, careless", "moto", "ceph")
_running: dict[str, str] = {}


def content(data: bytes) -> Content:
    return Content(
        open=lambda: io.BytesIO(data),
        size=len(data),
        sha256=sha256(data).hexdigest(),
        md5=md5(data, usedforsecurity=False).hexdigest(),
    )


@contextmanager
def running(kind: str) -> Iterator[str]:
    # Sockets of Ceph must have short paths.
    with TemporaryDirectory(prefix="levi-", ignore_cleanup_errors=True) as folder:
        started = buckets.Moto(Path(folder)) if kind == "moto" else buckets.Ceph(Path(folder))
        with started as store:
            yield store.url


@pytest.fixture(scope="module", params=STORES)
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    kind = str(request.param)
    if kind.startswith("memory"):
        yield kind, ""
        return
    pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
    if kind == "moto":
        pytest.importorskip("moto.server", reason="NOT TESTED against moto: pip install 'moto[server]'")
    elif missing := buckets.missing_programs():
        pytest.skip(f"NOT TESTED against Ceph, {', '.join(missing)} missing: {buckets.HOW_TO_GET_CEPH}")
    with running(kind) as url:
        yield kind, url


@pytest.fixture
async def store(place: tuple[str, str]) -> AsyncIterator[ObjectStore]:
    kind, url = place
    if kind.startswith("memory"):
        careless = kind != "memory"
        yield MemoryObjectStore(checks_sha256=not careless, keeps_first=True, checks_md5=not careless)
        return
    store = S3ObjectStore(
        endpoint=url,
        bucket=buckets.make_bucket(url),
        credential=Credential(access_key=buckets.ACCESS_KEY, secret_key=buckets.SECRET_KEY),
        resolver=Resolver(clock=LoopClock()),
    )
    yield store
    await store.close()


async def read(store: ObjectStore, key: str, *, limit_bytes: int = 1 << 30) -> bytes:
    return b"".join([piece async for piece in store.get(key, limit_bytes=limit_bytes)])


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
async def test_what_was_put_can_be_had_again(store: ObjectStore, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    await store.put("a/day one/x", content(data))

    assert await read(store, "a/day one/x") == data
    head = await store.head("a/day one/x")
    assert head.size == size
    assert head.md5 in (None, content(data).md5)
    assert head.sha256 in (None, content(data).sha256)


async def test_an_object_is_never_replaced(store: ObjectStore) -> None:
    await store.put("a/1", content(b"first"))

    with pytest.raises(AlreadyThere):
        await store.put("a/1", content(b"second"))
    assert await read(store, "a/1") == b"first"


async def test_what_is_not_there_is_said_to_be_so(store: ObjectStore) -> None:
    with pytest.raises(NotThere):
        await store.head("nothing")
    with pytest.raises(NotThere):
        await read(store, "nothing")


async def test_keys_are_listed_by_their_beginning_in_order(store: ObjectStore) -> None:
    for key in ("b/2", "a/2", "a/10", "a/1", "ab/1"):
        await store.put(key, content(key.encode()))

    assert [key async for key in store.keys("a/")] == ["a/1", "a/10", "a/2"]
    assert [key async for key in store.keys("nothing/")] == []


async def test_more_than_was_asked_for_is_refused(store: ObjectStore) -> None:
    await store.put("big", content(b"x" * 1000))

    assert len(await read(store, "big", limit_bytes=1000)) == 1000
    with pytest.raises(StoreRefused) as refusal:
        await read(store, "big", limit_bytes=999)
    assert refusal.value.reason == "too_large"


async def test_a_store_keeps_to_what_it_promises(store: ObjectStore) -> None:
    promises = await store.promises()
    wrong = replace(content(b"this"), sha256=content(b"that").sha256)
    if promises.checks_sha256:
        with pytest.raises(StoreRefused) as refusal:
            await store.put("wrong", wrong)
        assert refusal.value.reason in ("checksum", "refused")
        await store.put("right", content(b"this"))
        assert (await store.head("right")).sha256 == content(b"this").sha256
    else:
        await store.put("wrong", wrong)  # It does not look: whoever relies on it must read back.
        assert (await store.head("wrong")).sha256 is None


async def test_a_body_that_does_not_match_its_md5_is_refused_where_the_store_looks(
    store: ObjectStore, place: tuple[str, str]
) -> None:
    wrong = replace(content(b"this"), md5=content(b"that").md5)
    if place[0] in ("memory", "ceph"):
        with pytest.raises(StoreRefused) as refusal:
            await store.put("wrong", wrong)
        assert refusal.value.reason == "checksum"
        with pytest.raises(NotThere):
            await store.head("wrong")
    else:
        await store.put("wrong", wrong)
        assert (await store.head("wrong")).md5 == content(b"this").md5  # So the comparison afterwards finds it.


async def test_another_bucket_is_not_there(store: ObjectStore, place: tuple[str, str]) -> None:
    if not place[1]:
        pytest.skip("a store in memory is one bucket")
    other = S3ObjectStore(
        endpoint=place[1],
        bucket="no-such-bucket",
        credential=Credential(access_key=buckets.ACCESS_KEY, secret_key=buckets.SECRET_KEY),
        resolver=Resolver(clock=LoopClock()),
    )
    try:
        with pytest.raises(StoreRefused) as refusal:
            await other.put("a", content(b"x"))
        assert refusal.value.reason == "no_bucket"
    finally:
        await other.close()


async def test_a_wrong_secret_is_denied_and_never_told(place: tuple[str, str]) -> None:
    if place[0] != "ceph":
        pytest.skip("only Ceph looks at signatures")
    bucket = buckets.make_bucket(place[1])
    store = S3ObjectStore(
        endpoint=place[1],
        bucket=bucket,
        credential=Credential(access_key=buckets.ACCESS_KEY, secret_key="not-the-secret"),
        resolver=Resolver(clock=LoopClock()),
    )
    try:
        with pytest.raises(StoreRefused) as refusal:
            await store.promises()
        assert refusal.value.reason == "denied"
        assert "not-the-secret" not in str(refusal.value)
        assert buckets.ACCESS_KEY not in str(refusal.value)
    finally:
        await store.close()


async def test_what_was_tampered_with_is_read_as_it_is(store: ObjectStore, place: tuple[str, str]) -> None:
    if not place[1]:
        pytest.skip("see the tests of the archive")
    await store.put("a", content(b"honest"))
    with closing(buckets.client(place[1])) as s3:
        s3.put_object(Bucket=store._bucket, Key="a", Body=b"forged")  # type: ignore[attr-defined]

    assert await read(store, "a") == b"forged"
    assert (await store.head("a")).md5 == content(b"forged").md5


async def test_nobody_listening_is_unavailable() -> None:
    pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
    (port,) = buckets.free_ports(1)
    store = S3ObjectStore(
        endpoint=f"http://127.0.0.1:{port}",
        bucket="levi",
        credential=Credential(access_key="k", secret_key="s"),
        resolver=Resolver(clock=LoopClock()),
    )
    try:
        with pytest.raises(StoreUnavailable):
            await store.promises()
    finally:
        await store.close()


@pytest.mark.fault("F6")
async def test_a_dead_name_service_does_not_stop_a_store_that_was_reached_before(place: tuple[str, str]) -> None:
    if place[0] != "moto":
        pytest.skip("one store is enough")
    asked: list[str] = []

    def lookup(host: str, family: socket.AddressFamily) -> list[tuple[str, int]]:
        asked.append(host)
        if len(asked) > 1:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return [("127.0.0.1", socket.AF_INET)]

    clock = Ahead()
    store = S3ObjectStore(
        endpoint=place[1].replace("127.0.0.1", "localhost"),
        bucket=buckets.make_bucket(place[1]),
        credential=Credential(access_key=buckets.ACCESS_KEY, secret_key=buckets.SECRET_KEY),
        resolver=Resolver(clock=clock, lookup=lookup),
    )
    try:
        await store.put("a", content(b"x"))
        await store.close()  # So that the next call connects anew.
        clock.ahead_s = 10 * FRESH_S
        assert await read(store, "a") == b"x"
        assert asked == ["localhost"] * 2
    finally:
        await store.close()


class Ahead(LoopClock):
    """A clock that runs ahead on demand."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s
