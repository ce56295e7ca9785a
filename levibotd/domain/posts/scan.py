"""
What a scan over a text remembers from word to word and from line to line.
"""

from levibotd.domain.posts.fields import Fields

STRAY_WORDS_MAX = 3  # With more words beside them, numbers are told in a story.


class Scan:
    """The state of one scan; `words` and `numbers` change it, `candidates` reads what came of it."""

    def __init__(self) -> None:
        self.out = Fields()
        self.field: int | None = None
        self.weak = False
        self.fresh = False  # The label has not taken a number yet.
        self.labelled = False  # This line has a label of its own.
        self.strays = 0  # Unknown words of this line.
        self.skip_line = False
        self.after_side = False  # The line before said a side, and no more.
        self.line = 0
        self.sentence = 0  # A line has one or more.
        self.join = ""
        self.seen_symbol = False
        self.next_index = 1
        self.numbers_here = 0
        self.group = 0
        self.open_leverage = False  # "x10-20": what follows the dash is leverage too.


def label(s: Scan, field: int | None, *, weak: bool = False) -> None:
    """Open a new label: what numbers follow fall into `field`, None for none."""
    s.field = field
    s.weak = weak
    s.fresh = True
    s.labelled = True
    s.strays = 0
    s.join = ""
    s.open_leverage = False
    s.group += 1
