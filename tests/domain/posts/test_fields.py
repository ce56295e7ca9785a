"""Fields of one text are its own."""

from levibotd.domain.posts.fields import Fields, Number


def test_two_texts_share_no_list() -> None:
    first, second = Fields(), Fields()
    first.entry.append(Number(raw="5", line=1))
    first.flags.add("long")
    assert second.entry == []
    assert second.flags == set()
