"""The judge of texts: what the scorer needs of a trained model, in our words."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Classifier(Protocol):
    """A calibrated text model. Pure: same text and structure, same probabilities."""

    @property
    def sha(self) -> str:
        """SHA-256 of the model's bytes: names the model in every decision."""

    @property
    def trained_until(self) -> float | None:
        """Unix time of the youngest post it learned from: older posts are contaminated by it."""

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        """Probabilities of BUY, SELL and NO-TRADE for `text` with the structure tokens of its reading; sums to 1."""

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        """The labels that `probs` cannot rule out at the model's confidence; none where it never abstains."""

    def explain(self, text: str, structure: Sequence[str], *, label: str, top: int) -> Sequence[tuple[str, float]]:
        """The `top` features of `label`'s margin, each with its exact signed share."""
