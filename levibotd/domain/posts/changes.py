"""
What an update asks an open call to do: move the stop, set new targets or entries, close a part.

Only plain commands count, clause by clause: a condition, a denial, a report ("stop hit at entry"), two
commands that contradict one another, or a level that is no number leave the change unsaid.
"""

import re

from levibotd.domain.posts import words as w
from levibotd.domain.posts.candidates import collect
from levibotd.domain.posts.fields import Number
from levibotd.domain.posts.glance import Glance
from levibotd.domain.posts.notation import readings, values_of
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.words import ROLE_OF
from levibotd.domain.signal import Change

LENGTH_MAX = 320  # A longer text tells a story.
LEVELS_MAX = 10
_FAR = (0.2, 5.0)  # Of what the coin costs: what is told beyond is not its level.
WORDS_TOLD_MAX = 3  # Words of no meaning in one sentence: more make a story.
PLAIN_WORDS_MAX = 6  # "SL 45000" alone sets the stop; in a longer text it belongs to something else.


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("ı", "i"))  # Texts come with the dotless i folded.


def _words(written: str) -> frozenset[str]:
    return frozenset(written.replace("ı", "i").split())


_STOP_WORDS = _words(
    "sl stop stops stoploss stoplosses stoplose stopu stopunu stopunuzu zarar стоп стопа стопы стоплосс сл وقف الوقف "
    "ستوب الستوب "
    "استاپ استپ حد l"
)
_TO_BE_WORDS = _words("now set move moved moving put shift")
_LEVEL_WORDS = frozenset(word for word, role in ROLE_OF.items() if role in (w.TP, w.ENTRY)) | _words(
    "profit profits takeprofit اهداف الهدف تارگت"
)
_BREAKEVEN_WORDS = _words("breakeven безубыток безубытка безубытке бу б başabaş başabaşa سر ریسک")
_SHARE_VERBS = _words(
    "close closing sell book exit secure take закройте закрываем закрыть закрой закрываю зафиксируйте зафиксировать "
    "зафиксируем "
    "фиксируем фиксируйте фиксирую продайте kapat kapatın kapatalım kapatıyoruz satın satalım cierra cierren cerrar "
    "cerramos "
    "vende vender vendan اغلق أغلق اغلاق إغلاق أغلقوا اغلقوا بيع بيعوا ببندید سیو"
)
_SHARE_WORDS = _words(
    "half third quarter половину половина треть четверть mitad tercio cuarto yarısını yarısı çeyreğini نصف ثلث ربع نیمی"
)
_NEW_WORDS = _words(
    "new updated update updating revised change changed changing move moved shift raise adjust adjusted set новые "
    "новый новая изменен "
    "изменены изменена меняем yeni değişti değiştirildi güncellendi güncel güncelleme nuevo nueva nuevos nuevas "
    "cambiar cambia جديد "
    "جديدة الجديدة الجديد تعديل عدل تغيير جدید"
)

_STOP = (
    r"(?:s/?l|stop[ -]?loss(?:es)?|stoplose|stops?|stop'?unu[zu]*|stop'?u|стоп(?:[ -]?лосс)?[аы]?|сл|"
    r"zarar[ -]?(?:kes|durdur)\w*|"
    r"stop de p[ée]rdidas?|(?:ال)?وقف(?: ال?خسار[ةه])?|(?:ال)?ستوب|استاپ|استپ|حد ضرر)"
)
_AT_ENTRY = (
    r"(?:break[ -]?even|b\.?e\.?p?|(?:your |the |our |my )?(?:avg\.? |average )?(?:(?:entry|entries)"
    r"(?: ?(?:price|point|level|zone|area))?|buy(?:ing)? ?(?:price|point|level|zone))|безубыт\w*|б/?у|"
    r"(?:точк[уие] )?вход\w*|(?:уров\w+ |цен\w+ )?(?:покупки|купли)|"
    r"giriş(?:e|ine)?(?: ?(?:fiyat\w*|nokta\w*|seviye\w*))?|başabaş\w*|(?:precio de |punto de |la )?entrada|"
    r"(?:سعر |نقط[ةه] |منطق[ةه] )?(?:ال)?دخول|(?:نقطه |قیمت )?ورود|سر ?به ?سر)"
)
_TOWARDS = r"(?:to|at|@|:|=|-+>?|>|on|is|now|на|в|до|a|al|en|إلى|الى|على|عند|به|روی|در)"
_LEVEL_TEXT = r"\d(?:[\d.,]*\d)?\s?k?(?![\w%]|\s?%|[.,]\d|[.,]?\s\d)"
_NUMBER = rf"\$?\s?({_LEVEL_TEXT})"
_MOVE = (
    r"(?<!\w)(?:mov(?:e|ed|ing)|shift(?:ed)?|put|set|rais(?:e|ed)|lower(?:ed)?|chang(?:e|ed)|updat(?:e|ed)|"
    r"adjust(?:ed)?|trail|"
    r"tighten|place|bring|переставь?те|переставляем|перен[её]с(?:и|ите|ем|ли)?|переносим|перенос|постав(?:ь|ьте|им)|"
    r"ставим|"
    r"переведите|переводим|перев[её]л\w?|двигаем|передвин\w+|çek\w*|taşı\w*|alın|getir\w*|ayarla\w*|mueve\w*|mover|"
    r"movemos|muevan|"
    r"sube|subir|ajusta\w*|coloca\w*|cambi\w+|انقل\w*|نقل|حرك\w*|ارفع\w*|رفع|عدل\w*|تعديل|ضع\w*|منتقل|انتقال|بیارید|"
    r"ببرید|بذارید|"
    r"بگذارید)(?!\w)"
)
_NEW = r"(?<!\w)(?:new|updated?|revised|нов(?:ый|ая|ые)|yeni|nuev[oa]s?|جديد[ةه]?|الجديد[ةه]?|جدید)(?!\w)"
_TARGET_NAMES = r"(?:targets?|tps?|take[ -]profits?|цел[ьи]|тейк\w*|hedef\w*|objetivos?|(?:ال)?[اأ]?هد[ا]?ف|تارگت\w*)"
_ENTRY_NAMES = r"(?:entry|entries|вход\w*|точк\w+ входа|giriş\w*|entrada|(?:ال)?دخول|ورود)"
_CHANGED = rf"(?:{_NEW}|changed|updated|moved|adjusted|изменен\w*|değiş\w*|güncel\w*)"
_BEFORE_STOP = r"(?:(?:the|your|our|my|all|just|please|also|его|ваш|el|la|tu|su)\s){0,2}"

