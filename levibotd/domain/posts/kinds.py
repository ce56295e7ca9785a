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
_TICKED_LINE = re.compile(rf"^[^\w\n]*[✅✔☑][^\w\n]*{_NAMES}s?\W{{0,3}}\d", re.MULTILINE)
_TARGET_LINE = re.compile(rf"^[^\w\n]*{_NAMES}s?\W{{0,3}}\d", re.MULTILINE)
_TICKED_ENTRY = re.compile(r"\bentry\s?:?\s?[✔☑✅]")
_TICKED_SIGN = re.compile(rf"{_NAMES}[^\n]{{0,40}}[✅✔☑]|\d[^\n\w]{{0,6}}[✅✔☑]")
_TICKED_WORD = cue(
    "done hit achieved reached completed",
    rf"{_NAMES}[^\n]{{0,40}}\b(?:done|hit|achieved|reached|completed)\b",
)
_SPOILED = cue(
    "achieved acheived target targets profit period gave new next booked filled closed stopped bought now reached "
    "reachd sl stop",
    r"\b(?:achieved|acheived|target \d (?:hit|done)|targets? (?:hit|done)|all targets|"
    r"(?<!take )(?<!take-)(?<!expected )(?<!potential )profit\s*:\s*\d|period\s*:|gave \d|"
    r"(?<!take )(?<!take-)(?<!expected )(?<!potential )profit\W{1,3}\d+(?:\.\d+)?\s*%|"
    r"booked \d|bought\b[^\n]{0,40}\b(?:hit|reached)\b|now (?:hit|reached) \d|reache?d \d|(?:orders?|entry|entries|"
    r"bids?) (?:are |is |all |got )?filled)|"
    r"^\W*(?:sl|stop(?: ?loss)?) (?:was |got |is )?(?:hit|triggered)\b|\bstopped out\b|\bclosed trades\b|"
    r"^\W*(?:new stop|next target|new sl\b)",
)
# More of the same, where the text speaks of a call that was.
_OVER = cue(
    "earlier before already trade position am are re плюсе держим still expired stopped active open running current "
    "results result recap performance summary yesterday filled closed holding was pnl gain отработал отработала "
    "сработал сработала закрыл закрыли выбило çıkış oldu olduk atingido atingidos atingida alcanzado alcanzados "
    "alcanzada raggiunto erreicht atteint tercapai raggiunti atteintes alcanzadas lucro done exit",
    r"\A\W*(?:\w+\W+){0,2}(?:results?|recap|performance|summary)\b(?![^\n]{0,20}\d\s*[-–]\s*\d)|"
    r"\byesterday'?s (?:signal|call|trade)|\b(?:got|given|gave|posted|shared|called)\b[^\n]{0,30}\byesterday\b|"
    r"\b(?:orders?|entry|entries|bids?)\W{1,3}\d[\d.,]*\W{0,3}filled\b|"
    r"\b(?:long|short|position|trade|signal) (?:was |is |has been )?closed\b|\bclosed (?:manually|in profit|with)\b|"
    r"\bstill (?:holding|in (?:this|the|my)|long|short)\b|\b(?:my )?entry was\b|\bpnl\W{1,3}[+-]?\d|"
    r"\b(?:long|short|trade|position) (?:is |already |now )?(?:running|in profit)\b|\balready in\b(?=\W)|"
    r"\b(?:we are|we're|i am|i'm) (?:already |still )?in (?:this |the |an? )?(?:[#$]?[a-z0-9]{2,10} )?"
    r"(?:long|short|trade|position)\b|\bas (?:posted|shared|called|given) (?:earlier|before)\b|\bв плюсе\b|\bдержим\b|"
    r"\b(?:signal|call|trade|setup) (?:has |is )?expired\b|\bstopped\s*$|"
    r"^\W*(?:active|open|running|current) (?:trades|positions|signals|calls)\b|"
    r"\bmax(?:imum)? gain\W{0,3}\d|\bdone\W{1,3}\+\s?\d|\bexit price\b|"
    r"(?:от|с)работал|\bзакрыл|\bвыбило\b|çıkış yap|\bstop oldu|"
    r"\b(?:atingid[oa]s?|alcanzad[oa]s?|raggiunt[oi]|erreicht|atteinte?s?|tercapai)\b|\blucro\W{1,3}(?:atual)?\W{0,3}[+]?\d",
)
_VALID = cue("still", r"\bstill valid\b")
_UNSURE = cue(
    "not waiting confirmation",
    r"\bnot (?:yet )?an? (?:signal|call|trade)\b|\bwaiting for (?:a |the )?(?:confirmation|retest|breakout|pullback)\b",
)
_QUESTION = re.compile(
    r"\A\W*(?:would|should|shall|do|does|did|is|are|can|could|what|why|how|when|anyone|anybody|who|which)\b[^\n]*[?؟]\s*\Z"
)
_RESULT = cue(
    "achieve achieved acheived reached reachd banged completed smashed booked gained earned touched done result "
    "results "
    "recap "
    "hit "
    "profit profits targets gain gains up period rocket rocketed rocketing mooning last "
    "alındı geldi достигнута достигнут "
    "достигнуты закрыта закрыт взята взят взяли تحقق محقق loss",
    r"\b(?:achieved?|acheived|reache?d|banged|completed|smashed|booked|gained|earned|touched|done|results?|recap|"
    r"hit)\b|"
    r"\b(?:profits? update|all targets|last \d+ (?:calls|signals|trades))\b|"
    r"(?<!take )(?<!take-)\bprofit\s*:?\s*%?\+?\d|"
    r"\d\s*%\s*(?:profit|gain|done|up|in \d)|period\s*:|rocket\w*|mooning|"
    r"\bloss\s*:\s*-?\d+(?:[.,]\d+)?\s*%|alındı|geldi|достигнут|закрыт|взят|تحقق|محقق",
)
_UPDATE = cue(
    "move moved shift trail trailing set raise sl stop breakeven even be update updates partial half book valid "
    "безубыток безубытке безубыточность стоп",
    r"\b(?:move|shift|trail|set|raise)\w*\s+(?:your\s+|the\s+)?(?:sl|stop)|break ?even|\bbe\b now|"
    r"\bsl\b[^\n]{0,12}\bentry|"
    r"\bupdates?\b|\bpartial|close half|book (?:some|partial|half)|still valid|стоп в б|безубыт",
)
_CLOSE = cue(
    "close closed closing exit sell закрываем закрывайте закройте закрываю kapat kapatın kapatalım kapatıyoruz "
    "cierra cierren "
    "cerrar cerramos fermer fermez schließen اغلق أغلق إغلاق اغلاق ببندید",
    r"\bclos(?:e|ed|ing)\b(?!\s*(?:above|below|candle|price|under|over|to\b|friends|by\b|at \d|on (?:mon|tue|wed|thu|"
    r"fri|sat|sun)))|"
    r"\bexit (?:now|here|this|all|from|at market)|"
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
    "says paper demo sample backtest education example tip tips lesson tutorial order bot app пример örnek ejemplo",
    r"^\W*(?:for )?(?:example|tips?|lesson|tutorial|пример|örnek|ejemplo)\s*:|"
    r"\A\W*(?:demo|example|sample|backtest|education|paper trad(?:e|ing))\b|"
    r"\bsays (?:to )?(?:go )?(?:long|short|buy|sell)\b|\bexample\s*:|"
    r"\bexample of (?:a |our |the )?(?:signals?|calls?|trades?)\b|\border book\b|\b(?:bot|app) update\b",
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
    "close once if wait watch coming will keep planning could might may looking opinion если eğer",
    r"\bif\b[^\n]{0,60}\b(?:clos\w+|break\w*|holds?|bounces?|above|below|reaches|drops?)|"
    r"\bclose (?:above|below)\b|\bonce (?:it|price) (?:breaks?|closes|crosses)\b|\bwait for\b|\bwatch (?:for|out)|"
    r"\bcoming soon\b|\bwill (?:buy|enter|long|short)|\bkeep an eye|\bplanning\b|\bcould\b|\bmight\b|"
    r"\bmay (?:buy|sell|close|long|short)\b|\blooking (?:for|to)\b|\bopinion\b|если|eğer",
)
_CONDITIONAL = cue(
    "if should may watch wait если eğer olursa kırarsa geçerse once si cierra rompe supera",
    r"\bif\s+(?:[^\s\n]+\s+){0,4}?(?:clos\w+|breaks?|bounces?|reaches)\b|\bwatch for\b|"
    r"\bwait for\b(?! (?:the |a |our )?(?:upcoming|big|huge|pump|moon|targets?|profits?|results?|it to))|"
    r"\bshould\s+(?!we\b|i\b|you\b)(?:[^\s\n]+\s+){1,3}?(?:lose|break|hold|close|reach|drop)\b|\b(?:we|i) may (?:buy|"
    r"sell|long|"
    r"short)\b|"
    r"\bесли\b[^\n]{0,40}(?:пробь|закро)|\beğer\b|\b(?:olursa|kırarsa|geçerse)\b|"
    r"\bsi\s+(?:[^\s\n]+\s+){0,4}?(?:cierra|rompe|supera)|\bonce it (?:breaks?|closes|crosses)\b",
)


