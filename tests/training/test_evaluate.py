"""Held-out figures: a channel is never judged by a model that saw it."""

import json
from pathlib import Path

import pytest

from levibotd.errors import ConfigError
from levibotd.training.dataset import Example
from levibotd.training.evaluate import evaluate, main, read_all, rounded


def lines_of(examples: list[Example]) -> str:
    rows = [
        {"id": e.id, "text": e.post.text, "label": e.label, "channel": e.group, "ts": e.post.posted_at}
        for e in examples
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_plain_calls_of_unseen_channels_are_told_from_chatter(examples: list[Example]) -> None:
    found = evaluate(examples, read_all(examples))
    assert found["channels"] == 8
    assert found["all"]["accuracy"] > 0.95
    assert found["all"]["posts"] == len(examples)
    assert set(found["languages"]) == {"en"}
    assert {"brier", "ece", "auroc", "macro_f1", "confusion", "wrong_act", "wrong_act_bound"} <= set(found["all"])


def test_too_few_channels_cannot_be_held_out(examples: list[Example]) -> None:
    few = [example for example in examples if example.group in ("c0", "c1")]
    with pytest.raises(ConfigError, match="2 channels"):
        evaluate(few, read_all(few))


def test_a_reply_is_read_with_what_it_answers(examples: list[Example]) -> None:
    reply = Example(id="r", group="c0", post=examples[0].post, label="NO-TRADE", expected="NO-TRADE", parent="p")
    assert len(read_all([reply], parents={"p": "#ADA/USDT buy 1 target 2"})) == 1


def test_figures_are_rounded_to_six_digits() -> None:
    assert rounded({"a": {"b": 0.123456789}, "c": 3}) == {"a": {"b": 0.123457}, "c": 3}


def test_the_command_prints_json(tmp_path: Path, examples: list[Example], capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(lines_of(examples))
    assert main(["--labels", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["posts"] == len(examples)


def test_the_command_names_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--labels", str(tmp_path / "gone.jsonl")]) == 2
    assert "gone.jsonl" in capsys.readouterr().err