_CLAUSE_END = _re(r"[()]|,\s|\s(?:and|then|&|\+|ve|и|y|ثم|و)\s")
_SENTENCE_END = _re(r"\n|[;!]|\.(?=\s+[^\s\d]|\s*\Z)")
_LIST_END = _re(r"\n\s*\n|[;!]|\.(?=\s+[^\s\d]|\s*\Z)")
_UNLESS = _re(
    r"\b(?:if|when|whenever|once|after|unless|until|till|should we|don'?t|do not|never|not|no need|will|would|could|"
    r"can|may|"
    r"если|когда|после|не|пока|при|eğer|olursa|gelirse|sonra|\w+meyin|\w+mayın|si|cuando|no|después|"
    r"اذا|إذا|عندما|بعد|لا|اگر|وقتی|نکنید)\b|\?|؟"
)
_REPORT = _re(
    r"\b(?:hit|hits|hunted|triggered|touched|reached|stopped|was|were|got|closed at|done|achieved|"
    r"выбил\w*|сработал\w*|закры(?:лась|лись|л|та)|oldu|patladı|saltó|tocó|ضرب|تفعيل|خورد)\b"
)
_STOP_MOVES = _re(
    rf"(?:{_MOVE}|{_NEW})\W{{0,3}}{_BEFORE_STOP}(?:\w{{2,10}}\W){{0,2}}?(?<!\w){_STOP}(?!\w)|"
    rf"(?<!\w){_STOP}(?!\w)[^\n]{{0,40}}?(?:{_MOVE}|{_NEW})"
)
_STOP_AT = _re(
    rf"(?<!\w){_STOP}(?!\w)\W{{0,3}}(?:(?:now|just|price|level|point|value|"
    rf"{_CHANGED})\W{{1,2}}){{0,2}}{_TOWARDS}?\W{{0,3}}{_NUMBER}"
)
_STOP_PLAIN = _re(rf"\W*{_STOP}\W{{0,3}}(?:{_TOWARDS}\W{{0,3}})?{_NUMBER}\W*")
_STOP_TOWARDS = _re(rf"(?<!\w){_STOP}(?!\w)\s*(?:now\s+)?(?:to|→|на|إلى|الى)\W{{0,3}}{_NUMBER}")
_STOP_AT_ENTRY = _re(
    rf"(?<!\w){_STOP}(?!\w)\W{{0,3}}(?:(?!below|under|above|near|ниже|выше|"
    rf"with)[^\W\d]+\W+){{0,3}}?(?:{_TOWARDS}\W{{0,2}})?{_AT_ENTRY}(?!\w)"
)
_TO_BREAKEVEN = _re(
    rf"{_MOVE}\W{{0,3}}(?:\w+\W){{0,4}}?(?:break[ -]?even|(?:to|at) be(?=\W*\Z)|безубыт\w*|б/у|başabaş\w*|"
    rf"سر ?به ?سر)(?!\w)"
    r"|\A\W*(?:break[ -]?even|be) now\W*\Z|\bmake (?:it|(?:the|this|your) (?:trade|position)) risk[ -]?free\b|"
    r"ریسک ?فری کنید"
)
_VERB = (
    r"(?<!\w)(?:close|closing|sell|book|exit|secure|take(?=[^\n]{1,20}\boff\b)|закр(?:ой\w*|ыва\w+|ыть)|зафиксиру\w+|"
    r"зафиксировать|фиксиру\w+|"
    r"продай\w*|cierr\w+|cerrar|cerramos|vend[ea]\w*|(?:أ|ا|إ)غل(?:ا)?ق\w*|ب(?:ي)?ع\w*)"
)
_PERCENT = r"(?:(\d{1,3})\s?%|%\s?(\d{1,3}))"
_SHARE = _re(
    rf"{_VERB}\s(?:(?:the|your|about|around|another|first|at least|approx|of|up to|~|еще|первую|el|la|un)\s?){{0,3}}"
    rf"(?:{_PERCENT}|(half|половин\w+|mitad|نصف)|(third|треть|tercio|ثلث)|(quarter|четверт\w+|cuarto|ربع))(?!\w)"
)
_SHARE_BEFORE = _re(
    rf"(?:{_PERCENT}|(yarısın?ı?|نصف|نیمی)|(üçte birini)|(çeyreğini))['’]?\w{{0,4}}\s(?:[^\W\d]+\s){{0,3}}?"
    r"(?:kapat\w*|satın|satalım|ببندید|سیو)"
)
_SHARE_OF_PROFIT = _re(r"%\s*(?:profit(?! (?:now|here)\b)|gain|roi|kar\b|прибыл|ganancia|ربح|سود)")
_BUYS = _re(r"\bbuy")  # Who sells a share to buy another coin, or counts orders, closes no share of a call.
_LATER_TARGET = _re(r"(?<!\w)(?:tp|t|target|hedef|цель|هدف)\s?[2-9](?!\w)")
_FIRST_TARGET = _re(r"(?<!\w)(?:tp|t|target|hedef|цель|هدف)\s?1(?!\w)")
_CLOSES = _re(r"\bclose (?:it|this|now|here|all|the (?:trade|position)|everything)\b")
_CANDLE = _re(r"\bclos\w+|\bcandle|kapanış|закрыти|اغلاق|إغلاق|cierre")
_TAIL = r"((?>(?:[^a-zа-яء-ی]|(?<=\d)k(?!\w)|(?<!\w)(?:tp|t|target|hedef|цель|هدف)(?=\s?\d))*))(?!(?<=\d)[a-z])"
_TARGETS = _re(
    rf"(?:(?:{_NEW}|{_MOVE})\W{{0,3}}{_BEFORE_STOP}{_TARGET_NAMES}(?!\w)|(?<!\w){_TARGET_NAMES}\s(?:(?:are|is|"
    rf"has been|have been|now)\s)*{_CHANGED})"
    rf"(?:\s(?:to|is|are|на|a|إلى|الى|به))?{_TAIL}"
)
_ENTRY = _re(
    rf"(?:(?:{_NEW}|{_MOVE})\W{{0,3}}{_BEFORE_STOP}{_ENTRY_NAMES}|(?<!\w){_ENTRY_NAMES}(?: (?:price|zone|"
    rf"point))?\s(?:(?:is|has been|now)\s)*{_CHANGED})"
    r"(?: (?:price|zone|point|range))?(?:\s(?:to|is|на|a|إلى|الى|به))?([\d.,k$\s/|:~-]+)(?![\w%])"
)
_INDEX = _re(r"(?<!\w)(?:tp|t|target|hedef|цель|هدف)\s?\d{1,2}(?!\w)\W{0,2}|(?:^|\s)\d{1,2}[):](?=\s)")
_LEVEL = _re(r"\d(?:[\d.,]*\d)?\s?k?(?![\w%]|\s?%)")