def tell(look: Glance, *, call_like: bool) -> Kind:
    """Name what this text is, if no leg came out of it. `call_like` = it has a coin and levels of a call."""
    if _CANCEL.seen(look) and _is_command(look):
        return Kind.CANCEL
    if _TICKED_WORD.seen(look) or _RESULT.seen(look) or has_ticks(look):
        return Kind.RESULT
    if _UPDATE.seen(look):
        return Kind.UPDATE
    if len(look.text) < CLOSE_LENGTH_MAX and _CLOSE.seen(look):
        return Kind.CLOSE if _is_command(look) else _without_command(look)
    if call_like:
        return Kind.AMBIGUOUS
    return Kind.IDEA if _IDEA.seen(look) else Kind.CHATTER


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


def _without_plans(look: Glance) -> Glance:
    if look.words.isdisjoint(_LATER_WORDS):
        return look
    return glance(_LATER.sub(" ", look.text))


def spoils_call(look: Glance) -> Kind | None:
    """The kind of a text whose call is over, conditional or taken back, whatever its numbers say; else None."""
    look = _without_plans(look)
    if _CANCELLED_HEAD.seen(look) and not _NO_COMMAND.seen(look):
        return Kind.CANCEL
    if _OF_OTHERS.seen(look) or _TALK.seen(look) or _QUESTION.search(look.lower):
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
