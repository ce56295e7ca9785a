"""Bad lines of a file: the first ones word for word, of the others how many there are."""

SHOWN_MAX = 20


class BadLines:
    """Collects what is wrong with which line; bounded, however long the file is."""

    def __init__(self) -> None:
        self._count = 0
        self._shown: list[str] = []

    def add(self, said: str) -> None:
        """`said` is file:line: reason."""
        self._count += 1
        if len(self._shown) < SHOWN_MAX:
            self._shown.append(said)

    def __len__(self) -> int:
        return self._count

    @property
    def shown(self) -> tuple[str, ...]:
        return tuple(self._shown)

    @property
    def told(self) -> tuple[str, ...]:
        """Those that are shown, and a line on how many more there are."""
        more = self._count - len(self._shown)
        return (*self._shown, f"and {more} more bad lines") if more else self.shown
