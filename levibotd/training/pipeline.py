"""
A linear classifier, fitted and calibrated on examples and folded into the compiled model's arrays.

TF-IDF of words and pairs, of runs of characters, and of structure tokens, each block normalised by
itself, into a linear SVM; its margins are calibrated on out-of-fold margins. Folds never split a
channel, and only n-grams seen in enough channels are kept.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from levibotd.domain.model import CLASSES, SIGMOID, TEMPERATURE, Arrays
from levibotd.domain.signal import NO_TRADE
from levibotd.errors import ConfigError
from levibotd.training.corpus import ANALYSERS, Corpus, Known, Rows, Sample

CHANNELS_MIN = 3  # An n-gram of fewer channels is a name, not a habit.
FOLDS = 5
SVM_C = 0.3
SVM_TOLERANCE = 1e-3  # A tenth of it changes no figure and takes half as long again.
RULED_OUT_MAX = 0.01  # Of the posts of each class: the share for which that class may be ruled out.


class Recipe(Struct, frozen=True, kw_only=True):
    """What may be chosen about a fit. Without `abstains` the model has no floors."""

    channels_min: int = CHANNELS_MIN
    method: str = SIGMOID
    abstains: bool = True


PLAIN = Recipe()

Floats = NDArray[np.float64]


class Margins(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stands for a classifier whose margins are known already: they are what it is given."""

    def fit(self, margins: Floats, labels: NDArray[np.str_], sample_weight: Floats | None = None) -> "Margins":
        self.classes_ = np.unique(labels)
        self.n_features_in_ = margins.shape[1]
        return self

    def decision_function(self, margins: Floats) -> Floats:
        return margins

    def predict(self, margins: Floats) -> NDArray[np.str_]:
        return np.asarray(self.classes_[margins.argmax(axis=1)])


class Fitted(Struct, frozen=True, kw_only=True):
    """
    A fitted classifier: scikit-learn's parts, and their compiled form.

    `folds` are the models of the calibration, each with the rows whose channels it was not fitted on and whose
    margins its own calibration did not see.
    """

    svc: LinearSVC
    calibrated: CalibratedClassifierCV
    arrays: Arrays
    folds: tuple[tuple[Rows, Arrays], ...] = ()


class Pipeline:
    """What scikit-learn itself says. Slow: the compiled form is held against it."""

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        arrays, start = fitted.arrays, 0
        blocks = []
        for analyse, grams in zip(ANALYSERS, (arrays.words, arrays.chars, arrays.marks), strict=True):
            blocks.append((analyse.__name__, _vectorizer(analyse, grams, arrays.idf[start : start + len(grams)])))
            start += len(grams)
        self._union = FeatureUnion(blocks)

    def probs(self, samples: Sequence[Sample]) -> Floats:
        """Columns are CLASSES. The compiled form must agree to 1e-9."""
        margins = self._fitted.svc.decision_function(self._union.transform(samples))
        return np.asarray(self._fitted.calibrated.predict_proba(margins), np.float64)


def fit(samples: Sequence[Sample], recipe: Recipe = PLAIN) -> Fitted:
    """Fit and compile. Raises ConfigError when the examples cannot carry a model."""
    return fit_rows(Corpus(samples), np.arange(len(samples)), recipe)


def fit_rows(corpus: Corpus, rows: Rows, recipe: Recipe, *, keep_folds: bool = False) -> Fitted:
    """As `fit`, on these rows of a corpus alone. The models of the folds are kept on request."""
    labels, weights = corpus.labels[rows], corpus.weights[rows]
    folds = _folds(labels, corpus.groups[rows])
    known = corpus.known(rows, channels_min=recipe.channels_min)
    matrix = known.matrix[rows]
    margins = np.zeros((len(rows), len(CLASSES)))
    partial = []
    for train, test in folds:
        svc = _svc(matrix[train], labels[train], weights[train])
        margins[test] = svc.decision_function(matrix[test])
        partial.append(svc)
    svc = _svc(matrix, labels, weights)
    calibration = _Calibration(margins, labels, weights, recipe)
    calibrated = calibration.on(np.arange(len(rows)))
    kept = zip(folds, partial, strict=True) if keep_folds else ()
    return Fitted(
        svc=svc,
        calibrated=calibrated,
        arrays=_arrays(known, svc, calibrated, floors=calibration.floors(calibrated), method=recipe.method),
        folds=tuple(
            (rows[test], _arrays(known, one, across, floors=calibration.floors(across), method=recipe.method))
            for (train, test), one in kept
            for across in [calibration.on(train)]
        ),
    )


