"""
What a post is, apart from whether its numbers make a call.

Words of result, update, close, cancel and idea, in the languages seen. A solved call with
ticks behind its targets is a result, whatever else it says. Each pattern runs only when one of
its words occurs.
"""

import re

from levibotd.domain.posts.cues import cue
from levibotd.domain.posts.glance import Glance, glance
from levibotd.domain.signal import Kind

CLOSE_LENGTH_MAX = 400  # A longer text that speaks of closing tells a story.

_TICKS = ("✅", "✔", "☑")


_NAMES = r"(?:target|tp|tgt|sell|hedef|цель|هدف)"
# The signs are passed once: a line of nothing but ticks would be tried from each of them.
_TICKED_LINE = re.compile(rf"^(?=[^\w\n]*[✅✔☑])[^\w\n]*+{_NAMES}s?\W{{0,3}}\d", re.MULTILINE)
_TARGET_LINE = re.compile(rf"^[^\w\n]*{_NAMES}s?\W{{0,3}}\d", re.MULTILINE)
_TICKED_ENTRY = re.compile(r"\bentry\s?:?\s?[✔☑✅]")
_TICKED_SIGN = re.compile(rf"{_NAMES}[^\n]{{0,40}}[✅✔☑]|\d[^\n\w]{{0,6}}[✅✔☑]")
_TICKED_WORD = cue(
    "done hit achieved reached completed",
    rf"{_NAMES}[^\n]{{0,40}}\b(?:done|hit|achieved|reached|completed)\b",
)
_SPOILED = cue(
    "achieved acheived",
    r"\b(?:achieved|acheived)",
    "target targets + hit hits hitted done all",
    r"\b(?:target \d (?:hit|done)|targets? (?:hit|done)|all targets)",
    "profit",
    r"profit(?<=\bprofit)(?<!take[ -]profit)(?<!expected profit)(?<!potential profit)(?:\s*:\s*\d|"
    r"\W{1,3}\d+(?:\.\d+)?\s*%)",
    "period",
    r"\bperiod\s*:",
    "gave booked",
    r"\b(?:gave|booked) \d",
    "bought now reached reachd + hit reached reachd",
    r"\bbought\b[^\n]{0,40}\b(?:hit|reached)\b|\bnow (?:hit|reached) \d|\breache?d \d",
    "filled",
    r"\b(?:orders?|entry|entries|bids?) (?:are |is |all |got )?filled",
    "sl stop stoploss + hit triggered",
    r"^\W*(?:sl|stop(?: ?loss)?) (?:was |got |is )?(?:hit|triggered)\b",
    "stopped closed",
    r"\bstopped out\b|\bclosed trades\b",
    "new next",
    r"^\W*(?:new stop|next target|new sl\b)",
)
# More of the same, where the text speaks of a call that was.
_OVER = cue(
    "result results recap performance summary",
    r"\A\W*(?:\w+\W+){0,2}(?:results?|recap|performance|summary)\b(?![^\n]{0,20}\d\s*[-–]\s*\d)",
    "yesterday",
    r"\byesterday'?s (?:signal|call|trade)|\b(?:got|given|gave|posted|shared|called)\b[^\n]{0,30}\byesterday\b",
    "filled",
    r"\b(?:orders?|entry|entries|bids?)\W{1,3}\d[\d.,]*\W{0,3}filled\b",
    "closed",
    r"\b(?:long|short|position|trade|signal) (?:was |is |has been )?closed\b|\bclosed (?:manually|in profit|with)\b",
    "still",
    r"\bstill (?:holding|in (?:this|the|my)|long|short)\b",
    "entry + was",
    r"\b(?:my )?entry was\b",
    "pnl",
    r"\bpnl\W{1,3}[+-]?\d",
    "running profit + long short trade position",
    r"\b(?:long|short|trade|position) (?:is |already |now )?(?:running|in profit)\b",
    "already",
    r"\balready in\b(?=\W)",
    "we i + long short trade position + in",
    r"\b(?:we are|we're|i am|i'm) (?:already |still )?in (?:this |the |an? )?(?:[#$]?[a-z0-9]{2,10} )?"
    r"(?:long|short|trade|position)\b",
    "earlier before + as",
    r"\bas (?:posted|shared|called|given) (?:earlier|before)\b",
    "плюсе держим",
    r"\bв плюсе\b|\bдержим\b",
    "expired",
    r"\b(?:signal|call|trade|setup) (?:has |is )?expired\b",
    "stopped",
    r"\bstopped\s*$",
    "active open running current + trades positions signals calls",
    r"^\W*(?:active|open|running|current) (?:trades|positions|signals|calls)\b",
    "gain + max maximum",
    r"\bmax(?:imum)? gain\W{0,3}\d",
    "done",
    r"\bdone\W{1,3}\+\s?\d",
    "exit + price",
    r"\bexit price\b",
    "отработал отработала сработал сработала",
    r"(?:от|с)работал",
    "закрыл закрыли выбило",
    r"\b(?:закрыл|выбило\b)",
    "çıkış",
    r"çıkış yap",
    "oldu olduk",
    r"\bstop oldu",
    "atingido atingidos atingida atingidas alcanzado alcanzados alcanzada alcanzadas raggiunto raggiunti erreicht "
    "atteint atteintes tercapai",
    r"\b(?:atingid[oa]s?|alcanzad[oa]s?|raggiunt[oi]|erreicht|atteinte?s?|tercapai)\b",
    "lucro",
    r"\blucro\W{1,3}(?:atual)?\W{0,3}[+]?\d",
)
_VALID = cue("still", r"\bstill valid\b")
_UNSURE = cue(
    "not + signal call trade",
    r"\bnot (?:yet )?an? (?:signal|call|trade)\b",
    "waiting + confirmation retest breakout pullback",
    r"\bwaiting for (?:a |the )?(?:confirmation|retest|breakout|pullback)\b",
)
_QUESTION = re.compile(
    r"\A\W*(?:would|should|shall|do|does|did|is|are|can|could|what|why|how|when|anyone|anybody|who|which)\b[^\n]*[?؟]\s*\Z"
)
_RESULT_WORDS = (
    "achieve achieved acheived reached reachd banged completed smashed booked gained earned touched done result "
    "results recap hit"
)
_RESULT_ELSEWHERE = "alındı geldi достигнута достигнут достигнуты закрыта закрыт взята взят взяли تحقق محقق"
_RESULT = cue(
    _RESULT_WORDS,
    r"\b(?:achieved?|acheived|reache?d|banged|completed|smashed|booked|gained|earned|touched|done|results?|recap|hit)\b",
    "profit profits targets last",
    r"\b(?:profits? update|all targets|last \d+ (?:calls|signals|trades))\b|"
    r"profit(?<=\bprofit)(?<!take[ -]profit)\s*:?\s*%?\+?\d",
    f"{_RESULT_WORDS} profit profits targets gain gains up period rocket rocketed rocketing mooning last loss "
    f"{_RESULT_ELSEWHERE}",
    r"\d\s*%\s*(?:profit|gain|done|up|in \d)|period\s*:|rocket\w*|mooning|alındı|geldi|достигнут|закрыт|взят|تحقق|محقق",
    "loss",
    r"\bloss\s*:\s*-?\d+(?:[.,]\d+)?\s*%",
)
_UPDATE = cue(
    "move moved shift trail trailing set raise sl stop",
    r"\b(?:move|shift|trail|set|raise)\w*\s+(?:your\s+|the\s+)?(?:sl|stop)|\bsl\b[^\n]{0,12}\bentry",
    "breakeven even be update updates partial",
    r"break ?even|\bbe\b now|\bupdates?\b|\bpartial",
    "half book + close some partial half",
    r"close half|book (?:some|partial|half)",
    "valid",
    r"still valid",
    "безубыток безубытке безубыточность стоп",
    r"стоп в б|безубыт",
)
_CLOSE = cue(
    "close closed closing exit sell закрываем закрывайте закройте закрываю kapat kapatın kapatalım kapatıyoruz "
    "cierra cierren "
    "cerrar cerramos fermer fermez schließen اغلق أغلق إغلاق اغلاق ببندید выход выходим закрыть çıkın salimos",
    r"\bclos(?:e|ed|ing)\b(?!\s*(?:above|below|candle|price|under|over|to\b|friends|by\b|at \d|on (?:mon|tue|wed|thu|"
    r"fri|sat|sun)))|"
    r"\bexit (?:now|here|this|all|from|at market)|"
    r"\A\W*exit(?: (?:it|trade|position|at (?:cost|entry|be|break ?even|cmp)|[#$]\w{2,12}|\w{2,10}/?usdt))?\W*\Z|"
    r"\A\W*(?:выход|выходим|çıkın|salimos|закрыть(?: вс[её])?)\W*\Z|"
    r"\bsell (?:now|all|everything)|закрыва|закройте|kapat|\bcierr|\bcerra|\bfermez|(?:اغلق|أغلق|إغلاق|اغلاق)|ببندید",
)
# Words that take the command out of a close or a cancel: denials, questions, offers, talk of markets and subscriptions.
_NO_COMMAND = cue(
    "don't dont t not never should may can could might would market markets stock subscription membership friends "
    "monday "
    "не никогда нужно kapatmayın kapatma no nunca لا",
    r"\b(?:don'?t|do not|never|not|no need to|should (?:we|i|you)|may|can|could|might|would)\s+(?:\w+\s+){0,3}?"
    r"(?:clos\w*|exit|cancel\w*|sell)\b|\b(?:markets|stock|subscription|membership|friends)\b|"
    r"\bне\s+закр|kapatma|\bno\s+(?:cierr|cerr)|لا\s+(?:تغلق|اغلق)",
)
_OF_OTHERS = cue("channels groups", r"\bother (?:channels|groups)\b[^\n]{0,40}\b(?:told|said|called|say|tell)\b")
_TALK = cue(
    "example tip tips lesson tutorial пример örnek ejemplo",
    r"^\W*(?:for )?(?:example|tips?|lesson|tutorial|пример|örnek|ejemplo)\s*:|\bexample\s*:|"
    r"\bexample of (?:a |our |the )?(?:signals?|calls?|trades?)\b",
    "paper demo example sample backtest education",
    r"\A\W*(?:demo|example|sample|backtest|education|paper trad(?:e|ing))\b",
    "says",
    r"\bsays (?:to )?(?:go )?(?:long|short|buy|sell)\b",
    "order bot app + book update",
    r"\border book\b|\b(?:bot|app) update\b",
)
_ASKS = re.compile(r"[?؟]\s*\Z")
_EVERY = cue(
    "close exit cancel all every закрываем закрыть закройте отменяем отмена все всё kapatın kapat tüm hepsini bütün "
    "cerrar cierren "
    "todas todos todo كل جميع همه",
    r"\b(?:close|exit|cancel|sell)\s+(?:all|every)|\ball (?:of )?(?:your |the |our |open |pending |"
    r"running )*(?:stops?|sls?|stop ?loss(?:es)?|"
    r"trades|positions|orders|calls|signals)\b|(?:закр\w+|отмен\w+) вс[её]|все (?:стоп|позици|сделк|ордер)|"
    r"hepsini (?:kapat|iptal)|"
    r"(?:tüm|bütün) (?:stop|pozisyon|işlem|emir)|(?:cerrar|cierren|cancelar) tod|tod[oa]s l[oa]s (?:stop|posicion|"
    r"operacion|orden)|"
    r"(?:كل|جميع|همه) (?:ال)?(?:صفقات|اوامر|أوامر|مراكز|پوزیشن|معاملات|ی)",
)
_CANCEL = cue(
    "cancel cancelled canceled cancelling ignore avoid отмена отменяем отменяю iptal cancelar cancelada الغاء إلغاء",
    r"\bcancel\w*|\bignore (?:this|the)|\bavoid (?:this|the) (?:trade|signal|call)|отмен|iptal|الغاء|إلغاء",
)
_CANCELLED_HEAD = cue("cancel cancelled canceled отмена iptal", r"\A[^\n]{0,60}\b(?:cancel(?:l?ed)?|отмена|iptal)\b")
_IDEA = cue(
    "if",
    r"\bif\b[^\n]{0,60}\b(?:clos\w+|break\w*|holds?|bounces?|above|below|reaches|drops?)",
    "close once wait watch coming will keep planning could might may looking opinion",
    r"\bclose (?:above|below)\b|\bonce (?:it|price) (?:breaks?|closes|crosses)\b|\bwait for\b|\bwatch (?:for|out)|"
    r"\bcoming soon\b|\bwill (?:buy|enter|long|short)|\bkeep an eye|\bplanning\b|\bcould\b|\bmight\b|"
    r"\bmay (?:buy|sell|close|long|short)\b|\blooking (?:for|to)\b|\bopinion\b",
    "если eğer",
    r"если|eğer",
)
_CONDITIONAL = cue(
    "if",
    r"\bif\s+(?:[^\s\n]+\s+){0,4}?(?:clos\w+|breaks?|bounces?|reaches)\b",
    "watch wait + for",
    r"\bwatch for\b|"
    r"\bwait for\b(?! (?:the |a |our )?(?:upcoming|big|huge|pump|moon|targets?|profits?|results?|it to))",
    "should may",
    r"\bshould\s+(?!we\b|i\b|you\b)(?:[^\s\n]+\s+){1,3}?(?:lose|break|hold|close|reach|drop)\b|"
    r"\b(?:we|i) may (?:buy|sell|long|short)\b",
    "если eğer olursa kırarsa geçerse",
    r"\bесли\b[^\n]{0,40}(?:пробь|закро)|\beğer\b|\b(?:olursa|kırarsa|geçerse)\b",
    "si + cierra rompe supera",
    r"\bsi\s+(?:[^\s\n]+\s+){0,4}?(?:cierra|rompe|supera)",
    "once + it",
    r"\bonce it (?:breaks?|closes|crosses)\b",
    "looking look consider",
    r"\blooking (?:for|to) (?:an? |some |my )?(?:\w+ )?(?:shorts?|longs?|entry|enter|accumulate)\b(?! ?term)|"
    r"\bwill (?:look to|consider) (?:\w+ )?(?:buy|long|short|accumulat|enter)",
)


