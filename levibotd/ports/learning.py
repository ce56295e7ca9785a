"""The learning port: labels, models and the child that fits them, for the trainer and for operators."""

from typing import Protocol

from levibotd.domain.label_queue import LabelQueue
from levibotd.domain.learning import Appended, DatasetCounts, Labelled, ModelBook, ModelTrained
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Retrain
from levibotd.ports.classifier import Classifier


class Learner(Protocol):
    """Works on disk and in a child process, off the loop."""

    async def look(self) -> None:
        """
        Serve what is to be served now, and write down what happened since the last look.

        A model that cannot be used is told, and the one before stays. Raises no LeviError.
        """

    async def retrain(self, by: str) -> ModelTrained:
        """
        Fit a challenger in a child process; where it is not worse, it is to be served.

        Raises ConfigError, Refused, Unavailable; then nothing has changed.
        """


class LearningDesk(Protocol):
    """What operators see of it, and may ask for."""

    running_since: float | None  # When the training under way began.

    @property
    def queue(self) -> LabelQueue: ...

    @property
    def serving(self) -> Classifier: ...

    @property
    def figures(self) -> dict[str, float]:
        """What the card of the served model says of it: `brier`, `ece`, and `psi` of the last posts."""

    @property
    def pinned(self) -> str | None:
        """The model file that the configuration names; then nothing else is served."""

    @property
    def ref(self) -> Ref[Retrain]: ...

    def expect_able(self) -> None:
        """Raises Refused where nothing may be trained, ConfigError where it cannot be."""

    async def append(self, one: Labelled, *, replace: bool, by: str) -> Appended:
        """Keep a label. Raises Refused, ConfigError."""

    async def counts(self) -> DatasetCounts:
        """What the data set holds. Raises ConfigError."""

    async def book(self) -> ModelBook:
        """What is known of the models. Raises ConfigError."""

    async def roll_back(self, to: str | None, *, by: str) -> str:
        """Serve the model before, or the one named; answers which. Raises Refused, ConfigError."""
