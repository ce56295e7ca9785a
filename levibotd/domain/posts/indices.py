"""
Which numbers only count: "1)", "TP1", "Target 2:" and the ".1" of "Target .1". They are never prices.
"""

from collections.abc import Sequence

from levibotd.domain.posts import words as w
from levibotd.domain.posts.tokens import NUMBER, SIGN, WORD, Token
from levibotd.domain.posts.words import ROLE_OF

INDEX_MAX = 20

_LABELS = frozenset({w.TP, w.SELL, w.BUY, w.ENTRY, w.STOP, w.PROFIT})


def index_at(tokens: Sequence[Token], i: int, *, expected: int, fresh: bool) -> int | None:
    """
    Return what the number at `i` counts, or None if it may be a price.

    `expected` is the next number of the list so far; `fresh` = its label has no number yet.
    """
    _, raw, _, end = tokens[i]
    if len(raw) > 2 or not raw.isdigit() or int(raw) > INDEX_MAX:
        return _dotted(tokens, i, expected=expected)
    value = int(raw)
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if after is None:
        return value if fresh and _follows_label(tokens, i) and value in (1, expected) else None
    if after[1] == "%":
        return None
    if after[1] == ")" and not _opened(tokens, i):
        return value
    if value == expected and _opens_line(tokens, i) and not (after[1].isascii() or after[1].isalnum()):
        return value  # Also before a word: "5 👉 Moon".
    if value == expected and _opens_list_item(tokens, i):
        return value
    likely = value in (1, expected - 1, expected, expected + 1)
    more = any(token[0] == NUMBER for token in tokens[i + 1 :])
    if more and likely and len(tokens) > i + 2 and _opens_line(tokens, i) and _parts(after[1]):
        return value
    if not _follows_label(tokens, i) or not (more or after[1] in ":=-)" or (after[1] == "." and value == expected > 1)):
        return None
    if after[1] in "-/|," and after[2] == end and not likely:
        return None
    return value if likely or after[1] in ":=)" else None


def _opens_list_item(tokens: Sequence[Token], i: int) -> bool:
    """Whether a count stands before a price: "1: 0.264 2: 0.293" in a line, "2 0.0305" at the head of one."""
    colon = i + 1 < len(tokens) and tokens[i + 1][1] == ":"
    at = i + (2 if colon else 1)
    if at < len(tokens) and tokens[at][1] == "$":
        at += 1
    if at >= len(tokens) or tokens[at][0] != NUMBER or "." not in tokens[at][1]:
        return False
    if colon:
        return tokens[at][2] > tokens[i + 1][3]  # "1:2.5" compares.
    return tokens[i][1] != "1" and _opens_line(tokens, i)


def _parts(sign: str) -> bool:
    """Whether this sign parts a count from what it counts: "1)", "1 -", or a pointing hand."""
    return sign in ")-.:/=>]" or not (sign.isascii() or sign.isalnum())


def _dotted(tokens: Sequence[Token], i: int, *, expected: int) -> int | None:
    raw = tokens[i][1]
    if not (raw.startswith(".") and len(raw) <= 3 and _follows_label(tokens, i) and i + 1 < len(tokens)):
        return None
    value = int(raw[1:])
    return value if tokens[i + 1][1] in ":=-)" and value in (1, expected) else None


def _opens_line(tokens: Sequence[Token], i: int) -> bool:
    return all(token[0] == SIGN and token[1] not in "$-" for token in tokens[:i])


def _opened(tokens: Sequence[Token], i: int) -> bool:
    """Whether the ")" behind closes a bracket: "(4)" is a count only behind a word for targets."""
    return any(token[1] == "(" for token in tokens[max(0, i - 3) : i]) and _role_before(tokens, i) != w.TP


def _role_before(tokens: Sequence[Token], i: int) -> int | None:
    for kind, word, _, _ in reversed(tokens[max(0, i - 3) : i]):
        if kind == WORD:
            return ROLE_OF.get(word.lower())
    return None


def _follows_label(tokens: Sequence[Token], i: int) -> bool:
    """Whether the word right before names targets, entries or stops; "#", "(" and "." may stand between."""
    j = i - 1
    while j >= 0 and tokens[j][0] == SIGN and tokens[j][1] in "#(.°":
        j -= 1
    return j >= 0 and tokens[j][0] == WORD and w.role_of(tokens[j][1]) in _LABELS
