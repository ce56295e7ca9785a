"""A state that is entered at one level and left at a lower one, so that it does not flicker between two posts."""


def settle(value: float | None, *, state: int, enter: float, leave: float) -> int:
    """
    The state (-1, 0, +1) after `value`, having been in `state` before. `enter` > `leave` > 0.

    It is entered at `enter` on either side, and held until the value falls short of `leave` on that side. What is
    not known is no state.
    """
    if value is None:
        return 0
    if abs(value) >= enter:
        return 1 if value > 0 else -1
    return state if state * value >= leave else 0