def tell(look: Glance, *, call_like: bool) -> Kind:
    """Name what this text is, if no leg came out of it. `call_like` = it has a coin and levels of a call."""
    if _CANCEL.seen(look) and _is_command(look):
        return Kind.CANCEL
    if _TICKED_WORD.seen(look) or _RESULT.seen(look) or has_ticks(look):
        return Kind.RESULT
    if _UPDATE.seen(look):
        return Kind.UPDATE
    if len(look.text) < CLOSE_LENGTH_MAX and _CLOSE.seen(look) and _CLOSE.seen(_without_candles(look)):
        return Kind.CLOSE if _is_command(look) else _without_command(look)
    if call_like:
        return Kind.AMBIGUOUS
    return Kind.IDEA if _IDEA.seen(look) else Kind.CHATTER


# Where a candle has to close is part of a stop, and closes no trade.
_CANDLE = re.compile(
    r"\b(?:stop|sl\b)[^\n]{0,24}\bclos(?:e|ing)\b|"
    r"\bclos(?:e|ing)\b[^\n]{0,16}\b(?:candle|(?:below|under|above|daily|weekly|\d ?h(?:rs?|ours?)?)\b)|"
    r"(?:اغلاق|إغلاق)[^\n]{0,12}(?:يومي|[اأ]سبوعي|شمع|ساع|[اأ]سفل|[اأ]على|تحت|فوق)",
)


