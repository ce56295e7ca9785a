"""Channels are shown with what the log knows, and have a stage of their own."""

from urllib.parse import quote
from xml.etree import ElementTree

import msgspec
import pytest

from levibotd.admin.totp import STEP_S, code_of
from levibotd.config import Config, load
from levibotd.domain import records as r
from levibotd.journal import decode
from tests.admin.site import MemoryLog, closed_trade, open_position, serving
from tests.app.card_logs import ALPHA, HOSTILE, hand
from tests.domain.test_acts import Writer

pytestmark = pytest.mark.real_time

SECRET = b"12345678901234567890"
WRITTEN = '[{id = -1001, alias = "friends"}, {id = "@calls", stage = "observe"}]'


def configured(written: str = WRITTEN) -> Config:
    return load(environ={"HOME": "/nonexistent", "LEVI_TELEGRAM__CHANNELS": written})


def live_config() -> Config:
    config = configured('[{id = "@calls"}]')
    channel = msgspec.structs.replace(config.telegram.channels[0], stage="live")
    return msgspec.structs.replace(
        config,
        exchange=msgspec.structs.replace(config.exchange, stage="live", network="testnet"),
        telegram=msgspec.structs.replace(config.telegram, channels=(channel,)),
    )


async def test_channels_of_the_file_come_first_and_those_of_the_log_after_them() -> None:
    log = MemoryLog()
    log.commit(closed_trade(channel="tg:-1001"))
    log.commit(closed_trade(channel="friends"))
    open_position(log)
    async with serving(log=log, config=configured()) as site:
        first, second, third = (await site.get("/channels")).json()["channels"]

    assert (first["id"], first["alias"], first["listed"], first["stage"]) == ("-1001", "friends", True, "paper")
    assert (first["closed"], first["won"], first["net"], first["fees"]) == (2, 2, "95.5", "5")
    assert (second["id"], second["stage"], second["file_stage"]) == ("@calls", "observe", "observe")
    assert (third["id"], third["listed"], third["open_calls"], third["planned_loss"]) == ("coins", False, 1, "100")
    assert {one["scorecard"] for one in (first, second, third)} == {None}


async def test_what_labels_say_of_our_acts_is_shown_beside_the_channel() -> None:
    log, acts = MemoryLog(), Writer()
    for text, channel in (("1", "tg:-1001"), ("2", "friends"), ("3", "@calls")):
        acts.act(text, channel=channel)
    acts.label({"1": "SELL", "2": "BUY"})
    for entry in acts.entries:
        log.acts.apply(entry)
    async with serving(log=log, config=configured()) as site:
        first, second = (await site.get("/channels")).json()["channels"]

    assert (first["judged_acts"], first["wrong_acts"]) == (2, 1)
    assert (second["judged_acts"], second["wrong_acts"]) == (0, 0)


async def test_without_any_channel_the_list_is_empty() -> None:
    async with serving() as site:
        told = (await site.get("/channels")).json()
    assert (told["channels"], told["trials"], told["baselines"]["copy_all"]) == ([], 0, None)


@pytest.mark.parametrize("name", ["-1001", "tg:-1001", "friends"])
async def test_a_channel_is_found_by_all_its_names(name: str) -> None:
    async with serving(config=configured()) as site:
        assert (await site.get(f"/channels/{name}")).json()["id"] == "-1001"
        assert (await site.get(f"/channels/{name}x")).code() == "NOT_FOUND"


async def test_a_channel_acts_at_the_lower_of_its_stage_and_the_global_one() -> None:
    async with serving(config=configured()) as site:
        wanted = {"stage": "observe", "reason": "odd posts"}
        told = (await site.ask("PUT", "/channels/friends/stage", body=wanted)).json()
        assert told == {"ok": True, "channel": "-1001", "own_stage": "observe", "before": "paper", "stage": "observe"}
        (record,) = (decode(line).entry.record for line in site.log.lines_written)
        assert record == r.ChannelStage(
            stage="observe", before="paper", by="http:local", reason="odd posts", channel="-1001",
            names=("-1001", "tg:-1001", "friends"),
        )  # fmt: skip

        await site.ask("PUT", "/stage", body={"stage": "observe", "reason": "r", "confirm": "observe"})
        told = (await site.ask("PUT", "/channels/-1001/stage", body={**wanted, "stage": "paper"})).json()
        assert (told["own_stage"], told["stage"]) == ("paper", "observe")
        assert (await site.get("/channels/friends")).json()["stage"] == "observe"


