"""
The files port: the few things a log asks of a file system, so that tests can break each of them.

Names are relative to one root, with `/` between their parts. All calls are synchronous and block:
they belong into an owned worker thread. Failures are `OSError` with its errno.
"""

from typing import Protocol


class Appending(Protocol):
    """A file that is only ever appended to."""

    def write(self, data: bytes) -> None:
        """Append all of `data`, or raise OSError with any part of it written."""

    def sync(self) -> None:
        """Return once everything written survives power loss."""

    def close(self) -> None:
        """Give the descriptor back. Never raises: what matters was synced before."""


class Lock(Protocol):
    """Held until closed, or until the process is gone."""

    def close(self) -> None: ...


class Files(Protocol):
    """A directory tree."""

    def names(self, below: str = "") -> list[str]:
        """All regular files in the directory `below` and under it, sorted; none when it does not exist."""

    def size(self, name: str) -> int:
        """Bytes in the file."""

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """At most `length` bytes from `offset` on; fewer at the end of the file."""

    def create(self, name: str) -> Appending:
        """Make a new file, its directories too. Raises FileExistsError; never follows a link."""

    def replace(self, name: str, data: bytes) -> None:
        """Write the whole file, durably and all or nothing."""

    def rename(self, name: str, to: str) -> None:
        """Give a whole and synced file in the same directory its final name, durably, in the place of what had it."""

    def truncate(self, name: str, *, size: int) -> None:
        """Cut the file down to `size`, durably."""

    def remove(self, name: str) -> None:
        """Delete the file, durably; nothing happens when it does not exist."""

    def sync_directories(self, name: str) -> None:
        """Return once the directory entries that lead to `name` survive power loss."""

    def reserve(self, name: str, *, size: int) -> None:
        """Have `size` bytes of disk taken by this file."""

    def free_bytes(self) -> int:
        """What an unprivileged process may still write."""

    def lock(self, name: str, *, owner: str) -> Lock:
        """Be the only holder. Raises LockHeld with the other's `owner`."""
