"""
Labelled posts: JSON lines in, examples out.

A line has `text` and `label` (BUY, SELL, NO-TRADE); what else is known of a post helps:
`channel` (folds never split one), `weight` (how many real posts it stands for), `ts`, `lang`,
`legs`, `doubt`. Bad lines are told by file, line and reason, the first ones of all of them.
"""

import gzip
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from levibotd.domain.bad_lines import BadLines
from levibotd.domain.learning import LABELS, NAME_MAX
from levibotd.domain.signal import Post
from levibotd.errors import ConfigError, Refused

EXAMPLES_MAX = 500_000
LINE_BYTES_MAX = 1024 * 1024
WEIGHT_MAX = 1e9


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
    legs: tuple[dict[str, Any], ...] | None = None


class _GoldLeg(Struct, frozen=True, kw_only=True):
    """What is looked at of a leg. Other keys of it are left alone, and what is null was not written in the post."""

    symbol: str | None = None
    side: Literal["BUY", "SELL"]
    quote_inferred: bool | None = None
    market: Literal["spot", "futures"] | None = None
    entry_type: Literal["range", "ladder", "limit", "below", "above", "stop", "market"] | None = None
    entry: tuple[float, ...] | None = None
    tps: tuple[float, ...] | None = None
    tp_unit: Literal["price", "pct", "multiple"] | None = None
    sl: float | tuple[float, ...] | None = None
    sl_kind: Literal["price", "pct", "4h_close", "daily_close", "weekly_close"] | None = None
    price_unit: Literal["quote", "satoshi", "truncated"] | None = None


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
    """Read all labels in file order. Raises ConfigError for lines that cannot be used, or for too many."""
    out: list[Example] = []
    bad = BadLines()
    for path in paths:
        for number, line in _lines(path):
            try:
                out.append(_example(path, number, line))
            except (msgspec.DecodeError, UnicodeDecodeError, Refused) as error:
                bad.add(f"{path}:{number}: {error}")
            if len(out) > EXAMPLES_MAX:
                raise ConfigError(f"{path}: more than {EXAMPLES_MAX} examples")
    _expect_none(bad)
    if not out:
        raise ConfigError(f"no examples in {', '.join(map(str, paths)) or 'no file'}")
    return out


def load_texts(paths: Sequence[Path], wanted: Iterable[str]) -> dict[str, str]:
    """Return the texts of the wanted message ids: what labelled posts reply to."""
    ids = frozenset(wanted)
    found: dict[str, str] = {}
    bad = BadLines()
    for path in paths:
        for number, line in _lines(path):
            try:
                message = msgspec.json.decode(line, type=_Message)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                bad.add(f"{path}:{number}: {error}")
                continue
            if message.text and str(message.id) in ids:
                found[str(message.id)] = message.text
    _expect_none(bad)
    return found


class _Message(Struct):
    id: str | int
    text: str | None = None


def _expect_none(bad: BadLines) -> None:
    if bad:
        raise ConfigError("\n".join(bad.told))


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


def _expect_usable(row: Row) -> None:
    if not row.text.strip():
        raise Refused("an empty text says nothing", reason="text")
    for name, label in (("label", row.label), ("label_at_post", row.label_at_post or row.label)):
        if label not in LABELS:
            raise Refused(f"{name} {label[:NAME_MAX]!r} is none of {', '.join(LABELS)}", reason="label")
    if not 0 < row.weight < WEIGHT_MAX:
        raise Refused(f"weight {row.weight} is not between 0 and {WEIGHT_MAX:g}", reason="weight")
    for name, value in (("ts", row.ts), ("fwd_age_h", row.fwd_age_h)):
        if value is not None and not 0 <= value < math.inf:
            raise Refused(f"{name} {value} is no time", reason="ts")
    _expect_legs(row.legs or ())


def _expect_legs(legs: Sequence[Mapping[str, Any]]) -> None:
    for number, one in enumerate(legs):
        try:
            leg = msgspec.convert(one, _GoldLeg)
        except msgspec.ValidationError as error:
            raise Refused(f"legs[{number}]: {error}", reason="legs") from error
        stops = leg.sl if isinstance(leg.sl, tuple) else () if leg.sl is None else (leg.sl,)
        for name, values in (("entry", leg.entry or ()), ("tps", leg.tps or ()), ("sl", stops)):
            if any(not 0 < value < math.inf for value in values):
                raise Refused(f"legs[{number}]: {name} holds what is no price and no percentage", reason="legs")


def _example(path: Path, number: int, line: bytes) -> Example:
    row = msgspec.json.decode(line, type=Row)
    _expect_usable(row)
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
        expected=row.label_at_post or row.label,
        weight=row.weight,
        language=row.lang or "?",
        certain=not row.doubt,
        legs=row.legs or (),
        parent=str(row.reply_to) if row.reply_to is not None else None,
    )
