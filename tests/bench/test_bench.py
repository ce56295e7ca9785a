"""Every row of the benchmarks runs; what it says about time is nobody's business here."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.__main__ import GROUPS, main
from bench.measure import Effort, Figure, Spread, at_least, at_most, in_turns, one, ratio, spread
from bench.report import Told, as_json, as_markdown, read_json, table

ROOT = Path(__file__).parents[2]


def run(*words: str) -> bytes:
    child = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", "-", *words], cwd=ROOT, capture_output=True, check=False
    )
    assert child.returncode == 0, child.stderr.decode()[-2000:]
    return child.stdout


@pytest.mark.real_time
@pytest.mark.parametrize("group", GROUPS)
def test_every_row_runs_and_tells_its_figures(group: str) -> None:
    rows = read_json(run("--only", group))

    assert rows
    for row in rows:
        assert row.name.partition(".")[0] == group
        assert row.figures or row.absent
        assert any(figure.gate is not None for figure in row.figures) or row.absent


def test_a_name_that_is_no_row_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "live.nothing"]) == 2
    assert "live.order" in capsys.readouterr().err
    assert main(["--only", "nothing"]) == 2
    assert "kernel" in capsys.readouterr().err


def test_what_is_not_built_is_listed_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "live"]) == 0
    assert "not built yet" in capsys.readouterr().out


def test_sides_take_turns_and_the_first_turn_does_not_count() -> None:
    order: list[str] = []

    def side(name: str, cost: float) -> float:
        order.append(name)
        return cost

    costs = in_turns(Effort(turns=2), {"a": lambda: side("a", 2.0), "b": lambda: side("b", 4.0)})

    assert order == ["a", "b", "b", "a", "a", "b"]
    assert costs == {"a": [2.0, 2.0], "b": [4.0, 4.0]}
    assert ratio(costs, "a", "b") == Spread(0.5, 0.5, 0.5, 2)


def test_a_figure_is_held_against_gate_and_aim() -> None:
    def verdict(value: float) -> str:
        return Figure(what="x", spread=one(value), gate=at_most(2), aim=at_most(1)).verdict

    assert [verdict(0.5), verdict(1.5), verdict(2.5)] == ["aim", "holds", "MISSED"]
    assert Figure(what="x", spread=one(3.0), gate=at_least(5)).verdict == "MISSED"
    assert Figure(what="x", spread=one(3.0)).verdict == ""
    assert Figure(what="x", absent="not installed", gate=at_least(5)).verdict == ""


def test_quartiles_stand_beside_the_median() -> None:
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(3.0, 2.0, 4.0, 5)


def test_json_names_gate_and_verdict_and_can_be_read_back() -> None:
    figure = Figure(what="x / y", spread=one(2.5), gate=at_most(2))
    rows = [Told(name="kernel.x", floor="y", figures=(figure,)), Told(name="live.z", floor="", absent="not built yet")]

    document = as_json(rows, command="python -m bench")

    assert read_json(document) == rows
    read = msgspec.json.decode(document)
    assert read["command"] == "python -m bench"
    assert read["rows"][0]["figures"][0]["verdict"] == "MISSED"


def test_the_table_marks_what_is_missed_and_says_what_is_absent() -> None:
    figures = (Figure(what="x / y", spread=one(2.5), gate=at_most(2)), Figure(what="pykka", absent="not installed"))

    lines = table([Told(name="kernel.x", floor="y", figures=figures)]).splitlines()

    assert lines[1].split() == ["kernel.x", "x", "/", "y", "2.5", "×", "≤", "2", "MISSED"]
    assert lines[2].split() == ["kernel.x", "pykka", "-", "not", "installed"]


def test_a_document_has_a_table_for_each_group_and_shows_misses() -> None:
    figure = Figure(what="x / y", spread=spread([2.0, 3.0, 4.0]), gate=at_most(2))
    rows = [Told(name="kernel.x", floor="y", figures=(figure,)), Told(name="live.z", floor="", absent="not built yet")]

    lines = as_markdown(rows).splitlines()

    assert "| `kernel.x` | x / y | 3 × [2.5, 3.5] | ≤ 2 |  | **MISSED** |" in lines
    assert "| `live.z` | not built yet | | | | |" in lines
    assert [line for line in lines if line.startswith("###")] == ["### `kernel`", "### `live`"]
