"""A wish becomes a request, an answer becomes lines, a refusal an error with everything that it said."""

import io
import json
from collections.abc import Mapping
from functools import partial

import msgspec
import pytest

from levibotd.admin.auth import parse_keys
from levibotd.app.ctl import Wish, carry_out, told
from levibotd.config import ApiAccess, load
from levibotd.errors import Refused, Unavailable
from levibotd.exit_codes import ExitCode, exit_code_of
from levibotd.kernel import offload
from tests.admin.site import MemoryLog, Site, open_position, serving

pytestmark = pytest.mark.real_time


async def ask(site: Site, method: str, *path: str, body: Mapping[str, object] | None = None, as_json: bool = False,
              key: str | None = None) -> str:  # fmt: skip
    """Carry a wish out against a running interface and return what was printed; `out` of an error is lost."""
    out = io.StringIO()
    access = ApiAccess(base=f"http://127.0.0.1:{site.port}", key=key)
    wish = Wish(method=method, path=path, body=body)
    assert await offload.call(partial(carry_out, wish, access, as_json=as_json, out=out)) == ExitCode.OK
    return out.getvalue()


async def test_an_answer_is_printed_line_by_line_or_as_it_came() -> None:
    async with serving() as site:
        printed = await ask(site, "POST", "stop", body={"reason": "lunch"})
        assert printed.splitlines()[:4] == ["ok: yes", "dry_run: no", "switch: off", "before: on"]
        assert json.loads(await ask(site, "GET", "stage", as_json=True))["stage"] == "paper"
        assert "says_no[0].name: switch" in await ask(site, "GET", "status")


async def test_actors_are_a_table() -> None:
    async with serving() as site:
        lines = (await ask(site, "GET", "actors")).splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["root", "running"], ["exec", "running"]]
    assert "mail 0/8" in lines[1]


async def test_a_call_is_closed_by_its_name() -> None:
    log = MemoryLog()
    name = open_position(log)
    async with serving(log=log) as site:
        assert name in await ask(site, "POST", "positions", name, "close", body={})


async def test_a_gate_that_says_no_is_told_with_value_and_limit() -> None:
    async with serving() as site:
        body = {"symbol": "BTCUSDT", "side": "BUY", "notional_usd": "1"}
        with pytest.raises(Refused, match=r"GATE: gate too_small, value 1, limit 5\.5") as refused:
            await ask(site, "POST", "exec", "test-order", body=body)
        assert exit_code_of(refused.value) == ExitCode.FAILED


async def test_every_fault_of_a_configuration_is_told() -> None:
    async with serving(config=load(environ={"HOME": "/nonexistent"})) as site:
        with pytest.raises(Refused) as refused:
            await ask(site, "PUT", "config", body={"risk": {"max_open": 0, "nonsense": 1}})
    assert str(refused.value).splitlines() == [
        "CONFIG_ERROR:", "  $.risk.nonsense: unknown key", "  $.risk.max_open: expected >= 1",
    ]  # fmt: skip


async def test_a_wrong_key_is_refused_and_not_repeated() -> None:
    keyring = parse_keys(f"a:read:{'0' * 64}")
    async with serving(keyring=keyring) as site:
        with pytest.raises(Refused, match="UNAUTHENTICATED") as refused:
            await ask(site, "GET", "status", key="very-secret")
    assert "very-secret" not in str(refused.value)
    assert "very-secret" not in repr(ApiAccess(base="http://x", key="very-secret"))


async def test_what_passes_by_itself_is_for_later() -> None:
    async with serving() as site:
        with pytest.raises(Unavailable, match="ACTOR_CRASHED") as later:
            await ask(site, "POST", "stop", body={"reason": "crash"})
        assert exit_code_of(later.value) == ExitCode.TEMPORARY


async def test_with_json_a_refusal_is_printed_as_it_came() -> None:
    out = io.StringIO()
    async with serving() as site:
        access = ApiAccess(base=f"http://127.0.0.1:{site.port}", key=None)
        wish = Wish(method="POST", path=("positions", "nobody", "close"), body={})
        with pytest.raises(Refused):
            await offload.call(partial(carry_out, wish, access, as_json=True, out=out))
    assert msgspec.json.decode(out.getvalue())["code"] == "NOT_FOUND"


def test_whatever_is_answered_becomes_lines() -> None:
    answer = {"a": None, "b": [], "c": {}, "d": ["x", 1], "e": [{"f": True}], "g": {"h": 0.5}}
    assert list(told(answer)) == ["a: -", "b: none", "c: none", "d: x, 1", "e[0].f: yes", "g.h: 0.5"]
    assert list(told("text")) == ["text"]
