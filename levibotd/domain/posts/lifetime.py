"""How long a post says its entry is good for, where it says so in plain numbers."""

import re
from functools import lru_cache

from levibotd.domain.posts.normalise import normalise

LEAST_S = 60.0
MOST_S = 30 * 86_400.0

_UNITS_S = {
    60.0: "m min mins minute minutes мин минут минуты dakika dk دقيقة minutos",
    3600.0: "h hr hrs hour hours ч час часа часов saat ساعة ساعات hora horas",
    86_400.0: "d day days день дня дней gün يوم ايام أيام día días dia dias",
    604_800.0: "w week weeks неделя недели недель hafta أسبوع semana semanas",
}
_SECONDS = {word.replace("ı", "i"): seconds for seconds, words in _UNITS_S.items() for word in words.split()}
_UNIT = "|".join(sorted(map(re.escape, _SECONDS), key=len, reverse=True))
_SPAN = rf"(?P<{{}}>\d{{{{1,3}}}})\s?-?\s?(?P<{{}}u>{_UNIT})\b"
# "Valid for 24 hours", "expires in 6h", "cancel if not filled within 12 hours", "24 saat geçerli".
_LASTS = {"valid": "(?:ity)?", "expir": r"\w+", "good": "", "active": "", "действ": r"\w+", "актуал": r"\w+"} | {
    "geçerli": r"\w*", "صالح": r"\w*", "صلاحية": "", "válid": r"\w+",
}  # fmt: skip
_ENDS = ("cancel", "not filled", "not triggered", "not activated")
_AFTER = rf"\b(?:{'|'.join([word + end for word, end in _LASTS.items()])})\b[^\n\d]{{0,24}}" + _SPAN.format("a", "a")
_CANCEL = rf"\b(?:{'|'.join(_ENDS)})\b[^\n\d]{{0,40}}\b(?:in|within|after)\s+" + _SPAN.format("b", "b")
_BEFORE = _SPAN.format("c", "c") + r"\s+(?:geçerli\w*|validity)\b"
_LIFETIME = re.compile(f"{_AFTER}|{_CANCEL}|{_BEFORE}".replace("ı", "i"))
_WORDS = (*_LASTS, *_ENDS)  # Without one of them nothing is stated.


@lru_cache(maxsize=8)  # Cards, shadow book and Risk ask for the same post, one after the other.
def written_lifetime_s(text: str) -> float | None:
    """Return the lifetime of an entry that `text` states, in seconds; None where it states none, or two."""
    said = normalise(text).lower().replace("ı", "i")
    if not any(word in said for word in _WORDS):
        return None  # As most posts; the pattern would look at each of their signs.
    found = {
        float(match[name]) * _SECONDS[match[f"{name}u"]]
        for match in _LIFETIME.finditer(said)
        for name in "abc"
        if match[name] is not None
    }
    if len(found) != 1:
        return None
    lifetime_s = found.pop()
    return lifetime_s if LEAST_S <= lifetime_s <= MOST_S else None
