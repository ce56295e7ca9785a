"""The files port on the real file system."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from levibotd.errors import ConfigError
from levibotd.ports.files import Appending
from levibotd.ports.journal_file import LockHeld

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class OsFiles:
    """Files below `root`, which is made when it is first written to. New files are for their owner alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, below: str = "") -> list[str]:
        found: list[str] = []
        start = self._root / below
        for folder, folders, files in os.walk(start):
            folders.sort()
            relative = Path(folder).relative_to(self._root)
            found += [(relative / name).as_posix() for name in files if not Path(folder, name).is_symlink()]
        return sorted(found)

    def size(self, name: str) -> int:
        return os.stat(self._root / name, follow_symlinks=False).st_size

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            file.seek(offset)
            if length is None:
                return file.readall() or b""
            return _read_up_to(file.fileno(), length)

    def create(self, name: str) -> Appending:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _OsAppending(os.open(path, NEW_FILE, 0o600))

    def replace(self, name: str, data: bytes) -> None:
        path = self._root / name
        temporary = f"{name}.tmp"
        with suppress(FileNotFoundError):
            os.unlink(self._root / temporary)
        file = self.create(temporary)
        try:
            file.write(data)
            file.sync()
            os.replace(self._root / temporary, path)
        except OSError:
            os.unlink(self._root / temporary)
            raise
        finally:
            file.close()
        _sync_directory(path.parent)

    def truncate(self, name: str, *, size: int) -> None:
        descriptor = os.open(self._root / name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        path = self._root / name
        with suppress(FileNotFoundError):
            os.unlink(path)
            _sync_directory(path.parent)

    def sync_directories(self, name: str) -> None:
        folder = (self._root / name).parent
        while True:
            _sync_directory(folder)
            if folder == self._root:
                break
            folder = folder.parent
        with suppress(PermissionError):  # The root may be our own in a directory that we cannot read.
            _sync_directory(self._root.parent)

    def reserve(self, name: str, *, size: int) -> None:
        path = self._root / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)

    def free_bytes(self) -> int:
        space = os.statvfs(self._root)
        return space.f_bavail * space.f_frsize

    def lock(self, name: str, *, owner: str) -> "_OsLock":
        """Raises LockHeld; ConfigError when this process may not write here."""
        path = self._root / name
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except (PermissionError, NotADirectoryError, FileExistsError) as fault:
            raise ConfigError(f"log.dir: cannot write {path}: {fault.strerror}") from fault
        except OSError as fault:
            if fault.errno not in (errno.EROFS, errno.ELOOP):
                raise
            raise ConfigError(f"log.dir: cannot write {path}: {fault.strerror}") from fault
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 100, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise LockHeld(f"{path} is held by another process (boot {holder or 'unknown'})") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{owner}\n".encode(), 0)
        return _OsLock(descriptor)


class _OsAppending:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


class _OsLock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


def _read_up_to(descriptor: int, length: int) -> bytes:
    parts: list[bytes] = []
    while length > 0 and (part := os.read(descriptor, min(length, 1 << 20))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
