"""From labels to a model on disk, the same bytes each time."""

import json
import os
from pathlib import Path

import pytest

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, load_classifier
from levibotd.errors import ConfigError
from levibotd.training.dataset import Example
from levibotd.training.evaluate import evaluate, prepare, read_all
from levibotd.training.train import main, train, write


def lines_of(examples: list[Example]) -> str:
    rows = [
        {"id": e.id, "text": e.post.text, "label": e.label, "channel": e.group, "ts": e.post.posted_at}
        for e in examples
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_what_training_writes_serving_reads(tmp_path: Path, examples: list[Example]) -> None:
    trained = train(examples, read_all(examples))
    write(trained, tmp_path / "out", name="model")
    classifier = load_classifier(tmp_path / "out" / "model.npz")
    assert classifier.sha == trained.sha256
    assert classifier.trained_until == max(example.post.posted_at for example in examples)


def test_the_same_labels_make_the_same_files(tmp_path: Path, examples: list[Example]) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(lines_of(examples))
    for name in ("a", "b"):
        assert main(["--labels", str(labels), "--out", str(tmp_path / name)]) == 0
    for file in ("model.npz", "model.json", "metrics.json", "MODEL_CARD.md"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_held_out_figures_stand_beside_the_fit_to_its_own_labels(examples: list[Example]) -> None:
    metrics = train(examples, read_all(examples)).metrics
    assert metrics["held_out"]["all"]["accuracy"] <= 1
    assert metrics["own_labels"]["accuracy"] > 0.9


def test_no_text_of_a_post_is_in_the_files(tmp_path: Path, examples: list[Example]) -> None:
    write(train(examples, read_all(examples)), tmp_path, name="m")
    for path in tmp_path.glob("*.[jM]*"):
        assert not any(example.post.text in path.read_text("utf-8") for example in examples)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, examples: list[Example]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        write(train(examples, read_all(examples)), tmp_path / "file" / "out", name="m")


def test_the_command_says_what_is_wrong_with_the_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"text": "a", "label": "HOLD"}\n')
    assert main(["--labels", str(labels), "--out", str(tmp_path)]) == 2
    assert "labels.jsonl:1" in capsys.readouterr().err


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
def test_on_held_out_channels_few_acts_are_harmful_and_most_calls_are_found() -> None:
    labels = Path(os.environ["LEVIBOT_DATA"], "signals", "dev", "labels.jsonl")  # noqa: TID251
    certain = evaluate(*prepare([labels], []))["certain"]
    assert certain["harmful"] <= 0.05
    assert certain["act_recall"] >= 0.6
    assert certain["accuracy"] >= 0.95


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
def test_the_shipped_model_is_what_the_labels_make() -> None:
    labels = Path(os.environ["LEVIBOT_DATA"], "signals", "dev", "labels.jsonl")  # noqa: TID251
    examples, readings = prepare([labels], [])
    assert train(examples, readings).data == DEFAULT_MODEL.read_bytes()
