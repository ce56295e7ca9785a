"""Positions and orders."""

import pytest

from levibotd.domain.signal import Symbol, TraceId
from tests.admin.site import CALL, MemoryLog, closed_trade, open_position, serving

pytestmark = pytest.mark.real_time

PLAN = [{"id": CALL, "symbol": "BTCUSDT", "side": "BUY", "closes": "0.5", "cancels": 0}]


def traded(*channels: str) -> MemoryLog:
    log = MemoryLog()
    open_position(log)
    for channel in channels:
        log.commit(closed_trade(channel=channel), trace=TraceId("00000000000000aa"), symbol=Symbol("BTCUSDT"))
    return log


async def test_a_position_is_shown_in_decimal_strings() -> None:
    async with serving(log=traded()) as site:
        (position,) = (await site.get("/positions")).json()["positions"]

    assert position["id"] == CALL
    assert (position["symbol"], position["side"], position["qty"]) == ("BTCUSDT", "BUY", "0.5")
    assert (position["entry_price"], position["stop"], position["fees"]) == ("60000", "30000", "1.25")
    assert position["targets"] == [{"price": "120000", "share": "1"}]
    assert isinstance(position["open_profit"], str)


async def test_a_position_is_closed_by_its_id() -> None:
    log = traded()
    before = len(log.lines_written)
    async with serving(log=log) as site:
        path = "/positions/paper%7Ccoins%7C7%7C0/close"
        assert (await site.post(f"{path}?dry_run=1")).json() == {
            "ok": True,
            "dry_run": True,
            "calls": [CALL],
            "plan": PLAN,
        }
        assert len(log.lines_written) == before
        assert (await site.post(path, {"reason": "enough"})).json() == {
            "ok": True,
            "dry_run": False,
            "calls": [CALL],
            "plan": PLAN,
        }
        assert len(log.lines_written) == before + 1


@pytest.mark.parametrize("unknown", ["x", "paper|coins|8|0", "%00", "..%2f..", "a" * 2000])
async def test_a_position_nobody_holds_is_404(unknown: str) -> None:
    log = traded()
    before = len(log.lines_written)
    async with serving(log=log) as site:
        answer = await site.post(f"/positions/{unknown}/close")
        assert (answer.status, answer.code()) == (404, "NOT_FOUND")
        assert len(log.lines_written) == before


async def test_orders_are_shown_with_what_they_filled() -> None:
    async with serving(log=traded()) as site:
        (order,) = (await site.get("/orders")).json()["orders"]
    assert (order["cid"], order["state"], order["filled"], order["price"]) == ("c1", "filled", "0.5", "60000")
