"""The smallest parts of a text: numbers, words, signs, line ends. One scanner, linear in the text."""

import re
from collections.abc import Iterator

from levibotd.domain.posts.refusal import Unsolved

Token = tuple[int, str, int, int]  # Kind, text, start, end.

NEWLINE, LINK, NUMBER, WORD, SIGN = 1, 2, 3, 4, 5
TOKENS_MAX = 1000  # A post of more says nothing clear.
LONG_NUMBER = 200  # Characters. No number has as many, but for lists without a blank.

_TOKEN = re.compile(
    r"(\n)|((?:https?://|www\.|t\.me/)\S+|@[A-Za-z]\w+)|(\d+(?:[.,]\d+)*|(?<![.\d])\.\d+)|([^\W\d_]+)|([^\w\s]|_)"
)


def lines(text: str) -> Iterator[list[Token]]:
    """Yield the tokens of each line. Raises Unsolved past TOKENS_MAX: half a post may say the opposite of the whole."""
    line: list[Token] = []
    count = 0
    for hit in _TOKEN.finditer(text):
        kind = hit.lastindex or 0
        if kind == NEWLINE:
            yield line
            line = []
            continue
        start, end = hit.span()
        is_list = kind == NUMBER and end - start > LONG_NUMBER
        count += (end - start) // 4 if is_list else 1  # "1,2,3,…" is as many as it has parts.
        if count > TOKENS_MAX:
            raise Unsolved("too_many_words")
        line.append((kind, text[start:end], start, end))
    yield line
