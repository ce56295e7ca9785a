"""
An object store in memory that has bad days: errors, lost answers, bodies cut short, a wrong clock.

It outlives a simulated crash of the process that writes to it: give the same object to the next life.
"""

from collections.abc import AsyncIterator
from hashlib import md5, sha256

from levibotd.ports.object_store import (
    AlreadyThere,
    Content,
    Head,
    NotThere,
    Promises,
    StoreRefused,
    StoreUnavailable,
)

_BLOCK = 1 << 16

# A planned fault by its name: what the next call of its kind meets.
ERROR_500 = "500"  # Nothing happened.
BUSY_409 = "409"  # Another request works on this key: nothing happened.
ACK_LOST = "ack_lost"  # It happened, and nobody heard of it.
TRUNCATED = "truncated"  # A put arrives in part and is thrown away; a get breaks off.
WRONG_BYTES = "wrong_bytes"  # A bit flips on the way.
CLOCK_SKEW_403 = "403"  # The request is dated too far from the store's own time.
NO_BUCKET = "no_bucket"
FAULTS = (ERROR_500, BUSY_409, ACK_LOST, TRUNCATED, WRONG_BYTES, CLOCK_SKEW_403, NO_BUCKET)


class MemoryObjectStore:
    """
    The object store port in memory. Plan faults with `fail_next`; `is_down` makes every call fail.

    `objects` is what the bucket holds: tests look at it, and tamper with it. One that `repeats_sha256` and does not
    check it says of an object what was said of it.
    """

    def __init__(
        self,
        *,
        checks_sha256: bool = True,
        keeps_first: bool = True,
        checks_md5: bool = True,
        repeats_sha256: bool = False,
    ) -> None:
        self.objects: dict[str, bytes] = {}
        self.is_down = False
        self.calls: list[tuple[str, str]] = []
        self._promises = Promises(checks_sha256=checks_sha256, keeps_first=keeps_first)
        self._checks_md5 = checks_md5
        self._claimed: dict[str, str] | None = {} if repeats_sha256 else None
        self._faults: dict[str, list[str]] = {}

    def fail_next(self, call: str, fault: str, *, times: int = 1) -> None:
        """The next `times` of `put`, `head`, `get` or `keys` meet this fault."""
        self._faults.setdefault(call, []).extend([fault] * times)

    async def promises(self) -> Promises:
        self._meet("promises", "")
        return self._promises

    async def put(self, key: str, content: Content) -> None:
        fault = self._meet("put", key)
        with content.open() as body:
            data = body.read()
        if fault == TRUNCATED:
            raise StoreUnavailable(f"{key}: the connection broke off")
        if key in self.objects:
            raise AlreadyThere(key)
        if fault == WRONG_BYTES:
            data = _bent(data)
        if self._checks_md5 and md5(data, usedforsecurity=False).hexdigest() != content.md5:
            raise StoreRefused(f"{key}: the body does not match its MD5", reason="checksum")
        if self._promises.checks_sha256 and sha256(data).hexdigest() != content.sha256:
            raise StoreRefused(f"{key}: the body does not match its SHA-256", reason="checksum")
        self.objects[key] = data
        if self._claimed is not None:
            self._claimed[key] = content.sha256
        if fault == ACK_LOST:
            raise StoreUnavailable(f"{key}: no answer")

    async def head(self, key: str) -> Head:
        self._meet("head", key)
        data = self._found(key)
        vouched = None if self._claimed is None else self._claimed.get(key)
        if self._promises.checks_sha256:
            vouched = sha256(data).hexdigest()
        return Head(size=len(data), sha256=vouched, md5=md5(data, usedforsecurity=False).hexdigest())

    async def get(self, key: str, *, limit_bytes: int) -> AsyncIterator[bytes]:
        fault = self._meet("get", key)
        data = self._found(key)
        if len(data) > limit_bytes:
            raise StoreRefused(f"{key}: larger than {limit_bytes} bytes", reason="too_large")
        if fault == WRONG_BYTES:
            data = _bent(data)
        end = len(data) // 2 if fault == TRUNCATED else len(data)
        for begin in range(0, end, _BLOCK):
            yield data[begin : min(begin + _BLOCK, end)]
        if fault == TRUNCATED:
            raise StoreUnavailable(f"{key}: the answer broke off")

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        self._meet("keys", prefix)
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield key

    async def close(self) -> None:
        """Nothing is held."""

    def _found(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotThere(key)
        return self.objects[key]

    # Raises the fault that ends a call before it did anything; returns the one that spoils it.
    def _meet(self, call: str, key: str) -> str | None:
        self.calls.append((call, key))
        if self.is_down:
            raise StoreUnavailable("the store cannot be reached")
        planned = self._faults.get(call)
        fault = planned.pop(0) if planned else None
        if fault in (ERROR_500, BUSY_409):
            raise StoreUnavailable(f"{key}: answered {fault}")
        if fault == CLOCK_SKEW_403:
            raise StoreRefused(f"{key}: dated too far from the store's time; set the clock", reason="clock_skew")
        if fault == NO_BUCKET:
            raise StoreRefused("there is no such bucket", reason="no_bucket")
        return fault


def _bent(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:] if data else data
