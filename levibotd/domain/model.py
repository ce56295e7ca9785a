"""
The compiled classifier: arrays to bytes and back, text to probabilities.

Training folds a calibrated linear pipeline into these arrays; serving needs numpy alone and
gives the same numbers to 1e-9. The bytes are an `.npz` without pickles, equal for equal
content. What was not written by `encode` is refused before anything large is allocated.
"""

import hashlib
import io
import json
import math
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.lib import format as npy
from numpy.typing import NDArray

from levibotd.domain.features import character_grams, folded, tokens
from levibotd.errors import ConfigError

FORMAT: Final = 2
MODEL_BYTES_MAX: Final = 16 * 1024 * 1024
MEMBER_BYTES_MAX: Final = 32 * 1024 * 1024
FEATURES_MAX: Final = 400_000
GRAM_MAX: Final = 256  # Characters of one n-gram.
VALUE_MAX: Final = 1e6  # Of any number in it, either way: products of such sums stay finite.
CLASSES: Final = ("BUY", "NO-TRADE", "SELL")
SIGMOID: Final = "sigmoid"
TEMPERATURE: Final = "temperature"

# Edges of p(actionable) between which the reference counts posts: most posts lie at the ends.
REFERENCE_EDGES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.7, 0.9, 0.98)
REFERENCE_BINS: Final = len(REFERENCE_EDGES) + 1

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FLOATS = ("weights", "idf", "intercepts", "sigmoids", "floors", "reference")
_MEMBERS = (*_FLOATS, "vocabulary")
_PLAIN_ZIP = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNKS_KEPT = 20_000  # Words whose runs of characters are remembered: posts repeat themselves.

Floats = NDArray[np.float64]
Rows = NDArray[np.int32]  # Sorted in half the time of whole words.
_NO_FLOATS: Floats = np.zeros(0)


class Arrays(Struct, frozen=True, kw_only=True):
    """
    Everything a compiled classifier is. Rows of `weights` and `idf`: words and pairs, runs of characters, marks.

    `method` says how margins become probabilities: a sigmoid a class, or one temperature (then `sigmoids`
    has its inverse as slope, and no offset). `floors`: below which probability a class is ruled out; empty,
    where the model never abstains. `reference`: shares of posts between REFERENCE_EDGES, empty where unknown.
    """

    words: tuple[str, ...]
    marks: tuple[str, ...]  # Structure tokens.
    weights: Floats  # (words + chars + marks) x classes.
    idf: Floats
    intercepts: Floats  # One a class.
    sigmoids: Floats  # classes x 2: slope and offset.
    chars: tuple[str, ...] = ()
    method: str = SIGMOID
    floors: Floats = _NO_FLOATS
    reference: Floats = _NO_FLOATS


