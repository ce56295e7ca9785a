"""A cue is tried only where one of its words stands."""

from levibotd.domain.posts.cues import cue
from levibotd.domain.posts.glance import glance

HELD = cue("kept held", r"\b(?:kept|held) it\b")


def test_a_cue_is_seen_where_its_pattern_and_one_of_its_words_are() -> None:
    assert HELD.seen(glance("We Held it"))
    assert not HELD.seen(glance("we held on"))


def test_a_cue_without_its_words_is_not_seen_even_if_its_pattern_would_match() -> None:
    assert not cue("other", r"held it").seen(glance("we held it"))


def test_of_the_words_on_either_side_of_a_plus_one_each_is_needed() -> None:
    both = cue("we i + long short", r"in")
    assert both.seen(glance("I am in a short"))
    assert not both.seen(glance("I am in"))
    assert not both.seen(glance("in a short"))


def test_one_of_several_parts_is_enough_and_each_needs_its_own_words() -> None:
    either = cue("kept", r"\bkept it\b", "sold", r"\bgone\b")
    assert either.seen(glance("kept it"))
    assert either.seen(glance("sold and gone"))
    assert not either.seen(glance("kept and gone"))


def test_what_heads_a_text_is_seen_at_its_beginning_alone() -> None:
    head = cue("journal", r"\A\W*journal\b")
    assert head.seen(glance("** Journal of May"))
    assert not head.seen(glance("my journal\njournal"))


def test_a_dotless_i_is_read_as_the_other() -> None:
    assert cue("aldık", r"\baldık\b").seen(glance("aldik"))
