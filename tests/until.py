"""
The one poller with a deadline, for tests that start real processes.

Everything else runs on virtual time and waits for nothing.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP_S = 0.02


class StillWaiting(AssertionError):
    """What was waited for did not come in time."""


def until(probe: Callable[[], T], *, within_s: float, what: str) -> T:
    """
    Call `probe` until its answer is true and return that answer.

    An OSError of the probe (nobody listens yet, no such file yet) counts as "not yet".
    Raises StillWaiting with `what`, the last answer and the last error.
    """
    deadline = time.monotonic() + within_s
    answer: T | None = None
    error: OSError | None = None
    while time.monotonic() < deadline:
        try:
            answer = probe()
        except OSError as refused:
            error = refused
        else:
            if answer:
                return answer
        time.sleep(STEP_S)
    raise StillWaiting(f"after {within_s} s: {what} (last answer {answer!r}, last error {error!r})")
