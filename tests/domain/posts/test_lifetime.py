"""How long a post says its entry is good for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.lifetime import written_lifetime_s

CALL = "BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95\n"


@pytest.mark.parametrize(
    ("said", "lifetime_s"),
    [
        ("Valid for 24 hours", 86_400.0),
        ("Validity: 12h", 43_200.0),
        ("Signal expires in 6 hours", 21_600.0),
        ("This entry is valid for the next 2 days only", 172_800.0),
        ("Cancel if not filled within 12 hours", 43_200.0),
        ("Активен? Действителен 24 часа", 86_400.0),
        ("24 saat geçerlidir", 86_400.0),
        ("Válida por 4 horas", 14_400.0),
        ("good for 30 min", 1800.0),
        ("", None),
        ("Valid until target 1", None),
        ("Hold for 3 days", None),
        ("Target reached in 6 hours", None),
        ("Valid for 24 hours, valid for 12 hours", None),
        ("Valid for 400 days", None),
    ],
)
def test_a_lifetime_is_read_where_it_is_written(said: str, lifetime_s: float | None) -> None:
    assert written_lifetime_s(CALL + said) == lifetime_s


@given(st.text(alphabet="valid for 0123456789 hours\nm", max_size=200))
def test_any_text_is_read(text: str) -> None:
    found = written_lifetime_s(text)
    assert found is None or 60.0 <= found <= 30 * 86_400.0
