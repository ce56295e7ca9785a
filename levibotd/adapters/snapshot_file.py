"""
A snapshot of the folded state, for a fast start: its bytes and the place in the log that they stand for.

It is derived data. Whatever is wrong with it (cut short, bent, of another version) makes it as if
it were not there, and the state is folded from the beginning.
"""

from hashlib import sha256

import msgspec
from msgspec import Struct

from levibotd.ports.files import Files
from levibotd.ports.journal_file import Position

SCHEMA = 1


class Snapshot(Struct, frozen=True, kw_only=True):
    """`state` is the fold of all records up to `position`."""

    position: Position
    state: bytes


class _Head(Struct, frozen=True, kw_only=True):
    schema: int
    kind: str
    position: Position
    size: int
    sha256: str


class SnapshotFile:
    """
    The one snapshot of a state directory, at `name`.

    `kind` says what the bytes are, the version of the fold included: another kind is not loaded.
    """

    def __init__(self, files: Files, *, name: str = "snapshot", kind: str) -> None:
        self._files = files
        self._name = name
        self._kind = kind

    def save(self, snapshot: Snapshot) -> None:
        """Replace the snapshot, durably and all or nothing. Raises OSError; then the old one stands."""
        head = _Head(
            schema=SCHEMA,
            kind=self._kind,
            position=snapshot.position,
            size=len(snapshot.state),
            sha256=_digest(self._kind, snapshot),
        )
        self._files.replace(self._name, b"".join((msgspec.json.encode(head), b"\n", snapshot.state)))

    def load(self) -> Snapshot | None:
        """The snapshot as it was saved, or None. Whether its position is of this log, the journal knows."""
        try:
            head_line, _, state = self._files.read(self._name).partition(b"\n")
            head = msgspec.json.decode(head_line, type=_Head)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        snapshot = Snapshot(position=head.position, state=state)
        if (head.schema, head.kind, head.size) != (SCHEMA, self._kind, len(state)):
            return None
        return snapshot if head.sha256 == _digest(self._kind, snapshot) else None


def _digest(kind: str, snapshot: Snapshot) -> str:
    digest = sha256(msgspec.json.encode((SCHEMA, kind, snapshot.position)))
    digest.update(snapshot.state)  # Not put together first: these may be tens of megabytes.
    return digest.hexdigest()
