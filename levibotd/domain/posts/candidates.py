"""
Typed number candidates: which field of a call each number of a text may belong to.

One scanner goes over the text once; words set the field, numbers fall into it, and what a
number can be (price, percent, leverage, index, duration) is decided by its neighbours.
Nothing here knows what a sensible price is: that is the solver's work.
"""

import re
from collections.abc import Sequence

from levibotd.domain.posts import words as w
from levibotd.domain.posts.fields import Fields, Number
from levibotd.domain.posts.indices import index_at
from levibotd.domain.posts.tokens import NUMBER, SIGN, WORD, Token, lines
from levibotd.domain.posts.words import ROLE_OF

SYMBOL_MARK = "\x01"  # Stands in the text where a coin was named.

_DURATION = re.compile(  # Begins with the digit itself, so that the engine skips to digits, and looks back only there.
    r"\d(?<![\d.,]\d)(?:\d{0,2}\s?[-_]?\s?\d{1,3}|\d{0,2})\s?[-_]?\s?"
    r"(?:hours?|hrs?|h|minutes?|mins?|days?|weeks?|months?|d|w|am|pm|utc|gmt|st|nd|rd|th)(?![A-Za-z])",
    re.IGNORECASE,
)
_UNITS = frozenset({"m", "pips", "pip", "pts", "million", "billion", "bln", "mln", "ma", "ema", "sma", "dma", "wma"})
_COIN_SIGNS = frozenset("₿Ƀ")  # Amounts of bitcoin that were traded, not prices.
_JOINERS = frozenset("-/|,:~+_.>=;")
_STRAY_WORDS_MAX = 3


class _Scanner:
    """The state that goes from word to word and from line to line."""

    def __init__(self) -> None:
        self.out = Fields()
        self.field: int | None = None
        self.weak = False
        self.fresh = False  # The label has not taken a number yet.
        self.labelled = False  # This line has a label of its own.
        self.strays = 0  # Unknown words of this line.
        self.skip_line = False
        self.line = 0
        self.join = ""
        self.seen_symbol = False
        self.next_index = 1
        self.numbers_here = 0
        self.group = 0
        self.open_leverage = False  # "x10-20": what follows the dash is leverage too.


def collect(text: str) -> Fields:
    """Read `text` (normalised, coins replaced by SYMBOL_MARK) into its fields. Linear in its length."""
    scanner = _Scanner()
    for line in lines(_DURATION.sub(" ", text)):
        _read_line(scanner, line)
    return scanner.out


def _read_line(s: _Scanner, tokens: Sequence[Token]) -> None:
    s.line += 1
    s.labelled = False
    s.skip_line = False
    s.strays = 0
    s.seen_symbol = False
    s.numbers_here = 0
    s.join = "\n"
    s.open_leverage = False
    if not tokens:
        return
    if s.field is None and all(kind == SIGN for kind, _, _, _ in tokens):
        return
    for i, (kind, word, _, _) in enumerate(tokens):
        if kind == WORD:
            _read_word(s, tokens, i)
        elif kind == NUMBER:
            _read_number(s, tokens, i)
        elif kind == SIGN:
            if word == SYMBOL_MARK:
                s.seen_symbol = True
            elif word in _JOINERS:
                s.join += word
    _end_line(s, tokens)


def _end_line(s: _Scanner, tokens: Sequence[Token]) -> None:
    if s.weak and s.fresh and tokens and tokens[-1][1] == ":":
        s.weak = False
    if s.weak or s.field == w.SKIP or (s.field == w.LEV and not s.fresh):
        s.field = None
        s.weak = False
    elif s.strays > _STRAY_WORDS_MAX and not s.numbers_here:
        s.field = None


def _label(s: _Scanner, field: int | None, *, weak: bool = False) -> None:
    s.field = field
    s.weak = weak
    s.fresh = True
    s.labelled = True
    s.strays = 0
    s.join = ""
    s.open_leverage = False
    s.group += 1


def _role_of(tokens: Sequence[Token], i: int) -> int | None:
    if i < len(tokens) and tokens[i][0] == WORD:
        return ROLE_OF.get(tokens[i][1].lower())
    return None


def _next_word(tokens: Sequence[Token], i: int) -> int | None:
    """Role of the next word, signs in between allowed, numbers not."""
    for j in range(i + 1, min(i + 4, len(tokens))):
        if tokens[j][0] == WORD:
            return ROLE_OF.get(tokens[j][1].lower(), -1)
        if tokens[j][0] == NUMBER:
            return None
    return None


