"""Shows that a check sees a planted fault."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.strategies import SearchStrategy

Example = TypeVar("Example")


def expect_caught(check: Callable[[Example], None], strategy: SearchStrategy[Example], *, examples: int = 500) -> None:
    """Fail unless `check` raises AssertionError for one of many examples."""

    def caught(example: Example) -> bool:
        try:
            check(example)
        except AssertionError:
            return True
        return False

    quick = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    find(strategy, caught, settings=quick)  # Raises NoSuchExample when all pass.
