"""
Files that are written behind the writer's back: for a replay's log, which nobody reads before it ends.

Creating a file costs the system far more than filling it, and a replay of years has a segment an
hour. Here a file is gathered in memory and written whole, by a thread of its own, once it is closed.
"""

import os
from pathlib import Path

from levibotd.adapters.os_files import NEW_FILE, OsFiles
from levibotd.kernel.offload import Background
from levibotd.ports.files import Appending

WAITING_MAX = 64  # Files that may wait for the thread.


class WriteBehindFiles(OsFiles):
    """
    A directory tree that begins empty and has one writer, who reads nothing back before `finish`.

    No sync does anything: what must survive power loss is not written this way.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._base = os.fspath(root)
        self._made: set[str] = set()
        self._names: dict[str, list[str]] = {"": super().names()}
        self._writer: Background[tuple[str, bytes]] = Background("write-behind", self._write, capacity=WAITING_MAX)

    def names(self, below: str = "") -> list[str]:
        return sorted(self._names.get(below, ()))

    def create(self, name: str) -> Appending:
        below, _, _ = name.rpartition("/")
        names = self._names.setdefault(below, [])
        if name in names:
            raise FileExistsError(name)
        names.append(name)
        return _Gathering(name, self._writer)

    def sync_directories(self, name: str) -> None:
        """Nothing: see above."""

    def finish(self) -> None:
        """Return when every closed file is written. Raises OSError of the first that could not be."""
        self._writer.close()

    # Beside a busy loop every line here costs it time, so nothing is asked twice and no path is taken apart.
    def _write(self, item: tuple[str, bytes]) -> None:
        name, data = item
        below = name.rpartition("/")[0]
        if below not in self._made:
            os.makedirs(f"{self._base}/{below}", mode=0o700, exist_ok=True)
            self._made.add(below)
        descriptor = os.open(f"{self._base}/{name}", NEW_FILE, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)


class _Gathering:
    def __init__(self, name: str, writer: Background[tuple[str, bytes]]) -> None:
        self._name = name
        self._writer = writer
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def sync(self) -> None:
        """Nothing: see above."""

    def close(self) -> None:
        self._writer.put((self._name, b"".join(self._parts)))
        self._parts = []
