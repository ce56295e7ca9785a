"""
How much one client may ask: token buckets in memory, and which client a request comes from.

The number of clients that are remembered is bounded. A stranger cannot gain by coming from many
addresses of one /64, nor by writing addresses into X-Forwarded-For.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable

from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock
from levibotd.ports.buckets import Rate

BODY_BYTES_MAX = 64 * 1024
FORWARDED_MAX = 1024  # Characters of X-Forwarded-For that are looked at, from the right.

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class MemoryBuckets:
    """
    One token bucket a client, kept in this process.

    Beyond the bound the client that asked longest ago is forgotten; to gain by that, a client would
    have to come under thousands of names a second.
    """

    def __init__(self, rate: Rate, *, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # Tokens and when.

    def __len__(self) -> int:
        return len(self._levels)

    async def take(self, client: str, *, tokens: float = 1.0) -> float:
        return self.spend(client, tokens=tokens)

    def spend(self, client: str, *, tokens: float = 1.0) -> float:
        """As `take`, at once."""
        rate, levels, now = self._rate, self._levels, self._clock.monotonic()
        level, since = levels.pop(client, (rate.burst, now))
        if now > since:
            level += (now - since) * rate.per_s
            if level > rate.burst:
                level = rate.burst
        if level < 1.0:
            levels[client] = (level, now)
            wait_s = (1.0 - level) / rate.per_s
        else:
            levels[client] = (level - tokens if level > tokens else 0.0, now)
            wait_s = 0.0
        if len(levels) > rate.clients_max:
            levels.popitem(last=False)
        return wait_s

    async def close(self) -> None:
        """Nothing is held open."""


class Clients:
    """Which client a request comes from."""

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = tuple(_network(proxy) for proxy in trusted_proxies)

    def name(self, peer: str | None, *, forwarded: str | None = None) -> str:
        """
        Return the bucket of a request that came from `peer`.

        X-Forwarded-For counts only from a trusted proxy, and of it the right-most address that is not one.
        """
        if peer is None:
            return "unknown"
        if forwarded is None or not self._trusted:
            return _bucket(peer)
        address = _parse(peer)
        if address is None or not self._is_trusted(address):
            return _bucket(peer)
        for part in reversed(forwarded[-FORWARDED_MAX:].split(",")):
            address = _parse(part.strip())
            if address is None:
                break
            if not self._is_trusted(address):
                return _bucket(str(address))
        return _bucket(peer)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _bucket(peer: str) -> str:
    if ":" not in peer:
        return peer
    address = _parse(peer)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address) if address is not None else "unknown"


def _parse(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f"$.http.trusted_proxies: expected a network such as 10.0.0.0/8, not {text!r}") from None
