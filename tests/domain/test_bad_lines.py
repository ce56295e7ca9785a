"""Bad lines: the first twenty, and how many more."""

import pytest

from levibotd.domain.bad_lines import SHOWN_MAX, BadLines


@pytest.mark.parametrize(("count", "last"), [(0, None), (1, "f:1: no"), (20, "f:20: no"), (21, "and 1 more bad lines")])
def test_the_first_ones_are_told_and_of_the_others_how_many(count: int, last: str | None) -> None:
    bad = BadLines()
    for number in range(1, count + 1):
        bad.add(f"f:{number}: no")

    assert len(bad) == count
    assert bad.shown == tuple(f"f:{number}: no" for number in range(1, min(count, SHOWN_MAX) + 1))
    assert (bad.told[-1] if bad.told else None) == last
