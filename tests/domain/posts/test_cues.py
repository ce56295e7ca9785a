"""A cue is tried only where one of its words stands."""

from levibotd.domain.posts.cues import cue
from levibotd.domain.posts.glance import glance

HELD = cue("kept held", r"\b(?:kept|held) it\b")


def test_a_cue_is_seen_where_its_pattern_and_one_of_its_words_are() -> None:
    assert HELD.seen(glance("We Held it"))
    assert not HELD.seen(glance("we held on"))


def test_a_cue_without_its_words_is_not_seen_even_if_its_pattern_would_match() -> None:
    assert not cue("other", r"held it").seen(glance("we held it"))


def test_a_dotless_i_is_read_as_the_other() -> None:
    assert cue("aldık", r"\baldık\b").seen(glance("aldik"))
