"""What a daemon learns from: labels, models and their training, and the model that is served meanwhile."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct

from actors.trainer import TrainerActor
from levibotd.adapters.compiled_classifier import CompiledClassifier, ServedClassifier, load_classifier
from levibotd.adapters.label_file import LABELS, LabelFile
from levibotd.adapters.model_store import MODELS, ModelStore
from levibotd.app.children import NEEDS, STEADY
from levibotd.app.serving import rolled_back, served_of
from levibotd.config import Config, environ_with
from levibotd.domain.acts import ActBook
from levibotd.domain.drift import Drift
from levibotd.domain.label_queue import LabelQueue
from levibotd.domain.learning import (
    SHIPPED,
    Appended,
    DatasetCounts,
    DsAppend,
    Labelled,
    ModelBook,
    ModelPromoted,
    ModelTrained,
)
from levibotd.domain.masking import Masker
from levibotd.domain.records import Entry, Error, Logged, Record, SignalScored
from levibotd.errors import ConfigError, LeviError, Refused, Unavailable
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import NotServed
from levibotd.kernel.mailbox import FAIL, Box, Ref
from levibotd.kernel.supervisor import ONE_FOR_ONE, Child, Group
from levibotd.messages import Append, LoggerMessage, Retrain
from levibotd.observe.logging import Log as OperatorLog
from levibotd.observe.metrics import Metrics

CHILD = "levibotd.app.retraining"
LOOK_S = 10.0
COMMIT_S = 30.0
TRAINING_S = 3600.0
STALL_S = 2 * TRAINING_S  # The watchdog must not take a training for a standstill.
NO_MODEL = "MODEL_REFUSED"  # Code of an ERROR record.

_NOTED = "noted.json"
_SAID_MAX = 2000


class _Noted(Struct, kw_only=True):
    """What the log knows already: it is told once, whichever process did it."""

    serving: str | None = None
    trained_at: float | None = None
    labels: int = 0


class Learning:
    """
    Labels, models, and who serves.

    `served` is what scores posts; `queue` and the drift of the served model are told of commits by `observe`.
    Raises ConfigError when the configured model cannot be used; one that training made is passed over, and told.
    """

    def __init__(
        self,
        config: Config,
        *,
        logger: Callable[[], Ref[LoggerMessage]],
        metrics: Metrics,
        clock: Clock,
        log: OperatorLog,
        acts: Callable[[], ActBook],
        child: str = CHILD,
        masker: Masker | None = None,
    ) -> None:
        self.labels = LabelFile(config.state_dir / LABELS, masker=masker)
        self.store = ModelStore(config.state_dir / MODELS)
        self.queue = LabelQueue()
        self.running_since: float | None = None
        self.ref: Ref[Retrain] = Ref("trainer", Box(16, FAIL))
        self._config = config
        self._logger = logger
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._acts = acts
        self._child = child
        self._turn = anyio.Lock()
        self._told: str | None = None  # The last fault, so that it is told once.
        self._pinned = Path(config.model.file) if config.model.file else None
        self._noted_at = config.state_dir / MODELS / _NOTED
        self._seen = self._signature()
        first, fault = self._found()
        self._fault_at_start = fault
        self.served = ServedClassifier(first)
        self._drift = Drift(first.reference)
        self._show()

    @property
    def serving(self) -> CompiledClassifier:
        return self.served.current

    @property
    def figures(self) -> dict[str, float]:
        """See `ports.learning.LearningDesk`."""
        card = self.served.current.card
        found = {"brier": card.brier, "ece": card.ece, "psi": self._drift.psi()}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def pinned(self) -> str | None:
        """The name of the model file that the configuration names; then nothing else is served."""
        return None if self._pinned is None else self._pinned.name

    def group(self) -> Group:
        """Of its own and not essential: what is learned must not stop what is traded."""
        child = Child(self.ref, self._make, waits_on=(self._logger(),), shutdown_s=5.0, stall_after_s=STALL_S)
        return Group("learning", ONE_FOR_ONE, essential=False, children=(child,))

    def observe(self, committed: Sequence[Logged]) -> None:
        """Take in what was just committed."""
        for one in committed:
            self.queue.apply(one)
            record = one.entry.record
            if isinstance(record, SignalScored) and record.model_sha == self.served.sha and not record.stale:
                self._drift.see(record.probs)

    def sample(self) -> None:
        """Set the gauge that no message moves."""
        self._metrics.model_psi.set(self._drift.psi() or 0.0)

    # For the trainer.

    async def look(self) -> None:
        """See `ports.learning.Learner`."""
        async with self._turn:
            try:
                await self._serve()
                await self._note()
                await self._judge()
            except (LeviError, OSError, NotServed, TimeoutError) as fault:
                await self._tell(str(fault))

    async def retrain(self, by: str) -> ModelTrained:
        """See `ports.learning.Learner`."""
        self.expect_able()
        words = ["--state-dir", str(self._config.state_dir), "--by", by, "--at", repr(self._clock.time())]
        if self._config.model.labels:
            words += ["--labels", *self._config.model.labels]
        return msgspec.json.decode(await self._run(words), type=ModelTrained)

    # For HTTP.

    def expect_able(self) -> None:
        """Raises Refused where the configuration names the model, ConfigError where scikit-learn is missing."""
        if self._pinned is not None:
            raise Refused(
                f"model.file names {self._pinned.name}: unset it to serve what training makes", reason="pinned"
            )
        if find_spec(NEEDS) is None:
            raise ConfigError(f"training needs {NEEDS}, which is not installed: pip install 'levibotd[ml]'")

    async def append(self, one: Labelled, *, replace: bool, by: str) -> Appended:
        """Keep a label, and write down that there is one. Raises Refused, ConfigError."""
        async with self._turn:
            appended = await offload.call(self.labels.append, one, replace=replace)
            self.queue.is_labelled(appended.digest)
            if appended.fresh:
                record = DsAppend(
                    at=self._clock.time(), digest=appended.digest, label=one.label, by=by, total=appended.total,
                    channel=one.channel, language=one.lang, replaced=appended.replaced,
                )  # fmt: skip
                await self._commit(record)
                noted = await offload.call(self._noted)
                noted.labels = appended.total
                await offload.call(self._remember, noted)
                await self._judge()
            return appended

    async def counts(self) -> DatasetCounts:
        """What the data set holds. Raises ConfigError when it cannot be read."""
        return await offload.call(self.labels.counts)

    async def book(self) -> ModelBook:
        """What the store says. Raises ConfigError when it cannot be read."""
        return await offload.call(self.store.state)

    async def roll_back(self, to: str | None, *, by: str) -> str:
        """Serve the model before, or the one named, from now on; answers which. Raises Refused, ConfigError."""
        if self._pinned is not None:
            raise Refused(f"model.file names {self._pinned.name}: unset it to serve another", reason="pinned")
        await offload.call(rolled_back, self.store, to, at=self._clock.time(), by=by)
        await self.look()
        return self.served.sha

    # Serving.

    def _found(self) -> tuple[CompiledClassifier, str | None]:
        if self._pinned is not None:
            return load_classifier(self._pinned), None
        try:
            state = self.store.state()
        except ConfigError as error:
            return load_classifier(), str(error)
        return served_of(self.store, state)

    async def _serve(self) -> None:
        if self._fault_at_start is not None:
            at_start, self._fault_at_start = self._fault_at_start, None
            await self._tell(at_start)
        signature = await offload.call(self._signature)
        if signature == self._seen:
            return
        self._seen = signature
        found, fault = await offload.call(self._found)
        if fault is not None:
            await self._tell(fault)
            return  # The last good one is in use already.
        if found.sha != self.served.sha:
            self.served.current = found
            self._drift = Drift(found.reference)
            self._show()
            self._log.info("model", sha256=found.sha, trained_until=found.trained_until)

    # What would differ if there were something new: cheap, and the same as long as nobody writes.
    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        if self._pinned is not None:
            return tuple(_stat(path) for path in (self._pinned, self._pinned.with_suffix(".json")))
        return (_stat(self._config.state_dir / MODELS / "serving.json"),)

    def _show(self) -> None:
        card = self.served.current.card
        self._metrics.model_brier.set(card.brier or 0.0)
        self._metrics.model_ece.set(card.ece or 0.0)

    # Writing down.

    async def _note(self) -> None:
        noted = await offload.call(self._noted)
        before = msgspec.json.encode(noted)
        state = ModelBook() if self._pinned is not None else await self.book()
        records: list[Record] = []
        if state.last is not None and state.last.at != noted.trained_at:
            records.append(state.last)
            noted.trained_at = state.last.at
        if self.served.sha != noted.serving:
            if noted.serving is not None:
                records.append(self._promoted(noted.serving, state))
            noted.serving = self.served.sha
        unreadable: ConfigError | None = None
        try:
            total = (await self.counts()).total
        except ConfigError as fault:
            total, unreadable = noted.labels, fault  # What is served is told all the same.
        if total > noted.labels:
            records.append(
                DsAppend(at=self._clock.time(), digest="", label="", by="file", total=total, added=total - noted.labels)
            )
        noted.labels = total
        if records:
            await self._commit(*records)
        if msgspec.json.encode(noted) != before:
            await offload.call(self._remember, noted)
        if unreadable is not None:
            raise unreadable

    # By whichever way a label came: what the log says already is not said again.
    async def _judge(self) -> None:
        digests = self._acts().digests()
        if not digests:
            return
        labels = await offload.call(self.labels.labels_of, digests)
        due = self._acts().due(labels, at=self._clock.time())
        if due:
            await self._logger().ask(Append(entries=due), timeout_s=COMMIT_S)

    def _promoted(self, before: str, state: ModelBook) -> ModelPromoted:
        last = state.promotions[-1] if state.promotions else None
        if self._pinned is not None or last is None:
            why, by = "file", "file"
        elif state.serving in (SHIPPED, self.served.sha):
            why, by = last.why, last.by
        else:
            why, by = "fallback", "daemon"  # The one that was promoted cannot be read.
        return ModelPromoted(
            at=self._clock.time(),
            sha256=self.served.sha,
            before=before,
            trained_until=self.served.trained_until,
            why=why,
            by=by,
        )

    def _noted(self) -> _Noted:
        try:
            return msgspec.json.decode(self._noted_at.read_bytes(), type=_Noted)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return _Noted()

    def _remember(self, noted: _Noted) -> None:
        self._noted_at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._noted_at.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(noted))
        beside.replace(self._noted_at)

    async def _tell(self, fault: str) -> None:
        if fault == self._told:
            return
        self._told = fault
        self._log.error("model_refused", fault=fault, serving=self.served.sha)
        await self._commit(Error(code=NO_MODEL, detail=fault[:_SAID_MAX]))

    async def _commit(self, *records: Record) -> None:
        entries = tuple(Entry(record) for record in records)
        await self._logger().ask(Append(entries=entries), timeout_s=COMMIT_S)

    # The child.

    async def _run(self, words: Sequence[str]) -> bytes:
        # A session of its own: what a terminal tells its process group, the daemon tells its child.
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._child, *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True, env=environ_with(STEADY),
        )  # fmt: skip
        try:
            with anyio.fail_after(TRAINING_S):
                printed, said = await child.communicate()
        finally:
            with anyio.CancelScope(shield=True):
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        if child.returncode != 0:
            words_said = said[-_SAID_MAX:].decode("utf-8", "replace").strip().splitlines()
            raise Unavailable(words_said[-1] if words_said else f"the training ended with {child.returncode}")
        return printed

    def _make(self) -> TrainerActor:
        return TrainerActor(
            learner=self, on_over=self._over, on_running=self._ran, clock=self._clock, interval_s=LOOK_S
        )

    def _ran(self, since: float | None) -> None:
        self.running_since = since

    def _over(self, outcome: ModelTrained | str) -> None:
        if isinstance(outcome, str):
            self._log.error("training_failed", fault=outcome)
        else:
            self._log.info("training", promoted=outcome.promoted, why=outcome.why, sha256=outcome.sha256)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)
