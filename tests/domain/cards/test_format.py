"""A channel that begins to write otherwise is noticed; chance is not."""

from random import Random

import msgspec
import pytest

from levibotd.domain.cards.format import POSTS, PSI_MAX, Format
from levibotd.domain.model import REFERENCE_BINS

USUAL = [60, 10, 5, 3, 2, 2, 3, 5, 5, 5]
OTHER = [30, 10, 5, 3, 2, 2, 3, 5, 5, 35]


def written(*parts: tuple[list[int], int], seed: int = 1, model: str = "m") -> Format:
    chance, found = Random(seed), Format()
    for weights, posts in parts:
        for place in chance.choices(range(REFERENCE_BINS), weights, k=posts):
            found.see(place, model=model)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_chance_alone_is_no_drift_and_another_mix_is(seed: int) -> None:
    same = written((USUAL, 2 * POSTS), seed=seed).psi
    other = written((USUAL, POSTS), (OTHER, POSTS), seed=seed).psi

    assert same is not None
    assert other is not None
    assert same < PSI_MAX / 2
    assert other > PSI_MAX


def test_too_few_posts_tell_nothing() -> None:
    assert written((USUAL, 2 * POSTS - 1)).psi is None


def test_another_model_and_another_stage_begin_anew() -> None:
    judged = written((USUAL, POSTS), (OTHER, POSTS))
    judged.see(0, model="other")
    assert (judged.psi, len(judged.first)) == (None, 1)

    put = written((USUAL, POSTS), (OTHER, POSTS))
    put.begin_anew()
    assert put.psi is None
    for place in Random(3).choices(range(REFERENCE_BINS), OTHER, k=POSTS):
        put.see(place, model="m")
    assert put.psi is not None
    assert put.psi < PSI_MAX


def test_it_comes_back_from_its_bytes() -> None:
    one = written((USUAL, POSTS + 7))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Format) == one