def change_asked(look: Glance, *, near: float | None = None) -> Change | None:
    """
    Return what `look` asks for, or None where it asks nothing or not plainly.

    `near` is about what the coin costs in the parent's own notation: it decides between two readings of a number.
    """
    words = look.words
    stop = not words.isdisjoint(_STOP_WORDS) or _may_break_even(words)
    share = not words.isdisjoint(_SHARE_VERBS) and ("%" in look.text or not words.isdisjoint(_SHARE_WORDS))
    new = not words.isdisjoint(_NEW_WORDS) and not words.isdisjoint(_LEVEL_WORDS)
    if len(look.text) > LENGTH_MAX or not (stop or share or new):
        return None
    try:
        stops, breakeven, shares = _commands(look.lower, near)
        targets, entry = (_levels(_TARGETS, look.lower, near), _levels(_ENTRY, look.lower, near)) if new else ((), ())
    except (Unsolved, ValueError):
        return None
    if len(set(stops)) > 1 or len(set(shares)) > 1 or (stops and breakeven):
        return None
    if not (stops or breakeven or targets or entry or shares):
        return None
    if not shares and _CLOSES.search(look.lower):
        return None  # What is closed needs no stop.
    return Change(
        stop=stops[0] if stops else None,
        breakeven=breakeven,
        targets=targets,
        entry=entry,
        close_share=shares[0] if shares else None,
    )


