"""Each text is read once, and what is said of it is what reading it again would say."""

from collections.abc import Mapping, Sequence
from itertools import islice
from random import Random

import pytest
from msgspec.structs import replace

from levibotd.adapters.compiled_classifier import ServedClassifier, load_classifier
from levibotd.domain.features import score
from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView, MarketView
from levibotd.domain.posts.reading import read
from levibotd.domain.reader import (
    ANSWERS_KEPT_MAX,
    LENGTH_KEPT_MAX,
    PARENTS_KEPT,
    TEXTS_KEPT,
    ReadAhead,
    Reader,
)
from levibotd.domain.signal import Kind, Post, Reading, Scored
from levibotd.sim.demo_texts import TALK

T0 = 1_700_000_000.0
LONG = "QQQX/USDT LONG entry 1.5 targets 1.6 1.7 stop 1.4"
TEXTS = (
    LONG,
    "#BTCUSDT LONG\nEntry: 60000\nTarget: 61000\nStop loss: 59000",
    "Entry 1.5, targets 1.6 1.7, stop 1.4",  # Complete only with its parent.
    "QQQX long, more soon",
    "Close QQQX now",
    "stop to entry",
    "BTC target 1 hit, +2.5% profit",
    TALK[0].text,
    "word " * 500,
)
MARKETS: tuple[MarketView, ...] = (
    EMPTY_VIEW,
    ListedMarketView(bases=frozenset({"QQQX"}), prices={"QQQX/USDT": 1.5, "BTC/USDT": 60_000.0}),
    ListedMarketView(bases=frozenset({"QQQX"}), prices={"QQQX/USDT": 150.0, "BTC/USDT": 60_000.0}),
    ListedMarketView(bases=frozenset(), prices={}),
)


class CountingClassifier:
    """The shipped model, under a name of its own, that counts what it is asked."""

    def __init__(self, sha: str = "one") -> None:
        self._model = load_classifier()
        self.sha = sha
        self.trained_until = None
        self.asked = 0

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        self.asked += 1
        return self._model.probs(text, structure)

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return self._model.plausible(probs)


@pytest.fixture
def classifier() -> CountingClassifier:
    return CountingClassifier()


def post(text: str, **more: object) -> Post:
    return replace(Post(channel="@a", message_id=5, posted_at=T0, text=text), **more)


def test_whatever_comes_in_whatever_order_it_says_what_reading_anew_would_say(classifier: CountingClassifier) -> None:
    chance = Random(5)
    reader = Reader(classifier)
    parents: list[Reading | None] = [None, Reading(kind=Kind.CHATTER)]
    for number in range(800):
        one = post(
            chance.choice(TEXTS),
            channel=f"@{number}",
            message_id=number,
            posted_at=T0 + number,
            forwarded_at=chance.choice((None, None, T0, T0 - 90_000.0)),
            reply_to=chance.choice((None, 1)),
        )
        market, parent = chance.choice(MARKETS), chance.choice(parents)

        found = reader(one, market, parent=parent)

        assert found == score(one, read(one, market, parent=parent), classifier)
        if len(parents) < 12:
            parents.append(found.reading)
    assert classifier.asked < 1_400  # Of 1,600, ours and those of reading anew.


def test_a_text_that_comes_again_is_not_read_again(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)

    first = reader(post(LONG), MARKETS[1])
    again = reader(post(LONG, channel="@b", message_id=6, posted_at=T0 + 3600.0), MARKETS[1])

    assert first is again
    assert classifier.asked == 1


@pytest.mark.parametrize(
    ("other", "market"),
    [
        (post(LONG), MARKETS[2]),  # Its price has moved,
        (post(LONG), MARKETS[3]),  # or it is no longer known.
        (post(LONG + "."), MARKETS[1]),
        (post(LONG, reply_to=1), MARKETS[1]),
        (post(LONG, forwarded_at=T0 - 10.0), MARKETS[1]),
    ],
)
def test_where_anything_is_otherwise_it_is_read(
    classifier: CountingClassifier, other: Post, market: MarketView
) -> None:
    reader = Reader(classifier)
    reader(post(LONG), MARKETS[1])

    found = reader(other, market)

    assert classifier.asked == 2
    assert found == score(other, read(other, market), classifier)


