"""Reading a text without side effects, for `POST /signals/score` and `parse`."""

from pathlib import Path

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, CompiledClassifier, load_classifier
from levibotd.config import Config
from levibotd.domain.features import score
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Post, Scored
from levibotd.kernel.clock import Clock
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.classifier import Classifier
from levibotd.ports.market import Market


def classifier_of(config: Config) -> CompiledClassifier:
    """
    The configured model, else the one that ships with the package, for what may not depend on what was learned here.

    Raises ConfigError.
    """
    return load_classifier(Path(config.model.file) if config.model.file else DEFAULT_MODEL)


class TextReader:
    """Reads posts as of now, and forgets them: what strangers ask for is not kept in the memory of what was posted."""

    def __init__(self, classifier: Classifier, *, market: Market, clock: Clock) -> None:
        self._classifier = classifier
        self._market = market
        self._clock = clock

    def __call__(self, post: Post) -> Scored:
        reading = read(post, MarketAsOf(self._market, at=self._clock.time()))
        return score(post, reading, self._classifier)
