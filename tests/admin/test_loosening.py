"""Who may loosen: in paper whoever has a reason, from ask up only trade's scope with the code of now."""

from hashlib import blake2b

import msgspec
import pytest

from levibotd.admin.auth import Keyring, parse_keys
from levibotd.admin.totp import STEP_S, code_of
from levibotd.config import Config, demo_config
from levibotd.domain import records as r
from tests.admin.site import MemoryLog, Site, serving

pytestmark = pytest.mark.real_time

SECRET = b"12345678901234567890"
STAGE_UP = ("PUT", "/stage", {"stage": "canary", "reason": "proved itself", "confirm": "canary"})
LOOSENING = [
    ("PUT", "/risk/policy", {"policy": "aggressive", "reason": "r"}),
    ("PUT", "/config", {"risk": {"max_open": 50}, "reason": "r"}),
    ("POST", "/risk/leverage", {"leverage": None, "reason": "r"}),
    ("POST", "/risk/kill-switch", {"tripped": False, "reason": "r"}),
    ("POST", "/start", {"reason": "r"}),
]


def ask_config(stage: str = "ask") -> Config:
    config = demo_config(environ={"HOME": "/nonexistent"})
    exchange = msgspec.structs.replace(config.exchange, stage=stage, network="testnet")
    return msgspec.structs.replace(config, exchange=exchange)


def tripped() -> MemoryLog:
    """A log after which everything there is can be loosened."""
    log = MemoryLog()
    log.commit(r.KillSwitch(tripped=True, why="daily loss", by="risk"))
    log.commit(r.Control(command="stop", by="http:local"))
    log.commit(r.Control(command="leverage", by="http:local", effect="1"))
    return log


def keys(*scopes: str) -> Keyring:
    lines = [f"{scope}:{scope}:{blake2b(scope.encode(), digest_size=32).hexdigest()}" for scope in scopes]
    return parse_keys("\n".join(lines))


def now_of(site: Site) -> str:
    return code_of(SECRET, int(site.desk.clock.time() // STEP_S))


@pytest.mark.parametrize(("method", "path", "body"), LOOSENING)
async def test_in_paper_a_reason_is_enough_and_missing_without_one(
    method: str, path: str, body: dict[str, object]
) -> None:
    log = tripped()
    written = len(log.lines_written)
    async with serving(log=log) as site:
        silent = {key: value for key, value in body.items() if key != "reason"}
        answer = await site.ask(method, path, body=silent)
        assert (answer.status, answer.code()) == (400, "MALFORMED")
        assert "reason" in answer.json()["detail"]
        assert len(log.lines_written) == written
        assert (await site.ask(method, path, body=body)).status == 200
        assert len(log.lines_written) == written + 1


@pytest.mark.parametrize(("method", "path", "body"), LOOSENING)
async def test_from_ask_up_it_takes_the_code_of_now_as_well(method: str, path: str, body: object) -> None:
    log = tripped()
    written = len(log.lines_written)
    async with serving(log=log, config=ask_config(), totp=SECRET) as site:
        for headers in ({}, {"X_TOTP": "000000"}):
            answer = await site.ask(method, path, body=body, **headers)
            assert (answer.status, answer.code()) == (403, "TOTP")
        assert len(log.lines_written) == written
        assert (await site.ask(method, path, body=body, X_TOTP=now_of(site))).status == 200
        assert len(log.lines_written) == written + 2  # Who confirmed, and what for.


async def test_without_a_credential_nothing_is_loosened_from_ask_up() -> None:
    async with serving(log=tripped(), config=ask_config()) as site:
        for method, path, body in LOOSENING:
            answer = await site.ask(method, path, body=body, X_TOTP="123456")
            assert (answer.status, answer.code()) == (403, "TOTP")


async def test_from_ask_up_a_key_for_control_is_not_enough_and_its_guess_is_not_counted() -> None:
    async with serving(log=tripped(), config=ask_config(), totp=SECRET, keyring=keys("control", "trade")) as site:
        for method, path, body in LOOSENING:
            answer = await site.ask(method, path, body=body, X_API_Key="control", X_TOTP=now_of(site))
            assert (answer.status, answer.code()) == (403, "SCOPE")
        method, path, body = LOOSENING[0]
        assert (await site.ask(method, path, body=body, X_API_Key="trade", X_TOTP=now_of(site))).status == 200


async def test_a_stage_up_to_ask_and_above_takes_the_code_of_now_and_down_takes_none() -> None:
    log = MemoryLog()
    log.commit(r.ChannelStage(stage="paper", before="paper", by="http:local", reason="r"))
    async with serving(log=log, config=ask_config("live"), totp=SECRET) as site:
        method, path, body = STAGE_UP
        assert (await site.ask(method, path, body=body)).code() == "TOTP"
        assert (await site.ask(method, path, body=body, X_TOTP=now_of(site))).status == 200
        down = {"stage": "observe", "reason": "quiet week", "confirm": "observe"}
        assert (await site.ask("PUT", "/stage", body=down)).status == 200


async def test_tightening_asks_for_nothing_in_any_stage() -> None:
    async with serving(config=ask_config()) as site:
        for method, path, body in (
            ("PUT", "/risk/policy", {"policy": "conservative"}),
            ("PUT", "/config", {"risk": {"max_open": 1}}),
            ("POST", "/risk/leverage", {"leverage": 1}),
            ("POST", "/risk/kill-switch", {"tripped": True}),
            ("POST", "/stop", {}),
        ):
            assert (await site.ask(method, path, body=body)).status == 200, path


async def test_guessing_a_code_locks_and_says_when_to_come_back() -> None:
    async with serving(log=tripped(), config=ask_config(), totp=SECRET) as site:
        method, path, body = LOOSENING[0]
        for _ in range(5):
            await site.ask(method, path, body=body, X_TOTP="x")
        locked = await site.ask(method, path, body=body, X_TOTP=now_of(site))
        assert (locked.status, locked.code()) == (403, "TOTP")
        assert int(locked.headers["Retry-After"]) > 60
