"""The operators' log: one object a line, whatever is logged."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.masking import Masker
from levibotd.observe.logging import ITEMS_MAX, TEXT_MAX, Log, capture_libraries, make_log, trace_context

SECRET = "kq83-canary-zz91"


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2024, 11, 5, 11, 3, 52, 123456, tzinfo=UTC)

    def time(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def sleep_until(self, unix: float) -> None:
        await asyncio.sleep(0)


class Sink:
    """A log over a stream that can be read back."""

    def __init__(self, *, level: str = "info") -> None:
        self.stream = io.StringIO()
        self.log: Log = make_log(self.stream, clock=StoppedClock(), masker=Masker([SECRET]), level=level)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_a_line_is_one_object_with_time_level_and_event(sink: Sink) -> None:
    sink.log.warning("mailbox_full", mailbox="risk", depth=256)

    assert sink.lines == [
        {
            "ts": "2024-11-05T11:03:52.123+00:00",
            "level": "warning",
            "event": "mailbox_full",
            "mailbox": "risk",
            "depth": 256,
        }
    ]


def test_what_is_below_the_level_is_not_written() -> None:
    sink = Sink(level="warning")

    sink.log.info("chatter")
    sink.log.error("broken")

    assert [line["event"] for line in sink.lines] == ["broken"]


async def test_a_trace_follows_the_work_into_its_tasks(sink: Sink) -> None:
    async def work() -> None:
        sink.log.info("inside")

    with trace_context("a1b2"):
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
    sink.log.info("outside")

    assert [line.get("trace_id") for line in sink.lines] == ["a1b2", None]


@pytest.mark.fault("G12")
def test_a_text_cannot_pose_as_another_line_or_move_the_cursor(sink: Sink) -> None:
    sink.log.info("post", text='x\n{"event":"ORDER_FILLED"}\r\x1b[2J\u202egnp.exe\u2028end\ud800')

    (line,) = sink.lines
    assert line["text"] == 'x\\u000a{"event":"ORDER_FILLED"}\\u000d\\u001b[2J\\u202egnp.exe\\u2028end\\ud800'
    assert sink.text.count("\n") == 1


def test_secrets_are_masked_wherever_they_stand(sink: Sink) -> None:
    class Client:
        def __repr__(self) -> str:
            return f"<client {SECRET}>"

    sink.log.error(f"failed with {SECRET}", where={"deep": [f"?q={SECRET}"], "who": Client()}, api_key="abcdef")

    assert SECRET not in sink.text
    assert sink.lines[0]["api_key"] == "***"


def test_a_secret_that_the_cut_would_halve_is_masked_first(sink: Sink) -> None:
    sink.log.info("long", text="x" * (TEXT_MAX - 5) + SECRET)

    assert SECRET[:5] not in sink.text


def test_an_exception_is_its_type_its_words_and_where_without_directories(sink: Sink) -> None:
    try:
        raise ValueError(f"bad key {SECRET}")
    except ValueError:
        sink.log.exception("actor_crashed")

    (line,) = sink.lines
    assert line["error"] == "ValueError: bad key ***"
    assert line["frames"][-1].startswith("observe/test_logging.py:")


def test_long_texts_and_large_containers_are_cut_and_say_so(sink: Sink) -> None:
    deep: list[Any] = []
    deep.append(deep)

    sink.log.info("big", text="y" * (TEXT_MAX + 7), many=list(range(ITEMS_MAX + 3)), endless=deep, huge=10**5000)

    (line,) = sink.lines
    assert line["text"] == "y" * TEXT_MAX + "…(+7)"
    assert line["many"][-1] == "…(+3)"
    assert line["huge"] == "…(16610 bits)"
    assert len(sink.text) < 20 * TEXT_MAX


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.floats() | st.integers() | st.text() | st.binary(), st.lists)
    )
)
def test_whatever_is_logged_is_one_line_of_json(fields: dict[str, Any]) -> None:
    sink = Sink()

    sink.log.info("anything", fields=fields)

    assert len(sink.lines) == 1
    assert sink.text.endswith("\n")


def test_a_closed_stream_costs_the_line_and_nothing_else(sink: Sink) -> None:
    sink.stream.close()

    sink.log.error("nobody_reads")

    assert sink.stream.closed


@pytest.fixture
def captured(sink: Sink) -> Iterator[Sink]:
    handler = capture_libraries(sink.log)
    yield sink
    logging.getLogger().removeHandler(handler)


def test_what_libraries_log_comes_as_lines_too(captured: Sink) -> None:
    logging.getLogger("aiohttp.server").error("Error handling request from %s\n", "10.0.0.1")
    logging.getLogger("ccxt").info("signed url with everything in it")

    (line,) = captured.lines
    assert (line["event"], line["logger"], line["level"]) == ("library", "aiohttp.server", "error")
    assert line["message"] == "Error handling request from 10.0.0.1\\u000a"
