"""What a daemon learns from: labels told to the log, models taken while it runs, and bad ones left alone."""

import importlib.util
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TypeVar

import anyio
import msgspec
import pytest

from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.adapters.label_file import LABELS, LabelFile
from levibotd.adapters.model_store import ModelStore
from levibotd.app.learning import LOOK_S, NO_MODEL, Learning
from levibotd.config import Config, load
from levibotd.domain.acts import ActBook, ActJudged
from levibotd.domain.copies import text_print
from levibotd.domain.drift import POSTS_MIN
from levibotd.domain.learning import SHIPPED, DsAppend, Labelled, ModelPromoted, ModelTrained
from levibotd.domain.masking import Masker
from levibotd.domain.model import digest
from levibotd.domain.records import Entry, Error, Logged, Record, SignalIngest, SignalScored
from levibotd.domain.signal import Post
from levibotd.errors import ConfigError, Refused, Unavailable
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.mailbox import Box, Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Append, Committed, LoggerMessage, Retrain
from levibotd.observe.logging import make_log
from levibotd.observe.metrics import Metrics
from tests.app.test_serving import SHIPPED_SHA, model, promote
from tests.domain.test_acts import Writer
from tests.training.conftest import make_examples
from tests.training.test_train import lines_of


def configured(tmp_path: Path, **more: str) -> Config:
    return load(environ={"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state"), **more})


R = TypeVar("R", bound=Record)


class LogOfTest(Actor[Append]):
    def __init__(self, records: list[Record], acts: ActBook, trained: anyio.Event) -> None:
        self._records = records
        self._acts = acts
        self._trained = trained

    async def receive(self, message: Append) -> Committed:
        self._records.extend(entry.record for entry in message.entries)
        for entry in message.entries:
            self._acts.apply(entry)
        if any(isinstance(entry.record, ModelTrained) for entry in message.entries):
            self._trained.set()
        return Committed(first_seq=1, last_seq=len(self._records))


class Bench:
    """One life of a daemon's learning, over a state directory that may have seen others."""

    def __init__(self, config: Config, *, child: str = "levibotd.app.retraining", acts: ActBook | None = None) -> None:
        self.acts = acts or ActBook()
        self.records: list[Record] = []
        self.trained = anyio.Event()
        self.printed = io.StringIO()
        self.metrics = Metrics(version="test")
        clock = LoopClock()
        logger: Ref[LoggerMessage] = Ref("logger", Box(64))
        self.learning = Learning(
            config, logger=lambda: logger, metrics=self.metrics, clock=clock,
            log=make_log(self.printed, clock=clock, masker=Masker()), child=child,
            acts=lambda: self.acts,
        )  # fmt: skip
        log = Child(logger, lambda: LogOfTest(self.records, self.acts, self.trained))
        groups = (Group("log", children=(log,)), self.learning.group())
        self.system = System(Group("root", children=groups), clock=clock, on_event=lambda event: None, rng=Random(1))

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.records if isinstance(record, kind)]

    def gauges(self) -> dict[str, float]:
        self.learning.sample()
        return {name: value for name, value in self.metrics.as_json().items() if name.startswith("levibot_model")}


@asynccontextmanager
async def living(
    config: Config, *, child: str = "levibotd.app.retraining", acts: ActBook | None = None
) -> AsyncIterator[Bench]:
    bench = Bench(config, child=child, acts=acts)
    await bench.system.start()
    try:
        yield bench
    finally:
        await bench.system.stop()


def store_of(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "state" / "models")


def pinned(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "mine.npz"
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps({"sha256": digest(data), "brier": 0.25, "ece": 0.125}))
    return path


async def test_at_first_nothing_is_told_and_the_shipped_model_shows_its_card(tmp_path: Path) -> None:
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(LOOK_S * 3)
        assert bench.records == []
        assert bench.learning.served.sha == SHIPPED_SHA
        card = load_classifier().card
        assert bench.gauges()["levibot_model_brier"] == card.brier
        assert bench.gauges()["levibot_model_ece"] == card.ece
        assert bench.gauges()["levibot_model_psi"] == 0


