"""
The steps of the archive, each safe to be asked for again, whatever became of it the first time.

What is done is committed to the log as soon as it is, and looked up there before anything is done:
a process that ended between the two does the same thing once more, and finds it done.
"""

from collections.abc import Awaitable, Callable
from hashlib import md5, sha256
from io import BytesIO
from typing import Protocol, TypeVar

from msgspec import Struct

from levibotd.archiving.fetching import fetch, fetch_manifest, is_as_sent, manifests
from levibotd.domain.archive import (
    BAD_OBJECT,
    PREFIX,
    ArchiveBook,
    ArchiveCompressed,
    ArchivedFile,
    ArchiveManifested,
    ArchivePruned,
    ArchiveSealed,
    ArchiveUploaded,
    ArchiveVerified,
    ClosedSegment,
    ManifestFile,
    Stage,
    manifest_key,
    manifest_of,
    object_key,
)
from levibotd.domain.records import Record
from levibotd.errors import Refused
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock
from levibotd.ports.closed_segments import ClosedSegments, Measured, Packed
from levibotd.ports.object_store import AlreadyThere, Content, NotThere, ObjectStore

R = TypeVar("R", covariant=True)


class LogRolledBack(Refused):
    """The bucket knows records that this log does not have, or has otherwise: it is an older copy, or another's."""

    code = "LOG_ROLLBACK"

    def __init__(self, message: str, *, manifest: str) -> None:
        super().__init__(message, reason="log_rollback")
        self.manifest = manifest


class StepFailed(Refused):
    """One segment or one day cannot go on; others can. `reason` is its stable word."""

    code = "ARCHIVE_STEP_FAILED"

    def __init__(self, message: str, *, step: str, subject: str, reason: str) -> None:
        super().__init__(message, reason=reason)
        self.step = step
        self.subject = subject


class ArchiveSetup(Struct, frozen=True, kw_only=True):
    """
    What the archive works with.

    `book` is the fold over what was committed; `commit` returns when the record stands. `at_point`
    is called at each of `domain.archive.POINTS`: where tests end the process.
    """

    segments: ClosedSegments
    store: ObjectStore
    book: Callable[[], ArchiveBook]
    commit: Callable[[Record], Awaitable[None]]
    clock: Clock
    installation: str
    at_point: Callable[[str], None] = lambda point: None

    @property
    def prefix(self) -> str:
        """Installations may share a bucket."""
        return f"{PREFIX}{self.installation}"


