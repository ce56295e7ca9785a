"""One training as a process: what it prints, what it leaves in the store, and what it takes for an outcome."""

import io
import json
from pathlib import Path

import msgspec
import pytest

from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.adapters.label_file import LABELS
from levibotd.adapters.model_store import MODELS, ModelStore
from levibotd.app.retraining import main, retrain
from levibotd.app.serving import served_of
from levibotd.domain.learning import ModelTrained
from levibotd.errors import Unavailable
from levibotd.exit_codes import ExitCode
from tests.app.test_serving import promote
from tests.training.conftest import make_examples
from tests.training.test_train import lines_of

pytest.importorskip("sklearn", reason="NOT TESTED: pip install 'levibotd[ml]'")


def labelled(tmp_path: Path, text: str) -> Path:
    path = tmp_path / LABELS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelTrained]:
    """A state directory whose champion is a model that knows one word, and what a training in it came to."""
    state_dir = labelled(tmp_path_factory.mktemp("state"), lines_of(make_examples(200)))
    promote(ModelStore(state_dir / MODELS), 1)
    return state_dir, retrain(state_dir, more=[], by="test", at=7.0)


def test_a_challenger_that_is_better_is_served_and_complete(trained: tuple[Path, ModelTrained]) -> None:
    state_dir, outcome = trained
    assert (outcome.promoted, outcome.why, outcome.by, outcome.at) == (True, "", "test", 7.0)
    assert outcome.challenger is not None
    assert outcome.champion is not None
    assert outcome.challenger.macro_f1 > outcome.champion.macro_f1
    store = ModelStore(state_dir / MODELS)
    found, fault = served_of(store, store.state())
    assert (found.sha, found.trained_until, fault) == (outcome.sha256, outcome.trained_until, None)
    assert found.card.brier is not None
    assert found.reference
    folder = store.file_of(found.sha).parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "MODEL_CARD.md",
        "metrics.json",
        "model.json",
        "model.npz",
    ]
    assert (store.state().last, store.state().frozen_at) == (outcome, outcome.split_at)


def test_the_same_labels_again_make_the_model_that_is_served_already(trained: tuple[Path, ModelTrained]) -> None:
    state_dir, outcome = trained
    again = retrain(state_dir, more=[], by="test", at=8.0)
    assert (again.promoted, again.sha256) == (False, outcome.sha256)
    assert "the same model" in again.why


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text": "a", "label": "HOLD"}\n', "labels.jsonl:1: label 'HOLD'"),
        ('{"text": "a", "label": "BUY", "ts": 5}\n', "of one moment"),
        ("", "no examples"),
    ],
)
def test_labels_that_cannot_be_used_are_an_outcome_and_nothing_is_served(tmp_path: Path, text: str, words: str) -> None:
    outcome = retrain(labelled(tmp_path, text), more=[], by="test", at=1.0)
    assert not outcome.promoted
    assert words in outcome.why
    assert outcome.champion_sha256 == load_classifier().sha
    assert ModelStore(tmp_path / MODELS).state().last == outcome


def test_it_prints_one_outcome_as_json(tmp_path: Path) -> None:
    out = io.BytesIO()
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"text": "a", "label": "BUY"}) + "\n")
    words = ["--state-dir", str(tmp_path), "--by", "me", "--at", "1.5", "--labels", str(more)]
    assert main(words, out) == ExitCode.OK
    outcome = msgspec.json.decode(out.getvalue(), type=ModelTrained)
    assert (outcome.by, outcome.at, outcome.examples) == ("me", 1.5, 1)


def test_a_second_one_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with ModelStore(tmp_path / MODELS).training(), pytest.raises(Unavailable):
        retrain(tmp_path, more=[], by="test", at=1.0)
