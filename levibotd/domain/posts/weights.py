"""How a post shares its position among its targets, where it says so beside each of them: `51000_25%`."""

import re

from levibotd.domain.leg_read import LegRead
from levibotd.domain.posts.normalise import normalise
from levibotd.domain.signal import Leg, Side

WHOLE = 101.0  # Percent; thirds are rounded.

_WEIGHED = re.compile(r"(?<![\d.,_])(?P<price>\d[\d.,]*)\s?_\s?(?P<share>\d{1,3}(?:\.\d+)?)\s?%")


def written_weights(text: str, leg: Leg | LegRead) -> tuple[float, ...]:
    """
    Return what `text` gives to each target of `leg` in percent, nearest target first.

    Empty where not each of them has one share of its own, or where all of them come to more than the whole.
    """
    if "_" not in text or not leg.tps:
        return ()
    shares: dict[float, set[float]] = {}
    for match in _WEIGHED.finditer(normalise(text)):
        try:
            price = float(match["price"].replace(",", ""))
        except ValueError:
            continue
        shares.setdefault(price, set()).add(float(match["share"]))
    found: list[float] = []
    for target in sorted(map(float, leg.tps), reverse=leg.side is Side.SELL):
        named = shares.get(target, set())
        if len(named) != 1:
            return ()
        found += named
    return tuple(found) if min(found) > 0 and sum(found) <= WHOLE else ()
