"""
The files port on the real file system.

Below its root nothing is ever reached through a link: each directory on the way is opened by its
own descriptor, so that a link that is planted, or slipped in at the last moment, is refused
instead of followed. The root itself may be one; a service manager makes it so.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from levibotd.errors import ConfigError
from levibotd.ports.files import Appending
from levibotd.ports.journal_file import LockHeld

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OsFiles:
    """Files below `root`, which is made when it is first written to. New files are for their owner alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, below: str = "") -> list[str]:
        try:
            with self._folder(below) as folder:
                return sorted(_regular_files(folder, f"{below}/" if below else ""))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def size(self, name: str) -> int:
        with self._folder_of(name) as (folder, leaf):
            return os.stat(leaf, dir_fd=folder, follow_symlinks=False).st_size

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        with self._folder_of(name) as (folder, leaf):
            descriptor = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        with open(descriptor, "rb", buffering=0) as file:
            file.seek(offset)
            if length is None:
                return file.readall() or b""
            return _read_up_to(file.fileno(), length)

    def create(self, name: str) -> Appending:
        with self._folder_of(name, make=True) as (folder, leaf):
            return _OsAppending(os.open(leaf, NEW_FILE, 0o600, dir_fd=folder))

    def replace(self, name: str, data: bytes) -> None:
        temporary = f"{name}.tmp"
        with self._folder_of(name, make=True) as (folder, leaf):
            with suppress(FileNotFoundError):
                os.unlink(f"{leaf}.tmp", dir_fd=folder)
            file = self.create(temporary)
            try:
                file.write(data)
                file.sync()
                os.replace(f"{leaf}.tmp", leaf, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                os.unlink(f"{leaf}.tmp", dir_fd=folder)
                raise
            finally:
                file.close()
            os.fsync(folder)

    def rename(self, name: str, to: str) -> None:
        with self._folder_of(name) as (folder, leaf):
            os.replace(leaf, to.rpartition("/")[2], src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def truncate(self, name: str, *, size: int) -> None:
        with self._folder_of(name) as (folder, leaf):
            descriptor = os.open(leaf, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), self._folder_of(name) as (folder, leaf):
            os.unlink(leaf, dir_fd=folder)
            os.fsync(folder)

    def sync_directories(self, name: str) -> None:
        below = name.rpartition("/")[0]
        while True:
            with self._folder(below) as folder:
                os.fsync(folder)
            if not below:
                break
            below = below.rpartition("/")[0]
        with suppress(PermissionError):  # The root may be our own in a directory that we cannot read.
            sync_directory(self._root.parent)

    def reserve(self, name: str, *, size: int) -> None:
        with self._folder_of(name) as (folder, leaf):
            descriptor = os.open(leaf, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
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

    @contextmanager
    def _folder_of(self, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        below, _, leaf = name.rpartition("/")
        with self._folder(below, make=make) as folder:
            yield folder, leaf

    @contextmanager
    def _folder(self, below: str, *, make: bool = False) -> Iterator[int]:
        if make:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in below.split("/") if below else ():
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


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


# Links are neither told nor entered; what vanishes meanwhile was never there.
def _regular_files(folder: int, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False))
                 for entry in entries]  # fmt: skip
    for name, is_folder, is_file in found:
        if is_file:
            yield f"{prefix}{name}"
        elif is_folder:
            with suppress(OSError):
                inner = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    yield from _regular_files(inner, f"{prefix}{name}/")
                finally:
                    os.close(inner)


def _read_up_to(descriptor: int, length: int) -> bytes:
    parts: list[bytes] = []
    while length > 0 and (part := os.read(descriptor, min(length, 1 << 20))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def sync_directory(path: Path) -> None:
    """Have the names in a directory survive a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
