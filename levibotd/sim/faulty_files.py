"""
A file system in memory that has bad days: power cuts, failing descriptors, full disks, torn writes.

It models what a real one promises and no more: bytes survive a power cut once `sync` returned and
the directory was synced too; after a failed `sync` nobody may count on what was written before.
"""

import errno
from collections.abc import Callable
from random import Random

from levibotd.ports.journal_file import LockHeld


class Killed(BaseException):
    """The process ended in the middle of a write. Not an Exception: nothing may handle it."""


class FaultyFiles:
    """
    The files port in memory. Plan faults with `fail_next`, `capacity` and `kill_after_bytes`.

    `after_kill` is what the next process finds, `after_power_loss` what the next boot finds.
    """

    def __init__(self, *, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.kill_after_bytes: int | None = None
        self.slow: Callable[[], None] | None = None  # Called by each sync, before it returns.
        self.syncs = 0
        self._files: dict[str, _File] = {}
        self._owner: str | None = None
        self._faults: dict[str, list[int]] = {}

    def fail_next(self, call: str, *, code: int = errno.EIO, times: int = 1) -> None:
        """
        The next `times` of this call fail with `code`.

        `call`: `write`, `sync`, `create`, `replace`, `rename`, `sync_directories` or `remove`.
        """
        self._faults.setdefault(call, []).extend([code] * times)

    def after_kill(self) -> "FaultyFiles":
        """What was written is there: a page cache outlives its process. The lock is free."""
        files = FaultyFiles(capacity=self.capacity)
        files._files = {name: file.copy() for name, file in self._files.items()}
        return files

    def after_power_loss(self, random: Random) -> "FaultyFiles":
        """Unsynced bytes are gone, but for a piece that happened to reach the disk; unsynced names may be gone."""
        files = FaultyFiles(capacity=self.capacity)
        for name, file in self._files.items():
            if not file.is_linked and random.random() < 0.5:
                continue
            kept = file.copy()
            lucky = random.randint(0, len(file.data) - file.synced)
            del kept.data[file.synced + lucky :]
            kept.synced = len(kept.data)
            kept.is_linked = True
            files._files[name] = kept
        return files

    def names(self, below: str = "") -> list[str]:
        prefix = f"{below}/" if below else ""
        return sorted(name for name in self._files if name.startswith(prefix))

    def size(self, name: str) -> int:
        return len(self._found(name).data)

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = self._found(name).data
        return bytes(data[offset:] if length is None else data[offset : offset + length])

    def create(self, name: str) -> "_Appending":
        self._maybe_fail("create")
        if name in self._files:
            raise FileExistsError(errno.EEXIST, "exists", name)
        self._files[name] = file = _File()
        return _Appending(self, file)

    def replace(self, name: str, data: bytes) -> None:
        self._maybe_fail("replace")
        file = _File(data)
        file.synced = len(file.data)
        file.is_linked = True
        self._files[name] = file

    def rename(self, name: str, to: str) -> None:
        self._maybe_fail("rename")
        file = self._found(name)
        del self._files[name]
        self._files[to] = file
        file.is_linked = True

    def truncate(self, name: str, *, size: int) -> None:
        file = self._found(name)
        del file.data[size:]
        file.synced = len(file.data)

    def remove(self, name: str) -> None:
        self._maybe_fail("remove")
        self._files.pop(name, None)

    def sync_directories(self, name: str) -> None:
        self._maybe_fail("sync_directories")
        folder = name.rpartition("/")[0]
        for other, file in self._files.items():
            if other.rpartition("/")[0] == folder:
                file.is_linked = True

    def reserve(self, name: str, *, size: int) -> None:
        if name in self._files:
            return
        if self._room() < size:
            raise OSError(errno.ENOSPC, "no space left", name)
        self.replace(name, bytes(size))

    def free_bytes(self) -> int:
        return self._room()

    def lock(self, name: str, *, owner: str) -> "_Lock":
        if self._owner is not None:
            raise LockHeld(f"{name} is held by another process (boot {self._owner})")
        self._owner = owner
        return _Lock(self)

    def flip(self, name: str, *, offset: int, bit: int = 0) -> None:
        """Bit rot."""
        self._found(name).data[offset] ^= 1 << bit

    def overwrite(self, name: str, data: bytes) -> None:
        """Somebody else edits the file."""
        self._found(name).data[:] = data

    def _found(self, name: str) -> "_File":
        if name not in self._files:
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        return self._files[name]

    def _room(self) -> int:
        if self.capacity is None:
            return 1 << 40
        return max(0, self.capacity - sum(len(file.data) for file in self._files.values()))

    def _maybe_fail(self, call: str) -> None:
        if planned := self._faults.get(call):
            raise OSError(planned.pop(0), "planned fault", call)


class _File:
    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.synced = 0
        self.is_linked = False

    def copy(self) -> "_File":
        other = _File(bytes(self.data))
        other.synced, other.is_linked = self.synced, self.is_linked
        return other


class _Appending:
    def __init__(self, files: FaultyFiles, file: _File) -> None:
        self._files = files
        self._file = file

    def write(self, data: bytes) -> None:
        files = self._files
        room = files._room()
        if files.kill_after_bytes is not None:
            if files.kill_after_bytes < len(data):
                self._file.data += data[: files.kill_after_bytes]
                raise Killed
            files.kill_after_bytes -= len(data)
        if room < len(data):
            self._file.data += data[:room]
            raise OSError(errno.ENOSPC, "no space left")
        try:
            files._maybe_fail("write")
        except OSError:
            self._file.data += data[: len(data) // 2]
            raise
        self._file.data += data

    def sync(self) -> None:
        files = self._files
        files.syncs += 1
        if files.slow is not None:
            files.slow()
        try:
            files._maybe_fail("sync")
        except OSError:
            # The kernel drops the dirty pages and calls them clean: the bytes are lost, a later sync says all is well.
            lost = len(self._file.data) - self._file.synced
            self._file.data[self._file.synced :] = bytes(lost)
            raise
        self._file.synced = len(self._file.data)

    def close(self) -> None:
        pass


class _Lock:
    def __init__(self, files: FaultyFiles) -> None:
        self._files = files

    def close(self) -> None:
        self._files._owner = None
