"""How far away a channel puts its stops, and how much of that is remembered."""

from collections.abc import Iterable

import pytest

from levibotd.domain.posted_stops import CHANNELS_MAX, STOPS_PER_CHANNEL_MAX, note_stops
from levibotd.domain.records import SignalScored
from levibotd.domain.signal import Kind, Leg, Side
from tests.domain.readings import scored


def call(channel: str, stops: Iterable[float | None], *, kind: Kind = Kind.NEW) -> SignalScored:
    legs = (Leg(symbol="A/USDT", side=Side.BUY, entry=(100.0,), sl=stop) for stop in stops)
    return scored(channel, *legs, kind=kind)


def test_the_stops_of_a_call_are_kept_by_channel_the_newest_last() -> None:
    stops: dict[str, list[float]] = {}
    note_stops(stops, call("@a", [95.0, None, 90.0]))
    note_stops(stops, call("@b", [80.0]))
    note_stops(stops, call("@a", [97.0]))

    assert stops == {"@a": pytest.approx([0.05, 0.1, 0.03]), "@b": pytest.approx([0.2])}


def test_what_is_no_new_call_or_names_no_stop_leaves_no_trace() -> None:
    stops: dict[str, list[float]] = {}
    note_stops(stops, call("@a", [95.0], kind=Kind.UPDATE))
    note_stops(stops, call("@a", [None]))

    assert stops == {}


def test_only_the_newest_stops_of_the_newest_channels_are_kept() -> None:
    stops: dict[str, list[float]] = {}
    for number in range(STOPS_PER_CHANNEL_MAX + 1):
        note_stops(stops, call("@a", [99.0 - number / 10]))
    assert len(stops["@a"]) == STOPS_PER_CHANNEL_MAX
    assert stops["@a"][0] == pytest.approx(0.011)

    for number in range(CHANNELS_MAX + CHANNELS_MAX // 8):
        note_stops(stops, call(f"@{number}", [95.0]))
    assert "@a" not in stops
    assert len(stops) <= CHANNELS_MAX + CHANNELS_MAX // 8
