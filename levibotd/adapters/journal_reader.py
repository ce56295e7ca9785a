"""
Reading an event log: checked against its chain (`Walk`), or quickly for what it tells (`scan`, `Follower`).

Nothing here needs a lock. A reader beside a running daemon may see half a line at the very end.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct

from levibotd.adapters.journal_segments import (
    Segment,
    end_of,
    is_segment,
    layout_of,
    lines,
    parse_whole,
    with_next,
)
from levibotd.domain.archive import MANIFEST_FILE, ArchivePruned, Manifest, day_in
from levibotd.domain.records import FileSeal
from levibotd.domain.signal import TraceId
from levibotd.errors import ConfigError
from levibotd.journal import ORIGIN_HASH, TAIL_LENGTH, Line, hash_of
from levibotd.ports.files import Files
from levibotd.ports.journal_file import Damage, Position


class Step(Struct, frozen=True, gc=False):
    """One line as found. `line` is None where it cannot be read; `damage` says what is wrong with it."""

    segment: str
    offset: int
    raw: bytes
    line: Line | None
    damage: Damage | None


class Torn(Struct, frozen=True):
    """Bytes behind the last record that make up none: the rest of a segment, or a whole one."""

    segment: str
    offset: int
    size: int


class Beginning(Struct, frozen=True, kw_only=True):
    """
    Behind which record a log begins; the default is none.

    `why` is `pruned` where the log itself says that all up to there was archived and deleted, and
    `restored` where a manifest beside it says that only some days were fetched from the archive.
    """

    seq: int = 0
    hash: str = ORIGIN_HASH
    why: str | None = None


class Walk:
    """
    Goes through a log from `since` on and holds each line against the one before.

    The seq it names is the first that is not as it was written: of an edited record its own, of a
    missing or moved one the seq expected in its place. Raises ConfigError for a newer schema, and
    for a keyed log without the key. After the last step `position` is the end of the log and
    `torn` what stands behind it. `seals` also checks the count and digest of whole segments.
    A log that `begins` behind its first records says itself where they went, or that is damage.
    """

    def __init__(self, files: Files, *, key: bytes = b"", since: Position | None = None, seals: bool = False) -> None:
        self._files = files
        self._key = key
        self._seals = seals
        layout = layout_of(files, key=key)
        self._chain = layout.chain
        self.begins = Beginning() if since is not None else beginning_of(files, layout.chain)
        self.position = since or Position(seq=self.begins.seq, hash=self.begins.hash)
        self.torn = [Torn(name, 0, files.size(name)) for name in layout.void]
        self.segments = 0
        self.keyed_since: int | None = None
        self._expected = self.position.seq + 1
        self._previous: str | None = self.position.hash

    def __iter__(self) -> Iterator[Step]:
        start = self.position
        is_found = start.segment is None
        for segment, after in with_next(self._chain):
            if is_found or segment.name == start.segment:
                yield from self._segment(segment, after, 0 if is_found else start.offset)
                is_found = True

    def _segment(self, segment: Segment, after: Segment | None, start: int) -> Iterator[Step]:
        self.segments += 1
        key = self._key_of(segment)
        last_seq = end_of(segment, after)
        reading = _SegmentReading(whole=start == 0)
        unread: list[tuple[int, bytes]] = []
        for offset, raw in lines(self._files, segment.name, offset=start):
            if last_seq is not None and self._expected > last_seq:
                if reading.is_sealed:
                    behind = Damage(seq=self._expected, segment=segment.name, what="stands behind a seal")
                    yield Step(segment.name, offset, raw, None, behind)
                break  # What stands here was never acknowledged.
            line = parse_whole(raw)
            if line is None:
                unread.append((offset, raw))
                continue
            for lost_offset, lost in unread:
                yield self._unreadable(segment.name, lost_offset, lost)
                reading.add(lost)
            unread.clear()
            what = self._fault(line, raw, key) or reading.fault(line, check_seal=self._seals)
            reading.add(raw, seen=line)
            damage = None if what is None else Damage(seq=self._expected, segment=segment.name, what=what)
            self._expected, self._previous = line.seq + 1, line.h
            self.position = Position(segment=segment.name, offset=offset + len(raw), seq=line.seq, hash=line.h)
            yield Step(segment.name, offset, raw, line, damage)
        yield from self._ending(segment, after, last_seq, unread)

    def _ending(
        self, segment: Segment, after: Segment | None, last_seq: int | None, unread: list[tuple[int, bytes]]
    ) -> Iterator[Step]:
        if after is None and unread and _is_torn(unread[-1][1]):
            offset, raw = unread.pop()
            self.torn.append(Torn(segment.name, offset, len(raw)))
        for offset, raw in unread:
            yield self._unreadable(segment.name, offset, raw)
        if last_seq is not None and self._expected <= last_seq:
            damage = Damage(seq=self._expected, segment=segment.name, what=f"missing up to seq {last_seq}")
            yield Step(segment.name, self._files.size(segment.name), b"", None, damage)
            self._expected, self._previous = last_seq + 1, None

    def _unreadable(self, name: str, offset: int, raw: bytes) -> Step:
        damage = Damage(seq=self._expected, segment=name, what="no record can be read here")
        # Its seq is used up, so that what comes behind does not hide that there was one.
        self.position = Position(segment=name, offset=offset + len(raw), seq=self._expected, hash=self.position.hash)
        self._expected, self._previous = self._expected + 1, None
        return Step(name, offset, raw, None, damage)

    def _fault(self, line: Line, raw: bytes, key: bytes) -> str | None:
        if hash_of(raw, key=key) != line.h:
            return "hash does not match the record"
        if line.seq != self._expected:
            return f"found seq {line.seq} in its place"
        if self._previous is not None and line.prev != self._previous:
            return "does not continue the record before"
        return None

    def _key_of(self, segment: Segment) -> bytes:
        if segment.opened is None or not segment.opened.keyed:
            # A damaged head says nothing; once there was a key, the rest of the log has it too.
            return b"" if self.keyed_since is None else self._key
        if not self._key:
            raise ConfigError(f"{segment.name}: this log is keyed; give the credential log_key")
        if self.keyed_since is None:
            self.keyed_since = segment.first_seq
        return self._key


def beginning_of(files: Files, chain: Sequence[Segment]) -> Beginning:
    """Where this log may begin. Without a word about what came before, nowhere but at its first record."""
    opened = chain[0].opened if chain else None
    if opened is None or opened.previous_seq == 0:
        return Beginning()
    found = Beginning(seq=opened.previous_seq, hash=opened.previous_hash)
    # The last segment that went is told of in a late one.
    for segment in reversed(chain):
        if any(_tells_of_pruning(raw, found) for _, raw in lines(files, segment.name)):
            return msgspec.structs.replace(found, why="pruned")
    return msgspec.structs.replace(found, why="restored") if _is_in_manifest(files, chain[0]) else Beginning()


def _tells_of_pruning(raw: bytes, beginning: Beginning) -> bool:
    if b'"event_type":"ARCHIVE_PRUNED"' not in raw or (line := parse_whole(raw)) is None:
        return False
    try:
        pruned = msgspec.json.decode(line.payload, type=ArchivePruned)
    except msgspec.DecodeError:
        return False
    return (pruned.last_seq, pruned.last_hash) == (beginning.seq, beginning.hash)


def _is_in_manifest(files: Files, first: Segment) -> bool:
    try:
        data = files.read(f"{day_in(first.name)}/{MANIFEST_FILE}")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return any((file.path, file.first_seq) == (first.name, first.first_seq) for file in manifest.files)


class _SegmentReading:
    """What one segment must be in itself: FILE_OPEN first, FILE_SEAL last, with the right digest."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._count = 0
        self._digest = sha256()
        self.is_sealed = False

    def add(self, raw: bytes, *, seen: Line | None = None) -> None:
        self._count += 1
        self._digest.update(raw)
        self.is_sealed = self.is_sealed or (seen is not None and seen.event_type == "FILE_SEAL")

    def fault(self, line: Line, *, check_seal: bool) -> str | None:
        if self.is_sealed:
            return "stands behind a seal"
        if (line.event_type == "FILE_OPEN") != (self._whole and self._count == 0):
            return "a segment begins with FILE_OPEN, and only there"
        if check_seal and self._whole and line.event_type == "FILE_SEAL":
            try:
                seal = msgspec.json.decode(line.payload, type=FileSeal)
            except msgspec.DecodeError:
                return "the seal cannot be read"
            if seal.count != self._count or seal.sha256 != self._digest.hexdigest():
                return "the seal does not match its segment"
        return None


