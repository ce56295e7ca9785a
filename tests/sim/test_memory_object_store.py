"""The bad days of the store in memory; what it promises: tests/contracts/test_object_store.py."""

import io
from hashlib import md5, sha256

import pytest

from levibotd.ports.object_store import Content, StoreRefused, StoreUnavailable
from levibotd.sim import memory_object_store as sim
from levibotd.sim.memory_object_store import MemoryObjectStore


def content(data: bytes) -> Content:
    return Content(
        open=lambda: io.BytesIO(data),
        size=len(data),
        sha256=sha256(data).hexdigest(),
        md5=md5(data, usedforsecurity=False).hexdigest(),
    )


async def read(store: MemoryObjectStore) -> bytes:
    return b"".join([piece async for piece in store.get("a", limit_bytes=1 << 20)])


@pytest.mark.parametrize(
    ("fault", "error", "is_there"),
    [
        (sim.ERROR_500, StoreUnavailable, False),
        (sim.BUSY_409, StoreUnavailable, False),
        (sim.TRUNCATED, StoreUnavailable, False),
        (sim.ACK_LOST, StoreUnavailable, True),
        (sim.WRONG_BYTES, StoreRefused, False),
        (sim.CLOCK_SKEW_403, StoreRefused, False),
        (sim.NO_BUCKET, StoreRefused, False),
    ],
)
async def test_a_put_meets_its_planned_fault_once(fault: str, error: type[Exception], is_there: bool) -> None:
    store = MemoryObjectStore()
    store.fail_next("put", fault)

    with pytest.raises(error):
        await store.put("a", content(b"x"))
    assert ("a" in store.objects) is is_there
    if not is_there:
        await store.put("a", content(b"x"))
        assert store.objects == {"a": b"x"}


async def test_a_careless_store_keeps_what_was_bent_on_the_way() -> None:
    store = MemoryObjectStore(checks_sha256=False, checks_md5=False)
    store.fail_next("put", sim.WRONG_BYTES)
    await store.put("a", content(b"x"))

    assert store.objects["a"] != b"x"


async def test_a_get_breaks_off_or_brings_other_bytes() -> None:
    store = MemoryObjectStore()
    await store.put("a", content(bytes(1000)))
    store.fail_next("get", sim.TRUNCATED)
    with pytest.raises(StoreUnavailable):
        await read(store)
    store.fail_next("get", sim.WRONG_BYTES)
    assert await read(store) != bytes(1000)
    assert await read(store) == bytes(1000)


async def test_a_store_that_is_down_answers_nothing() -> None:
    store = MemoryObjectStore()
    store.is_down = True
    for call in (store.put("a", content(b"x")), store.head("a"), read(store), store.promises()):
        with pytest.raises(StoreUnavailable):
            await call
