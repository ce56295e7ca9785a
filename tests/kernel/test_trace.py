import asyncio
import itertools
from dataclasses import dataclass

from levibotd.kernel.lane import Ask
from levibotd.kernel.trace import KEPT, Ring, message_of, type_name


@dataclass(frozen=True)
class Traced:
    trace: str


async def test_records_name_the_message_its_trace_and_where_it_fell() -> None:
    ring = Ring(itertools.count(5))
    asked = Ask(Traced("t"), asyncio.get_running_loop().create_future())
    ring.kept.append((next(ring.order), 1.0, asked))
    ring.note_crash(asked.request, at=2.0)

    records = ring.records("risk")

    assert [(one.order, one.actor, one.what, one.message_type, one.trace, one.at) for one in records] == [
        (5, "risk", "in", "Traced", "t", 1.0),
        (6, "risk", "crash", "Traced", "t", 2.0),
    ]


def test_it_keeps_the_last_ones_only() -> None:
    ring = Ring(itertools.count())
    for number in range(KEPT + 10):
        ring.kept.append((next(ring.order), 0.0, number))

    assert len(ring.records("a")) == KEPT
    assert ring.records("a")[0].order == 10


def test_a_plain_message_is_itself() -> None:
    assert message_of("plain") == "plain"
    assert type_name("plain") == "str"