def _read_word(s: _Scanner, tokens: Sequence[Token], i: int) -> None:
    word = tokens[i][1].lower()
    role = ROLE_OF.get(word)
    if role is None and len(word) >= 5 and word.startswith(w.STARTS):
        role = next((known for start, known in w.PREFIXES if word.startswith(start)), None)
    if role is None:
        if word in ("current", "currently", "instant", "instance"):
            _read_current(s, tokens, i)
        elif word == "in" and i and tokens[i - 1][1].lower() == "get":
            _label(s, w.ENTRY)
        elif len(word) > 1:
            s.strays += 1
            if s.weak and s.strays > 2:
                s.field = None
                s.weak = False
        return
    s.out.roles.add(role)
    strong_fresh = s.labelled and s.fresh and not s.weak and s.field is not None
    if role == w.TP:
        if word == "t" and not (
            i + 1 < len(tokens) and tokens[i + 1][0] == NUMBER and tokens[i + 1][2] == tokens[i][3]
        ):
            return
        if not (strong_fresh and s.field in (w.STOP, w.ENTRY) and _is_adjacent(tokens, i)):
            _label(s, w.TP)
    elif role == w.STOP:
        _read_stop(s, tokens, i, strong_fresh=strong_fresh)
    elif role in (w.BUY, w.SELL, w.LONG, w.SHORT):
        _read_side(s, tokens, i, role, strong_fresh=strong_fresh)
    elif role == w.ENTRY:
        if word == "price":
            if i + 1 < len(tokens) and tokens[i + 1][1].lower() == "now" and not strong_fresh:
                _label(s, w.ENTRY)
                s.out.current.add(s.group)
            elif s.field is None and not s.out.entry and _is_title(tokens, i):
                _label(s, w.ENTRY)
        elif i > 1 and tokens[i - 2][1].lower() == "re" and tokens[i - 1][1] == "-":
            _label(s, w.SKIP)  # "Exit / re-entry 300" is a plan for later.
        elif not strong_fresh or s.field in (w.SKIP, w.TP, w.SELL):
            _label(s, w.ENTRY)
    else:
        _read_modifier(s, tokens, i, role, strong_fresh=strong_fresh)


def _is_adjacent(tokens: Sequence[Token], i: int) -> bool:
    """Whether the word before stands next to this one: "entry targets", not "SL none, targets"."""
    return i > 0 and (tokens[i - 1][0] == WORD or (i > 1 and tokens[i - 1][1] in "-/_" and tokens[i - 2][0] == WORD))


def _read_current(s: _Scanner, tokens: Sequence[Token], i: int) -> None:
    following = tokens[i + 1][1].lower() if i + 1 < len(tokens) else ""
    if following == "execution":
        s.out.flags.add("instant")
    elif following in ("price", "rate"):
        if s.labelled and s.fresh and s.field == w.ENTRY:
            s.out.now_line = s.line
        elif s.field is None or not s.fresh or not s.labelled:
            _label(s, w.ENTRY)
            s.out.current.add(s.group)


