"""What an operator may ask of the daemon as a whole."""

import pytest

from levibotd.config import demo_config, load
from levibotd.domain import records as r
from levibotd.journal import decode
from tests.admin.site import CALL, MemoryLog, open_position, serving

pytestmark = pytest.mark.real_time

PLAN = [{"id": CALL, "symbol": "BTCUSDT", "side": "BUY", "closes": "0.5", "cancels": 0}]


async def test_stop_and_start_change_the_switch_and_say_who_and_why() -> None:
    async with serving() as site:
        stopped = (await site.post("/stop", {"reason": "lunch"})).json()
        assert (stopped["switch"], stopped["before"], stopped["changes"]) == ("off", "on", True)
        assert site.log.ledger.control.switch_on is False

        started = (await site.post("/start")).json()
        assert (started["switch"], started["before"], started["changes"]) == ("on", "off", True)
        record = decode(site.log.lines_written[0]).entry.record
        assert record == r.Control(command="stop", by="http:local", reason="lunch")


@pytest.mark.parametrize(("path", "changes"), [("/start", False), ("/stop", True)])
async def test_a_dry_run_shows_the_plan_and_does_nothing(path: str, changes: bool) -> None:
    async with serving() as site:
        plan = (await site.post(f"{path}?dry_run=1")).json()
        assert (plan["dry_run"], plan["changes"], plan["before"]) == (True, changes, "on")
        assert site.log.lines_written == []


@pytest.mark.parametrize("path", ["/start", "/stop", "/flatten", "/positions/x/close"])
async def test_a_dry_run_that_is_neither_yes_nor_no_is_400_and_does_nothing(path: str) -> None:
    log = MemoryLog()
    open_position(log)
    written = len(log.lines_written)
    async with serving(log=log) as site:
        assert (await site.post(f"{path.replace('x', CALL)}?dry_run=maybe")).status == 400
        assert len(log.lines_written) == written


async def test_start_names_what_else_says_no() -> None:
    log = MemoryLog()
    log.commit(r.KillSwitch(tripped=True, why="daily loss", by="risk"))
    async with serving(log=log) as site:
        started = (await site.post("/start")).json()
        assert [gate["name"] for gate in started["still_says_no"]] == ["kill_switch"]


async def test_flatten_closes_all_of_ours_and_its_dry_run_names_them() -> None:
    log = MemoryLog()
    open_position(log)
    async with serving(log=log) as site:
        before = len(log.lines_written)
        assert (await site.post("/flatten?dry_run=1")).json() == {
            "ok": True,
            "dry_run": True,
            "calls": [CALL],
            "plan": PLAN,
        }
        assert len(log.lines_written) == before
        assert (await site.post("/flatten")).json() == {"ok": True, "dry_run": False, "calls": [CALL], "plan": PLAN}
        assert len(log.lines_written) == before + 1


async def test_the_stage_is_set_by_saying_it_twice() -> None:
    async with serving() as site:
        wanted = {"stage": "observe", "reason": "quiet week", "confirm": "observe"}
        assert (await site.ask("PUT", "/stage", body={**wanted, "confirm": "paper"})).code() == "MALFORMED"
        assert (await site.ask("PUT", "/stage", body={**wanted, "reason": ""})).code() == "MALFORMED"
        assert site.log.lines_written == []

        assert (await site.ask("PUT", "/stage", body=wanted)).json()["before"] == "paper"
        assert (await site.get("/stage")).json()["stage"] == "observe"


async def test_a_stage_that_the_configuration_does_not_reach_is_422() -> None:
    async with serving() as site:
        answer = await site.ask("PUT", "/stage", body={"stage": "live", "reason": "r", "confirm": "live"})
        assert (answer.status, answer.code()) == (422, "CONFIG_ERROR")
        assert "observe, paper" in answer.json()["detail"]


async def test_the_configuration_is_shown_without_where_secrets_lie() -> None:
    config = load(environ={"HOME": "/nonexistent", "CREDENTIALS_DIRECTORY": "/run/credentials/x"})
    async with serving(config=config) as site:
        answer = await site.get("/config")
        assert answer.json()["risk"]["policy"] == "moderate"
        assert b"/run/credentials" not in answer.body


async def test_actors_are_shown_with_their_restarts() -> None:
    async with serving(config=demo_config(environ={})) as site:
        await site.post("/stop", {"reason": "crash"})
        tree = (await site.get("/actors")).json()

    states = {child["name"]: child["crashes"] for child in tree["children"]}
    assert states == {"exec": 1, "telegram": 0, "logger": 0, "http": 0, "risk": 0}


async def test_dead_letters_are_shown_without_what_stood_in_them() -> None:
    async with serving() as site:
        await site.post("/stop", {"reason": "crash"})
        answer = await site.get("/dead-letters")

    (letter,) = answer.json()["letters"]
    assert (letter["actor"], letter["message"]) == ("exec", "Switch")
    assert b"http:local" not in answer.body
