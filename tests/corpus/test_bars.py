"""How well posts of unseen channels must be read. Needs the labels of LEVIBOT_DATA; without them nothing is shown."""

import os
from pathlib import Path
from typing import Any

import pytest

from levibotd.training.evaluate import figures_of, held_out, prepare
from tests.score import AT_MOST, BARS, held_out_answers, missed, scored

DATA = os.environ.get("LEVIBOT_DATA")  # noqa: TID251
SCORER = os.environ.get("LEVIBOT_SCORER")  # noqa: TID251
FOLDER = Path(DATA or ".", "signals", "dev")
LABELS, MESSAGES = FOLDER / "labels.jsonl", FOLDER / "messages.jsonl.gz"
NO_DATA = "LEVIBOT_DATA is not set: nobody has shown how well posts of unseen channels are read"
NO_SCORER = "LEVIBOT_DATA and LEVIBOT_SCORER are not both set: our figures stand alone"


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    examples, readings = prepare([LABELS], [MESSAGES])
    return figures_of(examples, held_out(examples, readings))


@pytest.mark.needs_data
@pytest.mark.skipif(DATA is None, reason=NO_DATA)
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("group", "name"), [(group, name) for group, bars in BARS.items() for name in bars])
def test_unseen_channels_are_read_well_enough(figures: dict[str, Any], group: str, name: str) -> None:
    bar = BARS[group][name]
    assert figures[group][name] <= bar if name in AT_MOST else figures[group][name] >= bar


@pytest.mark.needs_data
@pytest.mark.skipif(DATA is None or SCORER is None, reason=NO_SCORER)
@pytest.mark.timeout(600)
def test_a_scorer_from_outside_says_the_same(figures: dict[str, Any]) -> None:
    said = scored(Path(SCORER or ""), LABELS, held_out_answers(LABELS, MESSAGES))
    assert missed(said) == []
    for group in said:
        for name in ("accuracy", "harmful", "wrong_act", "act_recall", "brier_skill", "auroc"):
            assert said[group][name] == pytest.approx(figures[group][name], abs=2e-3), (group, name)


def test_a_missed_bar_is_named() -> None:
    good = {group: dict(bars) for group, bars in BARS.items()}
    assert missed(good) == []
    assert missed({**good, "doubted": {"harmful": 0.0801}}) == ["doubted harmful 0.0801, at most 0.08"]
    assert missed({**good, "certain": {**good["certain"], "auroc": 0.9599}}) == ["certain auroc 0.9599, at least 0.96"]
