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
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from msgspec import Struct
from numpy.lib import format as npy
from numpy.typing import NDArray

from levibotd.domain.features import words
from levibotd.errors import ConfigError

FORMAT = 1
MODEL_BYTES_MAX = 16 * 1024 * 1024
MEMBER_BYTES_MAX = 64 * 1024 * 1024
CLASSES = ("BUY", "NO-TRADE", "SELL")

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FLOATS = ("weights", "idf", "intercepts", "sigmoids")
_MEMBERS = (*_FLOATS, "vocabulary")

Floats = NDArray[np.float64]


class Arrays(Struct, frozen=True, kw_only=True):
    """Everything a compiled classifier is. Rows of `weights` and `idf`: words and pairs, then marks."""

    words: tuple[str, ...]
    marks: tuple[str, ...]  # Structure tokens.
    weights: Floats  # (words + marks) x classes.
    idf: Floats
    intercepts: Floats  # One a class.
    sigmoids: Floats  # classes x 2: slope and offset.


class CompiledModel:
    """Text and structure tokens to calibrated probabilities. Holds no state."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._word_at: dict[str, int] = {}
        self._pair_at: dict[str, dict[str, int]] = {}
        for row, gram in enumerate(arrays.words):
            first, _, second = gram.partition(" ")
            if second:
                self._pair_at.setdefault(first, {})[second] = row
            else:
                self._word_at[first] = row
        self._mark_at = {mark: row for row, mark in enumerate(arrays.marks, len(arrays.words))}
        self._scaled = arrays.weights * arrays.idf[:, None]
        self._idf_squared = arrays.idf**2
        # Plain floats: for the few features of a post they are quicker than arrays.
        self._features = list(zip(self._idf_squared.tolist(), *self._scaled.T.tolist(), strict=True))
        self._intercepts = arrays.intercepts.tolist()
        self._sigmoids = arrays.sigmoids.tolist()

    def probs(self, text: str, structure: Sequence[str]) -> dict[str, float]:
        """Return the probability of each class; sums to 1."""
        margins = self.margins(text, structure)
        single = [_expit(-(a * m + b)) for (a, b), m in zip(self._sigmoids, margins, strict=True)]
        total = sum(single)
        if total <= 0.0:
            return dict.fromkeys(CLASSES, 1.0 / len(CLASSES))
        return {name: value / total for name, value in zip(CLASSES, single, strict=True)}

    def plausible(self, probs: Mapping[str, float]) -> tuple[str, ...]:
        """Return the labels that these probabilities cannot rule out; none where the model never abstains."""
        return ()

    def margins(self, text: str, structure: Sequence[str]) -> tuple[float, ...]:
        """Return the uncalibrated distance to each class's plane."""
        buy, sell, none = self._intercepts
        features = self._features
        for counts in self._blocks(text, structure):
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
        return buy, sell, none

    def explain(self, text: str, structure: Sequence[str], *, label: str, top: int) -> list[tuple[str, float]]:
        """Return the `top` features by size of their exact share of `label`'s margin."""
        column = CLASSES.index(label)
        shares: list[tuple[str, float]] = []
        names = (*self._arrays.words, *self._arrays.marks)
        for counts in self._blocks(text, structure):
            if counts:
                rows, values = _columns(counts)
                norm = math.sqrt(float(values**2 @ self._idf_squared[rows]))
                part = values * self._scaled[rows, column] / norm
                shares.extend(
                    (names[row], float(share)) for row, share in zip(rows.tolist(), part.tolist(), strict=True)
                )
        shares.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
        return shares[:top]

    def _blocks(self, text: str, structure: Sequence[str]) -> tuple[dict[int, int], dict[int, int]]:
        tokens = words(text)
        word_at = self._word_at
        rows = [word_at[token] for token in tokens if token in word_at]
        # Two steps, so that pairs which cannot be known cost no string.
        pair_at = self._pair_at
        for first, second in pairwise(tokens):
            followers = pair_at.get(first)
            if followers is not None and second in followers:
                rows.append(followers[second])
        marks = self._mark_at
        return _counted(rows), _counted([marks[mark] for mark in structure if mark in marks])


def encode(arrays: Arrays) -> bytes:
    """Return the model's bytes: the same for the same content, whenever and wherever written."""
    vocabulary = json.dumps(
        {"format": FORMAT, "classes": CLASSES, "words": arrays.words, "marks": arrays.marks},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    parts: dict[str, NDArray[np.generic]] = {
        "weights": arrays.weights,
        "idf": arrays.idf,
        "intercepts": arrays.intercepts,
        "sigmoids": arrays.sigmoids,
        "vocabulary": np.frombuffer(vocabulary.encode(), np.uint8),
    }
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
    names = sorted(archive.namelist())
    if names != sorted(f"{name}.npy" for name in _MEMBERS):
        raise ConfigError(f"model: not one of ours, it holds {', '.join(names)[:200] or 'nothing'}")
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
    words: tuple[str, ...]
    marks: tuple[str, ...]


def _checked(parts: Mapping[str, NDArray[np.generic]]) -> Arrays:
    try:
        vocabulary = msgspec.json.decode(parts["vocabulary"].tobytes(), type=_Vocabulary)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"model: unreadable vocabulary: {error}") from error
    if vocabulary.format != FORMAT or vocabulary.classes != CLASSES:
        raise ConfigError(f"model: format {vocabulary.format} with classes {vocabulary.classes} is not ours")
    rows = len(vocabulary.words) + len(vocabulary.marks)
    shapes = {
        "weights": (rows, len(CLASSES)),
        "idf": (rows,),
        "intercepts": (len(CLASSES),),
        "sigmoids": (len(CLASSES), 2),
    }
    for name, shape in shapes.items():
        if parts[name].shape != shape:
            raise ConfigError(f"model: {name} has shape {parts[name].shape}, not {shape}")
    floats = {name: parts[name].astype(np.float64) for name in _FLOATS}
    for name, values in floats.items():
        if not np.isfinite(values).all():
            raise ConfigError(f"model: {name} holds a value that is no number")
    return Arrays(
        words=vocabulary.words,
        marks=vocabulary.marks,
        weights=floats["weights"],
        idf=floats["idf"],
        intercepts=floats["intercepts"],
        sigmoids=floats["sigmoids"],
    )


# For the few features of a post quicker than a Counter is made.
def _counted(rows: Sequence[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in rows:
        counts[row] = counts.get(row, 0) + 1
    return counts


def _columns(counts: Mapping[int, int]) -> tuple[NDArray[np.intp], Floats]:
    size = len(counts)
    rows = np.fromiter(counts.keys(), np.intp, size)
    values = 1.0 + np.log(np.fromiter(counts.values(), np.float64, size))
    return rows, values


def _expit(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x) if x > -700 else 0.0
    return grown / (1.0 + grown)