async def test_a_label_is_kept_told_without_its_text_and_asked_about_no_more(tmp_path: Path) -> None:
    async with living(configured(tmp_path)) as bench:
        _score(bench, 1, "maybe 5 maybe 6", buy=0.5)
        assert len(bench.learning.queue) == 1
        one = Labelled(text="maybe 5 maybe 6", label="NO-TRADE", channel="c")
        assert (await bench.learning.append(one, replace=False, by="http:me")).fresh
        assert not (await bench.learning.append(one, replace=False, by="http:me")).fresh
        await anyio.sleep(LOOK_S * 2)
        told = bench.of(DsAppend)
        assert len(told) == 1
        assert isinstance(told[0], DsAppend)
        assert (told[0].digest, told[0].by, told[0].total) == (text_print(one.text), "http:me", 1)
        assert b"maybe" not in msgspec.json.encode(told[0])
        assert len(bench.learning.queue) == 0
        assert (await bench.learning.counts()).labels == {"NO-TRADE": 1}


async def test_labels_that_came_by_another_way_are_told_too(tmp_path: Path) -> None:
    async with living(configured(tmp_path)) as bench:
        bench.learning.labels.append(Labelled(text="a", label="BUY"))
        bench.learning.labels.append(Labelled(text="b", label="BUY"))
        await anyio.sleep(LOOK_S * 2)
        assert [(one.added, one.total, one.digest) for one in bench.of(DsAppend) if isinstance(one, DsAppend)] == [
            (2, 2, "")
        ]


async def test_a_label_judges_the_act_on_its_text_once_and_again_when_it_is_corrected(tmp_path: Path) -> None:
    text, log = "#BTC long 100", Writer()
    call = log.act(text_print(text))
    async with living(configured(tmp_path), acts=log.book) as bench:
        for label, replace in (("NO-TRADE", False), ("NO-TRADE", False), ("BUY", True)):
            await bench.learning.append(Labelled(text=text, label=label), replace=replace, by="http:me")
            await anyio.sleep(LOOK_S * 2)
        told = [(one.call, one.label, one.wrong, one.before) for one in bench.of(ActJudged)]
        assert told == [(call, "NO-TRADE", True, None), (call, "BUY", False, "NO-TRADE")]
    async with living(configured(tmp_path), acts=ActBook.from_bytes(bench.acts.to_bytes())) as again:
        await anyio.sleep(LOOK_S * 2)
        assert again.of(ActJudged) == []


async def test_an_act_is_judged_by_whichever_way_and_whenever_its_label_came(tmp_path: Path) -> None:
    early, late, log = "#BTC long 100", "#BTC long 200", Writer()
    log.act(text_print(early))
    LabelFile(configured(tmp_path).state_dir / LABELS).append(Labelled(text=early, label="SELL"))
    async with living(configured(tmp_path), acts=log.book) as bench:
        await anyio.sleep(LOOK_S * 2)
        assert [one.wrong for one in bench.of(ActJudged)] == [True]
        bench.learning.labels.append(Labelled(text=late, label="BUY"))
        await anyio.sleep(LOOK_S * 2)
        log.act(text_print(late))  # It is posted, and acted on, after somebody labelled it.
        await anyio.sleep(LOOK_S * 2)
        assert [one.wrong for one in bench.of(ActJudged)] == [True, False]


async def test_a_model_that_is_promoted_meanwhile_is_served_without_a_restart_and_told_once(tmp_path: Path) -> None:
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        sha = promote(store_of(tmp_path), 1)
        await anyio.sleep(LOOK_S * 3)
        assert bench.learning.served.sha == sha
        promoted = bench.of(ModelPromoted)
        assert [(one.sha256, one.before, one.why, one.by) for one in promoted if isinstance(one, ModelPromoted)] == [
            (sha, SHIPPED_SHA, "retrain", "test")
        ]
        assert len(bench.of(ModelTrained)) == 1
    async with living(configured(tmp_path)) as again:
        await anyio.sleep(LOOK_S)
        assert again.learning.served.sha == sha
        assert again.records == []


