"""What a channel says of its own calls: it won, it lost, or neither."""

import re

from levibotd.domain.posts.normalise import normalise

# What begins a word stands together: of most signs one look says that none of it begins there.
_LOST = re.compile(
    r"\b(?:stop(?:ped)?[ -]?(?:loss )?(?:out|hit)\b"
    r"|(?:hit|took|taken|triggered|touched) (?:the |our |my )?(?:sl|stop)"
    r"|(?:sl|stop[ -]?loss)\b\W{0,3}(?:was |is |got )?(?:hit|triggered|taken|❌|⛔)"
    r"|in (?:a )?loss\b|closed (?:at|with) (?:a )?loss)"
    r"|-\s?\d+(?:[.,]\d+)?\s?%|[❌⛔]|стоп(?:-?лосс?)? (?:сработал|выбит)|выбило|по стопу|убыт|stop oldu|zarar"
    r"|ضرر|وقف الخسارة|استاپ خورد|حد ضرر|p[eé]rdida"
)
_WON = re.compile(
    r"\b(?:(?:tp|t|target|take[ -]?profit|goal)s?\W{0,3}\d{0,2}\W{0,4}(?:was |were |is |are |has been |have been )?"
    r"(?:hit|done|reached|achieved|smashed|completed?|✅|✔|☑)|all (?:targets?|tps?)\b|profit\b"
    r"|in (?:the )?green\b)"
    r"|[✅✔☑💰🤑]|\+\s?\d+(?:[.,]\d+)?\s?%|тейк|цел[ьи] (?:достигнут|взят|выполнен)|прибыл|профит|hedef|kar\b|kâr"
    r"|ربح|تحقق|الهدف|هدف|سود|تارگت|ganancia|objetivo"
)


def claim_of(text: str) -> bool | None:
    """True: it says that something won; False: that something lost; None: it says neither, or both."""
    said = normalise(text[:2000]).casefold()
    won, lost = _WON.search(said) is not None, _LOST.search(said) is not None
    return None if won == lost else won
