"""
What a report may be made from: files of whole, checked records.

A sealed segment is held against the digest in its seal and the link to the next, at the speed of the disk: any bent
bit shows, also in one that is there only as `.zst`. (A forger who writes a log anew is a matter of `log verify`, which
needs the whole chain and its key.) Of a segment without a seal, which is the open one or one of a crash, each record
is held against the chain, and what is good goes into a file of its own: half a line at its end would be counted.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import zstandard
from msgspec import Struct

from levibotd.adapters.journal_reader import Walk
from levibotd.adapters.journal_segments import Segment, end_of, is_segment, layout_of, lines, parse_whole, with_next
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import FileOpen, FileSeal
from levibotd.errors import ConfigError
from levibotd.journal import ORIGIN_HASH, Damaged, hash_of
from levibotd.ports.journal_file import Damage, Position
from levibotd.ports.reports import LogDamaged, NoLog

PACKED = ".zst"

_BLOCK = 1 << 20
_SEAL_MAX = 4096


class Sources(Struct, frozen=True, kw_only=True):
    """Files to read, in the order of the log. `is_ended`: nothing can be written to any of them any more."""

    paths: tuple[Path, ...]
    records: Mapping[str, int]  # By day, of those that have a segment.
    through_seq: int
    is_ended: bool


class DayFiles(OsFiles):
    """The segments of some days alone. One that is there only as `.zst` reads as if it had never been packed."""

    def __init__(self, root: Path, days: Sequence[str]) -> None:
        super().__init__(root)
        self._directory = root
        self._days = days
        self._unpacking: _Unpacking | None = None

    def close(self) -> None:
        """Give back the descriptor of what was unpacked last."""
        if self._unpacking is not None:
            self._unpacking.file.close()
            self._unpacking = None

    def names(self, below: str = "") -> list[str]:
        found = (name.removesuffix(PACKED) for day in self._days for name in super(DayFiles, self).names(day))
        return sorted({name for name in found if is_segment(name) and name.startswith(below)})

    def only(self, day: str) -> "DayFiles":
        return DayFiles(self._directory, (day,))

    def size(self, name: str) -> int:
        return self.path(name).stat().st_size

    def path(self, name: str) -> Path:
        """The file that holds this segment."""
        plain = self._directory / name
        return plain if plain.exists() else plain.with_name(plain.name + PACKED)

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        try:
            return super().read(name, offset=offset, length=length)
        except FileNotFoundError:
            return self._unpacked(name, offset, -1 if length is None else length)

    # Readers go from front to back, so what is unpacked once goes on where it stands.
    def _unpacked(self, name: str, offset: int, length: int) -> bytes:
        there = self._unpacking
        if there is None or there.name != name or there.offset > offset:
            self.close()
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            there = self._unpacking = _Unpacking(name, open(descriptor, "rb"))  # noqa: SIM115 - it outlives this call
        return there.read(offset, length)


class _Unpacking:
    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self.file = file
        self.offset = 0
        self._reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)

    def read(self, offset: int, length: int) -> bytes:
        try:
            while self.offset < offset and (skipped := self._reader.read(min(_BLOCK, offset - self.offset))):
                self.offset += len(skipped)
            data = self._reader.read(length)
        except zstandard.ZstdError:
            return b""  # It ends here, and so what its seal says will not hold.
        self.offset += len(data)
        return data


class _End(NamedTuple):
    """The last record that counts of one segment."""

    seq: int
    hash: str
    records: int
    is_sealed: bool


def sources_of(
    root: Path,
    days: Sequence[str],
    *,
    key: bytes = b"",
    scratch: Path,
    progress: Callable[[str], None] = lambda text: None,
) -> Sources:
    """
    Check the segments of `days` and return what to read. What has to be cut is cut into `scratch`.

    Raises NoLog; LogDamaged with the first seq that is not as it was written; ConfigError for a keyed log without
    its key, and for a newer schema.
    """
    with closing(DayFiles(root, days)) as files:
        return _checked(files, root, days, key=key, scratch=scratch, progress=progress)


def _checked(
    files: DayFiles, root: Path, days: Sequence[str], *, key: bytes, scratch: Path, progress: Callable[[str], None]
) -> Sources:
    chain = layout_of(files, key=key).chain
    if not chain:
        raise NoLog(_nothing_of(root, days), reason="no_log")
    check = _Check(files, chain, key=key, scratch=scratch)
    paths: list[Path] = []
    ends: dict[str, _End] = {}
    records: Counter[str] = Counter()
    for place, (segment, after) in enumerate(with_next(chain)):
        progress(f"checking segment {place + 1} of {len(chain)}")
        path, ends[segment.name] = check.segment(segment, after, ends)
        paths.append(path)
        records[segment.name.partition("/")[0]] += ends[segment.name].records
    end = ends[chain[-1].name]
    return Sources(
        paths=tuple(paths),
        records=records,
        through_seq=end.seq,
        is_ended=end.is_sealed,
    )


class _Check:
    def __init__(self, files: DayFiles, chain: Sequence[Segment], *, key: bytes, scratch: Path) -> None:
        self._files = files
        self._chain = chain
        self._days = {segment.name.partition("/")[0] for segment in chain}
        self._key = key
        self._scratch = scratch

    def segment(self, segment: Segment, after: Segment | None, before: Mapping[str, _End]) -> tuple[Path, _End]:
        opened = segment.opened
        if opened is None:
            raise self._damaged(segment, "its head cannot be read")
        if opened.keyed and not self._key:
            raise ConfigError(f"{segment.name}: this log is keyed; give the credential log_key")
        self._must_continue(segment, opened, before)
        digest, raw = self._digest(segment.name)
        line = parse_whole(raw)
        if line is None or line.event_type != "FILE_SEAL":
            return self._cut(segment, after)
        try:
            seal = msgspec.json.decode(line.payload, type=FileSeal)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._damaged(segment, "the seal cannot be read") from None
        is_whole = seal.sha256 == digest and line.seq == opened.previous_seq + 1 + seal.count
        if not is_whole or hash_of(raw, key=self._key_of(segment)) != line.h:
            raise self._damaged(segment, "the seal does not match its segment")
        return self._files.path(segment.name), _End(line.seq, line.h, line.seq - opened.previous_seq, True)

    # The segment named as the one before must be there, unless it is of another day.
    def _must_continue(self, segment: Segment, opened: FileOpen, before: Mapping[str, _End]) -> None:
        if opened.previous is None or opened.previous.partition("/")[0] not in self._days:
            return
        end = before.get(opened.previous)
        if end is None:
            raise self._damaged(segment, f"{opened.previous}, which it continues, is not there")
        if (end.seq, end.hash) != (opened.previous_seq, opened.previous_hash):
            raise self._damaged(segment, f"does not continue {opened.previous}")

    # SHA-256 of all lines but the last, and that one.
    def _digest(self, name: str) -> tuple[str, bytes]:
        digest, offset, held = sha256(), 0, b""
        while data := self._files.read(name, offset=offset, length=_BLOCK):
            offset += len(data)
            if len(data) < _SEAL_MAX:
                data = held + data
            else:
                digest.update(held)
            digest.update(memoryview(data)[: max(len(data) - _SEAL_MAX, 0)])
            held = data[-_SEAL_MAX:]
        last = held.rfind(b"\n", 0, -1) + 1
        digest.update(held[:last])
        return digest.hexdigest(), held[last:]

    def _cut(self, segment: Segment, after: Segment | None) -> tuple[Path, _End]:
        assert segment.opened is not None
        last_seq = end_of(segment, after)
        seq, previous, key = segment.opened.previous_seq, segment.opened.previous_hash, self._key_of(segment)
        path = self._scratch / segment.name.replace("/", "_")
        with path.open("wb") as out:
            for _, raw in lines(self._files, segment.name):
                if seq == last_seq:
                    break  # What stands behind was never acknowledged.
                if not _continues(raw, seq, previous, key):
                    self._must_be_torn(segment)
                    break
                out.write(raw)
                seq, previous = seq + 1, raw[-35:-3].decode()
        if last_seq not in (None, seq):
            raise self._damaged(segment, f"missing up to seq {last_seq}", seq=seq + 1)
        return path, _End(seq, previous, seq - segment.opened.previous_seq, False)

    def _key_of(self, segment: Segment) -> bytes:
        return self._key if segment.opened is not None and segment.opened.keyed else b""

    # A look that finds something amiss says where; a walk over its day says what, and which seq is the first.
    def _damaged(self, segment: Segment, what: str, *, seq: int | None = None) -> LogDamaged:
        first = segment.first_seq or 0 if seq is None else seq
        found = self._walked(segment) or Damage(seq=first, segment=segment.name, what=what)
        return LogDamaged(f"the log is damaged at {found}", reason="log_damage")

    def _must_be_torn(self, segment: Segment) -> None:
        found = self._walked(segment)
        if found is not None:
            raise LogDamaged(f"the log is damaged at {found}", reason="log_damage")

    def _walked(self, segment: Segment) -> Damage | None:
        day = segment.name.partition("/")[0]
        first = next(each for each in self._chain if each.name.startswith(day))
        since = Position(
            seq=(first.first_seq or 1) - 1, hash=first.opened.previous_hash if first.opened else ORIGIN_HASH
        )
        with closing(self._files.only(day)) as files:
            walk = Walk(files, key=self._key, since=since, seals=True)
            return next((step.damage for step in walk if step.damage is not None), None)


def _continues(raw: bytes, seq: int, previous: str, key: bytes) -> bool:
    line = parse_whole(raw)
    if line is None or line.seq != seq + 1 or line.prev != previous:
        return False
    try:
        return hash_of(raw, key=key) == line.h
    except Damaged:
        return False


def last_day(root: Path) -> str | None:
    """The newest day of which there is a segment, None without any."""
    return max(days_in(root), default=None)


def days_in(root: Path) -> list[str]:
    """The days that have a segment, packed or not, in order."""
    with os.scandir(root) as entries:
        days = sorted(entry.name for entry in entries if _is_day(entry.name) and entry.is_dir(follow_symlinks=False))
    return [day for day in days if DayFiles(root, (day,)).names()]


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


# An empty report would say that nothing happened; these words say why there is none.
def _nothing_of(root: Path, days: Sequence[str]) -> str:
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    there = days_in(root)
    if not there:
        return "there is no event log yet"
    if days[0] > there[-1]:
        return f"nothing of {span}: the log ends on {there[-1]}"
    if days[-1] > there[0]:
        return f"nothing was written on {span}"
    oldest = layout_of(DayFiles(root, there[:1])).chain
    if oldest and oldest[0].first_seq == 1:
        return f"nothing of {span}: the log begins on {there[0]}"
    restore = f"levibotd archive restore --day {days[-1]} --out DIR, then levibotd report --logs DIR"
    return f"the log of {span} is no longer here: it was pruned or moved away; to have it back: {restore}"
