"""
The segments of an event log: their names, their order, and where each one ends.

Order is `seq`, never the name: a clock that went back makes a later segment of an earlier hour.
Each FILE_OPEN names the segment it continues and the last good record there; what stands behind
that record was never acknowledged and is no part of the log.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec
from msgspec import Struct

from levibotd.domain.records import FileOpen
from levibotd.errors import ConfigError
from levibotd.journal import SCHEMA, Damaged, Line, hash_of, parse
from levibotd.ports.files import Files

LOCK = ".lock"
RESERVE = ".reserve"

_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})/events-(\d{2})(?:\.(\d+))?\.jsonl$")
_TAKEN = re.compile(r"^\d{4}-\d{2}-\d{2}/events-(\d{2})(?:\.(\d+))?\.jsonl(?:\.torn)?$")
_DAY_ZERO = date(1970, 1, 1).toordinal()
_BLOCK = 1 << 20
_HEAD = 4096


class Segment(Struct, frozen=True, kw_only=True):
    """One file. `opened` and `first_seq` are None where its first line cannot be read."""

    name: str
    first_seq: int | None
    opened: FileOpen | None


class Layout(Struct, frozen=True, kw_only=True):
    """`chain`: the segments of the log in the order of their records. `void`: files without one readable record."""

    chain: tuple[Segment, ...]
    void: tuple[str, ...]


class _Head(Struct):
    """What of FILE_OPEN no version may change, so that an older one can refuse."""

    schema: int
    keyed: bool


def segment_name(hour: int, number: int) -> str:
    """Name of the `number`-th further segment of a UTC hour, which is counted from 1970."""
    day, hour_of_day = divmod(hour, 24)
    # A replay opens thousands of segments: this costs a tenth of what formatting a datetime would.
    return f"{date.fromordinal(_DAY_ZERO + day)}/events-{hour_of_day:02d}{f'.{number}' if number else ''}.jsonl"


def fresh_name(files: Files, hour: int) -> str:
    """The next name of this hour. A name is never used twice, not even that of a torn file."""
    first = segment_name(hour, 0)
    head = first.removesuffix("jsonl")
    there = [name for name in files.names(first.partition("/")[0]) if name.startswith(head)]
    if not there:
        return first
    taken = [int(match[2] or 0) for name in there if (match := _TAKEN.match(name)) is not None]
    return segment_name(hour, max(taken) + 1) if taken else first


def is_segment(name: str) -> bool:
    return _NAME.match(name) is not None


def layout_of(files: Files, *, key: bytes = b"") -> "Layout":
    """
    Which segments make up the log. A FILE_OPEN whose hash is wrong is not believed.

    One that no other continues is left out, unless it is the last: it never got an acknowledged
    record. Raises ConfigError for a segment of a newer schema.
    """
    segments = [_segment(files, name, key) for name in files.names() if is_segment(name)]
    continued = {segment.opened.previous for segment in segments if segment.opened is not None}
    void = [one.name for one in segments if one.first_seq is None and one.name not in continued]
    segments = [one for one in segments if one.name not in void]
    if not segments:
        return Layout(chain=(), void=tuple(void))
    segments.sort(key=lambda segment: (_order(segment), _by_name(segment.name)))
    named = {segment.name: place for place, segment in enumerate(segments)}
    chain = [len(segments) - 1]
    while chain[-1] > 0:
        opened = segments[chain[-1]].opened
        if opened is not None and opened.previous is None and opened.previous_seq == 0:
            break
        before = None if opened is None else named.get(opened.previous or "")
        # Where the head is damaged or the file before is gone, the nearest one says most.
        chain.append(before if before is not None and before < chain[-1] else chain[-1] - 1)
    return Layout(chain=tuple(segments[place] for place in reversed(chain)), void=tuple(void))


def with_next(chain: Sequence[Segment]) -> Iterator[tuple[Segment, Segment | None]]:
    """Each segment with the one that continues it."""
    for place, segment in enumerate(chain):
        yield segment, chain[place + 1] if place + 1 < len(chain) else None


def end_of(segment: Segment, after: Segment | None) -> int | None:
    """The last seq of `segment` that was acknowledged, as the next one tells; None where nobody does."""
    if after is None or after.opened is None or after.opened.previous != segment.name:
        return None
    return after.opened.previous_seq


def lines(files: Files, name: str, *, offset: int = 0, block: int = _BLOCK) -> Iterator[tuple[int, bytes]]:
    """Each line with its offset, line feed included; the last may lack it."""
    rest = b""
    start = offset
    while data := files.read(name, offset=offset, length=block):
        offset += len(data)
        data = rest + data
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            yield start + begin, data[begin : end + 1]
            begin = end + 1
        rest = data[begin:]
        start += begin
    if rest:
        yield start, rest


def parse_whole(line: bytes) -> Line | None:
    """The line, None where it is not one: cut off, overwritten, of another kind."""
    if not line.endswith(b'"}\n'):
        return None
    try:
        return parse(line)
    except Damaged:
        return None


def _segment(files: Files, name: str, key: bytes) -> Segment:
    raw = next((line for _, line in lines(files, name, block=_HEAD)), b"")
    first = parse_whole(raw)
    if first is not None:
        return Segment(name=name, first_seq=first.seq, opened=_opened(name, raw, first, key))
    # A damaged head: the first line behind it that can be read tells where the file belongs.
    for number, (_, line) in enumerate(lines(files, name)):
        if (later := parse_whole(line)) is not None:
            return Segment(name=name, first_seq=later.seq - number, opened=None)
    return Segment(name=name, first_seq=None, opened=None)


def _opened(name: str, raw: bytes, first: Line, key: bytes) -> FileOpen | None:
    if first.event_type != "FILE_OPEN":
        return None
    try:
        head = msgspec.json.decode(first.payload, type=_Head)
        # Without the key a keyed one has to be believed.
        if (key or not head.keyed) and hash_of(raw, key=key if head.keyed else b"") != first.h:
            return None
        if head.schema > SCHEMA:
            raise ConfigError(f"{name}: written in schema {head.schema} of the event log, this version knows {SCHEMA}")
        opened = msgspec.json.decode(first.payload, type=FileOpen)
    except msgspec.DecodeError:
        return None
    return opened if opened.previous_seq == first.seq - 1 else None


# A segment that is continued and of which nothing can be read: its place is told by its name alone.
def _order(segment: Segment) -> int:
    return 0 if segment.first_seq is None else segment.first_seq


def _by_name(name: str) -> tuple[str, int]:
    match = _NAME.match(name)
    assert match is not None
    return f"{match[1]}/{match[2]}", int(match[3] or 0)
