import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from levibotd.adapters.candle_rows import UnreadableInput
from levibotd.adapters.exchange_info import BYTES_MAX, read_market_list

LOT = {"filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "9000.00000000", "stepSize": "0.00100000"}
PRICE = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "100000.00", "tickSize": "0.01000000"}


@pytest.mark.parametrize(
    "least",
    [
        {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000", "applyToMarket": True},
        {"filterType": "MIN_NOTIONAL", "notional": "10"},
        {"filterType": "NOTIONAL", "minNotional": "10.0", "maxNotional": "9000000.0"},
    ],
)
def test_filters_of_every_year(tmp_path: Path, least: dict[str, Any]) -> None:
    (found,) = read_market_list(_document(tmp_path, [_symbol(filters=[PRICE, LOT, least])])).instruments

    assert (found.tick, found.step, found.min_qty, found.max_qty, found.min_notional) == (
        Decimal("0.01"),
        Decimal("0.001"),
        Decimal("0.001"),
        Decimal("9000"),
        Decimal("10"),
    )
    # As short as they can be written, because prices inherit their digits.
    assert [str(number) for number in (found.tick, found.step, found.max_qty)] == ["0.01", "0.001", "9000"]
    assert found.filters == "venue"


def test_spot_and_futures_are_told_apart(tmp_path: Path) -> None:
    spot, swap = read_market_list(
        _document(tmp_path, [_symbol(), _symbol(symbol="ETHUSDT", baseAsset="ETH", contractType="PERPETUAL")])
    ).instruments

    assert (spot.can_short, spot.max_leverage, spot.taker_fee) == (False, 1, Decimal("0.001"))
    assert (swap.can_short, swap.max_leverage, swap.taker_fee) == (True, 20, Decimal("0.0005"))


def test_a_symbol_is_listed_since_its_venue_says_so(tmp_path: Path) -> None:
    dated, undated = read_market_list(
        _document(tmp_path, [_symbol(contractType="PERPETUAL", onboardDate=1_569_398_400_000), _symbol(symbol="X")])
    ).instruments

    assert (dated.listed_at, undated.listed_at) == (1_569_398_400.0, None)


def test_futures_with_a_delivery_date_are_no_symbols_of_ours(tmp_path: Path) -> None:
    dated = _symbol(symbol="BTCUSDT_210924", contractType="CURRENT_QUARTER")

    found = read_market_list(_document(tmp_path, [_symbol(contractType="PERPETUAL"), dated]))

    assert [one.symbol for one in found.instruments] == ["BTCUSDT"]


@pytest.mark.parametrize(
    "told", [{"status": "BREAK"}, {"isSpotTradingAllowed": False}, {"deliveryDate": 1630934018759}]
)
def test_what_does_not_trade_is_known_all_the_same(tmp_path: Path, told: dict[str, Any]) -> None:
    (found,) = read_market_list(_document(tmp_path, [_symbol(**told)])).instruments

    assert not found.tradable


def test_the_list_is_as_of_its_day(tmp_path: Path) -> None:
    assert read_market_list(_document(tmp_path, [_symbol()])).as_of == "2021-09-06"


def test_a_document_may_be_gzipped(tmp_path: Path) -> None:
    path = _document(tmp_path, [_symbol()])
    path.write_bytes(gzip.compress(path.read_bytes()))

    assert len(read_market_list(path).instruments) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "no exchangeInfo document: "),
        ("[]", "no exchangeInfo document: "),
        ('{"symbols": 3, "serverTime": 1}', "no exchangeInfo document: Expected `array`"),
        ('{"symbols": [], "serverTime": 1}', "it lists no symbol"),
    ],
)
def test_what_is_no_such_document_is_no_input(tmp_path: Path, body: str, message: str) -> None:
    path = tmp_path / "markets.json"
    path.write_text(body)

    with pytest.raises(UnreadableInput) as fault:
        read_market_list(path)

    assert str(fault.value).startswith(str(path))
    assert message in str(fault.value)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([LOT], "BTCUSDT: no filter PRICE_FILTER"),
        ([PRICE], "BTCUSDT: no filter LOT_SIZE"),
        ([PRICE, LOT], "BTCUSDT: no filter NOTIONAL or MIN_NOTIONAL"),
        (
            [{**PRICE, "tickSize": "x"}, LOT, {"filterType": "NOTIONAL", "minNotional": "5"}],
            "tickSize: expected a number",
        ),
        ([PRICE, {**LOT, "stepSize": "0.000"}, {"filterType": "NOTIONAL", "minNotional": "5"}], "stepSize is 0"),
        ([PRICE, {**LOT, "minQty": "-1"}, {"filterType": "NOTIONAL", "minNotional": "5"}], "minQty: expected a number"),
    ],
)
def test_a_symbol_without_its_steps_is_named(tmp_path: Path, filters: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UnreadableInput) as fault:
        read_market_list(_document(tmp_path, [_symbol(filters=filters)]))

    assert message in str(fault.value)


def test_a_document_that_never_ends_or_unpacks_without_end_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="more than"):
        read_market_list(Path("/dev/zero"))
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(bytes(BYTES_MAX + 2), 1))
    with pytest.raises(UnreadableInput, match="more than"):
        read_market_list(bomb)


def test_a_missing_document_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"nowhere.json: No such file"):
        read_market_list(tmp_path / "nowhere.json")


def _symbol(**told: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [PRICE, LOT, {"filterType": "MIN_NOTIONAL", "minNotional": "5"}],
        **told,
    }


def _document(tmp_path: Path, symbols: list[dict[str, Any]]) -> Path:
    path = tmp_path / "markets.json"
    path.write_text(json.dumps({"timezone": "UTC", "serverTime": 1630934018759, "symbols": symbols}))
    return path