async def test_what_happened_while_nobody_was_there_is_told_at_the_next_start(tmp_path: Path) -> None:
    async with living(configured(tmp_path)):
        await anyio.sleep(1)
    sha = promote(store_of(tmp_path), 1)
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        assert [one.sha256 for one in bench.of(ModelPromoted) if isinstance(one, ModelPromoted)] == [sha]
        assert len(bench.of(ModelTrained)) == 1


async def test_one_command_goes_back(tmp_path: Path) -> None:
    sha = promote(store_of(tmp_path), 1)
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        assert await bench.learning.roll_back(None, by="http:me") == SHIPPED_SHA
        assert bench.learning.served.sha == SHIPPED_SHA
        last = bench.of(ModelPromoted)[-1]
        assert isinstance(last, ModelPromoted)
        assert (last.sha256, last.before, last.why, last.by) == (SHIPPED_SHA, sha, "rollback", "http:me")
        assert (await bench.learning.book()).serving == SHIPPED


@pytest.mark.fault("G9")
async def test_a_bad_model_leaves_the_last_good_one_serving_and_is_told_once(tmp_path: Path) -> None:
    good = promote(store_of(tmp_path), 1)
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        bad = promote(store_of(tmp_path), 2)
        store_of(tmp_path).file_of(bad).write_bytes(b"\x80\x04K\x01.")
        await anyio.sleep(LOOK_S * 5)
        assert bench.learning.served.sha == good
        errors = bench.of(Error)
        assert [one.code for one in errors if isinstance(one, Error)] == [NO_MODEL]
        assert str(store_of(tmp_path).file_of(bad)) in bench.printed.getvalue()
        assert not any(isinstance(one, ModelPromoted) and one.sha256 == bad for one in bench.records)


@pytest.mark.fault("G9")
async def test_a_bad_model_at_the_start_is_passed_over(tmp_path: Path) -> None:
    bad = promote(store_of(tmp_path), 2)
    store_of(tmp_path).file_of(bad).write_bytes(b"")
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(LOOK_S * 3)
        assert bench.learning.served.sha == SHIPPED_SHA
        assert len(bench.of(Error)) == 1


@pytest.mark.fault("G9")
async def test_a_model_that_went_bad_while_nobody_was_there_is_told_as_what_it_is(tmp_path: Path) -> None:
    before, sha = promote(store_of(tmp_path), 1), promote(store_of(tmp_path), 2)
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        assert bench.learning.served.sha == sha
    store_of(tmp_path).file_of(sha).write_bytes(b"junk")
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        told = [one for one in bench.of(ModelPromoted) if isinstance(one, ModelPromoted)]
        assert [(one.sha256, one.before, one.why, one.by) for one in told] == [(before, sha, "fallback", "daemon")]


@pytest.mark.fault("G9")
async def test_a_file_that_is_named_is_taken_anew_when_it_changes_and_left_alone_when_it_is_bad(tmp_path: Path) -> None:
    path = pinned(tmp_path, model(1))
    async with living(configured(tmp_path, LEVI_MODEL__FILE=str(path))) as bench:
        await anyio.sleep(1)
        assert bench.learning.served.sha == digest(model(1))
        assert bench.gauges()["levibot_model_brier"] == 0.25
        path.write_bytes(b"junk")
        await anyio.sleep(LOOK_S * 3)
        assert bench.learning.served.sha == digest(model(1))
        assert len(bench.of(Error)) == 1
        pinned(tmp_path, model(2))
        await anyio.sleep(LOOK_S * 2)
        assert bench.learning.served.sha == digest(model(2))
        promoted = bench.of(ModelPromoted)
        assert [one.why for one in promoted if isinstance(one, ModelPromoted)] == ["file"]


