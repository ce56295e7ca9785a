"""How far away a channel puts its stops: what stands in for one that a post leaves out."""

from levibotd.domain.cards.calls import stop_distance
from levibotd.domain.records import SignalScored
from levibotd.domain.remembering import remember
from levibotd.domain.signal import Kind

CHANNELS_MAX = 1_000
STOPS_PER_CHANNEL_MAX = 50


def note_stops(stops: dict[str, list[float]], record: SignalScored) -> None:
    """Keep the stop distances of a new call's legs, by channel, the newest last. Whatever else the post is, nothing."""
    if record.kind != Kind.NEW:
        return
    for leg in record.legs:
        distance = stop_distance(leg)
        if distance is None:
            continue
        distances = stops.get(record.channel)
        if distances is None:
            distances = []
            remember(stops, record.channel, distances, limit=CHANNELS_MAX)
        distances.append(distance)
        del distances[:-STOPS_PER_CHANNEL_MAX]
