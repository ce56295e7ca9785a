"""
A compiled model from disk, behind the classifier port.

`X.npz` holds the arrays, `X.json` beside it says what they are and their SHA-256. Both are
small, checked, and never unpickled.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from levibotd.domain.model import MODEL_BYTES_MAX, CompiledModel, decode, digest
from levibotd.domain.pictures.reliability import Bin, Reliability
from levibotd.errors import ConfigError

DEFAULT_MODEL = Path(__file__).parent / "models" / "default.npz"

REMEDY = "train it again, restore it, or serve another model"

_CARD_BYTES_MAX = 1024 * 1024


class Card(Struct, frozen=True, kw_only=True):
    """What `X.json` says of `X.npz`. Unknown keys are figures for the reader, not for us."""

    sha256: str
    trained_until: float | None = None
    brier: float | None = None
    ece: float | None = None
    method: str = ""  # How the figures were taken.
    reliability: tuple[Bin, ...] = ()


class CompiledClassifier:
    """The `classifier` port over one compiled model. Made once at start; a later model is another object."""

    def __init__(self, model: CompiledModel, card: Card) -> None:
        self._model = model
        self.card = card

    @property
    def reference(self) -> tuple[float, ...]:
        """Shares of posts by p(actionable), as the model was made with; empty where it does not say."""
        return tuple(self._model.arrays.reference.tolist())

    @property
    def reliability(self) -> Reliability:
        """How often what it says came true, on channels that it had not seen."""
        card = self.card
        return Reliability(model=card.sha256[:8], method=card.method, ece=card.ece, bins=card.reliability)

    @property
    def sha(self) -> str:
        return self.card.sha256

    @property
    def trained_until(self) -> float | None:
        return self.card.trained_until

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        return self._model.probs(text, structure)

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return self._model.plausible(probs)

    def explain(self, text: str, structure: Sequence[str], *, label: str, top: int) -> Sequence[tuple[str, float]]:
        return self._model.explain(text, structure, label=label, top=top)


class ServedClassifier:
    """
    The classifier port over whichever model is served now.

    Another one takes over between two calls. Whoever judges a post and names its model does both without
    awaiting anything between.
    """

    def __init__(self, first: CompiledClassifier) -> None:
        self.current = first

    @property
    def sha(self) -> str:
        return self.current.sha

    @property
    def trained_until(self) -> float | None:
        return self.current.trained_until

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        return self.current.probs(text, structure)

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return self.current.plausible(probs)

    def explain(self, text: str, structure: Sequence[str], *, label: str, top: int) -> Sequence[tuple[str, float]]:
        return self.current.explain(text, structure, label=label, top=top)


def load_classifier(path: Path = DEFAULT_MODEL) -> CompiledClassifier:
    """Read the model at `path` and the JSON beside it. Raises ConfigError, naming the file and what is wrong."""
    data = _read(path, limit=MODEL_BYTES_MAX)
    card_path = path.with_suffix(".json")
    try:
        card = msgspec.json.decode(_read(card_path, limit=_CARD_BYTES_MAX), type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{card_path}: {error}; {REMEDY}") from error
    found = digest(data)
    if found != card.sha256:
        said = f"its SHA-256 is {found[:12]}..., {card_path.name} says {card.sha256[:12]}..."
        raise ConfigError(f"{path}: {said}; {REMEDY}")
    try:
        arrays = decode(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; {REMEDY}") from error
    return CompiledClassifier(CompiledModel(arrays), card)


def _read(path: Path, *, limit: int) -> bytes:
    try:
        # A pipe without a writer must not hold up a start.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
                raise ConfigError(f"{path}: a pipe, no file; {REMEDY}")
            data = stream.read(limit + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    if len(data) > limit:
        raise ConfigError(f"{path}: more than {limit} bytes; {REMEDY}")
    return data