class Steps:
    """From a closed segment to one that is safe elsewhere. One caller at a time."""

    def __init__(self, setup: ArchiveSetup) -> None:
        self._setup = setup

    async def compare(self, *, is_accepted: Callable[[str], bool]) -> None:
        """
        Hold the newest manifest in the bucket against this log. Raises LogRolledBack.

        A manifest that a human has accepted to differ (`is_accepted`) is passed over.
        """
        names = await manifests(self._setup.store, self._setup.prefix)
        if not names or is_accepted(names[-1].key):
            return
        newest = await fetch_manifest(self._setup.store, names[-1].key)
        if newest.last_seq <= self._setup.book().pruned_to:
            return
        listing = await offload.call(self._setup.segments.listing)
        at = next((one for one in listing.closed if one.last_seq == newest.last_seq), None)
        if at is None or at.last_hash != newest.last_hash:
            what = "is not in this log" if at is None else "is another record here"
            raise LogRolledBack(
                f"the archive of {newest.day} ends with seq {newest.last_seq}, which {what}", manifest=names[-1].key
            )

    async def file(self, one: ClosedSegment) -> None:
        """Bring one segment to VERIFIED. Raises StepFailed, and what store and disk raise."""
        file = self._setup.book().files.get(one.path)
        if file is None or (file.size, file.last_seq) != (one.size, one.last_seq):
            file = await self._seal(one)
        if file.stage is Stage.SEALED:
            file = await self._compress(file)
        if file.stage is Stage.COMPRESSED:
            file = await self._upload(file)
        if file.stage is Stage.UPLOADED:
            await self._verify(file)
        await offload.call(self._setup.segments.drop_packed, file.path)
        self._setup.at_point("copy_dropped")

    async def manifest(self, day: str, closed: list[ClosedSegment]) -> None:
        """Write down in the bucket what a day consists of, once all of it is verified there."""
        book, known = self._setup.book(), self._setup.book().days.get(day)
        files = [book.files[one.path] for one in closed]
        gone: tuple[ManifestFile, ...] = ()
        if known is not None and known.pruned:
            before = await fetch_manifest(self._setup.store, known.key)
            here = {file.path for file in files}
            gone = tuple(file for file in before.files if file.path not in here)
        made = manifest_of(files, installation=self._setup.installation, day=day, gone=gone)
        data = made.to_bytes()
        digest = sha256(data).hexdigest()
        revision = 0 if known is None else known.revision + (known.sha256 != digest)
        key = manifest_key(self._setup.prefix, day, last_seq=made.last_seq, revision=revision, digest=digest)
        await self._put(key, _content(data), step="manifest", subject=day)
        self._setup.at_point("manifest_put")
        # Read back always: it is what everything else is found by.
        await fetch_manifest(self._setup.store, key)
        await self._setup.commit(
            ArchiveManifested(
                day=day,
                key=key,
                sha256=digest,
                paths=tuple(file.path for file in files),
                size=made.size,
                first_seq=made.first_seq,
                last_seq=made.last_seq,
                last_hash=made.last_hash,
                at=self._now(),
            )
        )
        self._setup.at_point("manifested.after")

    async def prune(self, file: ArchivedFile, *, forget: Callable[[int], Awaitable[None]]) -> None:
        """
        Delete one segment here, after it was read back from the store in full a moment before.

        It is written down first: what the log calls pruned and is still here, the next run deletes. `forget`
        is told the last seq that is going, before it goes.
        """
        await self._read_back(file, step="prune")
        here = await _through(self._setup.segments.measure(file.path).step)
        if here != Measured(size=file.size, sha256=file.sha256):
            raise StepFailed(f"{file.path}: changed since it was sealed", step="prune", subject=file.path,
                             reason="changed")  # fmt: skip
        self._setup.at_point("read_back")
        await self._setup.commit(
            ArchivePruned(
                path=file.path,
                key=file.key,
                size=file.size,
                last_seq=file.last_seq,
                last_hash=file.last_hash,
                at=self._now(),
            )
        )
        self._setup.at_point("pruned.after")
        await forget(file.last_seq)
        self._setup.at_point("forgotten")
        await self.remove(file.path)

    async def remove(self, path: str) -> None:
        """Delete a segment that the log calls pruned."""
        await offload.call(self._setup.segments.remove, path)
        self._setup.at_point("unlinked")

    # --- One after the other ----------------------------------------------------------------

    async def _seal(self, one: ClosedSegment) -> ArchivedFile:
        if one.last_seq is None:
            raise StepFailed(f"{one.path}: damaged, so nobody can say where it ends", step="seal", subject=one.path,
                             reason="damaged")  # fmt: skip
        measured = await _through(self._setup.segments.measure(one.path).step)
        self._setup.at_point("measured")
        await self._setup.commit(
            ArchiveSealed(
                path=one.path,
                size=measured.size,
                sha256=measured.sha256,
                first_seq=one.first_seq,
                last_seq=one.last_seq,
                last_hash=one.last_hash,
                at=self._now(),
            )
        )
        self._setup.at_point("sealed.after")
        return self._setup.book().files[one.path]

    async def _compress(self, file: ArchivedFile) -> ArchivedFile:
        packed = await self._pack(file)
        await self._setup.commit(
            ArchiveCompressed(path=file.path, size=packed.size, sha256=packed.sha256, md5=packed.md5, at=self._now())
        )
        self._setup.at_point("compressed.after")
        return self._setup.book().files[file.path]

    async def _pack(self, file: ArchivedFile) -> Packed:
        packing = self._setup.segments.pack(file.path)

        def step() -> Packed | None:
            packed = packing.step()
            if packed is None:
                self._setup.at_point("packing")
            return packed

        try:
            packed = await _through(step)
        finally:
            packing.close()
        self._setup.at_point("packed")
        if packed.plain != Measured(size=file.size, sha256=file.sha256):
            raise StepFailed(f"{file.path}: changed since it was sealed", step="compress", subject=file.path,
                             reason="changed")  # fmt: skip
        return packed

    async def _upload(self, file: ArchivedFile) -> ArchivedFile:
        content = await offload.call(self._setup.segments.packed, file.path)
        if content is None or content.sha256 != file.packed_sha256:
            # Lost, bent, or dropped long ago because the store had it.
            file = await self._compress(file)
            content = await offload.call(self._setup.segments.packed, file.path)
        if content is None or content.sha256 != file.packed_sha256:
            raise StepFailed(f"{file.path}: its compressed copy does not stay as it is written", step="upload",
                             subject=file.path, reason="changed")  # fmt: skip
        key = object_key(self._setup.prefix, file.path, file.packed_sha256, attempt=file.attempt)
        await self._put(key, content, step="upload", subject=file.path)
        self._setup.at_point("put")
        await self._setup.commit(ArchiveUploaded(path=file.path, key=key, at=self._now()))
        self._setup.at_point("uploaded.after")
        return self._setup.book().files[file.path]

    # What is there already was put by a life that ended before it could say so, or by an answer that was lost.
    async def _put(self, key: str, content: Content, *, step: str, subject: str) -> None:
        try:
            await self._setup.store.put(key, content)
        except AlreadyThere:
            if not is_as_sent(
                await self._setup.store.head(key), size=content.size, sha256=content.sha256, md5=content.md5
            ):
                raise StepFailed(f"{key}: something else is there", step=step, subject=subject,
                                 reason=BAD_OBJECT) from None  # fmt: skip

    async def _verify(self, file: ArchivedFile) -> None:
        how = "checksum"
        try:
            head = await self._setup.store.head(file.key)
        except NotThere:
            raise _bad(file, "verify", "is not there") from None
        if not is_as_sent(head, size=file.packed_size, sha256=file.packed_sha256, md5=file.packed_md5):
            raise _bad(file, "verify", "is not what was sent")
        if head.sha256 is None or not (await self._setup.store.promises()).checks_sha256:
            await self._read_back(file, step="verify")
            how = "read_back"
        self._setup.at_point("checked")
        await self._setup.commit(ArchiveVerified(path=file.path, key=file.key, how=how, at=self._now()))
        self._setup.at_point("verified.after")

    async def _read_back(self, file: ArchivedFile, *, step: str) -> None:
        found = await fetch(
            self._setup.store,
            file.key,
            into=self._setup.segments.unpack(limit_bytes=file.size),
            limit_bytes=file.packed_size,
        )
        if found is None or found.packed_sha256 != file.packed_sha256:
            raise _bad(file, step, "is not what was sent")
        if found.plain != Measured(size=file.size, sha256=file.sha256):
            raise _bad(file, step, "does not unpack to the segment")

    def _now(self) -> float:
        return round(self._setup.clock.time(), 3)


class _Stepping(Protocol[R]):
    def __call__(self) -> R | None: ...


# In a thread, but no longer at once than a stop may wait.
async def _through(step: _Stepping[R]) -> R:
    while (result := await offload.call(step)) is None:
        pass
    return result


def _bad(file: ArchivedFile, step: str, what: str) -> StepFailed:
    return StepFailed(f"{file.key}: {what}", step=step, subject=file.path, reason=BAD_OBJECT)


def _content(data: bytes) -> Content:
    return Content(
        open=lambda: BytesIO(data),
        size=len(data),
        sha256=sha256(data).hexdigest(),
        md5=md5(data, usedforsecurity=False).hexdigest(),
    )
