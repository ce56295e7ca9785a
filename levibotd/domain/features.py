"""
From a post and its reading to the named features a classifier sees.

Training and serving both call this module, so what was learned is what is served. Numbers
are folded to one sign: a model must not learn a price.
"""

import re
from collections.abc import Sequence

from levibotd.domain.posts.normalise import normalise
from levibotd.domain.signal import Leg, Post, Reading, Side

TEXT_USED = 2000  # Characters of a post that features are taken from.

_LINK = re.compile(r"(?:https?://|t\.me/|www\.)\S+")
_HANDLE = re.compile(r"@\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TOKEN = re.compile(r"[^\W\d_]+|\d|[%$?✅✔❌⛔🎯]")


def words(text: str) -> list[str]:
    """Return the folded words of a raw post text, in order."""
    text = normalise(text[:TEXT_USED]).lower()
    if "/" in text or "www" in text:
        text = _LINK.sub(" zurl ", text)
    if "@" in text:
        text = _HANDLE.sub(" zusr ", text)
    return _TOKEN.findall(_NUMBER.sub("0", text))


def word_grams(tokens: Sequence[str], structure: Sequence[str]) -> list[str]:
    """Words, pairs of neighbouring words, and the structure tokens."""
    return [*tokens, *(f"{a} {b}" for a, b in zip(tokens, tokens[1:], strict=False)), *structure]


def char_grams(token: str) -> list[str]:
    """The runs of two to four characters of one word, its edges marked by a space."""
    padded = f" {token} "
    size = len(padded)
    return [padded[at : at + n] for n in (2, 3, 4) for at in range(size - n + 1)]


def structure(post: Post, reading: Reading) -> tuple[str, ...]:
    """Name what the reading found, as tokens no text can contain."""
    out = [f"__kind_{reading.kind}"]
    out.extend(f"__{reason.replace(' ', '_')}" for reason in reading.reasons)
    if reading.stale:
        out.append("__stale")
    if post.forwarded_at is not None:
        out.append("__fwd")
    if post.reply_to is not None:
        out.append("__reply")
    if reading.symbols:
        out.append("__sym_known" if len(reading.symbols) == 1 else "__sym_many")
    if reading.legs:
        out.extend(_of_leg(reading.legs[0]))
        out.append(f"__legs{min(len(reading.legs), 4)}")
    return tuple(out)


def _of_leg(leg: Leg) -> list[str]:
    out = [
        "__geo_ok",
        f"__side_{leg.side}",
        f"__ntp{min(len(leg.tps), 6)}",
        "__has_sl" if leg.sl is not None else "__no_sl",
        f"__entry_{leg.entry_type}",
        f"__unit_{leg.price_unit}",
        f"__tp_{leg.tp_unit}",
    ]
    # Plain names for the pairs that decide most calls: side with completeness.
    full = "full" if leg.sl is not None and leg.tps else "open"
    out.append(f"__{'buy' if leg.side is Side.BUY else 'sell'}_{full}")
    if leg.quote_inferred:
        out.append("__quote_inferred")
    if leg.leverage is not None:
        out.append("__has_lev")
    return out
