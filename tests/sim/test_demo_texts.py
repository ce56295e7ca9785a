"""What demo channels write can be filled in completely, whatever the language."""

from string import Formatter

import pytest

from levibotd.sim.demo_feed import CHANNELS
from levibotd.sim.demo_texts import CALLS, NOISE, SIDE_WORDS, TALK, Template

FIELDS = {"coin", "pair", "flat", "side", "Side", "at", "near", "far", "t1", "t2", "t3", "sl", "lev"}


def fields(template: Template) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template.text) if name is not None}


@pytest.mark.parametrize("template", CALLS, ids=lambda template: template.text[:20])
def test_a_call_names_coin_side_entry_target_and_stop(template: Template) -> None:
    found = fields(template)

    assert found <= FIELDS
    assert found & {"coin", "pair", "flat"}
    assert found & {"side", "Side"}
    assert found & {"at", "near"}
    assert {"t1", "sl"} <= found


@pytest.mark.parametrize("template", NOISE, ids=lambda template: template.text[:20])
def test_noise_names_no_stop(template: Template) -> None:
    assert fields(template) <= FIELDS - {"sl", "side", "Side"}


def test_talk_needs_no_price() -> None:
    assert not any(fields(template) for template in TALK)


def test_every_language_of_a_channel_has_calls_talk_and_words_for_both_sides() -> None:
    for languages in CHANNELS.values():
        for language in languages:
            assert len(SIDE_WORDS[language]) == 2
            for templates in (CALLS, TALK):
                assert any(template.language == language for template in templates)


def test_no_text_is_written_twice() -> None:
    texts = [template.text for template in (*CALLS, *NOISE)]
    assert len(set(texts)) == len(texts)
