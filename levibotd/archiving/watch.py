"""What there is to see of the archive while it works, and what of that outlives a crash of its actor."""

from levibotd.domain.archive import ArchiveOutcome

DAY_S = 86_400


class Watch:
    """Written by the archiver alone, read by metrics and HTTP. `next_at` is unix seconds."""

    def __init__(self) -> None:
        self.running_since: float | None = None
        self.last: ArchiveOutcome | None = None  # Of this life of the process.
        self.next_at: float | None = None
        self.unverified_bytes = 0


def next_moment(at: str, *, now: float) -> float:
    """The next time it is `at` (HH:MM, UTC), in unix seconds."""
    hour, _, minute = at.partition(":")
    moment = now - now % DAY_S + int(hour) * 3600 + int(minute) * 60
    return moment if moment > now else moment + DAY_S
