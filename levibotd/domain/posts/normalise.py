"""
Bring the text of a post into one alphabet, in one pass, without moving any number.

Posts are written in fancy Unicode, keycaps, Arabic digits and with invisible characters.
What leaves here keeps its lines and its upper case; digits are ASCII, dashes are "-".
"""

import re
import unicodedata
from functools import lru_cache

TEXT_MAX = 8192  # Characters read of a post; what is longer stays unread.

_INVISIBLE = "\u00ad\u0640\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
_LEVEL_STARTS = frozenset("$.0123456789")
_KEYCAP = re.compile("([0-9])\u20e3")
_DROP = re.compile(f"[{_INVISIBLE}]")
_ROUND = "\u2460-\u2473\u2776-\u2793\u24f5-\u24fe"  # Circled numbers.
_CIRCLED = re.compile(f"[{_ROUND}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")  # What NFKC could not join to its letter.
# Cyrillic and Greek capitals that look like Latin ones.
_LOOK_ALIKE = dict(zip(map(ord, "АВЕКМНОРСТУХІЅЈԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"), "ABEKMHOPCTYXISJQWABEZHIKMNOPTYX", strict=True))
_ALIKE = "".join(map(chr, _LOOK_ALIKE))
_TICKER = re.compile(rf"(?<!\w)[#$]?[A-Z0-9{_ALIKE}]{{2,12}}(?!\w)(?:\s?/\s?[A-Z{_ALIKE}]{{2,5}}(?!\w))?")
_ODD = re.compile(
    "[\u00d7\u066a-\u066c\u060c\u2010-\u2015\u2212\u2044\u2190-\u21ff\u2500-\u257f\u27a1\u279c\u27a4"
    "\u2796\u2022\u25aa\u25ab\u00b7\u0130\u0131\u0660-\u0669\u06f0-\u06f9\U0001f150-\U0001f169\U0001f170-\U0001f189]"
)
_MARKED_DIGITS = re.compile("[\u00b9\u00b2\u00b3\u2070-\u2079\u2080-\u2089](?<=[A-Za-z].)")

_PLAIN = {
    "\u00d7": "x",
    "\u066a": "%",
    "\u066b": ".",
    "\u066c": ",",
    "\u060c": ",",
    "\u2212": "-",
    "\u2044": "/",
    "\u0130": "I",
    "\u0131": "i",
    "\u2022": " ",
    "\u25aa": " ",
    "\u25ab": " ",
    "\u00b7": ".",
}


@lru_cache(maxsize=8)  # The reading and the classifier ask for the same post, one after the other.
def normalise(text: str) -> str:
    """Return `text` in plain letters and digits, line by line as it was. Never raises, also for lone surrogates."""
    if text.isascii():
        return text.replace("\r\n", "\n").replace("\r", "\n")
    text = _DROP.sub("", text)
    if "\u20e3" in text:
        text = _KEYCAP.sub(r"\1) ", text).replace("\u20e3", "")
    text = _CIRCLED.sub(_uncircled, text)
    text = _MARKED_DIGITS.sub(lambda found: unicodedata.normalize("NFKC", found.group()) + " ", text)
    text = _ODD.sub(_plain, text)
    text = _ACCENTS.sub("", unicodedata.normalize("NFKC", text))
    text = _TICKER.sub(_folded, text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")


def _uncircled(found: re.Match[str]) -> str:
    """ "1) " for a circled one before a number, which it counts; else its digits."""
    digits = f"{unicodedata.numeric(found.group()):.0f}"
    behind = found.string[found.end() : found.end() + 3].lstrip()[:1]
    return f"{digits}) " if behind in _LEVEL_STARTS else digits


def _folded(found: re.Match[str]) -> str:
    """A ticker in Latin letters; words of another alphabet stay, unless a sign or a quote says they are tickers."""
    ticker = found.group()
    if ticker.isascii():
        return ticker
    latin = ticker.translate(_LOOK_ALIKE)
    named = ticker[0] in "#$" or "/" in ticker or latin.endswith(("USDT", "BTC"))
    return latin if named or any("A" <= sign <= "Z" for sign in ticker) else ticker


def _plain(found: re.Match[str]) -> str:
    sign = found.group()
    known = _PLAIN.get(sign)
    if known is not None:
        return known
    code = ord(sign)
    if 0x2010 <= code <= 0x2015:
        return "-"
    if 0x0660 <= code <= 0x0669 or 0x06F0 <= code <= 0x06F9:
        return str(code & 15)
    if 0x1F150 <= code <= 0x1F169:
        return chr(65 + code - 0x1F150)
    if 0x1F170 <= code <= 0x1F189:
        return chr(65 + code - 0x1F170)
    return " "
