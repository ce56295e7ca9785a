"""Reading a text without side effects, for `POST /signals/score` and `parse`."""

from pathlib import Path

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, CompiledClassifier, load_classifier
from levibotd.config import Config
from levibotd.domain.reader import Reader
from levibotd.domain.signal import Post, Scored
from levibotd.kernel.clock import Clock
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Market


def classifier_of(config: Config) -> CompiledClassifier:
    """
    The configured model, else the one that ships with the package, for what may not depend on what was learned here.

    Raises ConfigError.
    """
    return load_classifier(Path(config.model.file) if config.model.file else DEFAULT_MODEL)


class TextReader:
    """What a post would mean now, without leaving a trace."""

    def __init__(self, reader: Reader, *, market: Market, clock: Clock) -> None:
        self._reader = reader
        self._market = market
        self._clock = clock

    def __call__(self, post: Post) -> Scored:
        return self._reader(post, MarketAsOf(self._market, at=self._clock.time()))
