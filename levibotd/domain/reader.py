"""
Reading and scoring, each text once: channels repeat their results, their greetings and above all their advertisements.

Both are pure, so an answer may be given again wherever all that decides it is the same again: the text, what else of
the post and of its parent is looked at, the model, and what the market said when it was asked.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from levibotd.domain.features import TextClassifier, score
from levibotd.domain.posts.market_view import MarketView
from levibotd.domain.posts.reading import is_stale, read
from levibotd.domain.signal import Post, Reading, Scored

TEXTS_KEPT = 1024
LENGTH_KEPT_MAX = 2048  # Characters. What is longer is seldom said twice.
ANSWERS_KEPT_MAX = 64  # Of the market, about one post.
PARENTS_KEPT = 4096  # So far back a reply finds what it replies to.


class NamedClassifier(TextClassifier, Protocol):
    """A classifier that says which model it is."""

    @property
    def sha(self) -> str:
        """The model's name: under one name the same text and structure are judged the same."""

    @property
    def trained_until(self) -> float | None:
        """Unix time of the youngest post it learned from."""


class Reader:
    """
    What `read` and `score` say of a post, with a memory of the last texts.

    All views that one reader is given are of one market, as of different times: its stable quote is always the same.
    """

    def __init__(self, classifier: NamedClassifier) -> None:
        self.classifier = classifier
        self.memory = _Memory()

    def __call__(self, post: Post, market: MarketView, *, parent: Reading | None = None) -> Scored:
        given = _circumstances(post, parent, self.classifier)
        known = self.memory.find(given, market)
        if known is not None:
            return known
        asked = _Asked(market)
        scored = score(post, read(post, asked, parent=parent), self.classifier)
        self.memory.keep(given, scored, asked)
        return scored


class ReadAhead:
    """
    Has posts read before their time, where they are known: many in a row cost a third less than one by one.

    First all are read, then all are scored: code and tables of either stay in the processor's caches. Nobody sees a
    reading early: it waits in the reader's memory, and where post, parent or market turn out otherwise it is not used.
    `view` is the market as of a unix time.
    """

    def __init__(self, reader: Reader, *, view: Callable[[float], MarketView]) -> None:
        self._classifier = reader.classifier
        self._memory = reader.memory
        self._view = view
        self._readings: OrderedDict[tuple[str, int | None], Reading] = OrderedDict()

    def __call__(self, posts: Iterable[Post]) -> None:
        unscored: dict[_Circumstances, tuple[Post, Reading, _Asked]] = {}
        for post in posts:
            if len(post.text) <= LENGTH_KEPT_MAX:
                self._remember(post, self._reading(post, unscored))
        for given, (post, reading, asked) in unscored.items():
            self._memory.keep(given, score(post, reading, self._classifier), asked)

    def _reading(self, post: Post, unscored: "dict[_Circumstances, tuple[Post, Reading, _Asked]]") -> Reading:
        parent = self._readings.get((post.channel, post.reply_to))
        given, market = _circumstances(post, parent, self._classifier), self._view(post.known_at)
        known = self._memory.find(given, market)
        if known is not None:
            return known.reading
        if given in unscored:
            return unscored[given][1]
        asked = _Asked(market)
        reading = read(post, asked, parent=parent)
        unscored[given] = (post, reading, asked)
        return reading

    def _remember(self, post: Post, reading: Reading) -> None:
        self._readings[(post.channel, post.message_id)] = reading
        if len(self._readings) > PARENTS_KEPT:
            self._readings.popitem(last=False)


class _Circumstances(Struct, frozen=True):
    """All that decides an answer beside the market."""

    text: str
    is_stale: bool
    is_forward: bool
    is_reply: bool
    parent: Reading | None
    model: str


def _circumstances(post: Post, parent: Reading | None, classifier: NamedClassifier) -> _Circumstances:
    return _Circumstances(
        post.text,
        is_stale(post),
        post.forwarded_at is not None,
        post.reply_to is not None,
        parent,
        classifier.sha,
    )


class _Asked:
    """A view of the market that remembers what it was asked and what it said."""

    def __init__(self, market: MarketView) -> None:
        self._market = market
        self.known: dict[tuple[str, str | None], bool] = {}
        self.prices: dict[tuple[str, str], float | None] = {}

    @property
    def stable_quote(self) -> str:
        return self._market.stable_quote

    def is_known(self, base: str, quote: str | None) -> bool:
        answer = self.known[(base, quote)] = self._market.is_known(base, quote)
        return answer

    def last_price(self, base: str, quote: str) -> float | None:
        price = self.prices[(base, quote)] = self._market.last_price(base, quote)
        return price


class _Answer(Struct, frozen=True):
    """What was said of a text, and what of the market it hung on."""

    scored: Scored
    known: dict[tuple[str, str | None], bool]
    prices: dict[tuple[str, str], float | None]

    def holds(self, market: MarketView) -> bool:
        for (base, quote), answer in self.known.items():
            if market.is_known(base, quote) is not answer:
                return False
        return all(market.last_price(base, quote) == price for (base, quote), price in self.prices.items())


class _Memory:
    """The answers that were given last. What was not asked for longest is forgotten first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[_Circumstances, _Answer] = OrderedDict()

    def find(self, given: _Circumstances, market: MarketView) -> Scored | None:
        answer = self._answers.get(given)
        if answer is None or not answer.holds(market):
            return None
        self._answers.move_to_end(given)
        return answer.scored

    def keep(self, given: _Circumstances, scored: Scored, asked: _Asked) -> None:
        if len(given.text) > LENGTH_KEPT_MAX or len(asked.known) + len(asked.prices) > ANSWERS_KEPT_MAX:
            return
        self._answers[given] = _Answer(scored, asked.known, asked.prices)
        self._answers.move_to_end(given)
        if len(self._answers) > TEXTS_KEPT:
            self._answers.popitem(last=False)
