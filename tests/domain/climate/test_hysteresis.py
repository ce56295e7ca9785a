"""A state does not flicker."""

import pytest

from levibotd.domain.climate.hysteresis import settle


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        (0.39, 0, 0),
        (0.4, 0, 1),
        (0.2, 1, 1),
        (0.19, 1, 0),
        (-0.3, 1, 0),
        (-0.4, 1, -1),
        (-0.3, -1, -1),
        (0.3, -1, 0),
        (None, 1, 0),
    ],
)
def test_a_state_is_entered_high_and_left_low(value: float | None, before: int, after: int) -> None:
    assert settle(value, state=before, enter=0.4, leave=0.2) == after
