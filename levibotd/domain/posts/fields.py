"""
What one stretch of text says, field by field: numbers as written, and the words beside them.

`candidates` fills it, `solver` reads it; neither knows the other.
"""

from msgspec import Struct


class Number(Struct):
    """One number as written. `join` is what stood between it and the number before it in its field."""

    raw: str
    line: int
    sentence: int = 0
    group: int = 0  # Numbers under one label share it.
    join: str = ""
    pct: bool = False
    thousand: bool = False
    dollar: bool = False
    satoshi: bool = False


class Fields(Struct):
    """What one text segment says, field by field. Filled by `collect`, read by the solver."""

    entry: list[Number] = []
    tps: list[Number] = []
    sls: list[Number] = []
    sells: list[Number] = []  # After a bare "sell": entry of a short or targets of a long.
    leverage: list[float] = []
    roles: set[int] = set()
    flags: set[str] = set()
    stray: int = 0  # Numbers that no field took.
    unread: list[Number] = []  # The same, where they may be prices.
    unread_stops: list[Number] = []  # Behind a word for stops, and too many words that say nothing to us.
    skipped: list[Number] = []  # Under a label of no meaning to us.
    now_line: int = 0  # Where "now" or "market" stood beside the entry; 0 = nowhere.
    below: set[int] = set()  # Lines with "below" or "under" beside the entry.
    above: set[int] = set()
    current: set[int] = set()  # Groups that only tell the current price.
    sides: set[int] = set()  # Sentences with a word of buying or selling.
    told: dict[int, int] = {}  # Words of no meaning to us, by sentence: many of them make a story.