def _without_candles(look: Glance) -> Glance:
    plain, candles = _CANDLE.subn(" ", look.lower)
    return glance(plain) if candles else look


def _is_command(look: Glance) -> bool:
    return not (_NO_COMMAND.seen(look) or _ASKS.search(look.lower))


def _without_command(look: Glance) -> Kind:
    """A text of closing that closes nothing: an offer is an idea, "don't close yet" speaks of a call, the rest is "
    "talk."""
    if re.search(r"\b(?:may|can|could|might)\b", look.lower) and not _ASKS.search(look.lower):
        return Kind.IDEA
    if re.search(r"\b(?:don'?t|do not|not) (?:\w+ )?(?:close|exit|sell)\b|не закр|kapatma", look.lower):
        return Kind.UPDATE
    return Kind.CHATTER


# What to do later ("after TP1 is hit move SL to entry") is no news of what was.
_LATER = re.compile(
    r"\b(?:after|once|when|whenever|if|as soon as|upon|until|till|после)\W+"
    r"(?:(?:the|your|our|first|second|1st|2nd|price|it|we|reaching|hitting|any|each|every|all)\W+){0,3}"
    r"(?:(?:hits?|reach(?:es)?|touch(?:es)?)\s+(?:tp|target|tgt)s?\W{0,2}\d?|"
    r"(?:tp|target|tgt|entry|entries|take[- ]?profit)s?\W{0,2}\d?\W{0,3}"
    r"(?:(?:is|are|gets?|got|has|have|been|be|was)\s+){0,2}"
    r"(?:hit|hits|reached|reaches|done|achieved|filled|completed|triggered|touched)\b)",
    re.IGNORECASE,
)
_LATER_WORDS = frozenset({"after", "once", "when", "whenever", "if", "as", "upon", "until", "till"})
_REACHED_WORDS = frozenset(
    {"hit", "hits", "reach", "reaches", "reached", "touch", "touches", "touched", "done", "achieved", "filled"}
    | {"completed", "triggered"}
)


