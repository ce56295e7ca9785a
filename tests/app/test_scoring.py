"""Reading a text without side effects."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, CompiledClassifier, load_classifier
from levibotd.app.paper import recorded_market
from levibotd.app.scoring import TextReader, classifier_of
from levibotd.config import load
from levibotd.domain.signal import Post
from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock
from levibotd.ports.classifier import Classifier
from levibotd.ports.market import Bar
from tests.sim.memory_candles import MemoryCandles


def post(text: str, *, at: float) -> Post:
    return Post(channel="@a", message_id=5, posted_at=at, text=text)


class CountingClassifier(CompiledClassifier):
    """The model of the package, which counts what it is asked."""

    asked = 0

    def __init__(self) -> None:
        shipped = load_classifier()
        super().__init__(shipped._model, shipped.card)

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        self.asked += 1
        return super().probs(text, structure)


def reader(clock: Clock, *, price: float, classifier: Classifier | None = None) -> TextReader:
    start = clock.time() // 3600 * 3600
    candles = MemoryCandles({"QQQXUSDT": [Bar(start, price, price, price, price, 1e9, 3600.0)]})
    config = load(environ={})
    market = recorded_market(config, candles)
    return TextReader(classifier or classifier_of(config), market=market, clock=clock)


def test_the_model_of_the_package_serves_unless_another_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "mine.npz"
    copy.write_bytes(DEFAULT_MODEL.read_bytes())
    copy.with_suffix(".json").write_bytes(DEFAULT_MODEL.with_suffix(".json").read_bytes())
    named = classifier_of(load(environ={"LEVI_MODEL__FILE": str(copy)}))

    assert named.sha == classifier_of(load(environ={})).sha
    with pytest.raises(ConfigError, match=r"missing\.npz"):
        classifier_of(load(environ={"LEVI_MODEL__FILE": str(tmp_path / "missing.npz")}))


async def test_a_text_is_read_as_of_now(clock: Clock) -> None:
    text = "QQQX/USDT LONG entry 1.5 targets 1.6 1.7 stop 1.4"

    found = reader(clock, price=1.5)(post(text, at=clock.time()))

    assert (found.label, found.reading.kind, found.reading.stale) == ("BUY", "new", False)
    (leg,) = found.reading.legs
    assert (leg.symbol, leg.entry, leg.sl) == ("QQQX/USDT", (1.5,), 1.4)


async def test_a_price_far_from_the_market_is_not_sent(clock: Clock) -> None:
    one = post("QQQX/USDT LONG entry 1.5 targets 1.6 1.7 stop 1.4", at=clock.time())

    found = reader(clock, price=150.0)(one)

    assert (found.label, found.reading.legs) == ("NO-TRADE", ())


async def test_the_same_text_means_the_same_again(clock: Clock) -> None:
    read = reader(clock, price=1.5)
    one = post("QQQX/USDT LONG entry 1.5 targets 1.6 stop 1.4", at=clock.time())

    assert read(one) == read(one)
    assert Decimal(str(sum(read(one).probs.values()))) == 1


async def test_nothing_of_a_text_is_kept(clock: Clock) -> None:
    classifier = CountingClassifier()
    read = reader(clock, price=1.5, classifier=classifier)
    one = post("QQQX/USDT LONG entry 1.5 targets 1.6 stop 1.4", at=clock.time())

    assert read(one) == read(one)
    assert classifier.asked == 2
