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
from scipy.sparse import csr_matrix, vstack
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
# Rules read posts of channels they were written by better than any others. So that words, too, learn to tell a call,
# each post stands again without what the rules found, and once more with that alone, so that calls in languages with
# few labels are not held against their words. Tried with readings of an early version of the rules in place of those
# it was fitted on: Brier skill .75 with this, .44 without; on its own readings nothing is lost.
WORDS_ALONE = 0.4  # Of a post's weight, for the copy without structure.
STRUCTURE_ALONE = 0.1
COPIES_MAX = 3_000  # Of many posts only some are copied, evenly spread, and heavier: more would only take time.
RULED_OUT_MAX = 0.01  # Of the posts of each class: the share for which that class may be ruled out.


class Recipe(Struct, frozen=True, kw_only=True):
    """What may be chosen about a fit. Without `abstains` the model has no floors, without `copies` posts stand once."""

    channels_min: int = CHANNELS_MIN
    method: str = SIGMOID
    abstains: bool = True
    copies: bool = True


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


class Judgement(Struct, frozen=True):
    """What one model says of some rows: a row of `probs` each, columns are CLASSES, and below what they are nothing."""

    rows: Rows
    probs: Floats
    floors: tuple[float, ...]


class Fitted(Struct, frozen=True, kw_only=True):
    """
    A fitted classifier: scikit-learn's parts, and their compiled form.

    `seen` is what it says of its own rows. `unseen` is what the models of the calibration say of rows whose channels
    they were not fitted on, each calibrated by the others.
    """

    svc: LinearSVC
    calibrated: CalibratedClassifierCV
    arrays: Arrays
    seen: Judgement
    unseen: tuple[Judgement, ...]


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


def fit_rows(corpus: Corpus, rows: Rows, recipe: Recipe) -> Fitted:
    """As `fit`, on these rows of a corpus alone."""
    count = len(rows)
    folds = _folds(corpus.labels[rows], corpus.groups[rows])
    known = corpus.known(rows, channels_min=recipe.channels_min)
    plain = known.matrix[rows]
    copied, heavier = _copied(count) if recipe.copies else (np.zeros(0, np.intp), 0.0)
    # Behind the posts stand their copies of either kind.
    copies = known.apart(rows[copied])
    matrix = vstack([plain, *copies], format="csr")
    shares = (1.0, WORDS_ALONE * heavier, STRUCTURE_ALONE * heavier)
    owners = (rows, rows[copied], rows[copied])
    labels = corpus.labels[np.concatenate(owners)]
    weights = np.concatenate([corpus.weights[own] * share for own, share in zip(owners, shares, strict=True)])
    margins = np.zeros((len(labels), len(CLASSES)))
    both = [(_with_copies(train, copied, count), _with_copies(test, copied, count)) for train, test in folds]
    for train, test in both:
        margins[test] = _svc(matrix[train], labels[train], weights[train]).decision_function(matrix[test])
    svc = _svc(matrix, labels, weights)
    calibration = _Calibration(margins, labels, weights, count, recipe)
    calibrated = calibration.on(np.arange(len(labels)))
    floors = calibration.floors(calibrated)
    return Fitted(
        svc=svc,
        calibrated=calibrated,
        arrays=_arrays(known, svc, calibrated, floors=floors, method=recipe.method),
        seen=Judgement(rows, calibrated.predict_proba(svc.decision_function(plain)), floors),
        unseen=tuple(calibration.across(rows, train, test) for (train, _), (_, test) in zip(both, folds, strict=True)),
    )


# Which posts are copied, and how much heavier than one of them that makes each.
def _copied(count: int) -> tuple[Rows, float]:
    step = math.ceil(count / COPIES_MAX)
    return np.arange(0, count, step), float(step)


def _with_copies(chosen: Rows, copied: Rows, count: int) -> Rows:
    own = np.flatnonzero(np.isin(copied, chosen))
    return np.concatenate([chosen, count + own, count + len(copied) + own])


class _Calibration(Struct, frozen=True):
    """What margins of unseen channels say about chances."""

    margins: Floats
    labels: NDArray[np.str_]
    weights: Floats
    posts: int  # The first ones; behind them stand their copies.
    recipe: Recipe

    def on(self, chosen: Rows) -> CalibratedClassifierCV:
        """Calibrate on these rows."""
        margins, whole = self.margins[chosen], np.arange(len(chosen))
        calibrated = CalibratedClassifierCV(Margins(), method=self.recipe.method, ensemble=False, cv=[(whole, whole)])
        return calibrated.fit(margins, self.labels[chosen], sample_weight=self.weights[chosen])

    def across(self, rows: Rows, train: Rows, test: Rows) -> Judgement:
        """Judge `test` by its margins and what those of `train` say of them."""
        calibrated = self.on(train)
        return Judgement(rows[test], calibrated.predict_proba(self.margins[test]), self.floors(calibrated))

    def floors(self, calibrated: CalibratedClassifierCV) -> tuple[float, ...]:
        if not self.recipe.abstains:
            return ()
        return floors_of(calibrated.predict_proba(self.margins[: self.posts]), self.labels[: self.posts])


def floors_of(probs: Floats, labels: NDArray[np.str_]) -> tuple[float, ...]:
    """
    Return below which probability each class is ruled out: split-conformal, by posts of unseen channels.

    All but a share of each class's own posts reach its floor. What rules do to probabilities later only raises
    NO-TRADE's, so that share holds for it all the more. Nothing where too few posts are known to be no calls.
    """
    out = []
    for place, name in enumerate(CLASSES):
        own = sorted(probs[labels == name, place].tolist())
        rank = math.floor(RULED_OUT_MAX * (len(own) + 1))  # One more post of the kind is counted in.
        out.append(own[rank - 1] if rank else 0.0)
    return tuple(out) if out[CLASSES.index(NO_TRADE)] > 0.0 else ()


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
