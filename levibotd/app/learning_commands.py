"""`levibotd dataset` and `levibotd model`: labels and models of an installation, beside a daemon or without one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from levibotd.adapters.label_file import LABELS, LabelFile
from levibotd.adapters.model_store import MODELS, ModelStore
from levibotd.app.children import run_child
from levibotd.app.serving import rolled_back, served_of
from levibotd.config import Config
from levibotd.domain.bad_lines import BadLines
from levibotd.domain.learning import Labelled, ModelTrained, check_label
from levibotd.errors import Refused
from levibotd.exit_codes import ExitCode
from levibotd.kernel.clock import Clock

RETRAINING = "levibotd.app.retraining"
BY = "cli"
LINE_BYTES_MAX = 1 << 20


def append(
    config: Config,
    labels: Sequence[Labelled],
    *,
    files: Sequence[Path],
    replace: bool,
    as_json: bool,
    out: TextIO,
    err: TextIO,
) -> int:
    """
    Keep these labels and those of the files; 1 when one was refused, told as file:line: reason, the first ones of all.

    A file is looked through before anything of it is kept: with one bad line nothing is. Raises OSError for a file
    that cannot be read, ConfigError when the data set cannot be used.
    """
    told, problems = list(_told(files)), BadLines()
    for one in told:
        if isinstance(one, str):
            problems.add(one)
    fresh = known = 0
    kept = LabelFile(config.state_dir / LABELS)
    for one in () if problems else (*labels, *(one for one in told if isinstance(one, Labelled))):
        try:
            appended = kept.append(one, replace=replace)
        except Refused as error:
            problems.add(str(error))
            continue
        fresh += appended.fresh
        known += not appended.fresh
    total = kept.counts().total
    if as_json:
        said = {"ok": not problems, "added": fresh, "known": known, "total": total}
        _print({**said, "bad": len(problems), "problems": problems.shown}, out)
    else:
        print(f"{fresh} added, {known} known, {total} in all", file=out)
        for problem in problems.told:
            err.write(f"levibotd: {problem}\n")
    return ExitCode.FAILED if problems else ExitCode.OK


def show_dataset(config: Config, *, as_json: bool, out: TextIO) -> int:
    """Print how many labels there are; 1 when lines of it cannot be used."""
    found = LabelFile(config.state_dir / LABELS).counts()
    if as_json:
        _print(found, out)
    else:
        for name, counts in (("labels", found.labels), ("languages", found.languages)):
            print(f"{name}: " + (", ".join(f"{key} {count}" for key, count in counts.items()) or "none"), file=out)
        print(f"{found.total} in all, of {found.channels} channels, {found.bytes} bytes", file=out)
        if found.problems:
            print(f"{found.bad} lines cannot be used:", *found.problems, sep="\n", file=out)
    return ExitCode.FAILED if found.bad else ExitCode.OK


def show_model(config: Config, *, as_json: bool, out: TextIO) -> int:
    """Print which model is served, and those before it; 1 when it is not the one that should be."""
    store = ModelStore(config.state_dir / MODELS)
    book = store.state()
    model, fault = served_of(store, book)
    if as_json:
        _print({"sha256": model.sha, "trained_until": model.trained_until, "fault": fault, "book": book}, out)
    else:
        print(f"serving {model.sha}" + ("" if book.serving == model.sha else " (ships with the package)"), file=out)
        for one in reversed(book.promotions):
            kept = "kept" if store.keeps(one.sha256) else "gone"
            print(f"{one.at:.0f}  {one.why:9} {one.sha256[:16]:16}  {kept}  by {one.by}", file=out)
        if book.last is not None:
            print(_said(book.last), file=out)
        if fault is not None:
            print(fault, file=out)
    return ExitCode.OK if fault is None else ExitCode.FAILED


def retrain(config: Config, *, clock: Clock, as_json: bool, out: TextIO) -> int:
    """
    Train in a child process; a daemon serves what it promotes within seconds. 1 when nothing could be judged.

    Raises Refused where the configuration names the model, ConfigError where scikit-learn is missing.
    """
    if config.model.file:
        raise Refused("model.file names the model: unset it to serve what training makes", reason="pinned")
    words = ["--state-dir", str(config.state_dir), "--by", BY, "--at", repr(clock.time())]
    if config.model.labels:
        words += ["--labels", *config.model.labels]
    code, printed = run_child(RETRAINING, words)
    if code != ExitCode.OK:
        return code
    outcome = msgspec.json.decode(printed, type=ModelTrained)
    if as_json:
        _print(outcome, out)
    else:
        print(_said(outcome), file=out)
    return ExitCode.OK if outcome.challenger is not None else ExitCode.FAILED


def roll_back(config: Config, *, to: str | None, clock: Clock, as_json: bool, out: TextIO) -> int:
    """Serve the model before, or the one named; a daemon does so within seconds. Raises Refused, ConfigError."""
    if config.model.file:
        raise Refused("model.file names the model: unset it to serve another", reason="pinned")
    book = rolled_back(ModelStore(config.state_dir / MODELS), to, at=clock.time(), by=BY)
    if as_json:
        _print({"ok": True, "sha256": book.serving}, out)
    else:
        print(f"serving {book.serving}", file=out)
    return ExitCode.OK


def _said(outcome: ModelTrained) -> str:
    lines = [f"{outcome.examples} labels of {outcome.channels} channels"]
    for name, found in (("champion", outcome.champion), ("challenger", outcome.challenger)):
        if found is not None:
            lines.append(
                f"{name:10} on the newest {found.posts} posts: macro-F1 {found.macro_f1:.4f}, ECE {found.ece:.4f}, "
                f"Brier {found.brier:.4f}, accuracy {found.accuracy:.4f}"
            )
    lines.append(f"promoted {outcome.sha256}" if outcome.promoted else f"not promoted: {outcome.why}")
    return "\n".join(lines)


# Labels, and what is wrong with a line in place of one.
def _told(files: Sequence[Path]) -> Iterator[Labelled | str]:
    for path in files:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(LINE_BYTES_MAX + 1):
                number += 1
                if line.strip():
                    yield _label(line, f"{path}:{number}")


def _label(line: bytes, where: str) -> Labelled | str:
    try:
        one = msgspec.json.decode(line, type=Labelled)
        check_label(one)
    except (msgspec.DecodeError, UnicodeDecodeError, Refused) as error:
        return f"{where}: {error}"
    return one


def _print(value: object, out: TextIO) -> None:
    print(msgspec.json.encode(value).decode(), file=out)
