"""Samples counted once, and what a fit on some of them knows."""

import numpy as np

from levibotd.training.corpus import Corpus, Sample, char_features, mark_features, word_features


def sample(text: str, group: str, *marks: str) -> Sample:
    return Sample(text=text, structure=marks, label="BUY", group=group, weight=1.0)


def test_each_kind_of_feature_is_told_by_name() -> None:
    one = sample("Buy now", "a", "__geo_ok")
    assert word_features(one) == ["buy", "now", "buy now"]
    assert char_features(sample("ab", "a")) == [" a", "ab", "b ", " ab", "ab ", " ab "]
    assert mark_features(one) == ["__geo_ok"]


def test_what_other_rows_say_is_not_known() -> None:
    corpus = Corpus([sample("up", "a"), sample("up", "b"), sample("up", "c"), sample("down", "c")])
    known = corpus.known(np.array([0, 1]), channels_min=2)
    assert known.grams[0] == ("up",)
    assert corpus.known(np.array([0, 1]), channels_min=3).grams[0] == ()
    assert known.matrix.shape == (4, len(known.grams[0]) + len(known.grams[1]))


def test_a_sample_without_any_known_gram_is_an_empty_row() -> None:
    corpus = Corpus([sample("", "a"), sample("up", "b"), sample("", "c")])
    rows = corpus.known(np.arange(3), channels_min=1).matrix
    assert rows[0].nnz == rows[2].nnz == 0
    assert rows[1].nnz > 0


def test_the_order_of_samples_does_not_change_what_is_known() -> None:
    given = [sample("sell it", "a"), sample("buy it", "b"), sample("hold", "c")]
    first, last = (Corpus(order).known(np.arange(3), channels_min=1) for order in (given, given[::-1]))
    assert first.grams == last.grams
    assert np.allclose(first.idf, last.idf)
