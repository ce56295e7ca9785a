"""
Bring the text of a post into one alphabet, in one pass, without moving any number.

Posts are written in fancy Unicode, keycaps, Arabic digits and with invisible characters.
What leaves here keeps its lines and its upper case; digits are ASCII, dashes are "-".
"""

import re
import unicodedata
from functools import lru_cache

FOLDED_MAX = 200  # Tickers and circled numbers looked at one by one; no post has more.
ODD_SIGNS_FEW = 8
RUN_MAX = 64  # Characters of a run: of one sign, blank or line end, or of up to three in turn.
RUNS_BEYOND = 256  # Characters of a text in which runs are looked for.
SHORT_MAX = 2048  # Characters of a text that is remembered with many others.
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
_ALIKE_SIGNS = "".join(map(chr, _LOOK_ALIKE))
_ALIKE = re.compile(f"[{_ALIKE_SIGNS}]")
_TICKER = re.compile(rf"(?<!\w)[#$]?[A-Z0-9{_ALIKE_SIGNS}]{{2,12}}(?!\w)(?:\s?/\s?[A-Z{_ALIKE_SIGNS}]{{2,5}}(?!\w))?")
_MARKED_DIGITS = re.compile("[\u00b9\u00b2\u00b3\u2070-\u2079\u2080-\u2089](?<=[A-Za-z].)")

_RUN = re.compile(rf"(\W{{1,3}}?)\1{{{RUN_MAX},}}")

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# A space for every odd sign, but for those that mean something.
_PLAIN = (
    dict.fromkeys((*range(0x2190, 0x2200), *range(0x2500, 0x2580), 0x2796, 0x279C, 0x27A1, 0x27A4), " ")
    | dict.fromkeys(range(0xFDF0, 0xFDFE), " ")  # Whole phrases in one sign: eighteen letters each.
    | dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
    | {first + digit: str(digit) for first in (0x0660, 0x06F0) for digit in range(10)}
    | {first + i: letter for first in (0x1F150, 0x1F170) for i, letter in enumerate(_LETTERS)}
    | {0xD7: "x", 0x66A: "%", 0x66B: ".", 0x66C: ",", 0x60C: ",", 0x2044: "/", 0x130: "I", 0x131: "i", 0xB7: "."}
    | {0x2022: " ", 0x25AA: " ", 0x25AB: " "}
)
_ODD = frozenset(map(chr, _PLAIN))


def normalise(text: str) -> str:
    """
    Return `text` in plain letters and digits, line by line as it was. Never raises, also for lone surrogates.

    Of a long text's runs of the same signs only the first RUN_MAX are left: more of it says no more, and costs.
    """
    return _remembered(text) if len(text) <= SHORT_MAX else _remembered_long(text)


def _normalised(text: str) -> str:
    plain = _plain(text)
    return _RUN.sub(_shortened, plain) if len(plain) > RUNS_BEYOND else plain


# Whoever reads, scores and keeps calls asks for the same text, one after the other; and a replay reads hundreds of
# posts before it scores the first of them.
_remembered = lru_cache(maxsize=1024)(_normalised)
_remembered_long = lru_cache(maxsize=8)(_normalised)


def _shortened(found: re.Match[str]) -> str:
    return found.group()[:RUN_MAX]


def _plain(text: str) -> str:
    if text.isascii():
        return text.replace("\r\n", "\n").replace("\r", "\n")
    text = _DROP.sub("", text)
    if "\u20e3" in text:
        text = _KEYCAP.sub(r"\1) ", text).replace("\u20e3", "")
    text = _CIRCLED.sub(_uncircled, text, count=FOLDED_MAX)
    text = _MARKED_DIGITS.sub(_marked, text, count=FOLDED_MAX)
    odd = _ODD.intersection(text)
    if len(odd) > ODD_SIGNS_FEW:
        text = text.translate(_PLAIN)
    else:
        for sign in sorted(odd):  # To look for each of a few is much quicker than to look each sign up.
            text = text.replace(sign, _PLAIN[ord(sign)])
    text = unicodedata.normalize("NFKC", text)
    text = _ACCENTS.sub("", text.replace("\u0130", "I"))  # Its dot was joined just now; in lower case it is two signs.
    if _ALIKE.search(text):
        text = _TICKER.sub(_folded, text, count=FOLDED_MAX)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")


def _uncircled(found: re.Match[str]) -> str:
    """ "1) " for a circled one before a number, which it counts; else its digits."""
    digits = f"{unicodedata.numeric(found.group()):.0f}"
    behind = found.string[found.end() : found.end() + 3].lstrip()[:1]
    return f"{digits}) " if behind in _LEVEL_STARTS else digits


def _marked(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", found.group()) + " "


def _folded(found: re.Match[str]) -> str:
    """A ticker in Latin letters; words of another alphabet stay, unless a sign or a quote says they are tickers."""
    ticker = found.group()
    if ticker.isascii():
        return ticker
    latin = ticker.translate(_LOOK_ALIKE)
    named = ticker[0] in "#$" or "/" in ticker or latin.endswith(("USDT", "BTC"))
    return latin if named or any("A" <= sign <= "Z" for sign in ticker) else ticker
