"""Actors begin anew and dead letters go out again on command, and the log says on whose."""

import pytest

from levibotd.domain import records as r
from levibotd.journal import decode
from tests.admin.site import Site, serving

pytestmark = pytest.mark.real_time


def commands(site: Site) -> list[r.Record]:
    return [decode(line).entry.record for line in site.log.lines_written]


async def incarnation(site: Site, actor: str, *, reaches: int) -> None:
    while site.system.status(actor).incarnation < reaches:
        await site.get("/livez")


async def letter_of_a_crash(site: Site) -> int:
    await site.post("/stop", {"reason": "crash"})
    (letter,) = (await site.get("/dead-letters")).json()["letters"]
    return int(letter["id"])


async def test_an_actor_begins_anew_and_the_log_knows_who_wanted_it() -> None:
    async with serving() as site:
        before = site.system.status("exec").incarnation
        answer = await site.post("/actors/exec/restart", {"reason": "looks odd"})
        assert answer.json() == {
            "ok": True, "name": "exec", "kind": "actor", "before": "running", "restarts": 0, "by": "http:local",
        }  # fmt: skip
        await incarnation(site, "exec", reaches=before + 1)
        assert commands(site) == [r.Control(command="restart", by="http:local", reason="looks odd", effect="exec")]


async def test_even_the_interface_itself_answers_before_it_begins_anew() -> None:
    async with serving() as site:
        assert (await site.post("/actors/http/restart")).status == 200
        await incarnation(site, "http", reaches=2)
        assert (await site.get("/livez")).status == 200


@pytest.mark.parametrize("name", ["nobody", "root", "..", "%00", "a" * 2000])
async def test_an_actor_of_no_such_name_is_404_and_nothing_is_written(name: str) -> None:
    async with serving() as site:
        answer = await site.post(f"/actors/{name}/restart")
        assert (answer.status, answer.code()) == (404, "NOT_FOUND")
        assert commands(site) == []


async def test_without_a_log_nothing_is_restarted() -> None:
    async with serving() as site:
        answer = await site.post("/actors/exec/restart", {"reason": "crash"})
        assert (answer.status, answer.code()) == (503, "ACTOR_CRASHED")
        assert site.system.status("exec").incarnation == 1


async def test_a_dead_letter_goes_out_again_once() -> None:
    async with serving() as site:
        number = await letter_of_a_crash(site)
        answer = await site.post(f"/dead-letters/{number}/requeue", {"reason": "fixed"})
        assert answer.json() == {"ok": True, "id": number, "actor": "exec", "message": "Switch", "trace_id": None}
        assert commands(site)[0] == r.Control(
            command="requeue", by="http:local", reason="fixed", effect=f"{number} exec Switch"
        )
        assert (await site.post(f"/dead-letters/{number}/requeue")).status == 404


async def test_a_letter_for_a_full_mailbox_stays_and_is_429() -> None:
    async with serving() as site:
        number = await letter_of_a_crash(site)
        cell = site.system.cells["exec"]
        taken, cell.mailbox.user.limit = cell.mailbox.user.limit, 0
        answer = await site.post(f"/dead-letters/{number}/requeue")
        assert (answer.status, answer.code()) == (429, "MAILBOX_FULL")
        assert "Retry-After" in answer.headers
        cell.mailbox.user.limit = taken
        assert [letter["id"] for letter in (await site.get("/dead-letters")).json()["letters"]] == [number]


@pytest.mark.parametrize(("name", "status"), [("7", 404), ("0", 400), ("-1", 400), ("x", 400), ("1.5", 400)])
async def test_a_letter_of_no_such_number_is_refused_and_nothing_is_written(name: str, status: int) -> None:
    async with serving() as site:
        assert (await site.post(f"/dead-letters/{name}/requeue")).status == status
        assert commands(site) == []
