"""From labels to a model on disk, the same bytes each time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, load_classifier
from levibotd.config import environ_with
from levibotd.domain.features import score
from levibotd.domain.model import REFERENCE_BINS, CompiledModel
from levibotd.errors import ConfigError
from levibotd.training.dataset import Example
from levibotd.training.evaluate import as_judged, evaluate, figures_of, prepare, read_all, samples_of
from levibotd.training.pipeline import fit
from levibotd.training.train import main, reference_of, train, write


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
    assert metrics["own_labels"]["all"]["accuracy"] > 0.9


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


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path: Path, examples: list[Example]) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(lines_of(examples))
    for seed in ("1", "2"):
        child = subprocess.run(
            [sys.executable, "-m", "levibotd.training.train", "--labels", str(labels), "--out", str(tmp_path / seed)],
            env=environ_with({"PYTHONHASHSEED": seed}),
            check=False,
        )
        assert child.returncode == 0
    for file in ("model.npz", "model.json", "metrics.json", "MODEL_CARD.md"):
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()


def test_many_examples_are_judged_by_the_folds_of_one_fit(examples: list[Example]) -> None:
    readings = read_all(examples)
    fitted = fit(samples_of(examples, readings))
    assert sorted(row for one in fitted.unseen for row in one.rows.tolist()) == list(range(len(examples)))
    for one in fitted.unseen:
        chosen = set(one.rows.tolist())
        inside = {examples[row].group for row in chosen}
        assert not inside & {other.group for row, other in enumerate(examples) if row not in chosen}
    quick = figures_of(examples, as_judged(fitted.unseen, examples, readings))["all"]["accuracy"]
    assert quick == pytest.approx(evaluate(examples, readings)["all"]["accuracy"], abs=0.05)


def test_what_it_says_of_its_own_rows_is_what_the_compiled_form_says(examples: list[Example]) -> None:
    readings = read_all(examples)
    fitted = fit(samples_of(examples, readings))
    model = CompiledModel(fitted.arrays)
    served = [score(one.post, reading, model) for one, reading in zip(examples, readings, strict=True)]
    assert as_judged([fitted.seen], examples, readings) == served


def test_the_reference_counts_real_posts_by_their_chance_to_be_calls() -> None:
    shares = reference_of([({"NO-TRADE": 1.0}, 3.0), ({"NO-TRADE": 0.0}, 1.0)])
    assert shares.tolist() == [0.75, *[0.0] * (REFERENCE_BINS - 2), 0.25]
    assert reference_of([]).tolist() == []


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
def test_on_held_out_channels_few_acts_are_harmful_and_most_calls_are_found() -> None:
    dev = Path(os.environ["LEVIBOT_DATA"], "signals", "dev")  # noqa: TID251
    certain = evaluate(*prepare([dev / "labels.jsonl"], [dev / "messages.jsonl.gz"]))["certain"]
    assert certain["accuracy"] >= 0.95
    assert certain["harmful"] <= 0.025
    assert certain["wrong_act"] <= 0.06
    assert certain["act_recall"] >= 0.82
    assert certain["brier_skill"] >= 0.6
    assert certain["ece"] <= 0.04
    assert certain["auroc"] >= 0.96


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
def test_the_shipped_model_is_what_the_labels_make() -> None:
    dev = Path(os.environ["LEVIBOT_DATA"], "signals", "dev")  # noqa: TID251
    examples, readings = prepare([dev / "labels.jsonl"], [dev / "messages.jsonl.gz"])
    trained = train(examples, readings)
    assert trained.data == DEFAULT_MODEL.read_bytes()
    assert json.loads(DEFAULT_MODEL.with_name("metrics.json").read_text()) == trained.metrics