# A write that was cut short leaves the beginning of one line. Text in a record cannot look like
# another beginning, because its quotes are escaped; two of them are two records, and one was bent.
def _is_torn(raw: bytes) -> bool:
    return not raw.endswith(b"\n") and raw.count(b'{"seq":') <= 1


def stands_at(files: Files, position: Position) -> bool:
    """Does a record with this hash end exactly there? Else the position is of another log, or of none any more."""
    if position.segment is None:
        return True
    if position.offset < TAIL_LENGTH or not is_segment(position.segment):
        return False
    try:
        tail = files.read(position.segment, offset=position.offset - TAIL_LENGTH, length=TAIL_LENGTH)
    except FileNotFoundError:
        return False
    return tail == b',"h":"%b"}\n' % position.hash.encode()


class Located(Struct, frozen=True, gc=False):
    """A line and where it stands."""

    segment: str
    offset: int
    raw: bytes
    line: Line


def located(files: Files, *, since: Position | None = None, needles: Sequence[bytes] = ()) -> Iterator[Located]:
    """
    Each line behind `since` that holds all `needles`, in the order of the log; the chain is not looked at.

    Lines that cannot be read are passed over.
    """
    start = since or Position()
    is_found = start.segment is None
    for segment, after in with_next(layout_of(files).chain):
        if not is_found and segment.name != start.segment:
            continue
        last_seq = end_of(segment, after)
        for offset, raw in lines(files, segment.name, offset=0 if is_found else start.offset):
            if not all(needle in raw for needle in needles) or (line := parse_whole(raw)) is None:
                continue
            if last_seq is not None and line.seq > last_seq:
                break
            yield Located(segment.name, offset, raw, line)
        is_found = True


