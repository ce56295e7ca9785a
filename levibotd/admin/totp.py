"""
The second factor: one-time passwords by time (RFC 6238, SHA-1, six digits, thirty seconds).

A code counts in its own step and in the one before and after, and once. Guessing locks: after a few
wrong codes in a row every code is refused for a while, the right one too, and longer each time.
"""

import base64
import binascii
import hmac
from collections import deque
from collections.abc import Callable, Collection
from hashlib import sha1

from levibotd.admin.problems import SecondFactorMissing
from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock

CODE_HEADER = "X-TOTP"
STEP_S = 30
DIGITS = 6
SECRET_BYTES_MIN = 10
STEPS_ASIDE = 1  # How far a clock may be off, in steps.
WRONG_MAX = 5  # In a row.
LOCKED_S = 900.0
LOCKED_MAX_S = 86_400.0

_USED_MAX = 16  # Steps whose code was taken: more than can count at a time.


class Totp:
    """
    Checks codes against the credential `totp`. Without one there is no second factor, and nobody passes.

    Made once a process: how often somebody guessed must outlast the actor that serves HTTP. `confirmed` are the
    steps whose code was taken, as the log knows them, so that not even a restart lets one be used again.
    """

    def __init__(
        self, secret: bytes | None, *, clock: Clock, confirmed: Callable[[], Collection[int]] = tuple
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._confirmed = confirmed
        self._used: deque[int] = deque(maxlen=_USED_MAX)  # Some of them are not in the log yet.
        self._wrong = 0
        self._locks = 0
        self._locked_until = 0.0

    def check(self, code: str | None) -> int:
        """
        Take a code and return its step, which must be committed before anything rests on it.

        Raises SecondFactorMissing unless it is the one of now and was not used before.
        """
        if self._secret is None:
            raise SecondFactorMissing("there is no credential `totp`, so nobody can confirm this")
        if code is None:
            raise SecondFactorMissing(f"send the code of now as {CODE_HEADER}")
        left_s = self._locked_until - self._clock.monotonic()
        if left_s > 0:
            raise SecondFactorMissing("locked after wrong codes", headers={"Retry-After": str(int(left_s) + 1)})
        step = self._matching(self._secret, code)
        if step is None or step in self._used or step in self._confirmed():
            self._guessed()
            raise SecondFactorMissing("wrong code" if step is None else "this code was used before; wait for the next")
        self._used.append(step)
        self._wrong = self._locks = 0
        return step

    # All of them, always: the time must not tell which one came close.
    def _matching(self, secret: bytes, code: str) -> int | None:
        now, found = int(self._clock.time() // STEP_S), None
        for step in range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1):
            if hmac.compare_digest(code_of(secret, step).encode(), code.encode("utf-8", "surrogateescape")):
                found = step
        return found

    def _guessed(self) -> None:
        self._wrong += 1
        if self._wrong >= WRONG_MAX:
            self._wrong = 0
            self._locked_until = self._clock.monotonic() + min(LOCKED_S * 2**self._locks, LOCKED_MAX_S)
            self._locks = min(self._locks + 1, 16)


def code_of(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """The code of one step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def parse_secret(written: str | None) -> bytes | None:
    """Read the credential `totp`: base32, as authenticators show it. Raises ConfigError, never with its content."""
    if written is None:
        return None
    text = "".join(written.split()).rstrip("=").upper()
    try:
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < SECRET_BYTES_MIN:
        raise ConfigError(f"credential totp: expected at least {SECRET_BYTES_MIN} bytes as base32 (A-Z, 2-7)")
    return secret
