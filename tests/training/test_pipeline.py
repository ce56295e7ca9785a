"""The fitted pipeline: what it keeps, what it refuses, and that the compiled form agrees."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from levibotd.domain.model import CLASSES, SIGMOID, TEMPERATURE, CompiledModel, encode
from levibotd.errors import ConfigError
from levibotd.training.corpus import ANALYSERS, Corpus, Sample
from levibotd.training.dataset import Example
from levibotd.training.evaluate import read_all, samples_of
from levibotd.training.pipeline import CHANNELS_MIN, Pipeline, Recipe, fit, floors_of
from tests.training.conftest import make_examples


def samples(examples: list[Example]) -> list[Sample]:
    return samples_of(examples, read_all(examples))


@pytest.mark.parametrize("method", [SIGMOID, TEMPERATURE])
def test_the_compiled_form_agrees_with_scikit_learn(examples: list[Example], method: str) -> None:
    fitted = fit(samples(examples), Recipe(method=method))
    model = CompiledModel(fitted.arrays)
    wanted = Pipeline(fitted).probs(samples(examples))
    for sample, row in zip(samples(examples), wanted, strict=True):
        got = model.probs(sample.text, sample.structure)
        assert [got[name] for name in CLASSES] == pytest.approx(row.tolist(), abs=1e-9)


def test_it_also_agrees_on_texts_it_has_never_seen(examples: list[Example]) -> None:
    fitted = fit(samples(examples))
    unseen = [
        Sample(text=text, structure=marks, label="BUY", group="x", weight=1.0)
        for text in ("", "buy buy buy 5 5", "hola ¡compra! 7 @x https://x.y", "Target " * 300)
        for marks in ((), ("__geo_ok", "__kind_new"), ("__never_seen",))
    ]
    model = CompiledModel(fitted.arrays)
    got = [[model.probs(sample.text, sample.structure)[name] for name in CLASSES] for sample in unseen]
    assert np.abs(np.array(got) - Pipeline(fitted).probs(unseen)).max() < 1e-9


def test_the_same_examples_make_the_same_bytes(examples: list[Example]) -> None:
    assert encode(fit(samples(examples)).arrays) == encode(fit(samples(examples)).arrays)


def test_no_kind_of_gram_is_kept_that_fewer_than_three_channels_use(examples: list[Example]) -> None:
    given = samples(examples)
    arrays = fit(given).arrays
    assert CHANNELS_MIN == 3
    for analyse, kept in zip(ANALYSERS, (arrays.words, arrays.chars, arrays.marks), strict=True):
        used = [(sample.group, set(analyse(sample))) for sample in given]
        assert kept
        assert list(kept) == sorted(kept)
        for gram in kept:
            assert len({group for group, grams in used if gram in grams}) >= 3, gram


def test_counts_weights_and_lengths_are_those_of_scikit_learn(examples: list[Example]) -> None:
    given = samples(examples)
    corpus = Corpus(given)
    known = corpus.known(np.arange(len(given)), channels_min=1)
    vectorizers = [
        (analyse.__name__, TfidfVectorizer(analyzer=analyse, sublinear_tf=True, lowercase=False))
        for analyse in ANALYSERS
    ]
    assert abs(known.matrix - FeatureUnion(vectorizers).fit_transform(given)).max() < 1e-12


def test_a_class_is_ruled_out_for_one_in_a_hundred_of_its_own_posts_at_most() -> None:
    labels = np.array(["NO-TRADE"] * 299 + ["BUY"] * 99 + ["SELL"] * 98)
    probs = np.array([[0.0, (place + 1) / 1000, 0.0] for place in range(299)] + [[0.5, 0.2, 0.3]] * 197)
    buy, none, sell = floors_of(probs, labels)
    assert none == 0.003  # Two of 299 lie below it: with one more post at most three of 300.
    assert buy == 0.5
    assert sell == 0.0  # 98 posts say nothing of one in a hundred.
    assert floors_of(probs[201:], labels[201:]) == ()


def test_a_model_of_many_posts_abstains_and_one_may_ask_it_not_to() -> None:
    given = samples(make_examples(240))
    assert sum(sample.label == "NO-TRADE" for sample in given) >= 99
    assert len(fit(given).arrays.floors) == len(CLASSES)
    assert fit(given, Recipe(abstains=False)).arrays.floors.tolist() == []


def test_words_alone_tell_a_call_and_so_does_structure_alone(examples: list[Example]) -> None:
    given = samples(examples)
    calls = [sample for sample in given if sample.label != "NO-TRADE"]
    for text_kept, marks_kept in ((True, False), (False, True)):
        worth = []
        for copies in (False, True):
            model = CompiledModel(fit(given, Recipe(copies=copies)).arrays)
            found = [
                model.probs(one.text if text_kept else "", one.structure if marks_kept else ())[one.label]
                for one in calls
            ]
            worth.append(sum(found) / len(found))
        assert worth[1] > worth[0] + 0.05


def test_a_copy_has_the_words_of_its_post_or_its_structure(examples: list[Example]) -> None:
    known = Corpus(samples(examples)).known(np.arange(len(examples)), channels_min=1)
    rows = np.array([3, 5])
    bare, marked = known.apart(rows)
    words = known.matrix.shape[1] - len(known.grams[2])
    assert abs(bare + marked - known.matrix[rows]).max() == 0
    assert bare[:, words:].nnz == marked[:, :words].nnz == 0
    assert bare.nnz > 0
    assert marked.nnz > 0


def test_with_few_posts_that_are_no_calls_it_never_abstains(examples: list[Example]) -> None:
    assert sum(example.label == "NO-TRADE" for example in examples) < 99
    assert fit(samples(examples)).arrays.floors.tolist() == []


def test_a_word_of_two_channels_is_not_kept(examples: list[Example]) -> None:
    marked = [
        Sample(
            text=sample.text
            + (" zebra" if sample.group in ("c0", "c1") else "")
            + (" yak" if sample.group < "c3" else ""),
            structure=sample.structure,
            label=sample.label,
            group=sample.group,
            weight=sample.weight,
        )
        for sample in samples(examples)
    ]
    kept = fit(marked).arrays.words
    assert "yak" in kept
    assert "zebra" not in kept


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda sample: sample.label != "SELL", "SELL"),
        (lambda sample: sample.group == "c0", "one channel"),
    ],
)
def test_examples_that_cannot_carry_a_model_are_refused(
    examples: list[Example], change: Callable[[Sample], bool], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        fit([sample for sample in samples(examples) if change(sample)])


def test_the_natural_mix_moves_the_calibration(examples: list[Example]) -> None:
    def mean_of_calls(weight: float) -> float:
        heavy = [
            Sample(
                text=sample.text,
                structure=(),  # Without structure the words alone must tell, and err.
                label=sample.label,
                group=sample.group,
                weight=weight if sample.label == "NO-TRADE" else 1.0,
            )
            for sample in samples(examples)
        ]
        model = CompiledModel(fit(heavy).arrays)
        return model.probs("entry for the day", ())["NO-TRADE"]

    assert mean_of_calls(20.0) > mean_of_calls(0.05)
