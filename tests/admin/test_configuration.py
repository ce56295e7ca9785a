"""The configuration changes on command: checked like the file, told key by key, and never by half."""

from pathlib import Path

import msgspec
import pytest

from levibotd.admin.totp import STEP_S, code_of
from levibotd.config import Config, load
from levibotd.domain import records as r
from levibotd.journal import decode
from tests.admin.site import MemoryLog, Site, serving

pytestmark = pytest.mark.real_time

SECRET = b"12345678901234567890"


def plain_config() -> Config:
    return load(environ={"HOME": "/nonexistent"})


def ask_config() -> Config:
    config = plain_config()
    exchange = msgspec.structs.replace(config.exchange, stage="ask", network="testnet")
    return msgspec.structs.replace(config, exchange=exchange)


def updates(log: MemoryLog) -> list[r.Record]:
    return [decode(line).entry.record for line in log.lines_written]


async def put(site: Site, body: object, **headers: str) -> tuple[int, dict[str, object]]:
    answer = await site.ask("PUT", "/config", body=body, **headers)
    return answer.status, answer.json()


async def test_what_tightens_lies_over_the_file_at_once_and_stands_in_the_log() -> None:
    async with serving(config=plain_config()) as site:
        status, told = await put(site, {"risk": {"max_open": 2, "notional_max": "5%", "cooldown_s": 600}})
        assert (status, told["changed"], told["loosened"]) == (
            200, ["risk.cooldown_s", "risk.max_open", "risk.notional_max"], [],
        )  # fmt: skip
        assert told["overrides"] == {"max_open": 2, "notional_max": "5%", "cooldown_s": 600.0}
        policy = (await site.get("/risk/policy")).json()
        assert (policy["max_open"], policy["sources"]["max_open"]) == (2, "risk.max_open")
        (update,) = updates(site.log)
        assert isinstance(update, r.ConfigUpdate)
        assert (update.by, update.risk) == ("http:local", told["overrides"])

    # Another life over the same log.
    async with serving(config=plain_config(), log=site.log) as again:
        assert (await again.get("/risk/policy")).json()["cooldown_s"] == 600.0


async def test_what_loosens_needs_a_reason_and_the_keys_are_named() -> None:
    async with serving(config=plain_config()) as site:
        status, told = await put(site, {"risk": {"cooldown_s": 1, "max_open": 1}})
        assert (status, told["code"]) == (400, "MALFORMED")
        assert "risk.cooldown_s" in str(told["detail"])
        assert updates(site.log) == []

        status, told = await put(site, {"risk": {"cooldown_s": 1, "max_open": 1}, "reason": "a fast channel"})
        assert (status, told["loosened"]) == (200, ["risk.cooldown_s"])
        status, told = await put(site, {"risk": {"max_open": None}})
        assert status == 400  # Back to what the file says is more than now.


async def test_every_fault_is_named_at_once_and_nothing_changes() -> None:
    async with serving(config=plain_config()) as site:
        status, told = await put(site, {"risk": {"max_open": 0, "colldown_s": 3, "policy": "aggressive", "no_sl": "x"}})
        assert (status, told["code"]) == (422, "CONFIG_ERROR")
        assert told["faults"] == [
            "$.risk.policy: expected in the file, not over it",
            "$.risk.colldown_s: unknown key (did you mean cooldown_s?)",
            "$.risk.max_open: expected >= 1",
            "$.risk.no_sl: expected one of impute, skip",
        ]
        assert updates(site.log) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "risk"),
        (None, "risk"),
        ({"risk": 3}, "risk"),
        ({"risk": {}, "raeson": "x"}, "raeson"),
        ({"risk": {"max_open": [1]}}, "risk"),
        (b"{", "body"),
    ],
)
async def test_what_is_no_table_of_keys_is_400_by_name(body: object, named: str) -> None:
    async with serving(config=plain_config()) as site:
        status, told = await put(site, body)
        assert (status, told["code"]) == (400, "MALFORMED")
        assert named in str(told["detail"])


async def test_from_stage_ask_up_loosening_takes_the_code_of_now_once() -> None:
    async with serving(config=ask_config(), totp=SECRET) as site:
        code = code_of(SECRET, int(site.desk.clock.time() // STEP_S))
        wanted = {"risk": {"cooldown_s": 1}, "reason": "a fast channel"}
        for headers in ({}, {"X_TOTP": "000000"}):
            status, told = await put(site, wanted, **headers)
            assert (status, told["code"]) == (403, "TOTP")
        assert updates(site.log) == []

        assert (await put(site, wanted, X_TOTP=code))[0] == 200
        confirmed, update = updates(site.log)
        assert isinstance(confirmed, r.Control)
        assert (confirmed.command, confirmed.by) == ("confirm", "http:local")
        assert isinstance(update, r.ConfigUpdate)
        status, told = await put(site, {**wanted, "risk": {"cooldown_s": 0}}, X_TOTP=code)
        assert (status, told["code"]) == (403, "TOTP")
        assert (await put(site, {"risk": {"cooldown_s": 900}}))[0] == 200  # Tightening never waits for anybody.


async def test_a_reload_tells_what_changed_and_what_waits_for_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "levibotd.toml"
    file.write_text("[risk]\nmax_open = 4\n")
    environ = {"HOME": "/nonexistent"}
    async with serving(config=load(file, environ=environ), reread=lambda: load(file, environ=environ)) as site:
        file.write_text('[risk]\nmax_open = 3\n[http]\nbind = "127.0.0.1:9"\n[telegram]\nsource = "file"\nfile = "x"\n'
                        '[market]\nsource = "demo"\n')  # fmt: skip
        told = (await site.post("/config/reload")).json()
        assert (told["changed"], told["loosened"]) == (["risk.max_open"], [])
        assert told["needs_restart"] == ["http.bind", "market.source", "telegram.file", "telegram.source"]
        assert (await site.get("/config")).json()["risk"]["max_open"] == 3


@pytest.mark.fault("F8")
async def test_a_bad_file_is_422_with_every_fault_and_the_old_configuration_stays(tmp_path: Path) -> None:
    file = tmp_path / "levibotd.toml"
    environ = {"HOME": "/nonexistent"}
    async with serving(config=plain_config(), reread=lambda: load(file, environ=environ)) as site:
        file.write_text("[risk]\nmax_open = 0\ncooldwon_s = 3\n[http]\nbind = 7\n")
        answer = await site.post("/config/reload")
        assert (answer.status, answer.code()) == (422, "CONFIG_ERROR")
        faults = answer.json()["faults"]
        assert [fault.split(": ")[0] for fault in faults] == ["$.http.bind", "$.risk.cooldwon_s", "$.risk.max_open"]
        assert str(tmp_path) not in str(answer.json())
        assert (await site.get("/config")).json()["risk"]["max_open"] is None
        assert updates(site.log) == []


@pytest.mark.fault("F8")
async def test_a_file_that_is_gone_is_422_and_where_it_was_is_not_told(tmp_path: Path) -> None:
    def gone() -> Config:
        (tmp_path / "levibotd.toml").open("rb").close()
        raise AssertionError("it is there")

    async with serving(config=plain_config(), reread=gone) as site:
        answer = await site.post("/config/reload")
        assert (answer.status, answer.code()) == (422, "CONFIG_ERROR")
        assert "cannot be read" in answer.json()["detail"]
        assert str(tmp_path) not in str(answer.json())
