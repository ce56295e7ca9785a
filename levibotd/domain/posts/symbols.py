"""
Which coins a text names, how plainly, and in which quote.

A mention has a rank: a written pair beats a hashtag, a hashtag beats a bare word. Only the
mentions of the best rank present count, so that "#BTC #TA" under "#BTC/USDT" adds no coin.
"""

import re
from itertools import islice

from msgspec import Struct

from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.tickers import COIN_NAMES, CONTRACT, DEAR, FIAT, NO_COIN, STABLE_QUOTES, WORDY

PAIR, TAG, NAMED, BARE = 0, 1, 2, 3
MENTIONS_MAX = 40
NEW_TAG_MAX = 12
PAIR_GAP_MAX = 4
BARE_MAX = 400  # Words in capitals that are looked up.

_GLUED = frozenset({"USDT", "BUSD", "USDC", "FDUSD", "USD", "BTC", "ETH", "BNB", "PERP"})
# Over the text in lower case, and every choice begins with a letter: so the engine skips whatever begins none.
_CONTRACT_ENDS = "|".join(rf"{month}(?<=[/\\].)\d\d" for month in "uhmz")
_QUOTE_END = re.compile(
    r"(usdt|busd|usdc|fdusd|t(?<![a-z0-9].)usd|usd|btc|xbt|eth|bnb|eur|try|tl|inr|perp"
    rf"|{_CONTRACT_ENDS})(?:\.p|:[a-z]{{3,5}}|[_-]?perp)?(?![a-z0-9])"
)
_SPLIT_BASE = re.compile(
    r"(?<![A-Za-z0-9.])([#$]?)\s?([A-Za-z0-9]{1,12})\)?(?:\s{0,3}([/\\])\s{0,3}|([_.-]))[#$]?\Z",
)
_JOINED_BASE = re.compile(r"(?<![A-Za-z0-9.])([#$]?)\s?([A-Za-z0-9]{1,12})\Z")
_BASE_REACH = 22  # Characters before a quote that its base may take.
_TAG = re.compile(r"[#$]\s?([A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*)")
_NAMED = re.compile(  # Over the text in lower case.
    r"(?:coin(?:\s+(?:name|is))?|pair|symbol|name|asset|ticker|token|instrument|coin/token|монета|пара|parite|عملة|"
    r"العملة|ارز)"
    r"\s*(?:is|today)?\s*(?:[:=>~-]+[>\s]*|[^\w\s.,?!'\"/+&()#$-]\s*)[#$(]?\s?([a-z0-9]{2,10})(?![a-z0-9])"
)
_NAMING = (
    "coin",
    "pair",
    "symbol",
    "name",
    "asset",
    "ticker",
    "token",
    "instrument",
    "монета",
    "пара",
    "parite",
    "عملة",
    "ارز",
)
_BARE = re.compile(r"([A-Z0-9](?<![A-Za-z0-9#$@/.].)[A-Z0-9]{1,9})(?![A-Za-z0-9])")
_SIDE_NAMES = ("buy", "buying", "long", "short", "sell", "accumulate", "купить", "al", "شراء")
_AFTER_SIDE = re.compile(  # Over the text in lower case.
    "(?:"
    + "|".join(rf"{name}(?<!\w{name})" for name in _SIDE_NAMES)
    + r")\s+(?:some\s+)?([0-9]*[a-z][a-z0-9]{1,9})(?![a-z0-9])"
)
_FIRST_LINE = re.compile(
    r"\A[^\w\n]*([A-Za-z][A-Za-z0-9]{1,9})[^\w\n]*(?:/[^\n]*|\b(?:long|short|buy)\b[^\n]*|"
    r"(?:(?:on|at|in)\s+)?(?:binance|bybit|kucoin|okex|okx|huobi|bittrex|mexc|gate)\b[^\w\n]*(?:futures|spot)?[^\w\n]*)?$",
    re.MULTILINE | re.IGNORECASE,
)
_SIDE_BEHIND = re.compile(r"(?<![A-Za-z0-9#$@/.])([A-Z0-9]{2,10})\s+(?:BUY|LONG|SHORT|Buy|Long|Short)\b")
_PRICED = re.compile(r"\W{1,3}\d")
_ALONE = re.compile(r"^[^\w\n#$]*([A-Z0-9]{2,10})[^\w\n]*$", re.MULTILINE)
_LINK = re.compile(
    r"https?://\S{0,80}?(?:symbol[s=/]{1,2}|trade/|exchange/|pair=)(?:[A-Z]+%3A)?([A-Z0-9]{2,10})[_-]?(USDT|BUSD|BTC|"
    r"ETH|BNB|USD)\b"
)
_SIDE_TAIL = re.compile(r"^([A-Z0-9]{2,10}?)(LONG|SHORT)$")
_QUOTE_WORD = re.compile(
    r"(?<![A-Za-z0-9/])[#$(/]?\s?(USDT|BUSD|BTC)\)?(?:\s+(?:pair|market|pairing))?(?![A-Za-z0-9/])", re.IGNORECASE
)


