"""Damaged lines are named and left out."""

from collections.abc import Sequence

import pytest

from levibotd.admin.lines import readable, rows_of, seq_of, whole
from levibotd.ports.event_index import EventQuery
from tests.admin.site import MemoryLog, closed_trade, serving
from tests.admin.test_timeline import log_of
from tests.admin.test_trades import Pages, filled, table

pytestmark = pytest.mark.real_time

BENDS = [(b'"qty":"', b'"qty":"x'), (b'"qty":"', b'"qty":"1E999'), (b'"side":"BUY"', b'"side":"BUX"')]


class Bent(MemoryLog):
    """Of one record, what stands on disk is no longer what was written."""

    bent: int
    was: bytes
    now: bytes

    async def lines(self, query: EventQuery) -> Sequence[bytes]:
        return [
            line.replace(self.was, self.now, 1) if seq_of(line) == self.bent else line
            for line in await super().lines(query)
        ]


class BentPages(Pages, Bent):
    pass


def bend(log: Bent, seq: int, was: bytes, now: bytes) -> None:
    log.bent, log.was, log.now = seq, was, now


@pytest.mark.parametrize(("was", "now"), BENDS)
def test_what_cannot_be_read_is_named_and_the_rest_is_there(was: bytes, now: bytes) -> None:
    log = Bent()
    good, bad = log.commit(closed_trade()), log.commit(closed_trade())
    lines = [log.lines_written[0], log.lines_written[1].replace(was, now, 1)]

    rows, unreadable = rows_of(lines, lambda logged: logged.seq)

    assert (rows, unreadable) == ((good.seq,), (bad.seq,))
    assert readable(lines) == [good]
    assert whole(lines[1]) is None


@pytest.mark.parametrize(("was", "now"), BENDS)
async def test_a_bent_trade_costs_a_page_only_itself(was: bytes, now: bytes) -> None:
    log = Bent()
    for _ in range(3):
        log.commit(closed_trade())
    bend(log, 2, was, now)
    async with serving(log=log) as site:
        page = (await site.get("/trades?limit=2")).json()
        rest = (await site.get(f"/trades?limit=2&cursor={page['next_cursor']}")).json()

    assert (len(page["trades"]), page["unreadable"]) == (1, [2])
    assert (len(rest["trades"]), rest["unreadable"]) == (1, [])


async def test_a_bent_fill_stands_in_the_table_as_what_it_is() -> None:
    log = BentPages()
    for number in range(1, 4):
        filled(log, number, known=False)
    bend(log, 2, b'"price":"', b'"price":"?')
    async with serving(log=log) as site:
        shown = (await site.get("/trades?rows=fills")).json()
        export = (await site.get("/trades?format=csv&order=asc")).body

    assert [fill["trade_id"] for fill in shown["fills"]] == ["t3", "t1"]
    assert shown["unreadable"] == [2]
    assert sorted(row["trade_id"] for row in table(export)) == ["t1", "t3", "unreadable in the log: seq 2"]


async def test_a_bent_intent_leaves_its_fill_without_an_origin() -> None:
    log = BentPages()
    filled(log, 1)
    bend(log, 2, b'"qty":"', b'"qty":"?')
    async with serving(log=log) as site:
        shown = (await site.get("/trades?rows=fills")).json()

    assert [(fill["trade_id"], fill["call"]) for fill in shown["fills"]] == [("t1", None)]


async def test_a_bent_post_is_named_and_one_with_a_bent_reading_is_shown_without_it() -> None:
    log = Bent()
    for written in log_of("BUY", "gm").lines_written:
        log.lines_written.append(written)
    bend(log, 1, b'"message_id":', b'"message_id":"')
    async with serving(log=log) as site:
        without_post = (await site.get("/signals")).json()
        bend(log, 2, b'"kind":"', b'"kind":["')
        without_reading = (await site.get("/signals")).json()

    assert [signal["text"] for signal in without_post["signals"]] == ["gm"]
    assert without_post["unreadable"] == [1]
    shown = [(signal["text"], signal["kind"]) for signal in without_reading["signals"]]
    assert shown == [("gm", "chatter"), ("BUY", None)]