def scan(
    files: Files, *, trace_id: TraceId | None = None, event_type: str | None = None, text: str | None = None
) -> Iterator[bytes]:
    """The lines that match, in the order of the log. `text` is looked for in the bytes as they stand."""
    needles = [needle.encode() for needle in (trace_id, event_type, text) if needle is not None]
    for found in located(files, needles=needles):
        if trace_id in (None, found.line.trace_id) and event_type in (None, found.line.event_type):
            yield found.raw


class Follower:
    """
    `tail -f` over all segments: each `poll` gives the whole lines that were written since the last.

    The first gives the `last` of those that are there already.
    """

    def __init__(self, files: Files, *, event_type: str | None = None, last: int = 10) -> None:
        self._files = files
        self._event_type = event_type
        self._last = last
        self._offsets: dict[str, int] = {}  # In the order of the log; only the last can have grown.

    def poll(self) -> list[bytes]:
        """Raises OSError when the directory cannot be read."""
        is_first = not self._offsets
        names = [name for name in self._files.names() if is_segment(name)]
        if is_first or any(name not in self._offsets for name in names):
            chain = [segment.name for segment in layout_of(self._files).chain]
        else:
            chain = [next(reversed(self._offsets))]
        if is_first:
            return self._look_back(chain)
        known = [name for name in chain if name in self._offsets]
        return [line for name in chain[max(0, len(known) - 1) :] for line in self._grown(name)]

    def _look_back(self, chain: Sequence[str]) -> list[bytes]:
        found: list[bytes] = []
        ends: dict[str, int] = {}
        for name in reversed(chain):
            if len(found) < self._last:
                found = self._grown(name) + found
                ends[name] = self._offsets[name]
            else:
                ends[name] = self._files.size(name)
        self._offsets = {name: ends[name] for name in chain}
        return found[len(found) - min(self._last, len(found)) :]

    def _grown(self, name: str) -> list[bytes]:
        found: list[bytes] = []
        end = self._offsets.get(name, 0)
        for _, raw in lines(self._files, name, offset=end):
            if not raw.endswith(b"\n"):
                break
            end += len(raw)
            line = parse_whole(raw)
            if line is not None and self._event_type in (None, line.event_type):
                found.append(raw)
        self._offsets[name] = end
        return found