def _without_plans(look: Glance) -> Glance:
    if look.words.isdisjoint(_LATER_WORDS) or look.words.isdisjoint(_REACHED_WORDS):
        return look
    plain, plans = _LATER.subn(" ", look.text)
    return glance(plain) if plans else look


# A heading above the targets, a target that will be hit, a price that is still in its channel, and when to stop.
_NO_NEWS = re.compile(
    r"\ball targets?\W{0,6}[:=]|"
    r"\b(?:will|can|should|to) (?:easily |soon |surely |definitely )?(?:be )?"
    r"(?:hit|reach(?:ed)?|achieved?|done|completed?)\b|"
    r"\bstill in (?:the|this) (?=[^\n]{0,30}\b(?:triangle|channel|range|wedge|zone|pattern|flag|pennant|box)\b)|"
    r"\b(?:stop|sl|stop[- ]?loss|invalid(?:ated|ation)?)\W{1,3}if\b[^\n]*",
    re.IGNORECASE,
)
_NO_NEWS_WORDS = frozenset(
    {"targets", "target", "will", "can", "should", "to", "still", "stop", "sl", "stoploss"}
    | {"invalid", "invalidated", "invalidation"}
)


def _without_no_news(look: Glance) -> Glance:
    if look.words.isdisjoint(_NO_NEWS_WORDS):
        return look
    plain, found = _NO_NEWS.subn(" ", look.text)
    return glance(plain) if found else look


