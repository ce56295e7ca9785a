"""One line that says how far a long command is: on a terminal only, and gone when it is done."""

from types import TracebackType
from typing import TextIO

_CLEAR = "\r\x1b[K"


class Progress:
    """Rewrites its line with each `show`; says nothing where nobody watches."""

    def __init__(self, err: TextIO) -> None:
        self._err = err
        self._watched = err.isatty()
        self._shown = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, text: str) -> None:
        if self._watched:
            self._err.write(f"{_CLEAR}{text}")
            self._err.flush()
            self._shown = True

    def clear(self) -> None:
        """Take the line away, so that something else can be written in its place."""
        if self._shown:
            self._err.write(_CLEAR)
            self._err.flush()
            self._shown = False
