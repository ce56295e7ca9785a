"""
One training with labels and models of an installation, in a process of its own.

`python -m levibotd.app.retraining` fits a challenger, judges it beside the champion, and puts it in the
store to be served, or says why not. Whoever started it, a daemon or nobody, only reads what it prints.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import BinaryIO

import msgspec

from levibotd.adapters.compiled_classifier import CompiledClassifier
from levibotd.adapters.label_file import LABELS
from levibotd.adapters.model_store import MODELS, ModelStore
from levibotd.adapters.report_child import restrain
from levibotd.app.serving import served_of
from levibotd.domain.learning import ModelTrained
from levibotd.errors import ConfigError, LeviError
from levibotd.exit_codes import ExitCode, exit_code_of
from levibotd.training.dataset import Example, load_examples
from levibotd.training.evaluate import read_all
from levibotd.training.retrain import Challenge, challenge
from levibotd.training.train import files_of

TIMEOUT_S = 3600


def main(argv: Sequence[str], out: BinaryIO) -> int:
    """Train once and print the outcome as JSON; the exit code tells only whether there is one."""
    parser = argparse.ArgumentParser(prog="levibotd model retrain")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--labels", type=Path, nargs="*", default=[])
    parser.add_argument("--by", required=True)
    parser.add_argument("--at", type=float, required=True)
    given = parser.parse_args(argv)
    try:
        outcome = retrain(given.state_dir, more=given.labels, by=given.by, at=given.at)
    except LeviError as error:
        sys.stderr.write(f"{error}\n")
        return exit_code_of(error)
    out.write(msgspec.json.encode(outcome) + b"\n")
    return ExitCode.OK


def retrain(state_dir: Path, *, more: Sequence[Path], by: str, at: float) -> ModelTrained:
    """
    Train, and keep what it came to. Bad labels, or too few, are an outcome too.

    Raises ConfigError when the store cannot be used, Unavailable while another training runs.
    """
    store = ModelStore(state_dir / MODELS)
    with store.training():
        begun = process_time()
        state = store.state()
        champion, _ = served_of(store, state)
        examples: list[Example] = []
        try:
            own = state_dir / LABELS
            examples = load_examples([*([own] if own.exists() else []), *more])
            found = challenge(examples, read_all(examples), champion, frozen_at=state.frozen_at)
        except ConfigError as error:
            failed = _outcome(examples, champion, by=by, at=at, why=str(error), cpu_s=process_time() - begun)
            store.keep(failed, {}, frozen_at=state.frozen_at)
            return failed
        outcome = _judged(examples, champion, found, by=by, at=at, cpu_s=process_time() - begun)
        store.keep(outcome, files_of(found.trained, name="model"), frozen_at=found.split_at)
        return outcome


def _outcome(
    examples: Sequence[Example], champion: CompiledClassifier, *, by: str, at: float, why: str, cpu_s: float
) -> ModelTrained:
    return ModelTrained(
        at=at, by=by, promoted=False, why=why, examples=len(examples),
        channels=len({one.group for one in examples}), champion_sha256=champion.sha,
        champion_trained_until=champion.trained_until, cpu_s=round(cpu_s, 3),
    )  # fmt: skip


def _judged(
    examples: Sequence[Example], champion: CompiledClassifier, found: Challenge, *, by: str, at: float, cpu_s: float
) -> ModelTrained:
    trained = found.trained
    same = trained.sha256 == champion.sha
    why = "the same model as the one that is served" if same else found.objection or ""
    return msgspec.structs.replace(
        _outcome(examples, champion, by=by, at=at, why=why, cpu_s=cpu_s),
        promoted=not why,
        sha256=trained.sha256,
        trained_until=trained.trained_until,
        split_at=found.split_at,
        challenger=found.challenger,
        champion=found.champion,
    )


if __name__ == "__main__":
    restrain(TIMEOUT_S)  # The child itself, and never a caller of `main`.
    sys.exit(main(sys.argv[1:], sys.stdout.buffer))
