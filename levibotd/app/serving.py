"""Which model is to be served, of those that an installation has."""

from levibotd.adapters.compiled_classifier import CompiledClassifier, load_classifier
from levibotd.adapters.model_store import ModelStore
from levibotd.domain.learning import SHIPPED, ModelBook
from levibotd.errors import ConfigError, Refused


def served_of(store: ModelStore, state: ModelBook) -> tuple[CompiledClassifier, str | None]:
    """
    Return the model to be served, and what was wrong with it where it is not the one that should be.

    The next best is the newest one before it that can be read, at last the one of the package.
    """
    fault = None
    wanted = (state.serving, *(one.sha256 for one in reversed(state.promotions)))
    for sha in dict.fromkeys(wanted):
        if sha == SHIPPED:
            break
        try:
            return _loaded(store, sha), fault
        except ConfigError as error:
            fault = fault or str(error)
    return load_classifier(), fault


def rolled_back(store: ModelStore, to: str | None, *, at: float, by: str) -> ModelBook:
    """
    Serve the model before, or the one that is named; answers the state then.

    Raises Refused when there is none, it is no longer kept, or it cannot be read: what is served stays.
    """
    state = store.state()
    wanted = state.before() if to is None else to
    if wanted not in (None, SHIPPED, state.serving) and store.keeps(wanted):
        try:
            _loaded(store, wanted)
        except ConfigError as error:
            raise Refused(str(error), reason="unreadable_model") from error
    return store.roll_back(wanted, at=at, by=by)


def _loaded(store: ModelStore, sha: str) -> CompiledClassifier:
    path = store.file_of(sha)
    found = load_classifier(path)
    if found.sha != sha:
        raise ConfigError(f"{path}: holds the model {found.sha[:12]}...; roll back to another one")
    return found
