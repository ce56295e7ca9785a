"""The smallest parts of a text: numbers, words, signs, line ends. One scanner, linear in the text."""

import re
from collections.abc import Iterator

Token = tuple[int, str, int, int]  # Kind, text, start, end.

NEWLINE, LINK, NUMBER, WORD, SIGN = 1, 2, 3, 4, 5
TOKENS_MAX = 3000  # A post of more says nothing clear.

_TOKEN = re.compile(
    r"(\n)|((?:https?://|www\.|t\.me/)\S+|@[A-Za-z]\w+)|(\d+(?:[.,]\d+)*|(?<![.\d])\.\d+)|([^\W\d_]+)|([^\w\s]|_)"
)


def lines(text: str) -> Iterator[list[Token]]:
    """Yield the tokens of each line, at most TOKENS_MAX in all."""
    line: list[Token] = []
    count = 0
    for hit in _TOKEN.finditer(text):
        kind = hit.lastindex or 0
        if kind == NEWLINE:
            yield line
            line = []
            continue
        count += 1
        if count > TOKENS_MAX:
            break
        line.append((kind, hit.group(), hit.start(), hit.end()))
    yield line
