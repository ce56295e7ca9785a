"""
What must never be written down: registered secrets, values under secret names, tokens and signatures.

Sinks mask, not callers: the event log masks each payload, operators' logging each line. Text of a
post is kept as it is unless it really holds a secret: "token: PEPE" is a call, not a credential.
"""

import re
from collections.abc import Iterable
from math import isnan, nan
from typing import Any

import msgspec

MASK = "***"

# A registered value shorter than this would blank innocent words, so it is not looked for.
SHORTEST_SECRET = 6

_NAMES = (
    "signature|api[_-]?key|api[_-]?secret|secret[_-]?key|client[_-]?secret|access[_-]?token|auth[_-]?token"
    "|refresh[_-]?token|bot[_-]?token|session[_-]?string|listen[_-]?key|log[_-]?key|passw(?:or)?d|passphrase|totp"
    "|x-api-key|x-totp|x-mbx-apikey|x-bapi-sign|x-bapi-api-key|authorization"
)
# Under such a key a string is never shown, whatever it looks like.
_SECRET_KEY = re.compile(rf"(?i)^(?:{_NAMES}|secrets?|token|session|telegram_session|password|apikey)$")
# `name=value`, `name: value`, `"name": "value"` within a text.
_ASSIGNED = re.compile(rf"(?i)\b((?:{_NAMES})[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?)([^\s\"'&,;]{{4,}})")
# Words of everyday language count only before something that looks made by a machine.
_MACHINE_MADE = re.compile(r"(?i)\b((?:secret|token|session|ticket)[\"']?\s*=\s*[\"']?)([\w+/=.~-]{16,})")
_BOT_TOKEN = re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")

# As numbers: bytes that are looked for as bytes cost five times as much.
_EQUALS = ord("=")
_BACKSLASH = ord("\\")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:E[+-]?\d+)?")

# What a payload must hold for any of the above to match: found at memory speed, before any regex.
_HINTS = (
    b"key", b"secret", b"token", b"passw", b"passphrase", b"signature",
    b"session", b"totp", b"bapi", b"authoriz", b"ticket",
)  # fmt: skip
_COLON_AND_TOKEN = re.compile(rb":[A-Za-z0-9_-]{35}")
# And how each of the names must go on: everyday words as "token" mostly do not. In JSON, so spaces may be escapes.
_NAMED = re.compile(
    rb"(?:key|secrets?|token|passw(?:or)?d|passphrase|signature|sign|string|session|totp|authorization|ticket)"
    rb"(?:[\s\"'\x80-\xff]|\\(?:u[0-9a-f]{4}|.))*[:=]"
)


class Masker:
    """Masks JSON bytes, texts and trees. Holds the registered secret values itself; it has no repr of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Some have a part on each line. Longest first: a secret that contains another is masked whole.
        parts = {part for secret in secrets for part in (secret, *secret.split())}
        values = sorted((part for part in parts if len(part) >= SHORTEST_SECRET), key=lambda part: (-len(part), part))
        self._needles = tuple(dict.fromkeys(needle for value in values for needle in _as_written(value)))
        self._values = re.compile("|".join(map(re.escape, values))) if values else None

    @property
    def knows_secrets(self) -> bool:
        """Are there registered values to look for?"""
        return bool(self._needles)

    def payload(self, json: bytes, *, numbers: bool = True) -> bytes:
        """
        Mask the payload of a record. Gives back the same bytes where nothing had to be masked.

        With `numbers` False a string that is a number stays: money is written so, and what is masked is no money.

        Its member names are the schema's, so a secret can only stand inside a string. The look
        whether one may costs about a microsecond; only then the object is taken apart, so that
        a mask never breaks the JSON around it.
        """
        if not self.may_hold_secrets(json):
            return json
        tree = msgspec.json.decode(json)
        masked = self.tree(tree, numbers=numbers)
        return json if masked == tree else msgspec.json.encode(masked)

    def tree(self, value: Any, *, numbers: bool = True) -> Any:
        """Mask every string below `value`, and whatever stands under a secret name."""
        match value:
            case str():
                return value if not numbers and _NUMBER.fullmatch(value) else self.text(value)
            case dict():
                return {
                    key: MASK if _is_secret(key, item) else self.tree(item, numbers=numbers)
                    for key, item in value.items()
                }
            case list() | tuple():
                return [self.tree(item, numbers=numbers) for item in value]
            case _:
                return value

    def text(self, text: str) -> str:
        """Mask what a text holds; the rest of it stays."""
        if self._values is not None:
            text = self._values.sub(MASK, text)
        text = _BOT_TOKEN.sub(MASK, text)
        text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
        return _MACHINE_MADE.sub(rf"\g<1>{MASK}", text)

    def may_hold_secrets(self, json: bytes, in_texts: float = nan) -> bool:
        """
        Whether `payload` has to look closer: quick, and never wrongly no.

        `in_texts` is how many colons stand in its texts, those of names of channels left out, where that is known;
        never less than there are.
        """
        # `find` has the same answer as `in`, and is quicker.
        for needle in self._needles:
            if json.find(needle) >= 0:
                return True
        # Every pattern has a `=`, or a `:` that belongs to a text. Those of a channel in a call ("paper|tg:123"),
        # of a rule's ("rule:chatter") and of a refusal's ("refused:no_entry") follow no name of a secret and no digits.
        if _EQUALS not in json:
            if isnan(in_texts) and (_BACKSLASH not in json or b'\\"' not in json):
                in_texts = json.count(b":") - json.count(b'":')  # All that no closing quote stands before.
            if not in_texts or in_texts == (ours := json.count(b"|tg:")):
                return False
            if in_texts == ours + json.count(b"rule:") + json.count(b"refused:"):
                return False
        lower = json.lower()
        for hint in _HINTS:
            if lower.find(hint) >= 0:
                return _NAMED.search(lower) is not None or _COLON_AND_TOKEN.search(json) is not None
        return _COLON_AND_TOKEN.search(json) is not None


def _as_written(value: str) -> tuple[bytes, ...]:
    # As it stands, and as JSON escapes it.
    return value.encode("utf-8", "surrogatepass"), msgspec.json.encode(value)[1:-1]


def _is_secret(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, str) and value != "" and _SECRET_KEY.match(key) is not None