def spoils_call(look: Glance) -> Kind | None:
    """The kind of a text whose call is over, conditional or taken back, whatever its numbers say; else None."""
    look = _without_no_news(_without_plans(look))
    if _CANCELLED_HEAD.seen(look) and not _NO_COMMAND.seen(look):
        return Kind.CANCEL
    if _OF_OTHERS.seen(look) or _TALK.seen(look) or _QUESTION.match(look.lower):
        return Kind.CHATTER
    if has_ticks(look) or _TICKED_WORD.seen(look) or _SPOILED.seen(look) or _OVER.seen(look):
        return Kind.RESULT
    if _VALID.seen(look):
        return Kind.UPDATE
    if _CONDITIONAL.seen(look) or _UNSURE.seen(look):
        return Kind.IDEA
    return None


def has_ticks(look: Glance) -> bool:
    """Whether a target or a number is ticked off."""
    if not any(tick in look.text for tick in _TICKS):
        return False
    if _TICKED_SIGN.search(look.lower) is not None or _TICKED_ENTRY.search(look.lower) is not None:
        return True
    # A tick before some targets and not before all of them is no bullet.
    return 0 < len(_TICKED_LINE.findall(look.lower)) < len(_TARGET_LINE.findall(look.lower))


def names_all(look: Glance) -> bool:
    """Whether a close, cancel or update is meant for every open call of the channel."""
    return _EVERY.seen(look)