class Mention(Struct, frozen=True, kw_only=True):
    """One coin as the text names it; `quote` is None where none is written."""

    base: str
    quote: str | None
    start: int
    end: int
    rank: int


def find_symbols(text: str, *, market: MarketView) -> list[Mention]:
    """Return the mentions of the best rank present, in order of the text."""
    found = _pairs(text)
    if found:
        return found[:MENTIONS_MAX]
    for search in (_tags, _names, _bare_words, _first_line, _links, _new_tags):
        found = search(text, market)
        if found:
            return found[:MENTIONS_MAX]
    return []


def nearby_quote(text: str, mention: Mention) -> str | None:
    """A quote written by itself close behind the coin: "#FIO #USDT", "STRAX usdt"."""
    window = text[mention.end : mention.end + 24]
    for line in window.split("\n")[:2]:
        found = _QUOTE_WORD.search(line)
        if found and found.group(1).upper() != mention.base:
            return found.group(1).upper()
    priced = mention.base not in ("BTC", "XBT") and "$" not in text and len(_IN_BITCOIN.findall(text)) > 1
    return "BTC" if priced else None


_IN_BITCOIN = re.compile(r"(?<![\d.])0?\.0\d+ ?BTC\b")  # "0.00145 BTC"


def is_foreign(text: str) -> bool:
    """Whether the pairs of this text are currencies, metals or indices: no call for us."""
    return _FOREIGN.search(text) is not None


_FOREIGN = re.compile(
    r"(?<![A-Za-z])#?(?i:XAU|XAG|EUR|GBP|AUD|NZD|CAD|CHF|USD|JPY)/?\s?(?i:USD|JPY|CHF|CAD|AUD|NZD|GBP)(?![A-Za-z])"
    r"|(?<![A-Za-z])(?:GOLD|SILVER|CRUDE|BRENT|WTI|NASDAQ|NATGAS|DJI30|DAX|NAS100|US30|SPX500|GER30|GER40|USOIL|"
    r"UKOIL|BANKNIFTY|NIFTY|CE|PE|NSE|BSE)(?![A-Za-z])",
)


def is_other_market(text: str) -> bool:
    """Whether a text without any coin speaks of metals, oil, currencies or shares."""
    return is_foreign(text) or _OTHER.search(text) is not None


_OTHER = re.compile(
    r"\b(?:gold|silver|crude|brent|nasdaq|natgas|forex|stocks?|shares|pips?|lots?|TSLA|AAPL|AMZN|NVDA|xau|xag|usoil|"
    r"us30)\b",
    re.IGNORECASE,
)


def _pairs(text: str) -> list[Mention]:
    found: list[Mention] = []
    for hit in _QUOTE_END.finditer(text.lower()):
        if len(found) == MENTIONS_MAX:
            break
        # Looking back from the quote is many times faster than trying a pair at every letter.
        start = max(0, hit.start() - _BASE_REACH)
        window, written = text[start : hit.start()], text[hit.start() : hit.end(1)]
        mention = _split_pair(window, start, written, hit.end()) or _joined_pair(window, start, written, hit.end())
        if mention is not None:
            found.append(mention)
    return found


def _split_pair(window: str, start: int, written: str, end: int) -> Mention | None:
    head = _SPLIT_BASE.search(window)
    if head is None:
        return None
    base, quote = head.group(2).upper(), written.upper()
    if not _is_base(base) or base in _STABLE or quote == "PERP" or (head.group(4) and not _is_tight(head)):
        return None
    return Mention(base=base, quote=_quote(quote), start=start + head.start(), end=end, rank=PAIR)


def _joined_pair(window: str, start: int, written: str, end: int) -> Mention | None:
    head = _JOINED_BASE.search(window)
    if head is None:
        return None
    base, quote = head.group(2).upper(), written.upper()
    if quote not in _GLUED or not _is_base(base) or base in STABLE_QUOTES:
        return None
    if not head.group(1) and not (head.group(2) + written).isupper() and len(quote) < 4:
        return None
    if len(base) < 2 and (quote not in ("USDT", "USDC") or not (head.group(2) + written).isupper()):
        return None
    return Mention(base=base, quote=_quote(quote), start=start + head.start(), end=end, rank=PAIR)


def _is_tight(head: re.Match[str]) -> bool:
    """Whether "BTC-USDT" stands close together and in capitals: a dash is a dash in most places."""
    return head.group(2) not in NO_COIN and (bool(head.group(1)) or head.group(2).isupper())


