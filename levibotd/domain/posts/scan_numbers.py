"""
What a number is by its neighbours (price, percent, leverage, index), and which field takes it.
"""

from collections.abc import Sequence

from levibotd.domain.posts import words as w
from levibotd.domain.posts.fields import Number
from levibotd.domain.posts.indices import index_at
from levibotd.domain.posts.scan import STRAY_WORDS_MAX, Scan, label
from levibotd.domain.posts.tokens import NUMBER, SIGN, WORD, Token
from levibotd.domain.posts.words import ROLE_OF

_SPANS = """
ساعات ساعة ساعه ساعت ساعته يوم أيام ايام روز دقيقة دقائق دقیقه أسبوع اسبوع ч час часа часов часовой дня дней мин минут
saat saatlik dakika gün günlük hora horas dias días
"""
_UNITS = frozenset(
    {"m", "pips", "pip", "pts", "million", "billion", "bln", "mln", "ma", "ema", "sma", "dma", "wma", *_SPANS.split()}
)
_SIDES = frozenset({"buy", "long", "short"})
MULTIPLE_LENGTH_MAX = 3

_COIN_SIGNS = frozenset("₿Ƀ")  # Amounts of bitcoin that were traded, not prices.


def read_number(s: Scan, tokens: Sequence[Token], i: int) -> None:
    _, raw, start, end = tokens[i]
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    before = tokens[i - 1] if i else None
    unit = after[1].lower() if after and after[0] == WORD and after[2] - end <= 1 else ""
    glued = unit if unit and after and after[2] == end else _behind_dollar(tokens, i)
    if _is_leverage(s, tokens, i, unit=unit, glued=glued):
        _take_lower_leverage(s, tokens, i)
        _take_leverage(s, raw)
        s.open_leverage = True
        return
    if s.open_leverage and s.join == "-" and raw.isdigit() and len(raw) <= 3:
        s.out.leverage.append(float(raw[:6]))
        return
    s.open_leverage = False
    if _is_multiple(tokens, i):
        s.join = ""
        return
    if unit in _UNITS or (after and after[1] in _COIN_SIGNS and after[2] - end <= 1):
        s.join = ""
        return
    if s.skip_line or (before and _compares(tokens, i) and (s.field is None or s.weak)):
        s.out.stray += 1
        return
    ranged = _opens_percent_range(tokens, i)
    index = None if ranged else index_at(tokens, i, expected=s.next_index, fresh=s.fresh)
    if index is not None:
        s.next_index = index + 1
        s.join = ""
        return
    pct = bool(after and after[1] == "%" and after[2] - end <= 1) or _behind_percent(tokens, i)
    dollar = bool(
        (after and after[1] == "$" and after[2] - end <= 1) or (before and before[1] == "$" and start - before[3] <= 1)
    ) or unit in ("usdt", "usd")
    pct = pct or ranged
    satoshi = unit in ("sat", "sats", "satoshi", "satoshis", "sts")
    thousand = glued == "k" or _is_thousands(tokens, i)
    for part in _split_list(raw):
        number = Number(raw=part, line=s.line, join=s.join, pct=pct, thousand=thousand, dollar=dollar, satoshi=satoshi)
        _take(s, number)
        s.join = ","
    s.join = ""


def _behind_percent(tokens: Sequence[Token], i: int) -> bool:
    """Whether this is the 7 of "%7", and not what follows "25%"."""
    before = tokens[i - 1] if i else None
    if before is None or before[1] != "%" or tokens[i][2] - before[3] > 1:
        return False
    return i < 2 or tokens[i - 2][0] != NUMBER


def _is_thousands(tokens: Sequence[Token], i: int) -> bool:
    """Whether this is the 123 of "123 K / 125 K"."""
    behind = tokens[i + 1 : i + 3]
    if not behind or behind[0][1] != "K" or behind[0][2] - tokens[i][3] > 1:
        return False
    return len(behind) < 2 or behind[1][0] == SIGN


def _behind_dollar(tokens: Sequence[Token], i: int) -> str:
    """The letter of "59.8$K"."""
    behind = tokens[i + 1 : i + 3]
    if len(behind) < 2 or behind[0][1] != "$" or behind[1][0] != WORD or behind[1][2] != behind[0][3]:
        return ""
    return behind[1][1].lower() if behind[1][1] in "kK" else ""


def _is_leverage(s: Scan, tokens: Sequence[Token], i: int, *, unit: str, glued: str) -> bool:
    """Whether an x stands beside this number, and no promise: "x20" and "20x", not "can give 2x", "x2 potential"."""
    if tokens[i][1][0] in "0.":
        return False
    behind_x = i > 0 and tokens[i - 1][1].lower() == "x" and tokens[i - 1][3] == tokens[i][2]
    if s.field == w.LEV:
        return behind_x or unit == "x"
    if i and not behind_x and tokens[i - 1][0] == WORD and ROLE_OF.get(tokens[i - 1][1].lower()) == w.TERM:
        return False  # "Long term 2x" promises.
    after = tokens[i + (1 if behind_x else 2) :][:1]
    if (behind_x or glued == "x") and after and ROLE_OF.get(after[0][1].lower()) == w.LEV:
        return True
    if not behind_x and (glued != "x" or s.strays):
        return False
    return not after or after[0][0] != WORD or after[0][1].lower() in ROLE_OF or after[0][1].isupper()


