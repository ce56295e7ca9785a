"""How the process ends."""

import pytest

from levibotd.errors import ConfigError, LeviError, OutcomeUnknown, Refused, Unavailable
from levibotd.exit_codes import MEANINGS, ExitCode, exit_code_of


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError, 78), (Unavailable, 75), (Refused, 1), (OutcomeUnknown, 1), (LeviError, 1)]
)
def test_an_error_says_who_must_act(error: type[LeviError], code: int) -> None:
    assert exit_code_of(error("x")) == code


def test_every_code_has_a_meaning() -> None:
    assert list(MEANINGS) == list(ExitCode)
