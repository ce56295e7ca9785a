"""
Files that are written whole, once they are closed: for a replay's log, which nobody reads before it ends.

Making a file costs the system far more than filling it, and a replay of years has a segment an hour. So a
file is gathered in memory and takes three calls in all. They are made in place: a thread of their own would
fight the busy loop for the interpreter, and that costs several times what they do.
"""

import os
from pathlib import Path

from levibotd.adapters.os_files import NEW_FILE, OsFiles
from levibotd.ports.files import Appending


class WholeFiles(OsFiles):
    """
    A directory tree that begins empty and has one writer, who reads nothing back before `finish`.

    No sync does anything: what must survive power loss is not written this way.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._base = os.fspath(root)
        self._made: set[str] = set()
        self._names: dict[str, list[str]] = {"": super().names()}
        self._failure: OSError | None = None

    def names(self, below: str = "") -> list[str]:
        return sorted(self._names.get(below, ()))

    def create(self, name: str) -> Appending:
        """Raises the OSError of the first file that could not be written; FileExistsError."""
        self.finish()
        below, _, _ = name.rpartition("/")
        names = self._names.setdefault(below, [])
        if name in names:
            raise FileExistsError(name)
        names.append(name)
        return _Gathering(self, name)

    def sync_directories(self, name: str) -> None:
        """Nothing: see above."""

    def finish(self) -> None:
        """Every closed file stands in the directory. Raises OSError of the first that could not be written."""
        if self._failure is not None:
            raise self._failure

    def write_whole(self, name: str, data: bytes) -> None:
        """Make the file with all that is in it. A failure is told by `create` and `finish`, and ends all writing."""
        if self._failure is None:
            try:
                self._write(name, data)
            except OSError as failure:
                self._failure = failure

    # There are thousands: nothing is asked twice and no path is taken apart.
    def _write(self, name: str, data: bytes) -> None:
        below = name.rpartition("/")[0]
        if below not in self._made:
            self._make(f"{self._base}/{below}")
            self._made.add(below)
        descriptor = os.open(f"{self._base}/{name}", NEW_FILE, 0o600)
        try:
            while data:  # Written at once, but for a disk that is all but full.
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)

    # Mostly what is above it stands, and it does not.
    def _make(self, directory: str) -> None:
        try:
            os.mkdir(directory, mode=0o700)
        except (FileExistsError, FileNotFoundError):
            os.makedirs(directory, mode=0o700, exist_ok=True)


class _Gathering:
    def __init__(self, files: WholeFiles, name: str) -> None:
        self._files = files
        self._name = name
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def sync(self) -> None:
        """Nothing: see above."""

    def close(self) -> None:
        self._files.write_whole(self._name, b"".join(self._parts))
        self._parts = []
