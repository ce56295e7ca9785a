"""A challenger beside the champion: what it may know, what both are judged on, and what stays out."""

from collections.abc import Mapping, Sequence

import pytest

from levibotd.domain.learning import JUDGED_MIN
from levibotd.domain.model import CompiledModel, decode
from levibotd.errors import ConfigError
from levibotd.training.dataset import Example
from levibotd.training.evaluate import read_all
from levibotd.training.retrain import challenge
from levibotd.training.train import train
from tests.training.conftest import make_examples


class Silent:
    """A champion that never sees a call."""

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        return {"BUY": 0.0, "SELL": 0.0, "NO-TRADE": 1.0}

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return ()


@pytest.fixture(scope="module")
def many() -> list[Example]:
    return make_examples(240)


def test_a_better_challenger_may_take_over_and_knows_nothing_of_the_posts_it_is_judged_on(many: list[Example]) -> None:
    found = challenge(many, read_all(many), Silent())
    newest = [one for one in many if one.post.posted_at >= found.split_at]
    assert found.objection is None
    assert found.challenger.posts == found.champion.posts == len(newest) >= JUDGED_MIN
    assert found.challenger.macro_f1 > found.champion.macro_f1
    assert found.trained.trained_until is not None
    assert found.trained.trained_until < found.split_at
    share = sum(one.weight for one in newest) / sum(one.weight for one in many)
    assert 0.19 < share < 0.22


def test_what_was_judged_is_what_older_posts_alone_make(many: list[Example]) -> None:
    found = challenge(many, read_all(many), Silent())
    older = [one for one in many if one.post.posted_at < found.split_at]
    assert train(older, read_all(older)).data == found.trained.data


def test_labels_of_later_posts_change_nothing_of_the_model(many: list[Example]) -> None:
    frozen = challenge(many, read_all(many), Silent())
    some = [one for one in many if one.post.posted_at < frozen.split_at + 40]
    cut = challenge(some, read_all(some), Silent(), frozen_at=frozen.split_at)
    assert cut.split_at == frozen.split_at
    assert cut.trained.sha256 == frozen.trained.sha256


def test_a_worse_challenger_stays_out(many: list[Example]) -> None:
    champion = CompiledModel(decode(train(many, read_all(many)).data))
    turned = {"BUY": "SELL", "SELL": "BUY", "NO-TRADE": "NO-TRADE"}
    ordered = sorted(one.post.posted_at for one in many)
    border = ordered[len(ordered) // 2]
    wrong = [
        Example(**{
            **{name: getattr(one, name) for name in one.__struct_fields__},
            "label": turned[one.label] if one.post.posted_at < border else one.label,
        })
        for one in many
    ]  # fmt: skip
    found = challenge(wrong, read_all(wrong), champion)
    assert found.objection is not None
    assert "macro-F1" in found.objection or "ECE" in found.objection


def test_too_few_labels_are_named(many: list[Example]) -> None:
    with pytest.raises(ConfigError, match="are needed to judge by"):
        challenge(many[:100], read_all(many[:100]), Silent())
    with pytest.raises(ConfigError, match="of one moment"):
        challenge(many[:1], read_all(many[:1]), Silent())
