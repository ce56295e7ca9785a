"""The object that `parse` prints for one line."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from levibotd.domain.posts.parse_output import LINES_REMEMBERED, BadLine, LineParser, parse_line

CALL = "#ADA/USDT\nBuy 1.00 - 1.02\nSell 1.10\nSL 0.90"


class SureOfBuys:
    """A classifier that believes every text to be a call."""

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        return {"BUY": 0.95, "SELL": 0.03, "NO-TRADE": 0.02}

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return ()


def parsed(**line: Any) -> dict[str, Any]:
    return parse_line(line, SureOfBuys())


def test_a_call_is_printed_with_its_numbers_as_written() -> None:
    found = parsed(id="a", text=CALL)
    assert json.loads(json.dumps(found)) == {
        "id": "a",
        "label": "BUY",
        "probs": {"BUY": 0.95, "SELL": 0.0, "NO-TRADE": 0.05},
        "p_call": 0.95,
        "kind": "new",
        "stale": False,
        "legs": [
            {
                "symbol": "ADA/USDT",
                "quote_inferred": False,
                "side": "BUY",
                "market": None,
                "entry_type": "range",
                "entry": [1, 1.02],
                "tps": [1.1],
                "tp_unit": "price",
                "sl": 0.9,
                "sl_kind": "price",
                "margin": None,
                "leverage": None,
                "price_unit": "quote",
            }
        ],
        "reasons": [],
    }


def test_chatter_is_printed_without_legs_and_never_as_a_call() -> None:
    found = parsed(id=7, text="good morning")
    assert (found["id"], found["label"], found["legs"]) == (7, "NO-TRADE", [])
    assert sum(found["probs"].values()) == pytest.approx(1)


def test_an_old_forward_is_new_but_stale_and_no_trade() -> None:
    found = parsed(id="a", text=CALL, ts=1_600_100_000.0, fwd_ts=1_600_000_000.0)
    assert (found["label"], found["kind"], found["stale"], found["p_call"]) == ("NO-TRADE", "new", True, 1.0)
    assert found["legs"]


def test_a_reply_sees_the_line_it_names() -> None:
    parser = LineParser(SureOfBuys())
    parser.parse_line({"id": 1, "text": CALL})
    assert parser.parse_line({"id": 2, "text": "close this", "reply_to": 1})["kind"] == "close"
    assert parser.parse_line({"id": 3, "text": "close this", "reply_to": 99})["kind"] == "close"


def test_the_last_price_of_the_line_decides_what_a_number_means() -> None:
    text = "#CELR\nBuy 30 - 31\nSell 34 - 38"
    assert parsed(id=1, text=text)["legs"][0]["price_unit"] == "satoshi"
    assert parsed(id=1, text=text, last_price=30.5)["legs"][0]["price_unit"] == "quote"
    assert parsed(id=1, text=text, last_price="30.5")["legs"][0]["price_unit"] == "quote"


@pytest.mark.parametrize(
    "line",
    [
        5,
        None,
        [],
        {"id": 1},
        {"text": 5},
        {"text": None},
        {"text": "x", "ts": "soon"},
        {"text": "x", "last_price": "dear"},
    ],
)
def test_a_line_that_is_no_post_is_refused_by_name(line: object) -> None:
    with pytest.raises(BadLine):
        parse_line(line, SureOfBuys())


def test_the_memory_for_replies_is_bounded() -> None:
    parser = LineParser(SureOfBuys())
    for number in range(LINES_REMEMBERED + 5):
        parser.parse_line({"id": number, "text": ""})
    assert len(parser._readings) == LINES_REMEMBERED
