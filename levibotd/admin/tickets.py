"""
Tickets: what a browser shows for a key where it cannot send headers, on streams of events.

A ticket opens one stream, within seconds, with the scope of the key it was asked for with. It is the
only secret that travels in a URL.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from random import SystemRandom

from msgspec import Struct

from levibotd.admin.auth import Caller, Scope
from levibotd.admin.problems import ScopeMissing, Unauthenticated

TICKET_S = 30.0
TICKETS_MAX = 64  # That one key may have outstanding; the oldest go first.

_BYTES = 32


class _Issued(Struct, frozen=True):
    caller: Caller
    until: float


class Tickets:
    """Tickets that nobody has used yet; only their hashes are kept. A restart forgets them."""

    def __init__(self, *, draw: Callable[[int], bytes] | None = None) -> None:
        self._draw = draw or SystemRandom().randbytes
        self._issued: dict[str, OrderedDict[bytes, _Issued]] = {}  # By whose they are.

    def __len__(self) -> int:
        return sum(map(len, self._issued.values()))

    def issue(self, caller: Caller, *, now: float) -> str:
        ticket = self._draw(_BYTES).hex()
        own = self._issued.setdefault(caller.name, OrderedDict())
        own[_digest(ticket)] = _Issued(caller, now + TICKET_S)
        while len(own) > TICKETS_MAX or next(iter(own.values())).until <= now:
            own.popitem(last=False)
        return ticket

    def redeem(self, ticket: str, *, needs: Scope, now: float) -> Caller:
        """
        Tell whose ticket this is; it is used up.

        Raises Unauthenticated for one that was used, is too old or was never issued, ScopeMissing.
        """
        digest = _digest(ticket)
        for own in self._issued.values():
            issued = own.pop(digest, None)
            if issued is not None and now < issued.until:
                if issued.caller.scope < needs:
                    raise ScopeMissing(f"needs scope {needs.name.lower()}")
                return issued.caller
        raise Unauthenticated("the ticket was used, is too old or was never issued")


# Looked up by its hash: how long that takes tells nothing about a ticket.
def _digest(ticket: str) -> bytes:
    return blake2b(ticket.encode("utf-8", "surrogateescape"), digest_size=32).digest()
