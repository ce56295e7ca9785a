"""Limits and the two switches over them."""

import pytest

from tests.admin.site import MemoryLog, open_position, serving

pytestmark = pytest.mark.real_time


async def test_the_policy_is_shown_row_by_row_with_its_sources() -> None:
    async with serving() as site:
        policy = (await site.get("/risk/policy")).json()

    assert (policy["name"], policy["cooldown_s"]) == ("demo", 5.0)
    assert policy["sources"]["cooldown_s"] == "risk.policies.demo"
    assert policy["choices"] == ["conservative", "moderate", "aggressive", "demo"]


async def test_the_policy_is_switched_with_a_reason() -> None:
    async with serving() as site:
        answer = await site.ask("PUT", "/risk/policy", body={"policy": "conservative", "reason": "news"})
        assert answer.json() == {"ok": True, "policy": "conservative", "before": "demo"}
        assert (await site.get("/risk/policy")).json()["cooldown_s"] == 1800.0
        assert (await site.get("/status")).json()["policy"] == "conservative"


async def test_what_only_tightens_needs_no_reason() -> None:
    async with serving() as site:
        assert (await site.ask("PUT", "/risk/policy", body={"policy": "conservative"})).status == 200
        assert (await site.ask("PUT", "/risk/policy", body={"policy": "demo"})).status == 400  # And back needs one.
        shown = (await site.get("/risk/policy")).json()
        assert (shown["policy"], shown["name"]) == ("conservative", "conservative")
        assert (await site.post("/risk/kill-switch", {"tripped": True})).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"policy": "reckless", "reason": "r"}, 422),
        ({"policy": "aggressive"}, 400),
        ({"policy": "aggressive", "reason": ""}, 400),
        ({"policy": 3, "reason": "r"}, 400),
        ({"reason": "r"}, 400),
    ],
)
async def test_what_is_no_policy_changes_nothing(body: dict[str, object], status: int) -> None:
    async with serving() as site:
        assert (await site.ask("PUT", "/risk/policy", body=body)).status == status
        assert site.log.lines_written == []


async def test_the_kill_switch_is_tripped_and_armed_again() -> None:
    async with serving() as site:
        assert (await site.post("/risk/kill-switch", {"tripped": True, "reason": "drill"})).json()["before"] is False
        shown = (await site.get("/risk/kill-switch")).json()
        assert (shown["tripped"], shown["why"], shown["by"]) == (True, "drill", "http:local")
        assert (await site.post("/risk/kill-switch", {"tripped": False, "reason": "over"})).json()["before"] is True


@pytest.mark.parametrize(
    "body", [{}, {"tripped": False}, {"tripped": "yes", "reason": "r"}, {"tripped": 1, "reason": "r"}]
)
async def test_the_kill_switch_is_not_touched_by_what_is_half_said(body: dict[str, object]) -> None:
    async with serving() as site:
        assert (await site.post("/risk/kill-switch", body)).status == 400
        assert site.log.lines_written == []


async def test_exposure_is_told_by_channel_and_side() -> None:
    log = MemoryLog()
    open_position(log)
    async with serving(log=log) as site:
        risk = (await site.get("/risk")).json()

    assert (risk["open"], risk["heat"]) == (1, "100")
    assert (risk["by_channel"], risk["by_side"]) == ({"coins": 1}, {"BUY": 1})
    assert 0.005 < risk["heat_share"] < 0.02


async def test_the_cap_on_leverage_is_shown_and_only_raising_it_needs_a_reason() -> None:
    async with serving() as site:
        assert (await site.post("/risk/leverage", {"leverage": 3})).json() == {
            "ok": True, "leverage_cap": 3, "before": None, "leverage_max": 3,
        }  # fmt: skip
        assert (await site.post("/risk/leverage", {"leverage": 2})).json()["before"] == 3
        assert (await site.post("/risk/leverage", {"leverage": 4})).code() == "MALFORMED"
        assert (await site.post("/risk/leverage", {"leverage": None})).code() == "MALFORMED"
        shown = (await site.get("/risk")).json()
        assert (shown["leverage_cap"], shown["leverage_max"]) == (2, 2)
        # It is a cap: above what the policy allows it changes nothing.
        told = (await site.post("/risk/leverage", {"leverage": 100, "reason": "r"})).json()
        assert (told["leverage_cap"], told["leverage_max"]) == (100, 5)
        assert (await site.post("/risk/leverage", {"leverage": None, "reason": "r"})).json()["leverage_cap"] is None


@pytest.mark.parametrize(
    "body",
    [None, {}, {"leverage": 0}, {"leverage": 126}, {"leverage": "3"}, {"leverage": 2.5}, {"leverage": 3, "x": 1}],
)
async def test_what_is_no_cap_changes_nothing(body: object) -> None:
    async with serving() as site:
        assert (await site.post("/risk/leverage", body)).code() == "MALFORMED"
        assert site.log.lines_written == []
