"""
A first look at a text: its words, once, so that most posts need no closer one.

Most posts are chatter. Whether any of a set of words occurs is one set operation here; the
patterns of `kinds` and the grammar run only where they could find something.
"""

import re

from msgspec import Struct

from levibotd.domain.posts import words as w

STORY_WORDS_MIN = 400  # No call has half as many.
WORDS_MAX = 1000  # A post of more, or of more numbers, says nothing clear, and would take long.
NUMBERS_MAX = 120

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d[\d.,]*")

_CALL_ROLES = frozenset({w.ENTRY, w.BUY, w.SELL, w.LONG, w.SHORT, w.TP, w.STOP, w.TAKE})
_CALL_WORDS = frozenset(word for word, role in w.ROLE_OF.items() if role in _CALL_ROLES) - {"t", "price", "take"}
_SIDE_WORDS = frozenset(word for word, role in w.ROLE_OF.items() if role in (w.BUY, w.LONG, w.SHORT))
_CALL_TAILS = ("long", "short")


class Glance(Struct, frozen=True, kw_only=True):
    """A normalised text, in lower case too, and the set of its words."""

    text: str
    lower: str
    words: frozenset[str]
    count: int  # Of words, each time they occur.

    @property
    def is_dense(self) -> bool:
        """Whether there are more words than in any post of a channel."""
        return self.count > WORDS_MAX

    @property
    def is_story(self) -> bool:
        """Whether this is too long for a call."""
        return self.count >= STORY_WORDS_MIN

    @property
    def has_many_numbers(self) -> bool:
        """Whether there are more numbers than in any call; digits may be more, numbers cannot."""
        return len(_NUMBER.findall(self.text)) > NUMBERS_MAX

    @property
    def names_a_side(self) -> bool:
        """Whether a word of buying or selling is here."""
        return not self.words.isdisjoint(_SIDE_WORDS)

    @property
    def may_call(self) -> bool:
        """Whether fields of a call could be here: two numbers, and a word that names a field or a side."""
        numbers = _NUMBER.finditer(self.text)
        if next(numbers, None) is None or next(numbers, None) is None:
            return False
        if not self.words.isdisjoint(_CALL_WORDS):
            return True
        return any(word.startswith(w.STARTS) or word.endswith(_CALL_TAILS) for word in self.words)


def glance(text: str) -> Glance:
    """Look at `text` (normalised) once."""
    lower = text.lower()
    words = _WORD.findall(lower)
    return Glance(text=text, lower=lower, words=frozenset(words), count=len(words))