class CompiledModel:
    """Text and structure tokens to calibrated probabilities. Remembers nothing but how words are spelt."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self._word_at: dict[str, int] = {}
        self._pair_at: dict[str, dict[str, int]] = {}
        for row, gram in enumerate(arrays.words):
            first, _, second = gram.partition(" ")
            if second:
                self._pair_at.setdefault(first, {})[second] = row
            else:
                self._word_at[first] = row
        start = len(arrays.words)
        self._char_at = {gram: row for row, gram in enumerate(arrays.chars)}
        self._char_start = start
        start += len(arrays.chars)
        self._mark_at = {mark: row for row, mark in enumerate(arrays.marks, start)}
        self._scaled = np.ascontiguousarray(arrays.weights * arrays.idf[:, None])
        self._idf_squared = arrays.idf**2
        # One row a run of characters, so that all that is needed of it is fetched at once.
        chars = slice(self._char_start, start)
        self._char_table = np.column_stack([self._scaled[chars], self._idf_squared[chars]])
        # Words and marks of a post are few: for them plain floats are quicker than arrays.
        few = np.r_[0 : len(arrays.words), start : start + len(arrays.marks)]
        rows = zip(self._idf_squared[few].tolist(), *self._scaled[few].T.tolist(), strict=True)
        self._features = dict(zip(few.tolist(), rows, strict=True))
        self._intercepts = arrays.intercepts.tolist()
        self._sigmoids = arrays.sigmoids.tolist()
        self._floors = tuple(arrays.floors.tolist())
        self._chunks: dict[str, Rows] = {}

    def probs(self, text: str, structure: Sequence[str]) -> dict[str, float]:
        """Return the probability of each class; sums to 1."""
        margins = self.margins(text, structure)
        if self.arrays.method == TEMPERATURE:
            single = _softmax([slope * margin for (slope, _), margin in zip(self._sigmoids, margins, strict=True)])
        else:
            single = [_expit(-(a * m + b)) for (a, b), m in zip(self._sigmoids, margins, strict=True)]
        total = sum(single)
        if total <= 0.0:
            return dict.fromkeys(CLASSES, 1.0 / len(CLASSES))
        return {name: value / total for name, value in zip(CLASSES, single, strict=True)}

    def plausible(self, probs: Mapping[str, float]) -> tuple[str, ...]:
        """Return the labels that these probabilities cannot rule out; none where the model never abstains."""
        return plausible(self._floors, probs)

    def margins(self, text: str, structure: Sequence[str]) -> tuple[float, ...]:
        """Return the uncalibrated distance to each class's plane."""
        buy, sell, none = self._intercepts
        features = self._features
        said = folded(text)
        for counts in (self._word_counts(said), self._mark_counts(structure)):
            squares = x = y = z = 0.0
            for row, count in counts.items():
                often = 1.0 if count == 1 else 1.0 + math.log(count)
                idf_squared, for_buy, for_sell, for_none = features[row]
                squares += often * often * idf_squared
                x += often * for_buy
                y += often * for_sell
                z += often * for_none
            if squares:
                norm = math.sqrt(squares)
                buy += x / norm
                sell += y / norm
                none += z / norm
        rows, often_each = self._char_counts(said)
        if len(rows):
            found = self._char_table.take(rows, axis=0)
            x, y, z, _ = (often_each @ found).tolist()
            norm = math.sqrt(float((often_each * often_each) @ found[:, 3]))
            return buy + x / norm, sell + y / norm, none + z / norm
        return buy, sell, none

    def explain(self, text: str, structure: Sequence[str], *, label: str, top: int) -> list[tuple[str, float]]:
        """Return the `top` features by size of their exact share of `label`'s margin."""
        column = CLASSES.index(label)
        shares: list[tuple[str, float]] = []
        names = (*self.arrays.words, *self.arrays.chars, *self.arrays.marks)
        said = folded(text)
        chars, often = self._char_counts(said)
        blocks = (
            _columns(self._word_counts(said)),
            (self._char_start + chars, often),
            _columns(self._mark_counts(structure)),
        )
        for rows, values in blocks:
            if len(rows):
                norm = math.sqrt(float(values**2 @ self._idf_squared[rows]))
                part = values * self._scaled[rows, column] / norm
                shares.extend(
                    (names[row], float(share)) for row, share in zip(rows.tolist(), part.tolist(), strict=True)
                )
        shares.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
        return shares[:top]

    def _word_counts(self, said: str) -> dict[int, int]:
        found = tokens(said)
        word_at = self._word_at
        rows = [word_at[token] for token in found if token in word_at]
        # Two steps, so that pairs which cannot be known cost no string.
        pair_at = self._pair_at
        followed = zip(map(pair_at.get, found), found[1:], strict=False)
        rows += [pairs[second] for pairs, second in followed if pairs is not None and second in pairs]
        return _counted(rows)

    def _mark_counts(self, structure: Sequence[str]) -> dict[int, int]:
        marks = self._mark_at
        return _counted([marks[mark] for mark in structure if mark in marks])

    def _char_counts(self, said: str) -> tuple[Rows, Floats]:
        if not self._char_at:
            return _NO_ROWS, _NO_FLOATS
        chunks = self._chunks
        parts = [chunks[chunk] if chunk in chunks else self._rows_of(chunk) for chunk in said.split()]
        rows: Rows = np.concatenate(parts) if parts else _NO_ROWS
        if not len(rows):
            return _NO_ROWS, _NO_FLOATS
        rows.sort()
        changes = np.flatnonzero(rows[1:] != rows[:-1]) + 1
        starts = np.concatenate((_FIRST, changes))
        ends = np.concatenate((changes, (len(rows),)))
        return rows[starts], 1.0 + np.log(ends - starts)

    def _rows_of(self, chunk: str) -> Rows:
        at = self._char_at
        rows = np.array([row for row in map(at.get, character_grams(chunk)) if row is not None], np.int32)
        if len(self._chunks) >= _CHUNKS_KEPT:
            self._chunks.clear()
        self._chunks[chunk] = rows
        return rows


