"""
Typed number candidates: which field of a call each number of a text may belong to.

One scanner goes over the text once; words set the field, numbers fall into it, and what a
number can be (price, percent, leverage, index, duration) is decided by its neighbours.
Nothing here knows what a sensible price is: that is the solver's work.
"""

import re
from collections.abc import Sequence

from levibotd.domain.posts import words as w
from levibotd.domain.posts.fields import Fields
from levibotd.domain.posts.scan import STRAY_WORDS_MAX, Scan, label
from levibotd.domain.posts.scan_numbers import read_number
from levibotd.domain.posts.scan_words import read_word
from levibotd.domain.posts.tokens import NUMBER, SIGN, WORD, Token, lines
from levibotd.domain.posts.words import ROLE_OF

SYMBOL_MARK = "\x01"  # Stands in the text where a coin was named.

# Each begins with a sign of its own and looks back from there, so that the engine skips all others.
_DURATION = re.compile(
    r"\d(?<![\w.,]\d)(?:\d{0,2}\s?[-_]?\s?\d{1,3}|\d{0,2})\s?[-_]?\s?"
    r"(?:hours?|hrs?|h|minutes?|mins?|days?|weeks?|months?|d|w|am|pm|utc|gmt|st|nd|rd|th)(?![A-Za-z])",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"[HhDdWwM](?<![A-Za-z\d].)(?:(?<=[Hh])[1-9]\d?|(?<=[DdWw])1|(?<=M)(?:1|5|15|30))(?![A-Za-z\d.,])"
)  # "H4", "D1".
_INITIALS = re.compile(r"([STst])(?<![A-Za-z].)\s?[./]\s?([LPlp])(?![A-Za-z])")  # "S.L", "T/P"
# "(1:2.5)", "(2R)"
_REWARD = re.compile(r"[(\[]\s?\d{1,2}(?:\.\d{1,2})?\s?(?::\s?\d{1,2}(?:\.\d{1,2})?\s?R?|R)\s?[)\]]", re.IGNORECASE)
_DATE = re.compile(  # "14.03.2025", "2025-03-14 12:45", "14.03.25, 12:45:30", "12:45 UTC"
    r"\d(?<![\d.,:/]\d)(?:(?:\d?[./-]\d{1,2}[./-]20\d\d|(?<=2)0\d\d[./-]\d{1,2}[./-]\d{1,2}|"
    r"(?:(?<=[0-3])\d)?\.[01]?\d\.[12]\d)(?![\d.]\d)(?:,?[ T]{1,2}\d{1,2}:\d\d(?::\d\d)?)?|"
    r"\d?:\d\d(?::\d\d|(?::\d\d)?\s?(?:UTC|GMT|MSK|IST|[AP]M)\b))",
    re.IGNORECASE,
)
_YEAR = re.compile(r"20\d\d|\.[12]\d(?!\d)")
_EMOJI = {
    "🎯": w.TP,
    "🛑": w.STOP,
    "⛔": w.STOP,
    "❌": w.STOP,
    "🚫": w.STOP,
}  # Where no word says what the number behind is.
_BEHIND = frozenset({w.ENTRY, w.TP, w.STOP})  # What may stand behind its numbers.
_JOINERS = frozenset("-/|,:~+_.>=;")


def collect(text: str) -> Fields:
    """Read `text` (normalised, coins replaced by SYMBOL_MARK) into its fields. Linear in its length."""
    scanner = Scan()
    dated = ":" in text or _YEAR.search(text) is not None
    plain = _DURATION.sub(" ", _FRAME.sub(" ", _DATE.sub(" ", text) if dated else text))
    plain = _REWARD.sub(" ", plain)
    for line in lines(_INITIALS.sub(r"\1\2", plain)):
        _read_line(scanner, _label_first(line))
    return scanner.out


def _label_first(tokens: list[Token]) -> list[Token]:
    """Turn "6.85 - 6.95 entry" around, where the one word of a line names the numbers before it."""
    if len(tokens) < 2 or tokens[-1][0] != WORD or ROLE_OF.get(tokens[-1][1].lower()) not in _BEHIND:
        return tokens
    if any(kind == WORD for kind, _, _, _ in tokens[:-1]) or all(kind != NUMBER for kind, _, _, _ in tokens):
        return tokens
    return [tokens[-1], *tokens[:-1]]


def _read_line(s: Scan, tokens: Sequence[Token]) -> None:
    s.line += 1
    s.sentence += 1
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
    if s.after_side and all(kind != WORD for kind, _, _, _ in tokens) and not s.out.entry:
        label(s, w.ENTRY, weak=True)
    s.after_side = False
    for i, (kind, word, _, end) in enumerate(tokens):
        if kind == WORD:
            read_word(s, tokens, i)
        elif kind == NUMBER:
            read_number(s, tokens, i)
        elif kind == SIGN:
            if word == SYMBOL_MARK:
                s.seen_symbol = True
            elif word in _EMOJI:
                _read_emoji(s, tokens, i)
            elif word in _JOINERS:
                s.join += word
                if word == "." and i + 1 < len(tokens) and tokens[i + 1][0] == WORD and tokens[i + 1][2] > end:
                    s.sentence += 1
    _end_line(s, tokens)


def _read_emoji(s: Scan, tokens: Sequence[Token], i: int) -> None:
    """Let a sign be a label where a price follows it at once: "🎯 3.48", not "🎯 Target 3.48", "Entry 🎯 3.41"."""
    behind = [kind for kind, word, _, _ in tokens[i + 1 : i + 3] if word != "$"]
    waiting = s.labelled and s.fresh and not s.weak and s.field is not None
    if behind and behind[0] == NUMBER and not waiting:
        label(s, _EMOJI[tokens[i][1]])


def _end_line(s: Scan, tokens: Sequence[Token]) -> None:
    if s.weak and s.fresh and tokens and tokens[-1][1] == ":":
        s.weak = False
    s.after_side = s.weak and s.fresh and not s.strays and not s.numbers_here
    if s.weak or s.field == w.SKIP or (s.field == w.LEV and not s.fresh):
        s.field = None
        s.weak = False
    elif s.strays > STRAY_WORDS_MAX and not s.numbers_here:
        s.field = None
