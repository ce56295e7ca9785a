"""
Patterns that are tried only where the words stand without which they cannot match.

A long pattern costs as much as reading a post; to ask for a word costs next to nothing. So a list of signs
is kept in parts, each with words of its own.
"""

import re

from msgspec import Struct

from levibotd.domain.posts.glance import Glance


class Part(Struct, frozen=True):
    """A pattern over the lower-case text, and sets of words of which each has one in any text that matches."""

    needs: tuple[frozenset[str], ...]
    pattern: re.Pattern[str]
    heads: bool = False  # Matches at the beginning of the text, or nowhere.

    def seen(self, look: Glance) -> bool:
        """Whether the pattern matches."""
        for words in self.needs:
            if words.isdisjoint(look.words):
                return False
        found = self.pattern.match(look.lower) if self.heads else self.pattern.search(look.lower)
        return found is not None


class Cue(Struct, frozen=True):
    """Parts of which one is enough, and the words of which each needs at least one."""

    words: frozenset[str]
    parts: tuple[Part, ...]

    def seen(self, look: Glance) -> bool:
        """Whether one of the parts matches."""
        if self.words.isdisjoint(look.words):
            return False
        return any(part.seen(look) for part in self.parts)


def cue(*parts: str) -> Cue:
    """
    Make a cue of needs and patterns, by turns.

    Needs are words split at blanks, one of them has to be there; of words on either side of a `+` one each. A pattern
    that begins with `\\A` is tried at the beginning alone, so that all of its choices must begin there.
    """
    made = tuple(_part(needs, pattern) for needs, pattern in zip(parts[::2], parts[1::2], strict=True))
    return Cue(frozenset().union(*[part.needs[0] for part in made]), made)


def _part(needs: str, pattern: str) -> Part:
    # Texts come with the dotless i folded.
    needs, pattern = needs.replace("ı", "i"), pattern.replace("ı", "i")
    sets = tuple(frozenset(words.split()) for words in needs.split("+"))
    return Part(sets, re.compile(pattern, re.MULTILINE), pattern.startswith(r"\A"))
