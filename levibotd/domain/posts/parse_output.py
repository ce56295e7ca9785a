"""
One line of `levibotd parse`: an object with a text in, what the text says out.

Numbers are printed as the post wrote them. Lines are read in order; `reply_to` sees an earlier
line through a bounded memory.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from levibotd.domain.features import TextClassifier, score
from levibotd.domain.posts.market_view import EMPTY_VIEW, MarketView
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Leg, Post, Reading, Scored

LINES_REMEMBERED = 10_000


class BadLine(ValueError):
    """This line is no post; the message says which key is at fault."""


class Line(Struct, frozen=True, kw_only=True):
    """The keys of an input line that matter; others are ignored."""

    id: str | int | None = None
    text: str | None = None
    ts: float | None = None
    edit_ts: float | None = None
    channel: str | int | None = None
    reply_to: str | int | None = None
    fwd_ts: float | None = None
    last_price: float | str | None = None


class PricedView(Struct, frozen=True, kw_only=True):
    """A view in which the coin of one line costs what that line says, whatever its quote."""

    below: MarketView
    price: float

    @property
    def stable_quote(self) -> str:
        return self.below.stable_quote

    def is_known(self, base: str, quote: str | None) -> bool:
        return self.below.is_known(base, quote)

    def last_price(self, base: str, quote: str) -> float | None:
        return self.price


class LineParser:
    """Reads lines one by one; remembers the readings of the last `LINES_REMEMBERED` ids for their replies."""

    def __init__(self, classifier: TextClassifier, *, market: MarketView = EMPTY_VIEW) -> None:
        self._classifier = classifier
        self._market = market
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    def parse_line(self, obj: object) -> dict[str, Any]:
        """Return the output object of one decoded line. Raises BadLine when it is no post."""
        try:
            line = msgspec.convert(obj, Line)
        except msgspec.ValidationError as error:
            raise BadLine(str(error)) from error
        if line.text is None:
            raise BadLine("Object missing required field `text`")
        post = _post(line)
        parent = self._readings.get(str(line.reply_to)) if line.reply_to is not None else None
        reading = read(post, self._view(line), parent=parent)
        if line.id is not None:
            self._remember(str(line.id), reading)
        return parse_object(line.id, score(post, reading, self._classifier))

    def _view(self, line: Line) -> MarketView:
        if line.last_price is None:
            return self._market
        try:
            price = float(line.last_price)
        except ValueError as error:
            raise BadLine(f"last_price {line.last_price!r} is no number") from error
        return PricedView(below=self._market, price=price) if 0 < price < float("inf") else self._market

    def _remember(self, line_id: str, reading: Reading) -> None:
        self._readings[line_id] = reading
        self._readings.move_to_end(line_id)
        if len(self._readings) > LINES_REMEMBERED:
            self._readings.popitem(last=False)


def parse_line(obj: object, classifier: TextClassifier, *, market: MarketView = EMPTY_VIEW) -> dict[str, Any]:
    """Return the output object of a line that replies to nothing we saw. Raises BadLine when it is no post."""
    return LineParser(classifier, market=market).parse_line(obj)


def parse_object(line_id: str | int | None, scored: Scored) -> dict[str, Any]:
    """Return the output object of a judged reading."""
    return {
        "id": line_id,
        "label": scored.label,
        "probs": dict(scored.probs),
        "p_call": scored.p_call,
        "kind": scored.reading.kind.value,
        "stale": scored.reading.stale,
        "legs": [leg_object(leg) for leg in scored.reading.legs],
        "reasons": list(scored.reasons),
    }


def leg_object(leg: Leg) -> dict[str, Any]:
    """Return one leg with its numbers as written; None = not written."""
    return {
        "symbol": leg.symbol,
        "quote_inferred": leg.quote_inferred,
        "side": leg.side.value,
        "market": leg.market,
        "entry_type": leg.entry_type,
        "entry": [_plain(value) for value in leg.entry],
        "tps": [_plain(value) for value in leg.tps],
        "tp_unit": leg.tp_unit,
        "sl": [_plain(value) for value in leg.sl] if isinstance(leg.sl, tuple) else _plain(leg.sl),
        "sl_kind": leg.sl_kind,
        "margin": leg.margin,
        "leverage": [_plain(value) for value in leg.leverage] if leg.leverage is not None else None,
        "price_unit": leg.price_unit,
    }


def _plain(value: float | None) -> float | int | None:
    if value is None or not value.is_integer() or abs(value) >= 1e15:
        return value
    return int(value)


def _post(line: Line) -> Post:
    at = line.ts if line.ts is not None else 0.0
    known: Mapping[str, Any] = {
        "edited_at": line.edit_ts,
        "forwarded_at": line.fwd_ts if line.ts is not None else None,
        "reply_to": 0 if line.reply_to is not None else None,
    }
    return Post(channel=str(line.channel or ""), message_id=0, posted_at=at, text=line.text or "", **known)
