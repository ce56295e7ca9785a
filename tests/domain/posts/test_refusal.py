"""A refusal names its check."""

from levibotd.domain.posts.refusal import Unsolved


def test_a_refusal_says_which_check_failed() -> None:
    assert str(Unsolved("geometry")) == "geometry"
