"""Labels and models over HTTP: what is taken, what is refused by name, and what is shown."""

import pytest

from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.domain.label_queue import LabelQueue
from levibotd.domain.learning import (
    SHIPPED,
    Appended,
    DatasetCounts,
    Labelled,
    ModelBook,
    ModelTrained,
    Promotion,
    check_label,
)
from levibotd.errors import ConfigError, Refused
from levibotd.kernel.mailbox import FAIL, Box, Ref
from levibotd.messages import Retrain
from levibotd.ports.classifier import Classifier
from tests.admin.site import AT, serving
from tests.domain.test_label_queue import told

pytestmark = pytest.mark.real_time


class LearningOfTest:
    """Labels in a list, and a model that nobody trains."""

    def __init__(self) -> None:
        self.running_since: float | None = None
        self.queue = LabelQueue()
        self.serving: Classifier = load_classifier()
        self.figures = {"brier": 0.03, "psi": 0.1}
        self.pinned: str | None = None
        self.ref: Ref[Retrain] = Ref("trainer", Box(1, FAIL))
        self.kept: list[tuple[Labelled, bool, str]] = []
        self.fault: Exception | None = None
        self.models = ModelBook()

    def expect_able(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def append(self, one: Labelled, *, replace: bool, by: str) -> Appended:
        check_label(one)
        self.kept.append((one, replace, by))
        return Appended(digest="d", fresh=len(self.kept) == 1, replaced=replace, total=1)

    async def counts(self) -> DatasetCounts:
        return DatasetCounts(
            total=3, labels={"BUY": 2, "SELL": 1}, languages={"en": 3}, channels=2, bytes=99, bad=1, problem="f:1: x"
        )

    async def book(self) -> ModelBook:
        return self.models

    async def roll_back(self, to: str | None, *, by: str) -> str:
        if to is None:
            raise Refused("nothing to go back to", reason="no_model")
        return to


async def test_a_label_is_kept_with_who_gave_it_and_when() -> None:
    learning = LearningOfTest()
    async with serving(learning=learning) as site:
        first = await site.post("/ml/dataset/append", {"text": "#ADA long", "label": "BUY"})
        more = {"text": "b", "label": "NO-TRADE", "channel": "c", "ts": 5.0, "lang": "tr", "replace": True}
        second = await site.post("/ml/dataset/append", more)
    assert first.json() == {"ok": True, "fresh": True, "replaced": False, "digest": "d", "total": 1}
    assert second.json()["replaced"] is True
    (one, replace, by), (other, again, _) = learning.kept
    assert (one.text, one.label, replace, by[:5]) == ("#ADA long", "BUY", False, "http:")
    assert one.ts is not None
    assert other == Labelled(text="b", label="NO-TRADE", channel="c", ts=5.0, lang="tr")
    assert again is True


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"text": "a", "label": "HOLD"}, 400, "$.label"),
        ({"text": "", "label": "BUY"}, 400, "$.text"),
        ({"text": "a" * 8193, "label": "BUY"}, 400, "$.text"),
        ({"label": "BUY"}, 400, "text"),
        ({"text": "a", "label": "BUY", "ts": -1}, 400, "$.ts"),
        ({"text": "a", "label": "BUY", "weight": 9}, 400, "weight"),
        ({"text": " \n ", "label": "BUY"}, 409, "empty text"),
    ],
)
async def test_what_is_no_label_is_refused_by_name(body: dict[str, object], status: int, words: str) -> None:
    learning = LearningOfTest()
    async with serving(learning=learning) as site:
        answer = await site.post("/ml/dataset/append", body)
    assert answer.status == status
    assert words in answer.json()["detail"]
    assert learning.kept == []


async def test_counts_and_the_first_bad_line_are_shown() -> None:
    async with serving(learning=LearningOfTest()) as site:
        shown = (await site.get("/ml/dataset")).json()
    assert (shown["total"], shown["labels"], shown["bad"]) == (3, {"BUY": 2, "SELL": 1}, 1)
    assert shown["problem"] == "f:1: x"


async def test_the_queue_is_shown_best_first_and_no_longer_than_asked() -> None:
    learning = LearningOfTest()
    told(learning.queue, 1, "one", buy=0.6)
    told(learning.queue, 2, "two", buy=0.5)
    async with serving(learning=learning) as site:
        shown = (await site.get("/ml/queue?limit=1")).json()
        bad = await site.get("/ml/queue?limit=0")
    assert shown["count"] == 2
    assert [(one["text"], one["label"]) for one in shown["posts"]] == [("two", "NO-TRADE")]
    assert "margin" in shown["posts"][0]["why"]
    assert bad.status == 400


async def test_the_served_model_is_shown_with_its_past() -> None:
    learning = LearningOfTest()
    sha = learning.serving.sha
    learning.running_since = AT
    learning.models = ModelBook(
        serving=sha,
        promotions=(
            Promotion(sha256="b" * 64, at=1.0, by="x", why="retrain"),
            Promotion(sha256=sha, at=2.0, by="y", why="rollback"),
        ),
        last=ModelTrained(at=1.0, by="x", promoted=False, why="worse"),
    )
    async with serving(learning=learning) as site:
        shown = (await site.get("/ml/model")).json()
        learning.pinned = "mine.npz"
        learning.models = ModelBook(serving=SHIPPED)
        named = (await site.get("/ml/model")).json()
    assert (shown["sha256"], shown["source"], shown["before"]) == (sha, "trained", "b" * 64)
    assert [one["at"] for one in shown["promotions"]] == [2.0, 1.0]
    assert (shown["last"]["why"], shown["training_since"], shown["figures"]["psi"]) == ("worse", AT, 0.1)
    assert (named["source"], named["before"]) == ("file", None)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (ConfigError("training needs sklearn: pip install 'levibotd[ml]'"), 422, "CONFIG_ERROR"),
        (Refused("model.file names x", reason="pinned"), 409, "REFUSED"),
    ],
)
async def test_a_training_that_cannot_be_is_refused_at_once(fault: Exception, status: int, code: str) -> None:
    learning = LearningOfTest()
    learning.fault = fault
    async with serving(learning=learning) as site:
        answer = await site.post("/ml/retrain")
    assert (answer.status, answer.code()) == (status, code)
    assert str(fault) in answer.json()["detail"]


async def test_a_way_back_is_taken_or_refused() -> None:
    async with serving(learning=LearningOfTest()) as site:
        named = await site.post("/ml/rollback", {"sha256": "shipped"})
        before = await site.post("/ml/rollback")
        bad = await site.post("/ml/rollback", {"sha256": "../etc"})
    assert named.json() == {"ok": True, "sha256": "shipped"}
    assert (before.status, bad.status) == (409, 400)


async def test_where_nothing_learns_that_is_the_answer() -> None:
    async with serving() as site:
        for path in ("/ml/dataset", "/ml/queue", "/ml/model"):
            assert (await site.get(path)).status == 409
