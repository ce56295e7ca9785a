"""
Labelled posts: JSON lines in, examples out.

A line has `text` and `label` (BUY, SELL, NO-TRADE); what else is known of a post helps:
`channel` (folds never split one), `weight` (how many real posts it stands for), `ts`, `lang`,
`legs`, `doubt`. A bad line names file, line and reason.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from levibotd.domain.signal import NO_TRADE, Post
from levibotd.errors import ConfigError

EXAMPLES_MAX = 500_000
LINE_BYTES_MAX = 1024 * 1024

_LABELS = ("BUY", "SELL", NO_TRADE)


class Row(Struct, frozen=True, kw_only=True):
    """One line of a label file, as written."""

    text: str
    label: str
    id: str | int | None = None
    label_at_post: str | None = None
    channel: str | int | None = None
    ts: float | None = None
    lang: str | None = None
    reply_to: str | int | None = None
    fwd_age_h: float | None = None
    weight: float = 1.0
    doubt: str | None = None
    legs: tuple[dict[str, Any], ...] = ()


class Example(Struct, frozen=True, kw_only=True):
    """One labelled post. `group` is what no fold splits; `label` reads the text, `expected` knows old forwards."""

    id: str
    group: str
    post: Post
    label: str
    expected: str
    weight: float = 1.0
    language: str = "?"
    certain: bool = True
    legs: tuple[Mapping[str, Any], ...] = ()
    parent: str | None = None


def load_examples(paths: Sequence[Path]) -> list[Example]:
    """Read all labels in file order. Raises ConfigError for a line that cannot be used, or for too many."""
    out: list[Example] = []
    for path in paths:
        for number, line in _lines(path):
            out.append(_example(path, number, line))
            if len(out) > EXAMPLES_MAX:
                raise ConfigError(f"{path}: more than {EXAMPLES_MAX} examples")
    if not out:
        raise ConfigError(f"no examples in {', '.join(map(str, paths)) or 'no file'}")
    return out


def load_texts(paths: Sequence[Path], wanted: Iterable[str]) -> dict[str, str]:
    """Return the texts of the wanted message ids: what labelled posts reply to."""
    ids = frozenset(wanted)
    found: dict[str, str] = {}
    for path in paths:
        for number, line in _lines(path):
            try:
                message = msgspec.json.decode(line, type=_Message)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}:{number}: {error}") from error
            if message.text and str(message.id) in ids:
                found[str(message.id)] = message.text
    return found


class _Message(Struct):
    id: str | int
    text: str | None = None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            number = 0
            while line := stream.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(line) > LINE_BYTES_MAX:
                    raise ConfigError(f"{path}:{number}: longer than {LINE_BYTES_MAX} bytes")
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {why}") from error


def _example(path: Path, number: int, line: bytes) -> Example:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}:{number}: {error}") from error
    expected = row.label_at_post or row.label
    for label in (row.label, expected):
        if label not in _LABELS:
            raise ConfigError(f"{path}:{number}: label {label!r} is none of {', '.join(_LABELS)}")
    if not 0 <= row.weight < 1e9:
        raise ConfigError(f"{path}:{number}: weight {row.weight} is out of range")
    at = row.ts or 0.0
    name = str(row.id) if row.id is not None else f"{path.name}:{number}"
    channel = str(row.channel) if row.channel is not None else name
    forwarded = at - row.fwd_age_h * 3600.0 if row.fwd_age_h is not None else None
    post = Post(
        channel=channel,
        message_id=number,
        posted_at=at,
        text=row.text,
        forwarded_at=forwarded,
        reply_to=1 if row.reply_to is not None else None,
    )
    return Example(
        id=name,
        group=channel,
        post=post,
        label=row.label,
        expected=expected,
        weight=row.weight,
        language=row.lang or "?",
        certain=not row.doubt,
        legs=row.legs,
        parent=str(row.reply_to) if row.reply_to is not None else None,
    )
