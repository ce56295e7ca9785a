"""
The scikit-learn pipeline, fitted on examples and folded into the compiled model's arrays.

TF-IDF of words and pairs, and of structure tokens, each block normalised by itself, into a
linear SVM; its margins are calibrated by sigmoids fitted on out-of-fold margins. Folds never
split a channel, and only n-grams seen in enough channels are kept.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from levibotd.domain.features import word_grams, words
from levibotd.domain.model import CLASSES, Arrays
from levibotd.errors import ConfigError

CHANNELS_MIN = 3  # An n-gram of fewer channels is a name, not a habit.
FOLDS = 5
SVM_C = 0.3


class Sample(Struct, frozen=True, kw_only=True):
    """One example as the model sees it."""

    text: str
    structure: tuple[str, ...]
    label: str
    group: str
    weight: float


Analyser = Callable[[Sample], list[str]]


class Fitted(Struct, frozen=True, kw_only=True):
    """A fitted pipeline: the original, for comparison, and its compiled form."""

    union: FeatureUnion
    calibrated: CalibratedClassifierCV
    arrays: Arrays

    def probs(self, samples: Sequence[Sample]) -> NDArray[np.float64]:
        """What scikit-learn itself says; columns are CLASSES. The compiled form must agree to 1e-9."""
        return np.asarray(self.calibrated.predict_proba(self.union.transform(samples)), np.float64)


def fit(samples: Sequence[Sample], *, channels_min: int = CHANNELS_MIN) -> Fitted:
    """Fit and compile. Raises ConfigError when the examples cannot carry a model."""
    labels = np.array([sample.label for sample in samples])
    groups = np.array([sample.group for sample in samples])
    weights = np.array([sample.weight for sample in samples])
    folds = _folds(labels, groups)
    vectorizers = [(analyse.__name__, _vectorizer(samples, analyse, channels_min)) for analyse in _ANALYSERS]
    union = FeatureUnion(vectorizers)
    matrix = union.transform(samples)
    svc = LinearSVC(C=SVM_C, class_weight="balanced", random_state=0, max_iter=20_000)
    calibrated = CalibratedClassifierCV(svc, method="sigmoid", ensemble=False, cv=folds)
    calibrated.fit(matrix, labels, sample_weight=weights)
    arrays = _compiled([vectorizer for _, vectorizer in vectorizers], calibrated)
    return Fitted(union=union, calibrated=calibrated, arrays=arrays)


def _word_features(sample: Sample) -> list[str]:
    return word_grams(words(sample.text))


def _mark_features(sample: Sample) -> list[str]:
    return list(sample.structure)


_ANALYSERS: tuple[Analyser, ...] = (_word_features, _mark_features)


def _folds(labels: NDArray[np.str_], groups: NDArray[np.str_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    missing = [name for name in CLASSES if name not in labels]
    if missing:
        raise ConfigError(f"no example is labelled {', '.join(missing)}: all of {', '.join(CLASSES)} are needed")
    count = len(np.unique(groups))
    if count < 2:
        raise ConfigError("all examples are of one channel: calibration needs at least two")
    folds = list(GroupKFold(n_splits=min(FOLDS, count)).split(labels, groups=groups))
    for train, _ in folds:
        absent = [name for name in CLASSES if name not in labels[train]]
        if absent:
            raise ConfigError(f"{', '.join(absent)} is labelled in too few channels to hold one out")
    return folds


def _vectorizer(
    samples: Sequence[Sample], analyser: Callable[[Sample], list[str]], channels_min: int
) -> TfidfVectorizer:
    channels: dict[str, set[str]] = {}
    for sample in samples:
        for gram in analyser(sample):
            seen = channels.setdefault(gram, set())
            if len(seen) < channels_min:
                seen.add(sample.group)
    vocabulary = sorted(gram for gram, seen in channels.items() if len(seen) >= channels_min)
    # An empty block would be refused; a sign that no text has keeps it harmless.
    vectorizer = TfidfVectorizer(
        analyzer=analyser, vocabulary=vocabulary or ["\x00"], sublinear_tf=True, lowercase=False
    )
    vectorizer.fit(samples)
    return vectorizer


def _compiled(vectorizers: Sequence[TfidfVectorizer], calibrated: CalibratedClassifierCV) -> Arrays:
    inner = calibrated.calibrated_classifiers_[0]
    if tuple(calibrated.classes_) != CLASSES:
        raise ConfigError(f"classes {tuple(calibrated.classes_)} are not {CLASSES}")
    names = [sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__) for vectorizer in vectorizers]
    return Arrays(
        words=tuple(names[0]),
        marks=tuple(names[1]),
        weights=np.ascontiguousarray(inner.estimator.coef_.T, np.float64),
        idf=np.concatenate([vectorizer.idf_ for vectorizer in vectorizers]).astype(np.float64),
        intercepts=np.asarray(inner.estimator.intercept_, np.float64),
        sigmoids=np.array([(sigmoid.a_, sigmoid.b_) for sigmoid in inner.calibrators], np.float64),
    )
