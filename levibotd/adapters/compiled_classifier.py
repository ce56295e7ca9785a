"""
A compiled model from disk, behind the classifier port.

`X.npz` holds the arrays, `X.json` beside it says what they are and their SHA-256. Both are
small, checked, and never unpickled.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from levibotd.domain.model import MODEL_BYTES_MAX, CompiledModel, decode, digest
from levibotd.errors import ConfigError

DEFAULT_MODEL = Path(__file__).parent / "models" / "default.npz"

_CARD_BYTES_MAX = 1024 * 1024


class Card(Struct, frozen=True, kw_only=True):
    """What `X.json` says of `X.npz`. Unknown keys are figures for the reader, not for us."""

    sha256: str
    trained_until: float | None = None


class CompiledClassifier:
    """The `classifier` port over one compiled model. Made once at start; a later model is another object."""

    def __init__(self, model: CompiledModel, *, sha: str, trained_until: float | None) -> None:
        self._model = model
        self._sha = sha
        self._trained_until = trained_until

    @property
    def sha(self) -> str:
        return self._sha

    @property
    def trained_until(self) -> float | None:
        return self._trained_until

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        return self._model.probs(text, structure)

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return self._model.plausible(probs)

    def explain(self, text: str, structure: Sequence[str], *, label: str, top: int) -> Sequence[tuple[str, float]]:
        return self._model.explain(text, structure, label=label, top=top)


def load_classifier(path: Path = DEFAULT_MODEL) -> CompiledClassifier:
    """Read the model at `path` and the JSON beside it. Raises ConfigError, naming the file and what is wrong."""
    data = _read(path, limit=MODEL_BYTES_MAX)
    card_path = path.with_suffix(".json")
    try:
        card = msgspec.json.decode(_read(card_path, limit=_CARD_BYTES_MAX), type=Card)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{card_path}: {error}") from error
    found = digest(data)
    if found != card.sha256:
        raise ConfigError(f"{path}: its SHA-256 is {found[:12]}..., {card_path.name} says {card.sha256[:12]}...")
    try:
        arrays = decode(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return CompiledClassifier(CompiledModel(arrays), sha=found, trained_until=card.trained_until)


def _read(path: Path, *, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    if len(data) > limit:
        raise ConfigError(f"{path}: more than {limit} bytes")
    return data
