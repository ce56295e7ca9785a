"""When the next run is."""

import pytest

from levibotd.archiving.watch import DAY_S, next_moment

MIDNIGHT = 20_000.0 * DAY_S


@pytest.mark.parametrize(
    ("at", "now", "then"),
    [
        ("03:00", MIDNIGHT, MIDNIGHT + 3 * 3600),
        ("03:00", MIDNIGHT + 3 * 3600 - 1, MIDNIGHT + 3 * 3600),
        ("03:00", MIDNIGHT + 3 * 3600, MIDNIGHT + DAY_S + 3 * 3600),
        ("00:00", MIDNIGHT - 0.5, MIDNIGHT),
        ("23:59", MIDNIGHT, MIDNIGHT + DAY_S - 60),
    ],
)
def test_the_next_moment_is_the_first_one_behind_now(at: str, now: float, then: float) -> None:
    assert next_moment(at, now=now) == then