def _tags(text: str, market: MarketView) -> list[Mention]:
    found = []
    for hit in islice(_TAG.finditer(text), MENTIONS_MAX):
        word = hit.group(1)
        base = word.upper()
        tail = _SIDE_TAIL.match(base)
        if tail:
            base = tail.group(1)
        if base in NO_COIN and not (word.isupper() and market.is_known(base, None)):
            continue
        # A lower-case tag is a coin only by name; capitals may be a coin we never heard of.
        if market.is_known(base, None) or (word.isupper() and 2 <= len(base) <= 6 and not base[0].isdigit()):
            found.append(Mention(base=base, quote=None, start=hit.start(), end=hit.end(), rank=TAG))
    known = [mention for mention in found if market.is_known(mention.base, None)] or found
    if len({mention.base for mention in known}) > 1:
        known = _without_quote(text, _without_labels(text, known))
    return known or _odd_tag(text)


def _without_labels(text: str, found: list[Mention]) -> list[Mention]:
    """Leave out tags that sort a post ("#ALT season", "#BTC #crypto" in lines of their own below it)."""
    found = [mention for mention in found if mention.base not in NO_COIN] or found
    end = len(text)
    while (begin := text.rfind("\n", 0, end)) >= 0 and _TAG_LINE.fullmatch(text, begin + 1, end):
        end = begin
    return [mention for mention in found if mention.start < end] or found


_TAG_LINE = re.compile(r"[^\w#@$]*(?:[#@][A-Za-z]\w*[^\w#@$]*)+|\W*")


def _without_quote(text: str, found: list[Mention]) -> list[Mention]:
    """Of "#ALGO #BTC", in satoshi or tiny prices, the second tag is what the first is priced in."""
    if len(found) != 2 or found[1].base != "BTC":
        return found
    between = text[found[0].end : found[1].start]
    if between.strip(" /|-(") or "\n" in between:
        return found
    line = text[text.rfind("\n", 0, found[0].start) + 1 : found[0].start] + text[found[1].end :].split("\n", 1)[0]
    whole = not line.strip() and found[0].base not in DEAR and _WHOLE.search(text) and not _DECIMAL.search(text)
    return found[:1] if whole or _SATOSHI.search(text) else found


_WHOLE, _DECIMAL = re.compile(r"\d{3}"), re.compile(r"\d[.,]\d|[.,]\d{3}")


_SATOSHI = re.compile(r"\bsat(?:s|oshis?)?\b|(?<!\d)0?\.0000\d", re.IGNORECASE)


def _new_tags(text: str, market: MarketView) -> list[Mention]:
    """The only tag of a text that may be a coin we never heard of, where it begins no number and names nothing else."""
    found = [
        hit
        for hit in islice(_TAG.finditer(text), MENTIONS_MAX)
        if hit.group(1).isupper() and hit.group(1) not in NO_COIN and 2 <= len(hit.group(1)) <= NEW_TAG_MAX
    ]
    if len({hit.group(1) for hit in found}) != 1 or not (found[0].group().startswith("$") or _opens(text, found[0])):
        return []
    return [Mention(base=hit.group(1), quote=None, start=hit.start(), end=hit.end(), rank=TAG) for hit in found]


def _opens(text: str, hit: re.Match[str]) -> bool:
    """Whether a tag stands in the first line beside a side: "#BANANAS31 LONG"."""
    begin = text.lstrip()
    line = begin[: begin.find("\n") if "\n" in begin else len(begin)]
    return hit.group() in line and _SIDED.search(line) is not None


_SIDED = re.compile(r"\b(?:long|short|buy|sell|лонг|шорт)\b", re.IGNORECASE)


def _odd_tag(text: str) -> list[Mention]:
    """The only tag of a text, written like a name ("#Qi"): the template must carry it."""
    odd = [
        hit
        for hit in islice(_TAG.finditer(text), MENTIONS_MAX)
        if hit.group(1).upper() not in NO_COIN and 2 <= len(hit.group(1)) <= 6 and hit.group(1)[0].isalpha()
    ]
    if len({hit.group(1).upper() for hit in odd}) != 1:
        return []
    return [Mention(base=hit.group(1).upper(), quote=None, start=hit.start(), end=hit.end(), rank=TAG) for hit in odd]


def _names(text: str, market: MarketView) -> list[Mention]:
    found: list[Mention] = []
    lower = text.lower()
    if not any(word in lower for word in _NAMING):
        return found
    for hit in _NAMED.finditer(lower):
        written = text[hit.start(1) : hit.end(1)]
        base = written.upper()
        if base in NO_COIN or base.isdigit() or not (market.is_known(base, None) or written.isupper()):
            continue
        found.append(Mention(base=base, quote=None, start=hit.start(1), end=hit.end(1), rank=NAMED))
    return found


