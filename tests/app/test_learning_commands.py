"""Labels and models from the command line: what is printed, and what comes back as an exit code."""

import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.adapters.model_store import MODELS, ModelStore
from levibotd.app.learning_commands import append, retrain, roll_back, show_dataset, show_model
from levibotd.config import Config, load
from levibotd.domain.learning import Labelled
from levibotd.errors import ConfigError, Refused
from levibotd.exit_codes import ExitCode
from levibotd.kernel.clock import LoopClock
from levibotd.settings import ModelConfig
from tests.app.test_serving import promote
from tests.training.conftest import make_examples
from tests.training.test_train import lines_of


def configured(tmp_path: Path, **more: str) -> Config:
    return load(environ={"LEVI_DAEMON__STATE_DIR": str(tmp_path), **more})


def appended(
    config: Config, *labels: Labelled, files: tuple[Path, ...] = (), replace: bool = False
) -> tuple[int, dict[str, object], str]:
    out, err = io.StringIO(), io.StringIO()
    code = append(config, labels, files=files, replace=replace, as_json=True, out=out, err=err)
    return code, json.loads(out.getvalue()), err.getvalue()


def test_labels_are_counted_as_new_or_known(tmp_path: Path) -> None:
    config = configured(tmp_path)
    one, other = Labelled(text="a", label="BUY"), Labelled(text="b", label="SELL")
    assert appended(config, one, one, other)[:2] == (
        ExitCode.OK, {"ok": True, "added": 2, "known": 1, "total": 2, "bad": 0, "problems": []},
    )  # fmt: skip
    code, told, _ = appended(config, Labelled(text="a", label="SELL"))
    assert code == ExitCode.FAILED
    assert "labelled BUY" in str(told["problems"])
    assert appended(config, Labelled(text="a", label="SELL"), replace=True)[0] == ExitCode.OK


def test_a_file_with_a_bad_line_leaves_nothing_behind_and_names_each(tmp_path: Path) -> None:
    labels = tmp_path / "mine.jsonl"
    labels.write_text('{"text": "a", "label": "BUY"}\n{"text": "b", "label": "HOLD"}\n{"label": "BUY"}\n[]\n')
    code, told, _ = appended(configured(tmp_path), files=(labels,))
    assert (code, told["added"], told["total"]) == (ExitCode.FAILED, 0, 0)
    problems = told["problems"]
    assert isinstance(problems, list)
    assert [problem.split(": ")[0] for problem in problems] == [f"{labels}:{number}" for number in (2, 3, 4)]
    assert "none of BUY, SELL, NO-TRADE" in problems[0]
    assert told["bad"] == 3


def test_a_good_file_is_kept_line_by_line(tmp_path: Path) -> None:
    labels = tmp_path / "mine.jsonl"
    labels.write_text('{"text": "a", "label": "BUY", "views": 7}\n\n{"text": "b", "label": "NO-TRADE", "lang": "tr"}\n')
    assert appended(configured(tmp_path), files=(labels,))[1]["added"] == 2
    out = io.StringIO()
    assert show_dataset(configured(tmp_path), as_json=False, out=out) == ExitCode.OK
    assert "BUY 1, NO-TRADE 1" in out.getvalue()
    assert "? 1, tr 1" in out.getvalue()


def test_the_served_model_and_those_before_it_are_shown_and_one_command_goes_back(tmp_path: Path) -> None:
    config, store, clock = configured(tmp_path), ModelStore(tmp_path / MODELS), LoopClock()
    first, second = promote(store, 1), promote(store, 2)
    out = io.StringIO()
    assert roll_back(config, to=None, clock=clock, as_json=True, out=out) == ExitCode.OK
    assert json.loads(out.getvalue()) == {"ok": True, "sha256": first}
    out = io.StringIO()
    assert show_model(config, as_json=False, out=out) == ExitCode.OK
    assert out.getvalue().startswith(f"serving {first}\n")
    assert second[:16] in out.getvalue()
    store.file_of(first).write_bytes(b"junk")
    out = io.StringIO()
    assert show_model(config, as_json=True, out=out) == ExitCode.FAILED
    assert json.loads(out.getvalue())["sha256"] == second


def test_at_first_the_shipped_one_is_shown(tmp_path: Path) -> None:
    out = io.StringIO()
    assert show_model(configured(tmp_path), as_json=False, out=out) == ExitCode.OK
    assert f"{load_classifier().sha} (ships with the package)" in out.getvalue()
    with pytest.raises(Refused, match="nothing to go back to"):
        roll_back(configured(tmp_path), to=None, clock=LoopClock(), as_json=False, out=out)


def test_where_a_file_is_named_nothing_is_trained_or_rolled_back(tmp_path: Path) -> None:
    config = configured(tmp_path, LEVI_MODEL__FILE=str(tmp_path / "m.npz"))
    for act in (retrain, roll_back):
        with pytest.raises(Refused, match=r"model\.file"):
            act(
                config,
                clock=LoopClock(),
                as_json=False,
                out=io.StringIO(),
                **({"to": None} if act is roll_back else {}),
            )


@pytest.mark.real_time
def test_training_without_enough_labels_fails_and_says_why(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="NOT TESTED: pip install 'levibotd[ml]'")
    appended(configured(tmp_path), Labelled(text="a", label="BUY"))
    out = io.StringIO()
    assert retrain(configured(tmp_path), clock=LoopClock(), as_json=False, out=out) == ExitCode.FAILED
    assert "not promoted" in out.getvalue()


@pytest.mark.real_time
def test_training_prints_both_and_which_one_is_served(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="NOT TESTED: pip install 'levibotd[ml]'")
    promote(ModelStore(tmp_path / MODELS), 1)
    more = tmp_path / "more.jsonl"
    more.write_text(lines_of(make_examples(200)))
    out = io.StringIO()
    config = replace(configured(tmp_path), model=ModelConfig(labels=(str(more),)))
    assert retrain(config, clock=LoopClock(), as_json=False, out=out) == ExitCode.OK
    assert "champion   on the newest" in out.getvalue()
    assert f"promoted {ModelStore(tmp_path / MODELS).state().serving}" in out.getvalue()


def test_a_state_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / MODELS).mkdir()
    (tmp_path / MODELS / "serving.json").write_text("{")
    with pytest.raises(ConfigError, match=r"serving\.json"):
        show_model(configured(tmp_path), as_json=False, out=io.StringIO())