_NO_ROWS: Rows = np.zeros(0, np.int32)
_FIRST: Rows = np.zeros(1, np.int32)


def plausible(floors: Sequence[float], probs: Mapping[str, float]) -> tuple[str, ...]:
    """Return the classes, in the order of CLASSES, whose probability reaches their floor; none without floors."""
    return tuple([name for name, floor in zip(CLASSES, floors, strict=False) if probs[name] >= floor])


def reference_bin(probs: Mapping[str, float]) -> int:
    """Return in which bin of the reference a post with these probabilities is counted."""
    return bisect_right(REFERENCE_EDGES, 1.0 - probs["NO-TRADE"])


def encode(arrays: Arrays) -> bytes:
    """Return the model's bytes: the same for the same content, whenever and wherever written."""
    vocabulary = json.dumps(
        {
            "format": FORMAT,
            "classes": CLASSES,
            "method": arrays.method,
            "words": arrays.words,
            "chars": arrays.chars,
            "marks": arrays.marks,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    parts: dict[str, NDArray[np.generic]] = {name: getattr(arrays, name) for name in _FLOATS}
    parts["vocabulary"] = np.frombuffer(vocabulary.encode(), np.uint8)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _MEMBERS:
            body = io.BytesIO()
            npy.write_array(body, np.ascontiguousarray(parts[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            archive.writestr(info, body.getvalue(), compresslevel=9)
    return out.getvalue()


def decode(data: bytes) -> Arrays:
    """Return what `encode` wrote. Raises ConfigError, saying what is wrong, for anything else."""
    if len(data) > MODEL_BYTES_MAX:
        raise ConfigError(f"model: {len(data)} bytes, more than {MODEL_BYTES_MAX}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: _member(archive, name) for name in _expected(archive)}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise ConfigError(f"model: not a readable archive: {error}") from error
    return _checked(parts)


def digest(data: bytes) -> str:
    """The name of a model: SHA-256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def _expected(archive: zipfile.ZipFile) -> tuple[str, ...]:
    listed = archive.infolist()
    names = sorted(member.filename for member in listed)
    if names != sorted(f"{name}.npy" for name in _MEMBERS):
        shown = ", ".join(names)[:200]
        raise ConfigError(f"model: not one of ours, it holds {shown or 'nothing'}")
    for member in listed:
        if member.file_size > MEMBER_BYTES_MAX:
            raise ConfigError(f"model: {member.filename} is larger than {MEMBER_BYTES_MAX} bytes")
        if member.compress_type not in _PLAIN_ZIP or member.flag_bits & 1:
            raise ConfigError(f"model: {member.filename} is packed in a way that is not ours")
    return _MEMBERS


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    # The size in the directory may lie, so reading stops at the limit whatever it says.
    with archive.open(f"{name}.npy") as stream:
        body = stream.read(MEMBER_BYTES_MAX + 1)
    if len(body) > MEMBER_BYTES_MAX:
        raise ConfigError(f"model: {name} is larger than {MEMBER_BYTES_MAX} bytes")
    stream_body = io.BytesIO(body)
    try:
        version = npy.read_magic(stream_body)
        if version != (1, 0):
            raise ConfigError(f"model: {name} has array format {version}")
        shape, fortran, dtype = npy.read_array_header_1_0(stream_body)
    except (ValueError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        raise ConfigError(f"model: {name} is no array: {str(error)[:200]}") from error
    wanted = np.dtype(np.uint8) if name == "vocabulary" else np.dtype("<f8")
    if dtype != wanted or fortran:
        raise ConfigError(f"model: {name} holds {dtype}, not {wanted}")
    rest = body[stream_body.tell() :]
    if math.prod(shape) * dtype.itemsize != len(rest) or any(side < 0 for side in shape):
        raise ConfigError(f"model: {name} is cut short")
    return np.frombuffer(rest, dtype).reshape(shape)


class _Vocabulary(Struct, forbid_unknown_fields=True):
    format: int
    classes: tuple[str, ...]
    method: str
    words: tuple[str, ...]
    chars: tuple[str, ...]
    marks: tuple[str, ...]


def _checked(parts: Mapping[str, NDArray[np.generic]]) -> Arrays:
    vocabulary = _vocabulary(parts["vocabulary"].tobytes())
    rows = len(vocabulary.words) + len(vocabulary.chars) + len(vocabulary.marks)
    shapes = {
        "weights": ((rows, len(CLASSES)),),
        "idf": ((rows,),),
        "intercepts": ((len(CLASSES),),),
        "sigmoids": ((len(CLASSES), 2),),
        "floors": ((0,), (len(CLASSES),)),
        "reference": ((0,), (REFERENCE_BINS,)),
    }
    for name, allowed in shapes.items():
        if parts[name].shape not in allowed:
            raise ConfigError(f"model: {name} has shape {parts[name].shape}, not {allowed[-1]}")
    floats = {name: parts[name].astype(np.float64) for name in _FLOATS}
    for name, values in floats.items():
        if not np.isfinite(values).all():
            raise ConfigError(f"model: {name} holds a value that is no number")
        if np.abs(values).max(initial=0.0) > VALUE_MAX:
            raise ConfigError(f"model: {name} holds a value beyond {VALUE_MAX:g}")
    for name in ("idf", "floors", "reference"):
        if floats[name].min(initial=0.0) < 0:
            raise ConfigError(f"model: {name} holds a value below zero")
    return Arrays(
        words=vocabulary.words, chars=vocabulary.chars, marks=vocabulary.marks, method=vocabulary.method, **floats
    )


def _vocabulary(data: bytes) -> _Vocabulary:
    try:
        # How many there are is known before a million strings are made of them.
        if data.count(b",") > FEATURES_MAX:
            raise ConfigError(f"model: more than {FEATURES_MAX} features")
        vocabulary = msgspec.json.decode(data, type=_Vocabulary)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"model: unreadable vocabulary: {error}") from error
    if vocabulary.format != FORMAT or vocabulary.classes != CLASSES:
        raise ConfigError(
            f"model: format {vocabulary.format} with classes {vocabulary.classes} is not the format {FORMAT} "
            "of this version; train it again"
        )
    if vocabulary.method not in (SIGMOID, TEMPERATURE):
        raise ConfigError(f"model: calibration {vocabulary.method[:40]!r} is not known")
    for block in (vocabulary.words, vocabulary.chars, vocabulary.marks):
        if len(set(block)) < len(block):
            raise ConfigError("model: an n-gram stands twice")
    if max(map(len, chain(vocabulary.words, vocabulary.chars, vocabulary.marks)), default=0) > GRAM_MAX:
        raise ConfigError(f"model: an n-gram is longer than {GRAM_MAX} characters")
    return vocabulary


# For the few features of a post quicker than a Counter is made.
def _counted(rows: Sequence[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in rows:
        counts[row] = counts.get(row, 0) + 1
    return counts


def _columns(counts: Mapping[int, int]) -> tuple[Rows, Floats]:
    size = len(counts)
    rows = np.fromiter(counts.keys(), np.int32, size)
    values = 1.0 + np.log(np.fromiter(counts.values(), np.float64, size))
    return rows, values


def _expit(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x) if x > -700 else 0.0
    return grown / (1.0 + grown)


def _softmax(values: Sequence[float]) -> list[float]:
    largest = max(values)
    return [math.exp(value - largest) for value in values]
