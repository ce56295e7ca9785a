"""What cannot be seen is written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@alpha", "@alpha"),
        ("сигналы 🚀", "сигналы 🚀"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\u202eevil", "\\u202eevil"),
        ("a\nb", "a\\nb"),
        ("\ud800", "\\ud800"),
    ],
)
def test_text_is_as_it_was_and_the_rest_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(text=st.text())
def test_whatever_comes_in_what_goes_out_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
