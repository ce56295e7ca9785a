"""What is around every call, over HTTP."""

import pytest

from levibotd.config import demo_config
from tests.admin.site import AT, BTC, MemoryLog, open_position, serving
from tests.domain.climate.test_record import scored

pytestmark = pytest.mark.real_time


async def test_it_tells_each_part_and_what_is_made_of_them() -> None:
    log = MemoryLog()
    for channel in ("@a", "@b"):
        log.commit(scored(channel, entry=100.0 if channel == "@a" else 101.0))
    async with serving(log=log) as site:
        told = (await site.get("/features")).json()

    assert (told["enabled"], told["at"], told["copies"]) == (True, AT + 2, 0)
    assert (told["bias"]["state"], told["bias"]["channels"]) == ("long", 2)
    assert told["bias"]["value"] == pytest.approx(0.5, abs=1e-4)
    assert (told["pulse"]["calls"], told["pulse"]["value"], told["pulse"]["state"]) == (2, None, "unknown")
    assert told["trend"] == {"ETHUSDT": None}
    assert told["eth_led"] == {"on": True, "lead": 0.05, "breadth": 0.75, "alts": 8, "as_of": AT}


async def test_coins_that_are_held_are_told_of() -> None:
    log = MemoryLog()
    open_position(log)
    async with serving(log=log) as site:
        told = (await site.get("/features")).json()

    assert told["trend"][BTC] == {"value": 1.5, "state": "up"}


async def test_weights_by_hand_say_that_they_are() -> None:
    async with serving() as site:
        hybrid = (await site.get("/features")).json()["hybrid"]

    assert list(hybrid["weights"]) == ["constant", "call", "bias", "pulse", "trend", "eth_led"]
    assert (hybrid["source"], hybrid["resolved"], hybrid["needed"]) == ("hand", 0, 500)
    assert (hybrid["used"], hybrid["why"]) == (False, "weights by hand: 0 of 500 calls are over")
    assert (hybrid["least"], hybrid["gates"], hybrid["brier"]) == (None, False, {})


async def test_a_gate_that_is_wanted_waits_for_its_proof_and_says_so() -> None:
    async with serving(
        config=demo_config(environ={"HOME": "/nonexistent", "LEVI_FEATURES__HYBRID_MIN": "0.4"})
    ) as site:
        hybrid = (await site.get("/features")).json()["hybrid"]

    assert (hybrid["least"], hybrid["used"], hybrid["gates"]) == (0.4, False, False)
