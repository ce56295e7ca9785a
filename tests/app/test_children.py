"""`train` and `evaluate` as processes of their own."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from levibotd.app.children import EVALUATE, evaluate, run_child, train
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode

COINS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Posts of six channels, easy to tell apart."""
    path = tmp_path / "labels.jsonl"
    rows: list[dict[str, Any]] = []
    for channel in range(6):
        for number, coin in enumerate(COINS):
            shared = {"channel": f"@c{channel}", "ts": 1_600_000_000 + number, "lang": "en"}
            long = f"#{coin}USDT LONG entry 100 targets 110 120 stop 90"
            short = f"#{coin}USDT SHORT entry 100 targets 90 80 stop 110"
            rows += [
                {**shared, "text": long, "label": "BUY"},
                {**shared, "text": short, "label": "SELL"},
                {**shared, "text": f"good morning, what do you think of {coin} today", "label": "NO-TRADE"},
            ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.real_time
def test_a_child_runs_steadily_and_its_exit_code_is_ours(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"pip install 'levibotd\[ml\]'"):
        run_child(EVALUATE, [], needs="no_such_package_at_all")

    code, printed = run_child(EVALUATE, ["--labels", str(tmp_path / "missing")])

    assert (code, printed) == (ExitCode.USAGE, b"")
    assert "missing" in capfd.readouterr().err


@pytest.mark.real_time
def test_a_child_sees_one_thread_and_one_hash_seed() -> None:
    code, printed = run_child("tests.app.surroundings", [], needs="sys")

    told = json.loads(printed)
    assert code == ExitCode.OK
    assert told["executable"] == sys.executable
    assert told["environ"] == {
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


@pytest.mark.real_time
def test_a_child_that_is_killed_has_failed() -> None:
    code, _ = run_child("tests.app.surroundings", ["die"], needs="sys")

    assert code == ExitCode.FAILED


@pytest.mark.real_time
def test_evaluate_prints_a_table_and_keeps_its_figures(labels: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    text, as_json = io.StringIO(), io.StringIO()

    assert evaluate([labels], messages=[], out_dir=tmp_path / "made" / "here", as_json=False, out=text) == ExitCode.OK
    assert evaluate([labels], messages=[], out_dir=None, as_json=True, out=as_json) == ExitCode.OK

    figures = json.loads(as_json.getvalue())
    assert json.loads((tmp_path / "made" / "here" / "metrics.json").read_text()) == figures
    assert "accuracy" in text.getvalue()
    assert f"{figures['all']['accuracy']:.4f}" in text.getvalue()
    assert "language en" in text.getvalue()


@pytest.mark.real_time
def test_train_writes_the_same_model_each_time(labels: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    told = []
    for name in ("a", "b"):
        out = io.StringIO()
        code = train([labels], messages=[], out_dir=tmp_path / name, name="m", as_json=name == "a", out=out)
        assert code == ExitCode.OK
        told.append(out.getvalue())

    made = json.loads(told[0])
    assert made["model"] == str(tmp_path / "a" / "m.npz")
    assert made["sha256"][:12] in told[1]
    assert made["metrics"]["held_out"]["channels"] == 6
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["MODEL_CARD.md", "m.json", "m.npz", "metrics.json"]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.real_time
def test_labels_that_are_none_print_nothing(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    bad = tmp_path / "bad.jsonl"
    bad.write_text("junk\n")
    out = io.StringIO()

    assert train([bad], messages=[], out_dir=tmp_path / "out", name="m", as_json=True, out=out) == ExitCode.USAGE

    assert out.getvalue() == ""
    assert not (tmp_path / "out").exists()
