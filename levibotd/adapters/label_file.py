"""
The data set of an installation: labelled posts, a line of JSON each.

What is appended is whole or not there, one writer at a time, across processes; the same text is
kept once. The texts are the user's own: they stand here and nowhere else. A secret in them does not, as
in the event log.
"""

import fcntl
import os
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace as with_other

from levibotd.adapters.os_files import sync_directory
from levibotd.domain.bad_lines import BadLines
from levibotd.domain.copies import text_print
from levibotd.domain.learning import Appended, DatasetCounts, Labelled, check_label
from levibotd.domain.masking import Masker
from levibotd.errors import ConfigError, Refused

LABELS_MAX = 100_000
BYTES_MAX = 128 * 1024 * 1024
LABELS = Path("dataset", "labels.jsonl")  # Below the state directory.

_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
# An operator may have put the file there, and not let us write.
_LOOK = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class _Row(Struct, frozen=True, kw_only=True):
    """What is written; other keys of a line that others wrote are left alone."""

    id: str
    text: str
    label: str
    channel: str | None = None
    ts: float | None = None
    lang: str | None = None


class _Known(Struct, frozen=True):
    label: str
    lang: str | None
    channel: str | None


class LabelFile:
    """The labels at `path`. Every method reads the disk: call it off the loop. `masker` knows what is not kept."""

    def __init__(self, path: Path, *, labels_max: int = LABELS_MAX, masker: Masker | None = None) -> None:
        self._path = path
        self._masker = masker or Masker()
        self._labels_max = labels_max
        self._seen: tuple[int, int, int] | None = None  # What the file was like when it was read.
        self._known: dict[str, _Known] = {}
        self._bad = BadLines()

    @property
    def path(self) -> Path:
        return self._path

    def append(self, one: Labelled, *, replace: bool = False) -> Appended:
        """
        Keep a label, durably.

        Raises Refused for what is no label, for a text that is labelled otherwise (unless it is to be replaced),
        and when the set is full; ConfigError when the file cannot be used.
        """
        one = self._masked(one)
        check_label(one)
        digest = text_print(one.text)
        with self._locked() as descriptor:
            self._read(descriptor)
            known = self._known.get(digest)
            if known is not None and known.label == one.label:
                return Appended(digest=digest, fresh=False, replaced=False, total=len(self._known))
            if known is not None and not replace:
                raise Refused(
                    f"this text is labelled {known.label}; to label it {one.label}, say that it replaces that",
                    reason="labelled_otherwise",
                )
            if known is not None:  # What is only said anew does not forget who said it when.
                one = with_other(
                    one,
                    channel=known.channel if one.channel is None else one.channel,
                    lang=known.lang if one.lang is None else one.lang,
                )
            row = _Row(id=digest, text=one.text, label=one.label, channel=one.channel, ts=one.ts, lang=one.lang)
            self._write(descriptor, row, instead=known is not None)
            self._known[digest] = _Known(one.label, one.lang, one.channel)
            return Appended(digest=digest, fresh=True, replaced=known is not None, total=len(self._known))

    def labels_of(self, digests: Collection[str]) -> dict[str, str]:
        """The labels that these texts have, by digest. Raises ConfigError when the file cannot be read."""
        with self._locked(_LOOK) as descriptor:
            self._read(descriptor)
            found = {digest: self._known.get(digest) for digest in sorted(digests)}
        return {digest: known.label for digest, known in found.items() if known is not None}

    def counts(self) -> DatasetCounts:
        """Raises ConfigError when the file cannot be read."""
        with self._locked(_LOOK) as descriptor:
            self._read(descriptor)
            size = os.fstat(descriptor).st_size
            known, bad = list(self._known.values()), self._bad  # Another thread may append from here on.
        return DatasetCounts(
            total=len(known),
            labels=dict(sorted(Counter(one.label for one in known).items())),
            languages=dict(sorted(Counter(one.lang or "?" for one in known).items())),
            channels=len({one.channel for one in known if one.channel is not None}),
            bytes=size,
            bad=len(bad),
            problem=next(iter(bad.shown), None),
            problems=bad.shown,
        )

    def _masked(self, one: Labelled) -> Labelled:
        channel, lang = (None if name is None else self._masker.text(name) for name in (one.channel, one.lang))
        return with_other(one, text=self._masker.text(one.text), channel=channel, lang=lang)

    @contextmanager
    def _locked(self, flags: int = _OPEN) -> Iterator[int]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), _OPEN, 0o600)
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror or error}") from error
        # The file itself may be replaced while another waits: what is locked stays.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with _opened(self._path, flags) as descriptor:
                yield descriptor
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror or error}") from error
        finally:
            os.close(lock)

    def _read(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        if seen == self._seen:
            return
        if found.st_size > BYTES_MAX:
            raise ConfigError(f"{self._path}: more than {BYTES_MAX} bytes; move older lines to a file of their own")
        self._known, self._bad = {}, BadLines()
        with open(os.dup(descriptor), "rb") as stream:
            stream.seek(0)
            for number, line in enumerate(stream, 1):
                if line.strip():
                    self._take(number, line)
        self._seen = seen

    def _take(self, number: int, line: bytes) -> None:
        try:
            one = msgspec.json.decode(line, type=Labelled)
            check_label(one)
        except (msgspec.DecodeError, UnicodeDecodeError, Refused) as error:
            self._bad.add(f"{self._path}:{number}: {error}")
        else:
            self._known[text_print(one.text)] = _Known(one.label, one.lang, one.channel)

    def _write(self, descriptor: int, row: _Row, *, instead: bool) -> None:
        line = msgspec.json.encode(row) + b"\n"
        size = os.fstat(descriptor).st_size
        if not instead and (len(self._known) >= self._labels_max or size + len(line) > BYTES_MAX):
            raise Refused(
                f"the data set is full ({len(self._known)} labels, {size} bytes); move older lines to a file of "
                "their own, and name it in model.labels",
                reason="dataset_full",
            )
        if instead:
            self._rewrite(descriptor, row, line)
            self._seen = None
            return
        # A line that a crash cut short would join this one.
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        try:
            _write_all(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)  # All of it, or nothing.
            raise
        after = os.fstat(descriptor)
        self._seen = (after.st_ino, after.st_size, after.st_mtime_ns)

    # Beside the old file and then in its place: a crash leaves the one or the other.
    def _rewrite(self, descriptor: int, row: _Row, line: bytes) -> None:
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        new = os.open(beside, _OPEN | os.O_EXCL, 0o600)
        try:
            with open(os.dup(descriptor), "rb") as stream:
                stream.seek(0)
                for old in stream:
                    if _print_of(old) != row.id:
                        _write_all(new, old if old.endswith(b"\n") else old + b"\n")
            _write_all(new, line)
            os.fsync(new)
        finally:
            os.close(new)
        os.replace(beside, self._path)
        sync_directory(self._path.parent)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _print_of(line: bytes) -> str | None:
    try:
        return text_print(msgspec.json.decode(line, type=Labelled).text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
