"""
A pattern that is tried only where one of its words occurs.
"""

import re

from msgspec import Struct

from levibotd.domain.posts.glance import Glance


class Cue(Struct, frozen=True):
    """A pattern over the lower-case text, and the words without which it cannot match."""

    needs: frozenset[str]
    pattern: re.Pattern[str]

    def seen(self, look: Glance) -> bool:
        """Whether the pattern matches."""
        return not self.needs.isdisjoint(look.words) and self.pattern.search(look.lower) is not None


def cue(needs: str, pattern: str) -> Cue:
    """Make a cue of the words it `needs` (one at least, split at blanks) and its pattern."""
    # Texts come with the dotless i folded.
    needs, pattern = needs.replace("ı", "i"), pattern.replace("ı", "i")
    return Cue(frozenset(needs.split()), re.compile(pattern, re.MULTILINE))
