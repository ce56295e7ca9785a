from dataclasses import FrozenInstanceError, dataclass
from typing import get_args

import pytest

from levibotd.kernel import events
from levibotd.kernel.events import Event, Exit, trace_of


@dataclass
class Message:
    trace: object


def test_the_trace_of_a_message_is_read_from_the_message() -> None:
    assert trace_of(Message("t-1")) == "t-1"
    assert trace_of(Message(None)) is None
    assert trace_of("no trace at all") is None


def test_what_is_reported_cannot_be_changed() -> None:
    event = events.GaveUp(name="root", error=None)
    with pytest.raises(FrozenInstanceError):
        event.name = "other"  # type: ignore[misc]


def test_every_event_and_every_end_is_listed() -> None:
    declared = {one for one in vars(events).values() if isinstance(one, type) and one.__module__ == events.__name__}

    assert {*get_args(Event), *get_args(Exit)} == declared