class _Calibration(Struct, frozen=True):
    """What margins of unseen channels say about chances."""

    margins: Floats
    labels: NDArray[np.str_]
    weights: Floats
    recipe: Recipe

    def on(self, chosen: Rows) -> CalibratedClassifierCV:
        """Calibrate on these rows."""
        margins, whole = self.margins[chosen], np.arange(len(chosen))
        calibrated = CalibratedClassifierCV(Margins(), method=self.recipe.method, ensemble=False, cv=[(whole, whole)])
        return calibrated.fit(margins, self.labels[chosen], sample_weight=self.weights[chosen])

    # Split-conformal: each class is ruled out below the probability that all but a share of its own posts of unseen
    # channels reach. What rules do to it later only raises NO-TRADE's share, so that share holds for it all the more.
    def floors(self, calibrated: CalibratedClassifierCV) -> list[float]:
        if not self.recipe.abstains:
            return []
        probs = calibrated.predict_proba(self.margins)
        out = []
        for place, name in enumerate(CLASSES):
            own = sorted(probs[self.labels == name, place].tolist())
            rank = math.floor(RULED_OUT_MAX * (len(own) + 1))  # One more post of the kind is counted in.
            out.append(own[rank - 1] if rank else 0.0)
        # With too few posts that are no calls it could never be told that one is.
        return out if out[CLASSES.index(NO_TRADE)] > 0.0 else []


def _arrays(
    known: Known, svc: LinearSVC, calibrated: CalibratedClassifierCV, *, floors: Sequence[float], method: str
) -> Arrays:
    words, chars, marks = known.grams
    return Arrays(
        words=words,
        chars=chars,
        marks=marks,
        weights=np.ascontiguousarray(svc.coef_.T, np.float64),
        idf=known.idf,
        intercepts=np.asarray(svc.intercept_, np.float64),
        sigmoids=_slopes(calibrated, method),
        method=method,
        floors=np.array(floors, np.float64),
    )


def _svc(matrix: csr_matrix, labels: NDArray[np.str_], weights: Floats) -> LinearSVC:
    svc = LinearSVC(C=SVM_C, class_weight="balanced", random_state=0, max_iter=20_000, tol=SVM_TOLERANCE)
    return svc.fit(matrix, labels, sample_weight=weights)


def _folds(labels: NDArray[np.str_], groups: Rows) -> list[tuple[Rows, Rows]]:
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


def _slopes(calibrated: CalibratedClassifierCV, method: str) -> Floats:
    if tuple(calibrated.classes_) != CLASSES:
        raise ConfigError(f"classes {tuple(calibrated.classes_)} are not {CLASSES}")
    calibrators = calibrated.calibrated_classifiers_[0].calibrators
    if method == TEMPERATURE:
        return np.array([(float(calibrators[0].beta_), 0.0)] * len(CLASSES), np.float64)
    return np.array([(sigmoid.a_, sigmoid.b_) for sigmoid in calibrators], np.float64)


def _vectorizer(analyse: Callable[[Sample], list[str]], grams: Sequence[str], idf: Floats) -> TfidfVectorizer:
    # An empty vocabulary would be refused; a sign that no text has keeps it harmless.
    vectorizer = TfidfVectorizer(
        analyzer=analyse, vocabulary=list(grams) or ["\x00"], sublinear_tf=True, lowercase=False
    )
    vectorizer.idf_ = idf if len(grams) else np.ones(1)
    return vectorizer
