"""
What a post is, apart from whether its numbers make a call.

Words of result, update, close, cancel and idea, in the languages seen; a solved call with
ticks behind its targets is a result, whatever else it says.
"""

import re

from levibotd.domain.signal import Kind

_TICKED = re.compile(r"(?:target|tp|tgt|sell|hedef|цель|هدف)[^\n]{0,40}(?:✅|✔|☑|\bdone\b|\bhit\b|\bachieved\b|\breached\b|\bcompleted\b)|\d[^\n\w]{0,6}(?:✅|✔|☑)", re.IGNORECASE)
_RESULT = re.compile(
    r"\b(?:achieved?|acheived|reached|banged|completed|smashed|booked|gained|earned|touched|done|result|results|recap|profits? update|all targets)\b"
    r"|\b(?:target|tp|tgt)s?\s*\d*\s*(?:hit|done|✅)|\bhit\b|(?<!take )(?<!take-)\bprofit\s*:?\s*%?\+?\d|\d\s*%\s*(?:profit|gain|done|up|in \d)|period\s*:|rocket\w*|mooning"
    r"|alındı|geldi|достигнут|закрыт|взят|تحقق|محقق",
    re.IGNORECASE,
)
_UPDATE = re.compile(
    r"\b(?:move|shift|trail|set|raise)\w*\s+(?:your\s+|the\s+)?(?:sl|stop)|breakeven|break even|\bbe\b now|\bsl\b[^\n]{0,12}\bentry|\bupdate\b|partial|close half|book (?:some|partial|half)|still valid"
    r"|стоп в б|безубыт",
    re.IGNORECASE,
)
_CLOSE = re.compile(r"\bclos(?:e|ed|ing)\b(?!\s*(?:above|below|candle|price|under|over))|\bexit (?:now|here|this|all)|\bsell (?:now|all|everything)|закрыва|kapat|اغلق|إغلاق", re.IGNORECASE)
_CLOSE_ALL = re.compile(r"\bclose\s+(?:all|every)", re.IGNORECASE)
_CANCEL = re.compile(r"\bcancel(?:l?ed|ing)?\b|\bignore (?:this|the)|\bavoid (?:this|the) (?:trade|signal|call)|отмена|отменя|iptal|الغاء|إلغاء", re.IGNORECASE)
_IDEA = re.compile(
    r"\bif\b[^\n]{0,60}\b(?:clos\w+|break\w*|breaks|holds?|bounces?|above|below|reaches|drops?)|\bwait for\b|\bwatch (?:for|out)|\bcoming soon\b|\bwill (?:buy|enter|long|short)|\bkeep an eye|\bplanning\b"
    r"|\bcould\b|\bmight\b|\bmay (?:buy|sell|close|long|short)\b|\blooking (?:for|to)\b|\bopinion\b|если",
    re.IGNORECASE,
)


def tell(text: str, *, call_like: bool) -> Kind:
    """Name what this text is, if no leg came out of it. `call_like` = it has a coin and levels of a call."""
    if _CANCEL.search(text):
        return Kind.CANCEL
    if is_result(text):
        return Kind.RESULT
    if _UPDATE.search(text):
        return Kind.UPDATE
    if len(text) < 400 and _CLOSE.search(text):
        return Kind.CLOSE
    if call_like:
        return Kind.AMBIGUOUS
    return Kind.IDEA if _IDEA.search(text) else Kind.CHATTER


def is_result(text: str) -> bool:
    """Whether the text tells of targets that were reached."""
    return _TICKED.search(text) is not None or _RESULT.search(text) is not None


def spoils_call(text: str) -> Kind | None:
    """The kind that a text with a solved call has after all: ticked targets, a cancelled or moved call; else None."""
    if _TICKED.search(text):
        return Kind.RESULT
    if _CANCELLED.search(text):
        return Kind.CANCEL
    if _SPOILED.search(text):
        return Kind.RESULT
    return None


_CANCELLED = re.compile(r"\bcancel(?:l?ed)\b", re.IGNORECASE)
_SPOILED = re.compile(r"\b(?:achieved|acheived|target \d (?:hit|done)|targets? (?:hit|done)|all targets|(?<!take )(?<!take-)profit\s*:\s*\d|period\s*:|new stop|next target|new sl\b|gave \d)", re.IGNORECASE)


def names_all(text: str) -> bool:
    """Whether a close is meant for every open call of the channel."""
    return _CLOSE_ALL.search(text) is not None
