"""
Who may do what: API keys with scopes.

A key is 32 random bytes as text; what is stored is `id:scope:hash` a line, `hash` being its
BLAKE2b-256 in hex. A random key needs no slow hash.
"""

import hmac
from enum import IntEnum
from hashlib import blake2b

from msgspec import Struct

from levibotd.admin.problems import ScopeMissing, Unauthenticated
from levibotd.errors import ConfigError

KEY_HEADER = "X-API-Key"
KEYS_MAX = 64


class Scope(IntEnum):
    """What a route needs; each includes those before it. PUBLIC needs no key at all."""

    PUBLIC = 0
    READ = 1
    CONTROL = 2
    TRADE = 3


class ApiKey(Struct, frozen=True, kw_only=True):
    """One key as it is stored."""

    id: str
    scope: Scope
    digest: bytes


class Caller(Struct, frozen=True, kw_only=True):
    """Whom a request comes from. `name` is the key's id, `local` where none is configured."""

    name: str
    scope: Scope


LOCAL = Caller(name="local", scope=Scope.TRADE)
ANYBODY = Caller(name="anybody", scope=Scope.PUBLIC)


class Keyring:
    """
    The configured keys. Without any, everybody who can connect may do everything.

    A bind beyond loopback without keys is refused at start (`config_checks.check_bind`).
    """

    def __init__(self, keys: tuple[ApiKey, ...] = ()) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        return bool(self._keys)

    def caller(self, presented: str | None, *, needs: Scope) -> Caller:
        """
        Tell who presents this key.

        Raises Unauthenticated without a known key, ScopeMissing when it does not reach `needs`.
        """
        if not self._keys:
            return LOCAL
        found = self._find(presented)
        if found is None and needs is not Scope.PUBLIC:
            raise Unauthenticated(f"send a key as {KEY_HEADER}")
        if found is None:
            return ANYBODY
        if found.scope < needs:
            raise ScopeMissing(f"needs scope {needs.name.lower()}, key {found.id} has {found.scope.name.lower()}")
        return Caller(name=found.id, scope=found.scope)

    def _find(self, presented: str | None) -> ApiKey | None:
        if presented is None:
            return None
        digest = digest_of(presented)
        found = None
        for key in self._keys:  # All of them, always: the time must not tell which one came close.
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def digest_of(key: str) -> bytes:
    """Hash a key the way it is stored."""
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=32).digest()


def parse_keys(secret: str | None) -> Keyring:
    """Read the credential `api_keys`, a key a line. Raises ConfigError naming the line, never its content."""
    if secret is None:
        return Keyring()
    lines = [(number, line.strip()) for number, line in enumerate(secret.splitlines(), start=1)]
    keys = tuple(_parse_line(line, number) for number, line in lines if line and not line.startswith("#"))
    if not keys or len(keys) > KEYS_MAX or len({key.id for key in keys}) < len(keys):
        raise ConfigError(f"credential api_keys: expected 1 to {KEYS_MAX} keys, each id once")
    return Keyring(keys)


def _parse_line(line: str, number: int) -> ApiKey:
    key_id, _, rest = line.partition(":")
    scope, _, digest = rest.partition(":")
    known = {s.name.lower(): s for s in Scope if s is not Scope.PUBLIC}
    try:
        parsed = ApiKey(id=key_id, scope=known[scope], digest=bytes.fromhex(digest))
    except (KeyError, ValueError):
        parsed = None
    if parsed is None or len(parsed.digest) != 32 or not (key_id.isalnum() and len(key_id) <= 32):
        raise ConfigError(
            f"credential api_keys, line {number}: expected `id:scope:hash` with scope read, control or trade"
            " and the BLAKE2b-256 of the key in hex"
        )
    return parsed
