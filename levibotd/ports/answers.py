"""Where answers to clients are kept so that a restart still has them."""

from collections.abc import Sequence
from typing import Protocol


class AnswerStore(Protocol):
    """Lines of bytes, each without a line feed, in the order in which they were added. Raises OSError."""

    def load(self) -> Sequence[bytes]:
        """All that were added and survived."""

    def renew(self, lines: Sequence[bytes]) -> None:
        """Hold exactly these from now on: all of them or, where that fails, what was there before."""

    def add(self, line: bytes) -> None:
        """Add one; it is on disk when this returns. `renew` comes first."""
