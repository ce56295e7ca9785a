"""
`levibotd train` and `levibotd evaluate`: each in a process of its own.

scikit-learn never enters the daemon or this process, and what is fitted does not depend on hash
seeds or on how many threads the machine has.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import msgspec

from levibotd.config import environ_with
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode

TRAIN = "levibotd.training.train"
EVALUATE = "levibotd.training.evaluate"
NEEDS = "sklearn"

# Sums over threads come in another order, and then the last digits differ.
STEADY = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_FIGURES = (
    "posts", "accuracy", "macro_f1", "brier_skill", "ece", "auroc",
    "acts", "act_recall", "wrong_act", "wrong_act_bound", "harmful", "harmful_bound",
)  # fmt: skip


def train(
    labels: Sequence[Path],
    *,
    messages: Sequence[Path],
    out_dir: Path,
    name: str,
    as_json: bool,
    out: TextIO,
    calibration: str = "sigmoid",
) -> int:
    """Fit on `labels` and write model, card and figures to `out_dir`; print where, or the figures as JSON."""
    words = ["--labels", *map(str, labels), "--out", str(out_dir), "--name", name, *_messages(messages)]
    words += ["--calibration", calibration]
    code, printed = run_child(TRAIN, words)
    if code == ExitCode.OK:
        metrics = msgspec.json.decode((out_dir / "metrics.json").read_bytes())
        made = {**msgspec.json.decode(printed), "model": str(out_dir / f"{name}.npz")}
        if as_json:
            print(_json({**made, "metrics": metrics}), file=out)
        else:
            print(f"{made['model']}: {made['bytes']} bytes, SHA-256 {made['sha256'][:12]}", file=out)
            print(_table(metrics.get("held_out", {})), file=out)
    return code


def evaluate(
    labels: Sequence[Path],
    *,
    messages: Sequence[Path],
    out_dir: Path | None,
    as_json: bool,
    out: TextIO,
    calibration: str = "sigmoid",
) -> int:
    """Score on the channels of `labels`, each held out in turn; print a table or JSON, keep `metrics.json`."""
    words = ["--labels", *map(str, labels), "--calibration", calibration, *_messages(messages)]
    code, printed = run_child(EVALUATE, words)
    if code == ExitCode.OK:
        if out_dir is not None:
            out_dir.mkdir(parents=True, exist_ok=True)
            (out_dir / "metrics.json").write_bytes(printed)
        metrics = msgspec.json.decode(printed)
        print(_json(metrics) if as_json else _table(metrics), file=out)
    return code


def run_child(module: str, words: Sequence[str], *, needs: str = NEEDS) -> tuple[int, bytes]:
    """
    Run `module` and return its exit code with what it printed; its stderr is ours.

    Raises ConfigError when the package that it `needs` is not installed.
    """
    if find_spec(needs) is None:
        raise ConfigError(f"this needs {needs}, which is not installed: pip install 'levibotd[ml]'")
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ_with(STEADY)) as child:
        try:
            printed, _ = child.communicate()
        except BaseException:
            child.terminate()
            raise
    # A child that was killed has no exit code of its own.
    return (child.returncode if child.returncode >= 0 else int(ExitCode.FAILED)), printed


def _messages(messages: Sequence[Path]) -> list[str]:
    return ["--messages", *map(str, messages)] if messages else []


def _table(metrics: Mapping[str, Any]) -> str:
    groups = {name: figures for name, figures in metrics.items() if isinstance(figures, dict) and "accuracy" in figures}
    groups |= {f"language {name}": figures for name, figures in metrics.get("languages", {}).items()}
    columns = [name for name in _FIGURES if any(name in figures for figures in groups.values())]
    rows = [["", *columns]]
    rows += [[name, *(_figure(figures.get(column)) for column in columns)] for name, figures in groups.items()]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns) + 1)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{metrics.get('method', '')}, {metrics.get('channels', '?')} channels", *lines])


def _figure(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
