"""What the reader makes of a post, for tests that need nothing but some of it."""

from typing import Any

from msgspec.structs import replace

from levibotd.domain.leg_read import LegRead
from levibotd.domain.records import SignalScored
from levibotd.domain.signal import NO_TRADE, Kind, Leg


def scored(channel: str, *legs: Leg, **changes: Any) -> SignalScored:
    """A sure reading of these legs as a new call, or of whatever `changes` say."""
    kind = changes.get("kind", Kind.NEW)
    label = legs[0].side.value if legs and kind == Kind.NEW else NO_TRADE
    reading = SignalScored(
        channel=channel,
        kind=kind,
        label=label,
        probs={label: 1.0},
        p_call=1.0,
        stale=False,
        legs=tuple(LegRead.of(leg) for leg in legs),
        reasons=(),
        revision=0,
        last_price={},
        markets_as_of=None,
        model_sha="",
        trained_until=None,
    )
    return replace(reading, **changes)