def _may_break_even(words: frozenset[str]) -> bool:
    return (
        not words.isdisjoint(_BREAKEVEN_WORDS)
        or {"break", "even"} <= words
        or {"risk", "free"} <= words
        or ("be" in words and not words.isdisjoint(_TO_BE_WORDS))
    )


def levels_told(look: Glance, *, near: float) -> Change | None:
    """
    Return the stop and targets that a short text lists without a coin and without a command: "SL 4.8, TP 5.5 - 6".

    Only a reply to a call can mean that; `near` is what its coin costs. An empty change: levels, but not plainly all.
    """
    if len(look.text) > LENGTH_MAX or _UNLESS.search(look.lower) or _REPORT.search(look.lower):
        return None
    try:
        fields = collect(look.text)
        if fields.entry or fields.sells or fields.stray or len(fields.sls) > 1:
            return None
        if _LATER_TARGET.search(look.lower) and not _FIRST_TARGET.search(look.lower):
            return Change()  # One target of several: the others stay, and we cannot say so.
        if any(number.pct for number in (*fields.sls, *fields.tps)):
            return None
        stops, targets = values_of(fields.sls, near), values_of(fields.tps, near)
    except Unsolved:
        return None
    if (not stops and len(targets) < 2) or len(targets) > LEVELS_MAX:
        return None  # One target alone is a remark on where it goes.
    if max(fields.told.values(), default=0) > WORDS_TOLD_MAX:
        return None
    if not all(_FAR[0] < value / near < _FAR[1] for value in (*stops, *targets)):
        return None
    return Change(stop=stops[0] if stops else None, targets=tuple(targets))


def _commands(text: str, near: float | None) -> tuple[list[float], bool, list[float]]:
    """The stops, whether one goes to the entry, and the shares to close, clause by clause."""
    stops: list[float] = []
    shares: list[float] = []
    breakeven = False
    plain = len(text.split()) <= PLAIN_WORDS_MAX and len(_LEVEL.findall(text)) == 1
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if not _UNLESS.search(sentence)]
    for clause in [clause for sentence in sentences for clause in _CLAUSE_END.split(sentence)]:
        shares.extend(_shares(clause))
        if _REPORT.search(clause):
            continue
        if _STOP_AT_ENTRY.search(clause) or _TO_BREAKEVEN.search(clause):
            breakeven = True
            continue
        found = (_STOP_PLAIN.fullmatch(clause) if plain else None) or _STOP_TOWARDS.search(clause)
        if found is None and _STOP_MOVES.search(clause):
            found = _STOP_AT.search(clause)
        if found is not None and _CANDLE.search(clause):
            raise ValueError(clause)  # A stop on a close is more than a price.
        if found is not None:
            stops.append(_level(found.group(1), near))
    return stops, breakeven, shares


def _shares(clause: str) -> list[float]:
    if _BUYS.search(clause):
        return []
    found = _SHARE.search(clause) or _SHARE_BEFORE.search(clause)
    if found is None or _SHARE_OF_PROFIT.search(clause):
        return []
    kind, written = next((i, group) for i, group in enumerate(found.groups()) if group is not None)
    share = int(written) / 100 if kind < 2 else (0.5, 1 / 3, 0.25)[kind - 2]
    if not 0 < share < 1:
        raise ValueError(written)  # Who closes all of it, closes it.
    return [share]


def _levels(pattern: re.Pattern[str], text: str, near: float | None) -> tuple[float, ...]:
    for sentence in _LIST_END.split(text):
        found = pattern.search(sentence)
        if found is None or _UNLESS.search(sentence) or _REPORT.search(sentence):
            continue
        written = [hit.group() for hit in _LEVEL.finditer(_INDEX.sub(" ", found.group(1)))]
        if 0 < len(written) <= LEVELS_MAX:
            return tuple(_level(part, near) for part in written)
    return ()


def _level(written: str, near: float | None) -> float:
    """The one value of a number. Raises ValueError where it may have two."""
    raw = written.rstrip("k ")
    values = [value for value in readings(Number(raw=raw, line=0, thousand=written.endswith("k"))) if value > 0]
    if near is not None:
        values.sort(key=lambda value: abs(value - near))
    elif len(values) > 1 and "." in raw:
        raise ValueError(written)
    if not values or (written.endswith("k") and values[0] < 1000):
        raise ValueError(written)
    return values[0]
