"""The card as it is handed on."""

import msgspec

from levibotd.domain.cards.card import Card, Column, Counts, CurvePoint, Results


def test_a_card_is_json_and_comes_back_as_it_was() -> None:
    counts = Counts(calls=2, filled=1, unpriced=1, unpriced_by={"no_candles": 1}, coverage=0.5, fill_rate=1.0)
    card = Card(
        channel="@c",
        witnessed=Column(counts=counts, withheld="too few priced calls (1 of 2)"),
        backfilled=Column(results=Results(curve=(CurvePoint(1.0, -0.5),))),
        sentence="Nothing can be said yet.",
    )

    assert msgspec.json.decode(msgspec.json.encode(card), type=Card) == card


def test_what_is_not_known_is_null() -> None:
    shown = msgspec.to_builtins(Card(channel="@c"))

    assert shown["trust"] is None
    assert shown["witnessed"]["results"]["expectancy"] is None
    assert shown["witnessed"]["conduct"]["edited_after_move"] is None
