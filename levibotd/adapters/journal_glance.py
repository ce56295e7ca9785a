"""
A quick look at what a snapshot stands for: is the log before it still as it was written?

A start that has a snapshot reads only what comes behind it, and would not notice a bit that
flipped before. Here a sealed segment is held against the digest in its seal, at the speed of the
disk, and any other line by line against its own hash. Where something is not as it should be, the
whole log is walked, so that the damage has its exact seq.
"""

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from levibotd.adapters.journal_reader import Walk, beginning_of
from levibotd.adapters.journal_segments import Segment, end_of, layout_of, lines, parse_whole, with_next
from levibotd.domain.records import FileSeal
from levibotd.journal import TAIL_LENGTH, Damaged, Line, hash_of
from levibotd.ports.files import Files
from levibotd.ports.journal_file import Damage, Position

_BLOCK = 1 << 20
_SEAL_MAX = 4096


class Glance:
    """
    Looks at the log up to `until`, newest segments first, in as many steps as wanted.

    The log may grow meanwhile. May be called from any thread, one at a time.
    """

    def __init__(self, files: Files, *, until: Position, key: bytes = b"") -> None:
        self._files = files
        self._key = key
        self._steps = self._looks(until)
        self.is_over = False

    def look(self, *, max_bytes: int) -> Damage | None:
        """Look at about this much more. Returns the first damage of the log when there is any; then it is over."""
        left = max_bytes
        for size, is_whole in self._steps:
            if not is_whole:
                self.is_over = True
                return self._first_damage()
            left -= size
            if left <= 0:
                return None
        self.is_over = True
        return None

    # The walk has the last word: what it accepts is no damage.
    def _first_damage(self) -> Damage | None:
        walk = Walk(self._files, key=self._key, seals=True)
        return next((step.damage for step in walk if step.damage is not None), None)

    def _looks(self, until: Position) -> Iterator[tuple[int, bool]]:
        chain = layout_of(self._files, key=self._key).chain
        names = [segment.name for segment in chain]
        if until.segment is None:
            return
        if until.segment not in names:
            yield 0, False
            return
        last = names.index(until.segment)
        yield until.offset, self._is_whole(chain[last], until)
        for segment, after in reversed(tuple(with_next(chain[: last + 1]))[:-1]):
            assert after is not None
            seq = end_of(segment, after)
            if seq is None or after.opened is None:
                yield 0, False
                return
            end = Position(segment=segment.name, offset=self._files.size(segment.name), seq=seq,
                           hash=after.opened.previous_hash)  # fmt: skip
            yield end.offset, self._is_whole(segment, end)
        yield 0, chain[0].first_seq == 1 + beginning_of(self._files, chain).seq

    def _is_whole(self, segment: Segment, end: Position) -> bool:
        if segment.opened is None:
            return False
        key = self._key if segment.opened.keyed else b""
        tail = self._files.read(segment.name, offset=max(end.offset - _SEAL_MAX, 0), length=min(end.offset, _SEAL_MAX))
        raw = tail[tail.rfind(b"\n", 0, -1) + 1 :]
        seal = parse_whole(raw)
        if seal is not None and seal.event_type == "FILE_SEAL":
            return seal.h == end.hash and _has_own_hash(raw, key) and self._is_sealed(segment, end, raw, seal)
        return self._are_linked(segment, end, key)

    def _is_sealed(self, segment: Segment, end: Position, raw: bytes, line: Line) -> bool:
        digest, offset, body = sha256(), 0, end.offset - len(raw)
        while offset < body:
            data = self._files.read(segment.name, offset=offset, length=min(_BLOCK, body - offset))
            if not data:
                return False
            digest.update(data)
            offset += len(data)
        try:
            seal = msgspec.json.decode(line.payload, type=FileSeal)
        except msgspec.DecodeError:
            return False
        return seal.sha256 == digest.hexdigest() and line.seq == end.seq

    def _are_linked(self, segment: Segment, end: Position, key: bytes) -> bool:
        assert segment.opened is not None
        seq, previous = segment.opened.previous_seq, segment.opened.previous_hash.encode()
        for offset, raw in lines(self._files, segment.name):
            if seq == end.seq or offset >= end.offset:
                break
            is_next = raw.startswith(b'{"seq":%d,' % (seq + 1)) and _continues(raw, previous)
            if not is_next or not _has_own_hash(raw, key):
                return False
            seq, previous = seq + 1, _hash_in(raw)
        return seq == end.seq and previous == end.hash.encode()


def _has_own_hash(raw: bytes, key: bytes) -> bool:
    try:
        return hash_of(raw, key=key).encode() == _hash_in(raw)
    except Damaged:
        return False


def _hash_in(raw: bytes) -> bytes:
    return raw[-35:-3]


def _continues(raw: bytes, previous: bytes) -> bool:
    return raw[-2 * TAIL_LENGTH : -TAIL_LENGTH] == b'"prev":"%b"' % previous