def test_what_was_forwarded_too_late_is_stale_though_its_text_was_once_new(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    reader(post(LONG, forwarded_at=T0 - 10.0), MARKETS[1])

    found = reader(post(LONG, forwarded_at=T0 - 90_000.0), MARKETS[1])

    assert found.reading.stale
    assert "rule:stale" in found.reasons


def test_another_parent_is_another_reading(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    begun = reader(post("QQQX long, more soon"), MARKETS[1]).reading
    levels = post("Entry 1.5, targets 1.6 1.7, stop 1.4", reply_to=5)

    alone = reader(levels, MARKETS[1])
    completed = reader(levels, MARKETS[1], parent=begun)

    assert alone == score(levels, read(levels, MARKETS[1]), classifier)
    assert completed == score(levels, read(levels, MARKETS[1], parent=begun), classifier)
    assert alone != completed


def test_a_model_that_takes_over_is_asked_anew() -> None:
    first, second = CountingClassifier("first"), CountingClassifier("second")
    served = ServedClassifier(first)  # type: ignore[arg-type]
    reader = Reader(served)

    for model in (first, second, first):
        served.current = model  # type: ignore[assignment]
        reader(post(LONG), MARKETS[1])

    assert (first.asked, second.asked) == (1, 1)


def test_the_memory_is_bounded_and_the_oldest_goes_first(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    often, texts = post("Good morning"), [post(f"good morning {number}") for number in range(TEXTS_KEPT)]
    reader(often, EMPTY_VIEW)
    for one in islice(texts, TEXTS_KEPT - 1):
        reader(one, EMPTY_VIEW)
    reader(often, EMPTY_VIEW)  # Said again: the oldest is another one now.
    reader(texts[-1], EMPTY_VIEW)
    asked = classifier.asked
    assert asked == TEXTS_KEPT + 1

    reader(often, EMPTY_VIEW)
    assert classifier.asked == asked
    reader(texts[0], EMPTY_VIEW)
    assert classifier.asked == asked + 1


def test_a_long_text_is_read_each_time(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    long = post("a" * (LENGTH_KEPT_MAX + 1))

    reader(long, EMPTY_VIEW)
    reader(long, EMPTY_VIEW)

    assert classifier.asked == 2


def test_a_text_that_asks_a_lot_of_the_market_is_read_each_time(classifier: CountingClassifier) -> None:
    reader, market = Reader(classifier), CountedMarket()
    names = [f"XQ{one}{other}" for one in "ABCDEFGH" for other in "ABCDEFGH"]
    most, too_many = (post(f"Close {' '.join(some)}") for some in (names, [*names, "XRRR"]))

    reader(most, market)
    assert len(set(market.asked)) == ANSWERS_KEPT_MAX
    reader(most, market)
    assert classifier.asked == 1

    reader(too_many, market)
    reader(too_many, market)
    assert classifier.asked == 3


def test_what_is_read_anew_is_the_youngest_of_the_memory(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    reader(post(LONG), MARKETS[1])
    for number in range(TEXTS_KEPT - 1):
        reader(post(f"good morning {number}"), EMPTY_VIEW)
    reader(post(LONG), MARKETS[2])  # Another price: read anew.
    reader(post("good evening"), EMPTY_VIEW)  # The memory was full: the oldest goes.
    asked = classifier.asked

    reader(post(LONG), MARKETS[2])

    assert classifier.asked == asked


class Views:
    """The market as of a time: a coin that is listed from `T0 + 100` on. It notes for when it was asked."""

    def __init__(self) -> None:
        self.asked_for: list[float] = []

    def __call__(self, at: float) -> MarketView:
        self.asked_for.append(at)
        return MARKETS[1] if at >= T0 + 100.0 else MARKETS[3]


def read_ahead(classifier: CountingClassifier, posts: Sequence[Post], views: Views) -> list[Scored]:
    """What is said of `posts` in time, after all were read ahead."""
    reader = Reader(classifier)
    ReadAhead(reader, view=views)(posts)
    asked = classifier.asked
    begun = reader(posts[0], views(posts[0].known_at))
    scored = [begun, *[reader(one, views(one.known_at), parent=begun.reading) for one in posts[1:]]]
    assert classifier.asked == asked  # Nothing was read in its time.
    return scored


def test_a_post_that_was_read_ahead_is_read_as_of_its_time_and_with_its_parent(classifier: CountingClassifier) -> None:
    began = post("QQQX long, more soon", posted_at=T0 + 150.0)
    levels = post("Entry 1.5, targets 1.6 1.7, stop 1.4", message_id=6, posted_at=T0 + 200.0, reply_to=5)
    views = Views()

    begun, completed = read_ahead(classifier, [began, levels], views)

    assert views.asked_for[:2] == [T0 + 150.0, T0 + 200.0]
    assert completed == score(levels, read(levels, MARKETS[1], parent=begun.reading), classifier)
    assert [leg.symbol for leg in completed.reading.legs] == ["QQQX/USDT"]


def test_what_was_read_ahead_of_a_market_that_came_otherwise_is_not_used(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    ReadAhead(reader, view=lambda at: MARKETS[2])([post(LONG)])

    found = reader(post(LONG), MARKETS[1])

    assert found == score(post(LONG), read(post(LONG), MARKETS[1]), classifier)
    assert found.label == "BUY"


class CountedMarket:
    """It notes each coin that it is asked for."""

    stable_quote = "USDT"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def is_known(self, base: str, quote: str | None) -> bool:
        self.asked.append(base)
        return MARKETS[1].is_known(base, quote)

    def last_price(self, base: str, quote: str) -> float | None:
        return None


def test_of_posts_ahead_each_text_is_read_once_and_a_long_one_not_at_all(classifier: CountingClassifier) -> None:
    market = CountedMarket()
    long = post("Close QQQX now" + " " * LENGTH_KEPT_MAX)
    ReadAhead(Reader(classifier), view=lambda at: market)([long])
    assert market.asked == []

    read(post("Close QQQX now"), market)
    once = len(market.asked)
    ReadAhead(Reader(classifier), view=lambda at: market)([post("Close QQQX now", message_id=n) for n in range(5)])

    assert once > 0
    assert len(market.asked) == 2 * once


def test_an_edit_is_read_ahead_as_of_the_time_when_its_text_existed(classifier: CountingClassifier) -> None:
    views = Views()

    ReadAhead(Reader(classifier), view=views)([post(LONG, edited_at=T0 + 150.0)])

    assert views.asked_for == [T0 + 150.0]


def test_what_the_memory_has_is_not_read_ahead_again_and_is_a_parent_nevertheless(
    classifier: CountingClassifier,
) -> None:
    reader = Reader(classifier)
    began = post("QQQX long, more soon")
    levels = post("Entry 1.5, targets 1.6 1.7, stop 1.4", message_id=6, reply_to=5)
    begun = reader(began, MARKETS[1])

    ReadAhead(reader, view=lambda at: MARKETS[1])([began, levels])
    completed = reader(levels, MARKETS[1], parent=begun.reading)

    assert classifier.asked == 2
    assert [leg.symbol for leg in completed.reading.legs] == ["QQQX/USDT"]


def test_a_parent_is_one_of_the_same_channel(classifier: CountingClassifier) -> None:
    reader = Reader(classifier)
    levels = post("Entry 1.5, targets 1.6 1.7, stop 1.4", channel="@b", message_id=6, reply_to=5)

    ReadAhead(reader, view=lambda at: MARKETS[1])([post("QQQX long, more soon"), levels])
    reader(levels, MARKETS[1])

    assert classifier.asked == 2


@pytest.mark.parametrize(("between", "anew"), [(PARENTS_KEPT - 1, 0), (PARENTS_KEPT, 1)])
def test_so_many_posts_back_a_reply_that_is_read_ahead_finds_its_parent(
    classifier: CountingClassifier, between: int, anew: int
) -> None:
    began = post("QQQX long, more soon", message_id=0)
    others = [post("Good morning", message_id=number) for number in range(1, between + 1)]
    reply = post("Entry 1.5, targets 1.6 1.7, stop 1.4", message_id=9_999, reply_to=0)
    reader = Reader(classifier)
    ReadAhead(reader, view=lambda at: MARKETS[1])([began, *others, reply])
    asked = classifier.asked

    found = reader(reply, MARKETS[1], parent=reader(began, MARKETS[1]).reading)

    assert [leg.symbol for leg in found.reading.legs] == ["QQQX/USDT"]
    assert classifier.asked == asked + anew