@pytest.mark.parametrize(
    ("channel", "body", "status"),
    [
        ("nobody", {"stage": "observe", "reason": "r"}, 404),
        ("@calls", {"stage": "paper", "reason": "r"}, 422),
        ("friends", {"stage": "live", "reason": "r"}, 422),
        ("friends", {"stage": "loud", "reason": "r"}, 422),
        ("friends", {"stage": "observe"}, 400),
        ("friends", {"stage": "observe", "reason": ""}, 400),
        ("friends", {"stage": "observe", "reason": "r", "unproven": "yes"}, 400),
        ("friends", None, 400),
    ],
)
async def test_what_is_no_stage_of_a_channel_changes_nothing(channel: str, body: object, status: int) -> None:
    async with serving(config=configured()) as site:
        answer = await site.ask("PUT", f"/channels/{channel}/stage", body=body)
        assert answer.status == status
        assert answer.code()
        assert site.log.lines_written == []


async def test_to_canary_a_channel_needs_evidence_or_a_word_in_its_place_and_the_code_of_now() -> None:
    async with serving(config=live_config(), totp=SECRET) as site:
        await site.ask("PUT", "/channels/@calls/stage", body={"stage": "paper", "reason": "start low"})
        written = len(site.log.lines_written)
        wanted = {"stage": "canary", "reason": "a friend's", "unproven": False}
        refused = await site.ask("PUT", "/channels/@calls/stage", body=wanted)
        assert (refused.status, refused.code(), refused.json()["gate"]) == (409, "GATE", "stage")
        wanted["unproven"] = True
        assert (await site.ask("PUT", "/channels/@calls/stage", body=wanted)).code() == "TOTP"
        assert len(site.log.lines_written) == written

        code = code_of(SECRET, int(site.desk.clock.time() // STEP_S))
        assert (await site.ask("PUT", "/channels/@calls/stage", body=wanted, X_TOTP=code)).status == 200
        shown = (await site.get("/channels/@calls")).json()
        assert (shown["own_stage"], shown["stage"]) == ("canary", "canary")


async def test_a_channel_that_made_calls_has_its_card_and_one_that_made_none_has_not() -> None:
    log = MemoryLog()
    for entry in hand().entries:
        log.commit(entry.record, trace=entry.trace, symbol=entry.symbol)
    async with serving(log=log, config=configured('[{id = "@few"}, {id = "@quiet"}]')) as site:
        told = (await site.get("/channels")).json()
        few, quiet, *others = told["channels"]
        alpha = (await site.get("/channels/@alpha")).json()["scorecard"]

    assert quiet["scorecard"] is None
    assert [one["id"] for one in others] == [HOSTILE, ALPHA]
    assert few["scorecard"]["witnessed"]["withheld"] == "too few priced calls (3 of 3)"
    assert few["scorecard"]["witnessed"]["results"]["expectancy"] is None
    assert (alpha["witnessed"]["counts"]["calls"], alpha["backfilled"]["counts"]["calls"]) == (90, 30)
    assert alpha["sentence"].startswith("Following every call lost")
    assert told["baselines"]["copy_all"] is not None


async def test_the_pictures_are_safe_to_open() -> None:
    log = MemoryLog()
    for entry in hand().entries:
        log.commit(entry.record, trace=entry.trace, symbol=entry.symbol)
    async with serving(log=log) as site:
        paths = (
            "/channels/@alpha/equity.svg",
            f"/channels/{quote(HOSTILE, safe='')}/equity.svg",
            "/ml/reliability.svg",
        )
        told = [await site.get(path) for path in paths]
        nobody = await site.get("/channels/@nobody/equity.svg")

    assert nobody.code() == "NOT_FOUND"
    for answer in told:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("image/svg+xml")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert ElementTree.fromstring(answer.body).tag.endswith("svg")
