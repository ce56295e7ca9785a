"""The buckets port: how much each client may ask, kept by whoever counts for all."""

from typing import Protocol

from msgspec import Struct


class Rate(Struct, frozen=True, kw_only=True):
    """
    `per_s` tokens a second, saved up to `burst`.

    In memory at most `clients_max` buckets are kept; elsewhere those are forgotten that are full again.
    """

    per_s: float = 200.0
    burst: float = 600.0
    clients_max: int = 4096


class Buckets(Protocol):
    """
    One bucket of tokens a client, full at first.

    Who has a token may go on; what more tokens he asks for is taken as far as they are there.
    """

    async def take(self, client: str, *, tokens: float = 1.0) -> float:
        """
        Return 0.0 when `client` may go on, else the seconds until he may.

        Answers within a time of its own. Raises Unavailable when whoever counts does not.
        """

    async def close(self) -> None:
        """Give back what is held open. Harmless a second time."""
