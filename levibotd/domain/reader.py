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
PARENTS_KEPT = 1024


class NamedClassifier(TextClassifier, Protocol):
    """A classifier that says which model it is."""

    @property
    def sha(self) -> str:
        """The model's name: under one name the same text and structure have the same probabilities."""

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
        self._answers: OrderedDict[_Circumstances, _Answer] = OrderedDict()

    def __call__(self, post: Post, market: MarketView, *, parent: Reading | None = None) -> Scored:
        given = _Circumstances(
            post.text,
            is_stale(post),
            post.forwarded_at is not None,
            post.reply_to is not None,
            parent,
            self.classifier.sha,
        )
        answers = self._answers
        known = answers.get(given)
        if known is not None and known.holds(market):
            answers.move_to_end(given)
            return known.scored
        asked = _Asked(market)
        scored = score(post, read(post, asked, parent=parent), self.classifier)
        if len(post.text) <= LENGTH_KEPT_MAX and len(asked.known) + len(asked.prices) <= ANSWERS_KEPT_MAX:
            answers[given] = _Answer(scored, asked.known, asked.prices)
            answers.move_to_end(given)
            if len(answers) > TEXTS_KEPT:
                answers.popitem(last=False)
        return scored


class ReadAhead:
    """
    Has a reader read posts before their time, where they are known: many in a row cost a fifth less than one by one.

    Code and tables of reading then stay in the processor's caches. Nobody sees a reading early: it waits in the
    reader's memory, and where post, parent or market turn out otherwise it is not used. `view` is the market as of a
    unix time.
    """

    def __init__(self, reader: Reader, *, view: Callable[[float], MarketView]) -> None:
        self._reader = reader
        self._view = view
        self._readings: OrderedDict[tuple[str, int | None], Reading] = OrderedDict()

    def __call__(self, posts: Iterable[Post]) -> None:
        readings = self._readings
        for post in posts:
            parent = readings.get((post.channel, post.reply_to))
            scored = self._reader(post, self._view(post.known_at), parent=parent)
            readings[(post.channel, post.message_id)] = scored.reading
            if len(readings) > PARENTS_KEPT:
                readings.popitem(last=False)


class _Circumstances(Struct, frozen=True):
    """All that decides an answer beside the market."""

    text: str
    is_stale: bool
    is_forward: bool
    is_reply: bool
    parent: Reading | None
    model: str


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
