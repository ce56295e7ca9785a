"""
The object store port: what the archive asks of a bucket, so that tests can break each of it.

Keys hold a digest of what stands under them, so nothing is ever overwritten: `put` makes an object
where there is none. What was given up halfway may be there or not; asking again is always safe.
"""

from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, Protocol

from msgspec import Struct

from levibotd.errors import Refused, Unavailable


class StoreUnavailable(Unavailable):
    """The store does not answer, is in trouble, or broke off. What was asked for may have happened."""

    code = "STORE_UNAVAILABLE"


class StoreRefused(Refused):
    """The store says no: `reason` is denied, clock_skew, checksum, no_bucket or refused."""

    code = "STORE_REFUSED"


class NotThere(StoreRefused):
    """No object has this key."""

    code = "STORE_NOT_THERE"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: not in the bucket", reason="not_there")


class AlreadyThere(StoreRefused):
    """An object has this key already; it was left as it is."""

    code = "STORE_ALREADY_THERE"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: already in the bucket", reason="already_there")


class Content(Struct, frozen=True, kw_only=True):
    """Bytes to be put, with their digests in hex. Each `open` gives them from the beginning."""

    open: Callable[[], BinaryIO]
    size: int
    sha256: str
    md5: str


class Head(Struct, frozen=True, kw_only=True):
    """What the store itself says of an object. A digest is None where it does not vouch for one."""

    size: int
    sha256: str | None = None
    md5: str | None = None


class Promises(Struct, frozen=True, kw_only=True):
    """
    What a store was seen to keep to.

    `checks_sha256`: it refuses a body that does not match the SHA-256 sent with it, and gives that back.
    `keeps_first`: it refuses a second object of the same key by itself.
    """

    checks_sha256: bool
    keeps_first: bool


class ObjectStore(Protocol):
    """One bucket. Every call raises StoreUnavailable when it got no answer, StoreRefused for a definite no."""

    async def promises(self) -> Promises:
        """What this store keeps to; found out by trying it, once."""

    async def put(self, key: str, content: Content) -> None:
        """Make the object, whole or not at all. Raises AlreadyThere."""

    async def head(self, key: str) -> Head:
        """Raises NotThere."""

    def get(self, key: str, *, limit_bytes: int) -> AsyncIterator[bytes]:
        """
        The object in pieces. Raises NotThere, StoreUnavailable when it breaks off, and StoreRefused (`too_large`)
        for one of more than `limit_bytes`.
        """

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin like this, sorted."""

    async def close(self) -> None:
        """Give the connections back."""