def _is_title(tokens: Sequence[Token], i: int) -> bool:
    """Whether a sign or a number follows: "Price: 5", not "price holds above 5"."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    return after is not None and (
        after[0] == NUMBER or after[1] in ":=-@>$~" or ROLE_OF.get(after[1].lower()) == w.ZONE
    )


def _read_stop(s: _Scanner, tokens: Sequence[Token], i: int, *, strong_fresh: bool) -> None:
    following = _next_word(tokens, i)
    if strong_fresh and s.field in (w.ENTRY, w.SELL) and following not in (w.ATTACH, w.TP):
        s.out.flags.add("stop_entry")
        return
    _label(s, w.STOP)


def _read_side(s: _Scanner, tokens: Sequence[Token], i: int, role: int, *, strong_fresh: bool) -> None:
    word = tokens[i][1].lower()
    if i + 1 < len(tokens) and tokens[i + 1][1] == "[":
        _label(s, w.SKIP)  # "Buy[53%]: 259.7" counts orders of others.
        return
    if role in (w.LONG, w.SHORT):
        following = _next_word(tokens, i)
        if following == w.TERM:
            s.out.roles.discard(role)
            s.out.flags.add("term")
            return
        if following == w.TP and s.out.entry:
            s.out.roles.discard(role)
            return
        s.out.flags.add("long" if role == w.LONG else "short")
        if not s.out.entry and not strong_fresh:
            _label(s, w.ENTRY, weak=True)
        return
    if word == "sat" and i and tokens[i - 1][0] == NUMBER:
        s.out.flags.add("satoshi")
        return
    if word == "al" and i + 1 < len(tokens) and _role_of(tokens, i + 1) == w.ATTACH:
        return
    if role == w.BUY:
        s.out.flags.add("buy")
        if not (strong_fresh and s.field == w.TP):
            _label(s, w.ENTRY)
        return
    s.out.flags.add("sell")
    if _next_word(tokens, i) == w.TP:
        return
    if strong_fresh and s.field in (w.ENTRY, w.STOP, w.TP):
        return
    _label(s, w.SELL)


def _read_modifier(s: _Scanner, tokens: Sequence[Token], i: int, role: int, *, strong_fresh: bool) -> None:
    word = tokens[i][1].lower()
    if role == w.TAKE and _next_word(tokens, i) == w.PROFIT:
        _label(s, w.TP)
    elif role == w.PROFIT:
        beside = strong_fresh and s.field == w.TP and _is_adjacent(tokens, i)
        if not beside and _next_word(tokens, i) != w.TP:
            _label(s, w.SKIP)
    elif role == w.LEV:
        if word in ("cross", "isolated"):
            s.out.flags.add(word)
        if not (strong_fresh and s.field in (w.TP, w.STOP)):
            _label(s, w.LEV)
    elif role == w.SKIP:
        if not strong_fresh:
            _label(s, w.SKIP)
    elif role == w.NOW:
        if word == "cmp" or (s.labelled and s.fresh and s.field in (w.ENTRY, w.SELL)):
            s.out.now_line = s.line
            if s.field is None:
                _label(s, w.ENTRY)
        elif word == "now" and s.field is None and not s.out.entry:
            s.out.now_line = s.line
            _label(s, w.ENTRY, weak=True)
    elif role in (w.BELOW, w.ABOVE):
        if s.field in (w.ENTRY, w.SELL) and (s.labelled or s.numbers_here):
            if role == w.BELOW:
                s.out.below.add(s.line)
            elif s.fresh:
                s.out.above.add(s.line)
        elif s.field is None and not s.out.entry and s.out.flags & {"long", "short", "buy"} and _is_title(tokens, i):
            _label(s, w.ENTRY)
            (s.out.below if role == w.BELOW else s.out.above).add(s.line)
    elif role == w.SAT:
        if i and tokens[i - 1][0] != WORD:
            s.out.flags.add("satoshi")
    elif role == w.RATIO:
        if word != "r" or (i + 1 < len(tokens) and tokens[i + 1][1] in ":/-&"):
            s.skip_line = True
    elif role == w.WHEN:
        if not s.numbers_here:
            s.skip_line = True
    elif role == w.ZONE and s.field == w.ENTRY:
        s.out.flags.add("zone")


def _read_number(s: _Scanner, tokens: Sequence[Token], i: int) -> None:
    _, raw, start, end = tokens[i]
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    before = tokens[i - 1] if i else None
    unit = after[1].lower() if after and after[0] == WORD and after[2] - end <= 1 else ""
    glued = unit if after and after[2] == end else ""
    if (
        (glued == "x" and (s.field == w.LEV or s.strays <= 2))
        or (before and before[1].lower() == "x" and before[3] == start)
        or (unit == "x" and s.field == w.LEV)
    ):
        _take_leverage(s, raw)
        s.open_leverage = True
        return
    if s.open_leverage and s.join == "-" and raw.isdigit() and len(raw) <= 3:
        s.out.leverage.append(float(raw[:6]))
        return
    s.open_leverage = False
    if unit in _UNITS or (after and after[1] in _COIN_SIGNS and after[2] - end <= 1):
        s.join = ""
        return
    if s.skip_line:
        s.out.stray += 1
        return
    index = index_at(tokens, i, expected=s.next_index, fresh=s.fresh)
    if index is not None:
        s.next_index = index + 1
        s.join = ""
        return
    pct = bool(
        (after and after[1] == "%" and after[2] - end <= 1) or (before and before[1] == "%" and start - before[3] <= 1)
    )
    dollar = bool(
        (after and after[1] == "$" and after[2] - end <= 1) or (before and before[1] == "$" and start - before[3] <= 1)
    ) or unit in ("usdt", "usd")
    pct = pct or _opens_percent_range(tokens, i)
    satoshi = unit in ("sat", "sats", "satoshi", "satoshis", "sts")
    for part in _split_list(raw):
        number = Number(
            raw=part, line=s.line, join=s.join, pct=pct, thousand=glued == "k", dollar=dollar, satoshi=satoshi
        )
        _take(s, number)
        s.join = ","
    s.join = ""


def _opens_percent_range(tokens: Sequence[Token], i: int) -> bool:
    """Whether the "%" behind the last of a run of small whole numbers is meant for this one too: `5-7%`."""
    value = 0
    while i < len(tokens) and tokens[i][0] == NUMBER and tokens[i][1].isdigit() and len(tokens[i][1]) <= 2:
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


def _take(s: _Scanner, number: Number) -> None:
    if s.field is None and s.seen_symbol and not s.out.entry and s.strays <= 2 and not number.pct:
        _label(s, w.ENTRY, weak=True)
    if s.field is None or s.strays > _STRAY_WORDS_MAX or (s.strays and not s.labelled and not s.numbers_here):
        s.out.stray += 1
        return
    s.numbers_here += 1
    number.group = s.group
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
    elif s.field == w.LEV and not number.pct:
        _take_leverage(s, number.raw)


def _take_leverage(s: _Scanner, raw: str) -> None:
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
