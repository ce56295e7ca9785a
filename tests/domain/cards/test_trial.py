"""What was looked at is counted, once each."""

from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.trial import CONFIG, Trial
from levibotd.domain.records import Entry
from levibotd.journal import Chain, Preparer, decode


def test_the_same_trial_again_is_no_other_trial() -> None:
    book = CardBook()
    for name in ("a", "b", "a"):
        book.apply(Entry(Trial(what=CONFIG, name=name, at=1.0)))

    assert book.trials == 2
    assert CardBook.from_bytes(book.to_bytes()).trials == 2


def test_a_trial_comes_back_from_the_log() -> None:
    trial = Trial(what=CONFIG, name="a", at=1.0)

    line = decode(Chain(boot="b").line(Preparer().prepare(Entry(trial)), ts=0, mono=0))

    assert (line.event_type, line.entry.record) == ("TRIAL", trial)