@pytest.mark.fault("G9")
def test_a_bad_file_that_is_named_ends_the_start(tmp_path: Path) -> None:
    path = pinned(tmp_path, model(1))
    path.write_bytes(b"junk")
    with pytest.raises(ConfigError, match=r"mine\.npz.*train it again"):
        Bench(configured(tmp_path, LEVI_MODEL__FILE=str(path)))


async def test_where_a_file_is_named_nothing_is_trained_or_rolled_back(tmp_path: Path) -> None:
    path = pinned(tmp_path, model(1))
    async with living(configured(tmp_path, LEVI_MODEL__FILE=str(path))) as bench:
        with pytest.raises(Refused, match=r"model\.file names mine\.npz"):
            bench.learning.expect_able()
        with pytest.raises(Refused, match="unset it"):
            await bench.learning.roll_back(None, by="me")


async def test_drift_is_seen_once_there_are_posts_enough_and_begins_anew_with_another_model(tmp_path: Path) -> None:
    async with living(configured(tmp_path)) as bench:
        await anyio.sleep(1)
        for number in range(POSTS_MIN):
            _score(bench, number, f"post {number}", buy=0.99)
        assert bench.gauges()["levibot_model_psi"] > 0.25
        assert bench.learning.figures["psi"] > 0.25
        promote(store_of(tmp_path), 1)
        await anyio.sleep(LOOK_S * 2)
        assert bench.gauges()["levibot_model_psi"] == 0


async def test_posts_that_another_model_judged_are_no_drift_of_this_one(tmp_path: Path) -> None:
    async with living(configured(tmp_path)) as bench:
        for number in range(POSTS_MIN):
            _score(bench, number, f"post {number}", buy=0.99, sha="0" * 64)
        assert bench.gauges()["levibot_model_psi"] == 0


@pytest.mark.real_time
async def test_a_training_on_request_goes_through_a_child_to_the_log(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    labels = tmp_path / "state" / "dataset" / "labels.jsonl"
    labels.parent.mkdir(parents=True)
    labels.write_text(lines_of(make_examples(200)))
    async with living(configured(tmp_path)) as bench:
        begun = await bench.learning.ref.ask(Retrain(by="http:me"), timeout_s=5.0)
        assert begun.fresh
        with anyio.fail_after(60):
            await bench.trained.wait()
        trained = bench.of(ModelTrained)[0]
        assert isinstance(trained, ModelTrained)
        assert trained.by == "http:me"
        assert trained.champion_sha256 == SHIPPED_SHA
        assert trained.challenger is not None
        if trained.promoted:
            assert bench.learning.served.sha == trained.sha256
        assert bench.of(DsAppend)


@pytest.mark.real_time
async def test_a_child_that_fails_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with living(configured(tmp_path), child="tests.app.no_such_module") as bench:
        with pytest.raises(Unavailable, match="no_such_module"):
            await bench.learning.retrain("me")
        assert bench.learning.served.sha == SHIPPED_SHA


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="NOT TESTED: pip install 'levibotd[ml]'")
def test_with_its_packages_and_no_named_file_it_may_train(tmp_path: Path) -> None:
    Bench(configured(tmp_path)).learning.expect_able()


def _score(bench: Bench, number: int, text: str, *, buy: float, sha: str = SHIPPED_SHA) -> None:
    post = Post(channel="c", message_id=number, posted_at=1.0, text=text)
    scored = SignalScored(
        channel="c", kind="ambiguous", label="NO-TRADE", probs={"BUY": buy, "SELL": 0.0, "NO-TRADE": round(1 - buy, 6)},
        p_call=0.5, stale=False, legs=(), reasons=(), revision=0, last_price={}, markets_as_of=None, model_sha=sha,
        trained_until=None,
    )  # fmt: skip
    records: Sequence[Record] = (SignalIngest(post=post, received_at=1.0, source="file"), scored)
    bench.learning.observe(
        [Logged(seq=1, ts=1.0, event_type="X", entry=Entry(record, post.trace)) for record in records]
    )
