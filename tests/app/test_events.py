"""What happens to actors becomes records, metrics and second deliveries."""

import io
import json

import pytest

from levibotd.app.events import PIPELINE, Supervision
from levibotd.domain.masking import Masker
from levibotd.domain.records import ActorCrash, ActorRestart, DeadLetter, Record, SafeMode, SignalRejected
from levibotd.domain.signal import Post
from levibotd.kernel import events
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.mailbox import FAIL, Box, Ref
from levibotd.messages import Append, LoggerMessage, PostArrived, Redeliver, TelegramMessage
from levibotd.observe.logging import make_log
from levibotd.observe.metrics import Metrics

POST = Post(channel="@calls", message_id=7, posted_at=1.0, text="secret sauce")


class Bench:
    """Supervision over two mailboxes that nobody empties."""

    def __init__(self, *, room: int = 64) -> None:
        self.logger: Ref[LoggerMessage] = Ref("logger", Box(room, FAIL))
        self.telegram: Ref[TelegramMessage] = Ref("telegram", Box(64))
        self.metrics = Metrics(version="test", routes=(), actors=("scorer", "logger", "http"))
        self.gave_up: list[str] = []
        self.out = io.StringIO()
        self.hear = Supervision(
            logger=self.logger,
            telegram=self.telegram,
            log=make_log(self.out, clock=LoopClock(wall=lambda: 0.0), masker=Masker()),
            metrics=self.metrics,
            on_gave_up=self.gave_up.append,
        )

    def records(self) -> list[tuple[Record, str | None]]:
        messages = list(self.logger.mailbox.user.items)
        assert all(isinstance(message, Append) for message in messages)
        return [(entry.record, entry.trace) for message in messages for entry in message.entries]

    def operator(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.out.getvalue().splitlines()]


def letter(reason: str, *, trace: str | None = POST.trace) -> events.DeadLetter:
    message = PostArrived(trace=POST.trace, post=POST, received_at=1.0)
    return events.DeadLetter(
        id=1, actor="scorer", incarnation=2, message=message, reason=reason, error="Bug: boom", trace=trace, at=1.0
    )


def test_a_crash_is_a_record_of_the_post_and_a_line_for_the_operator() -> None:
    bench = Bench()
    error = ValueError("x" * 2000)
    bench.hear(
        events.Crashed(actor="scorer", incarnation=1, error=error, message_type="PostArrived", trace=POST.trace)
    )

    ((crash, trace),) = bench.records()
    assert isinstance(crash, ActorCrash)
    assert (crash.actor, crash.incarnation, trace) == ("scorer", 1, POST.trace)
    assert len(crash.error) <= 500
    assert bench.operator() == ["actor_crash"]


def test_a_restart_says_how_long_it_was_held_back() -> None:
    bench = Bench()
    bench.hear(events.BackingOff(name="scorer", delay_s=0.4))
    bench.hear(events.Restarted(actor="scorer", incarnation=3))
    bench.hear(events.Restarted(actor="scorer", incarnation=4))

    assert [record for record, _ in bench.records()] == [
        ActorRestart(actor="scorer", incarnation=3, backoff_s=0.4),
        ActorRestart(actor="scorer", incarnation=4, backoff_s=0.0),
    ]


@pytest.mark.parametrize(("actor", "told"), [("scorer", 1), ("risk", 1), ("exec", 1), ("logger", 0), ("http", 0)])
def test_a_restart_in_the_pipeline_has_its_posts_told_again(actor: str, told: int) -> None:
    bench = Bench()
    bench.hear(events.Restarted(actor=actor, incarnation=2))

    assert list(bench.telegram.mailbox.user.items) == [Redeliver()] * told
    assert (actor in PIPELINE) is bool(told)


def test_a_dead_letter_names_the_message_and_not_its_content() -> None:
    bench = Bench()
    bench.hear(letter("crashed"))

    assert bench.records() == [(DeadLetter(actor="scorer", reason="crashed", message="PostArrived"), POST.trace)]
    assert "secret sauce" not in bench.out.getvalue()


@pytest.mark.fault("F4")
def test_a_post_in_quarantine_gets_its_one_decision() -> None:
    bench = Bench()
    bench.hear(events.Quarantined(letter=letter("quarantined")))

    ((rejected, trace),) = bench.records()
    assert isinstance(rejected, SignalRejected)
    assert (rejected.gate, rejected.value, trace) == ("quarantined", "scorer", POST.trace)


def test_a_message_about_no_post_in_quarantine_decides_nothing() -> None:
    bench = Bench()
    bench.hear(events.Quarantined(letter=letter("quarantined", trace=None)))

    assert bench.records() == []
    assert bench.operator() == ["quarantined"]


def test_a_group_without_budget_is_safe_mode() -> None:
    bench = Bench()
    bench.hear(events.SafeMode(group="trading", error=None))

    assert bench.records() == [(SafeMode(on=True, group="trading"), None)]


def test_who_gave_up_is_told_to_the_daemon() -> None:
    bench = Bench()
    bench.hear(events.GaveUp(name="root", error=RuntimeError("x")))

    assert bench.gave_up == ["root"]
    assert bench.records() == []


def test_a_record_for_which_the_log_has_no_room_is_at_least_told() -> None:
    bench = Bench(room=1)
    bench.hear(events.SafeMode(group="trading", error=None))
    bench.hear(events.SafeMode(group="intake", error=None))

    assert len(bench.records()) == 1
    assert bench.operator().count("record_lost") == 1


def test_starting_and_stopping_is_no_news() -> None:
    bench = Bench()
    bench.hear(events.Started(actor="scorer"))
    bench.hear(events.Stopped(actor="scorer", reason="stop"))

    assert bench.records() == []
    assert bench.operator() == []