def _is_multiple(tokens: Sequence[Token], i: int) -> bool:
    """Whether this is the 2 of "long term 2x" or "X2 potential", that promises and is no price."""
    _, raw, start, end = tokens[i]
    if len(raw) > MULTIPLE_LENGTH_MAX:
        return False
    if i + 1 < len(tokens) and tokens[i + 1][1].lower() == "x" and tokens[i + 1][2] == end:
        return True
    return i > 0 and tokens[i - 1][1].lower() == "x" and tokens[i - 1][3] == start


def _compares(tokens: Sequence[Token], i: int) -> bool:
    """Whether the sign before says above or below ("> 42000"), and is no part of an arrow."""
    if tokens[i - 1][1] not in "<>":
        return False
    return i < 2 or tokens[i - 2][1] not in "-=<>:"


def _opens_percent_range(tokens: Sequence[Token], i: int) -> bool:
    """Whether the "%" behind the last of a run of small whole numbers is meant for this one too: `5-7%`."""
    value = 0
    while i < len(tokens) and tokens[i][0] == NUMBER and tokens[i][1].isdigit() and len(tokens[i][1]) <= 3:
        if int(tokens[i][1]) <= value:
            return False
        value = int(tokens[i][1])
        after = tokens[i + 1][1] if i + 1 < len(tokens) else ""
        if after == "%":
            return True
        if after not in ("-", "/", "~", "|"):
            return False
        i += 2
    return False


def _split_list(raw: str) -> list[str]:
    """Split a list written without spaces: `0.0409,0.0422` and `847,898,947` are no single numbers."""
    commas = raw.count(",")
    if not commas:
        return [raw]
    parts = raw.split(",")
    if raw.count(".") >= 2 and all("." in part for part in parts):
        return parts
    if commas >= 2 and "." not in raw and not (len(parts[0]) < 3 and all(len(part) == 3 for part in parts[1:])):
        return parts
    return [raw]


def _take(s: Scan, number: Number) -> None:
    if s.field is None and s.seen_symbol and not s.out.entry and s.strays <= 2 and not number.pct:
        label(s, w.ENTRY, weak=True)
        s.out.flags.add("entry_by_coin")
    if s.field is None or s.strays > STRAY_WORDS_MAX or (s.strays and not s.labelled and not s.numbers_here):
        s.out.stray += 1
        if s.field == w.STOP and s.labelled and s.fresh and not number.pct:
            s.out.unread_stops.append(number)
        if not number.pct:
            s.out.unread.append(number)
        return
    if s.field == w.LEV and s.out.flags & _SIDES and not s.out.entry and _is_no_leverage(number):
        label(s, w.ENTRY, weak=True)  # "Short with 10x leverage 6750 - 6900"
    s.numbers_here += 1
    number.group = s.group
    number.sentence = s.sentence
    was_fresh, s.fresh = s.fresh, False
    if s.field == w.ENTRY:
        s.out.entry.append(number)
    elif s.field == w.TP:
        s.out.tps.append(number)
    elif s.field == w.STOP:
        if was_fresh or (s.out.sls and s.out.sls[-1].line == s.line):
            s.out.sls.append(number)
    elif s.field == w.SELL:
        s.out.sells.append(number)
    elif s.field == w.SKIP and not number.pct:
        s.out.skipped.append(number)
    elif s.field == w.LEV and not number.pct:
        _take_leverage(s, number.raw)


def _is_no_leverage(number: Number) -> bool:
    """Whether nobody lends that often: a price under the word for leverage."""
    return not number.pct and (number.dollar or number.thousand or not number.raw.isdigit() or len(number.raw) > 3)


def _take_lower_leverage(s: Scan, tokens: Sequence[Token], i: int) -> None:
    """Note the 5 of "5-10x" where no field took it."""
    if i < 2 or tokens[i - 1][1] not in "-~/" or not s.out.unread or s.out.unread[-1].line != s.line:
        return
    lower = s.out.unread[-1].raw
    if tokens[i - 2][1] == lower and lower.isdigit() and len(lower) <= 3:
        s.out.unread.pop()
        s.out.leverage.append(float(lower))


def _take_leverage(s: Scan, raw: str) -> None:
    """Note a leverage, and take back what was joined to it: the 3 of "3-5x" is none of the prices."""
    for part in raw.replace(",", " ").split():
        try:
            s.out.leverage.append(float(part))
        except ValueError:
            continue
    field = {w.ENTRY: s.out.entry, w.TP: s.out.tps, w.SELL: s.out.sells, w.STOP: s.out.sls}.get(
        s.field if s.field is not None else -1
    )
    while (
        field
        and s.join
        and s.join != "\n"
        and field[-1].line == s.line
        and field[-1].raw.isdigit()
        and int(field[-1].raw) <= 150
    ):
        number = field.pop()
        s.join = number.join
        s.out.leverage.append(float(number.raw))
    s.join = ""
