"""Pictures are well-formed whatever stands in them, and the same each time."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.pictures.svg import Scale, dot, line, picture, place, polyline, said, steps, ticks, words

NAME = "{http://www.w3.org/2000/svg}"


@given(text=st.text(max_size=40), title=st.text(max_size=40))
def test_any_text_stays_text(text: str, title: str) -> None:
    drawn = picture([words(text, 1.0, 2.0)], width=10, height=10, title=title, about=text)

    root = ElementTree.fromstring(drawn)
    (written,) = root.iter(f"{NAME}text")
    assert len(list(root.iter())) == 6  # svg, title, desc, style, ground, text: nobody added an element.
    assert written.text is None or written.text.isprintable()
    assert drawn == picture([words(text, 1.0, 2.0)], width=10, height=10, title=title, about=text)


def test_a_name_that_is_markup_is_shown_as_it_is_written() -> None:
    drawn = picture([words('</text><script>"&', 0, 0)], width=1, height=1, title="t", about="a").decode()

    assert "<script" not in drawn
    assert "&lt;/text&gt;&lt;script&gt;&quot;&amp;" in drawn


@pytest.mark.parametrize("hidden", ["\x00", "\u202e", "\u200b", "\ud800", "\x1b[31m"])
def test_what_cannot_be_seen_is_written_out(hidden: str) -> None:
    assert said(hidden).startswith("\\")
    assert said(hidden).isprintable()


def test_a_picture_says_what_it_is_to_whoever_cannot_see_it() -> None:
    root = ElementTree.fromstring(picture([], width=3, height=4, title="what", about="more"))

    assert (root.get("role"), root.get("aria-labelledby"), root.get("viewBox")) == ("img", "title about", "0 0 3 4")
    assert [root.findtext(f"{NAME}{name}") for name in ("title", "desc")] == ["what", "more"]
    assert "prefers-color-scheme:dark" in (root.findtext(f"{NAME}style") or "")


@pytest.mark.parametrize(
    ("lo", "hi", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (-3.2, 11.0, [-5, 0, 5, 10, 15]),
        (0.0, 0.0, [0.0, 0.2]),
        (0.12, 0.34, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
    ],
)
def test_ticks_are_round_and_hold_all_figures(lo: float, hi: float, expected: list[float]) -> None:
    found = ticks(lo, hi)

    assert found[0] <= lo
    assert found[-1] >= hi
    assert found == pytest.approx(expected, abs=1e-9)


@given(lo=st.floats(-1e6, 1e6), span=st.floats(0.0, 1e6))
def test_any_span_has_ticks_around_it(lo: float, span: float) -> None:
    found = ticks(lo, lo + span)

    assert 2 <= len(found) <= 12
    assert found[0] <= lo + 1e-6 * max(abs(lo), span, 1.0)
    assert found[-1] >= lo + span - 1e-6 * max(abs(lo), span, 1.0)


def test_a_scale_takes_one_edge_to_the_other() -> None:
    up = Scale(0.0, 10.0, 100.0, 0.0)

    assert (up(0.0), up(5.0), up(10.0)) == (100.0, 50.0, 0.0)


def test_shapes_are_where_they_are_said_to_be() -> None:
    assert steps([(0, 1), (2.04, 3), (4, 5.25)], "first") == '<path class="line first" d="M0 1H2V3H4V5.2"/>'
    assert polyline([(0, 1), (2, 3)], "x") == '<path class="line x" d="M0 1L2 3"/>'
    assert line(0, 1, 2, 3) == '<line class="grid" x1="0" y1="1" x2="2" y2="3"/>'
    assert dot(1, 2, 3, "x") == '<circle class="x" cx="1" cy="2" r="3"/>'
    assert place(-0.04) == "0"
