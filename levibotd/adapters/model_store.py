"""
The models of an installation: the one that is served, those before it, and what the last training came to.

`models/serving.json` says it all and is replaced as a whole; each model has a directory of its own,
named by its SHA-256, which is complete before that file names it. Five are kept.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from levibotd.adapters.os_files import sync_directory
from levibotd.domain.learning import MODEL_BOOK_SCHEMA, SHIPPED, ModelBook, ModelTrained, Promotion
from levibotd.errors import ConfigError, Refused, Unavailable

KEPT = 5
HISTORY_MAX = 100
MODELS = Path("models")  # Below the state directory.

_STATE = "serving.json"
_STATE_BYTES_MAX = 1 << 20
_NAME = re.compile(r"[0-9a-f]{64}")
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ModelStore:
    """The store below `root`. Every method works on the disk: call it off the loop."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def state(self) -> ModelBook:
        """Raises ConfigError, with the remedy, when it cannot be read."""
        path = self._root / _STATE
        try:
            with path.open("rb") as stream:
                data = stream.read(_STATE_BYTES_MAX + 1)
        except FileNotFoundError:
            return ModelBook()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}") from error
        try:
            if len(data) > _STATE_BYTES_MAX:
                raise msgspec.DecodeError(f"more than {_STATE_BYTES_MAX} bytes")
            state = msgspec.json.decode(data, type=ModelBook)
            names = [state.serving, *(one.sha256 for one in state.promotions)]
            if state.schema != MODEL_BOOK_SCHEMA or not all(name == SHIPPED or _NAME.fullmatch(name) for name in names):
                raise msgspec.DecodeError(f"schema {state.schema}, or a name that no model has")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}; remove it to serve the model that ships with the package") from error
        return state

    def file_of(self, sha256: str) -> Path:
        """Where that model is, if it is kept."""
        return self._root / sha256 / "model.npz"

    def keeps(self, sha256: str) -> bool:
        return sha256 == SHIPPED or self.file_of(sha256).is_file()

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold it for one training. Raises Unavailable while another one runs, whatever process it is in."""
        with _locked(self._root, "training.lock", wait=False):
            yield

    def keep(self, trained: ModelTrained, files: Mapping[str, bytes], *, frozen_at: float | None) -> None:
        """Keep what a training came to; where it is promoted, serve these files from now on."""
        with _locked(self._root, "store.lock"), _translated(self._root):
            state = replace(self.state(), last=trained, frozen_at=frozen_at)
            if trained.promoted:
                assert trained.sha256 is not None
                self._write_model(trained.sha256, files)
                state = _promoted(
                    state,
                    Promotion(
                        sha256=trained.sha256, at=trained.at, by=trained.by, why="retrain",
                        trained_until=trained.trained_until,
                    ),
                )  # fmt: skip
            self._write_state(state)
            self._forget(state)

    def roll_back(self, to: str | None, *, at: float, by: str) -> ModelBook:
        """
        Serve the model before, or the one that is named; answers the state then.

        Raises Refused when there is none, or it is no longer kept.
        """
        with _locked(self._root, "store.lock"), _translated(self._root):
            state = self.state()
            wanted = state.before() if to is None else to
            if wanted is None:
                raise Refused("no other model has been served: there is nothing to go back to", reason="no_model")
            if wanted == state.serving:
                raise Refused(f"{wanted} is served already", reason="served")
            if not (wanted == SHIPPED or _NAME.fullmatch(wanted)) or not self.keeps(wanted):
                raise Refused(f"{wanted[:64]}: no such model is kept", reason="no_model")
            until = next((one.trained_until for one in state.promotions if one.sha256 == wanted), None)
            state = _promoted(state, Promotion(sha256=wanted, at=at, by=by, why="rollback", trained_until=until))
            self._write_state(state)
            return state

    def _write_model(self, sha256: str, files: Mapping[str, bytes]) -> None:
        final, beside = self._root / sha256, self._root / f"{sha256}.new"
        if final.is_dir():
            return
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        for name, data in files.items():
            _write_file(beside / name, data)
        sync_directory(beside)
        beside.rename(final)
        sync_directory(self._root)

    def _write_state(self, state: ModelBook) -> None:
        beside = self._root / f"{_STATE}.new"
        beside.unlink(missing_ok=True)
        _write_file(beside, msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        beside.replace(self._root / _STATE)
        sync_directory(self._root)

    # The served one and the last ones before it; whatever else lies here was never finished, or is too old.
    def _forget(self, state: ModelBook) -> None:
        kept = [state.serving]
        for one in reversed(state.promotions):
            if one.sha256 not in kept and one.sha256 != SHIPPED:
                kept.append(one.sha256)
        for folder in self._root.iterdir():
            name = folder.name.removesuffix(".new")
            if _NAME.fullmatch(name) and folder.name not in kept[:KEPT]:
                shutil.rmtree(folder, ignore_errors=True)


def _promoted(state: ModelBook, promotion: Promotion) -> ModelBook:
    promotions = (*state.promotions, promotion)[-HISTORY_MAX:]
    return replace(state, serving=promotion.sha256, promotions=promotions)


@contextmanager
def _locked(root: Path, name: str, *, wait: bool = True) -> Iterator[None]:
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{root / name}: {error.strerror or error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Unavailable("a training is under way already") from None
    finally:
        os.close(lock)


@contextmanager
def _translated(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{error.filename or root}: {error.strerror or error}") from error


def _write_file(path: Path, data: bytes) -> None:
    descriptor = os.open(path, _FILE, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)
