"""What supervision reports, turned into records, metrics, log lines and second deliveries."""

from collections.abc import Callable

from levibotd.domain.gates import GateName
from levibotd.domain.records import ActorCrash, ActorRestart, DeadLetter, Entry, Record, SafeMode, SignalRejected
from levibotd.domain.signal import TraceId
from levibotd.kernel import events
from levibotd.kernel.events import Event
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, LoggerMessage, Redeliver, TelegramMessage
from levibotd.observe.logging import Log
from levibotd.observe.metrics import Metrics

# When one of these begins anew, posts may have been lost between its mailbox and its handler.
PIPELINE = ("scorer", "risk", "exec")
_ERROR_MAX = 500


class Supervision:
    """
    Hears every event of a system, in the loop.

    Records are offered, never waited for: the log may be the very actor that crashed, and then its
    mailbox keeps them.
    """

    def __init__(
        self,
        *,
        logger: Ref[LoggerMessage],
        telegram: Ref[TelegramMessage],
        log: Log,
        metrics: Metrics,
        on_gave_up: Callable[[str], None],
    ) -> None:
        self._logger = logger
        self._telegram = telegram
        self._log = log
        self._metrics = metrics
        self._on_gave_up = on_gave_up
        self._backoff_s: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case events.Crashed():
                self._crashed(event)
            case events.BackingOff(name=name, delay_s=delay_s):
                self._backoff_s[name] = delay_s
            case events.Restarted(actor=actor, incarnation=incarnation):
                self._restarted(actor, incarnation)
            case events.DeadLetter():
                self._dead_letter(event)
            case events.Quarantined(letter=letter):
                self._quarantined(letter)
            case events.SafeMode(group=group, error=error):
                self._log.error("safe_mode", group=group, error=repr(error))
                self._record(SafeMode(on=True, group=group))
            case events.GaveUp(name=name, error=error):
                self._log.error("gave_up", name=name, error=repr(error))
                self._on_gave_up(name)
            case events.StopFailed(actor=actor, error=error):
                self._log.error("stop_failed", actor=actor, error=repr(error))
            case events.Lingering(actor=actor, stack=stack):
                self._log.error("lingering", actor=actor, stack=stack)
            case events.Started() | events.Stopped():
                pass

    def _crashed(self, event: events.Crashed) -> None:
        error = repr(event.error)[:_ERROR_MAX]
        self._log.error("actor_crash", actor=event.actor, incarnation=event.incarnation, exc_info=event.error)
        crash = ActorCrash(actor=event.actor, incarnation=event.incarnation, error=error)
        self._record(crash, event.trace)

    def _restarted(self, actor: str, incarnation: int) -> None:
        self._metrics.actor_restarts.of(actor).inc()
        backoff_s = self._backoff_s.pop(actor, 0.0)
        self._record(ActorRestart(actor=actor, incarnation=incarnation, backoff_s=backoff_s))
        if actor in PIPELINE:
            self._telegram.offer(Redeliver())

    def _dead_letter(self, letter: events.DeadLetter) -> None:
        self._metrics.dead_letters.of(letter.reason).inc()
        message = type(letter.message).__name__
        self._record(DeadLetter(actor=letter.actor, reason=letter.reason, message=message), letter.trace)

    def _quarantined(self, letter: events.DeadLetter) -> None:
        self._log.error("quarantined", actor=letter.actor, trace_id=letter.trace, error=letter.error)
        if letter.trace is not None:
            rejected = SignalRejected(gate=GateName.QUARANTINED, value=letter.actor, limit="two crashes")
            self._record(rejected, letter.trace)

    def _record(self, record: Record, trace: str | None = None) -> None:
        of = None if trace is None else TraceId(trace)
        if not self._logger.offer(Append(trace=of, entries=(Entry(record, of),))):
            self._log.error("record_lost", record=type(record).__name__)
