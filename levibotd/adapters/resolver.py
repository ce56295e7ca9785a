"""
Host names to addresses, for every client that speaks aiohttp.

The system's own lookup blocks, and where DNS is dead it may do so for half a minute. Here it runs
in a thread that nobody waits for longer than two seconds; after that, or when it fails, the
addresses that were good last serve on.
"""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import aiohttp.abc
from msgspec import Struct

from levibotd.kernel import offload
from levibotd.kernel.clock import Clock

TIMEOUT_S = 2.0
FRESH_S = 60.0  # So long nobody asks again.
HOSTS_MAX = 256  # Whose last good addresses are kept.
LOOKUPS_MAX = 8  # That hang at once; beyond, only known addresses are served.

# (host, family) -> (address, family of the address); raises OSError.
Lookup = Callable[[str, socket.AddressFamily], list[tuple[str, int]]]
_Asked = tuple[str, socket.AddressFamily]


class _Known(Struct, frozen=True):
    addresses: list[tuple[str, int]]
    at: float


class Resolver(aiohttp.abc.AbstractResolver):
    """May be shared by several clients; `close` only gives up what is under way."""

    def __init__(self, *, clock: Clock, lookup: Lookup | None = None) -> None:
        self._clock = clock
        self._lookup = lookup or system_lookup
        self._known: OrderedDict[_Asked, _Known] = OrderedDict()
        self._under_way: dict[_Asked, asyncio.Future[list[tuple[str, int]]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """Raises OSError when the name cannot be resolved and never could be."""
        asked = (host, family)
        known = self._known.get(asked)
        if known is None or self._clock.monotonic() - known.at >= FRESH_S:
            try:
                known = await self._look(asked)
            except OSError:
                if known is None:
                    raise
        return [
            aiohttp.abc.ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for address, kind in known.addresses
        ]

    async def close(self) -> None:
        for lookup in self._under_way.values():
            lookup.cancel()

    async def _look(self, asked: _Asked) -> _Known:
        lookup = self._under_way.get(asked)
        if lookup is None:
            if len(self._under_way) >= LOOKUPS_MAX:
                raise OSError(f"{asked[0]}: too many lookups hang")
            lookup = self._under_way[asked] = offload.detached("resolver", partial(self._lookup, *asked))
            lookup.add_done_callback(partial(self._looked, asked))
        try:
            # The lookup goes on behind the back of whoever gave up, for those who ask later.
            async with asyncio.timeout(TIMEOUT_S):
                addresses = await asyncio.shield(lookup)
        except TimeoutError:
            raise OSError(f"{asked[0]}: no answer from DNS within {TIMEOUT_S:g} s") from None
        if not addresses:
            raise OSError(f"{asked[0]}: no address")
        return _Known(addresses, self._clock.monotonic())

    def _looked(self, asked: _Asked, lookup: "asyncio.Future[list[tuple[str, int]]]") -> None:
        self._under_way.pop(asked, None)
        if lookup.cancelled() or lookup.exception() is not None or not lookup.result():
            return
        self._known[asked] = _Known(lookup.result(), self._clock.monotonic())
        self._known.move_to_end(asked)
        if len(self._known) > HOSTS_MAX:
            self._known.popitem(last=False)


def system_lookup(host: str, family: socket.AddressFamily) -> list[tuple[str, int]]:
    """Ask the system. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as fault:
        raise OSError(f"{host!r} is no host name") from fault
    return [(str(address[0]), kind) for kind, _, _, _, address in found]