def _bare_words(text: str, market: MarketView) -> list[Mention]:
    found = []
    for hit in islice(_BARE.finditer(text), BARE_MAX):
        base = hit.group(1)
        tail = _SIDE_TAIL.match(base)
        if tail:
            base = tail.group(1)
        if base in NO_COIN or base in WORDY or base.isdigit() or not market.is_known(base, None):
            continue
        if base in _UNITS and _AMOUNT.search(text, max(0, hit.start() - 3), hit.start()):
            continue  # "0.0000046 BTC"
        found.append(Mention(base=base, quote=None, start=hit.start(1), end=hit.end(1), rank=BARE))
    alone = [
        hit
        for hit in islice(_ALONE.finditer(text), BARE_MAX)
        if hit.group(1) not in NO_COIN and market.is_known(hit.group(1), None)
    ]
    if alone and len({mention.base for mention in found}) != 1:
        return [Mention(base=hit.group(1), quote=None, start=hit.start(1), end=hit.end(1), rank=BARE) for hit in alone]
    if len({mention.base for mention in found}) != 1:
        bare, found = found, []
        for hit in islice(_AFTER_SIDE.finditer(text.lower()), MENTIONS_MAX):
            base = COIN_NAMES.get(hit.group(1), hit.group(1).upper())
            known = market.is_known(base, None) or CONTRACT.fullmatch(base)
            if base in NO_COIN or base in WORDY or not known:
                continue
            found.append(Mention(base=base, quote=None, start=hit.start(1), end=hit.end(1), rank=BARE))
        if len({mention.base for mention in found}) != 1:
            return _with_side(text, bare)
        if found[0].base[0].isdigit():
            return _everywhere(text, found[0].base)  # Its digit is no price.
    return found


_UNITS = frozenset({"BTC", "ETH", "BNB"})
_AMOUNT = re.compile(r"\d ?\Z")


def _with_side(text: str, bare: list[Mention]) -> list[Mention]:
    """The one of several coins that has its side behind it ("NAV BUY 925"), where no other has a price."""
    sided = {hit.group(1) for hit in islice(_SIDE_BEHIND.finditer(text), MENTIONS_MAX)}
    meant = [mention for mention in bare if mention.base in sided]
    others = [mention for mention in bare if mention.base not in sided]
    if len({mention.base for mention in meant}) != 1 or any(_PRICED.match(text, mention.end) for mention in others):
        return bare
    pairs = any(0 < after.start - mention.end < PAIR_GAP_MAX for after in meant for mention in others)
    return bare if pairs else meant  # "OCEAN BTC LONG"


def _everywhere(text: str, base: str) -> list[Mention]:
    hits = re.finditer(rf"(?<![A-Za-z0-9.,]){re.escape(base)}(?![A-Za-z0-9])", text, re.IGNORECASE)
    return [Mention(base=base, quote=None, start=hit.start(), end=hit.end(), rank=BARE) for hit in hits]


def _first_line(text: str, market: MarketView) -> list[Mention]:
    """A well-known coin that has the first line for itself, in whatever letters: "Rvn", "Bitcoin long"."""
    hit = _FIRST_LINE.match(text)
    if hit is None:
        return []
    written = hit.group(1)
    base = COIN_NAMES.get(written.lower(), written.upper())
    if base in NO_COIN or base in WORDY or not market.is_known(base, None):
        return []
    return [Mention(base=base, quote=None, start=hit.start(1), end=hit.end(1), rank=BARE)]


def _links(text: str, market: MarketView) -> list[Mention]:
    found = []
    for hit in _LINK.finditer(text):
        found.append(Mention(base=hit.group(1), quote=hit.group(2), start=hit.start(), end=hit.end(), rank=BARE))
    return found


def _is_base(base: str) -> bool:
    return not base.isdigit() and base not in FIAT and base not in _NO_BASE


_STABLE = STABLE_QUOTES - {"PERP"}
_NO_BASE = frozenset(
    {
        "BUY",
        "SELL",
        "LONG",
        "SHORT",
        "TP",
        "SL",
        "ENTRY",
        "TARGET",
        "TARGETS",
        "PAIR",
        "COIN",
        "SPOT",
        "IN",
        "OF",
        "AND",
        "TO",
        "AT",
        "FOR",
        "THE",
        "PER",
        "MY",
        "ON",
        "OR",
        "X",
        "K",
        "EXCHANGE",
        "MARKET",
        "PRICE",
    }
) - {"FOR"}


def _quote(written: str) -> str:
    if written in {"TL"}:
        return "TRY"
    if written == "PERP":
        return "USDT"
    return written
