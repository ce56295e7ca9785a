"""The poller with a deadline."""

import itertools

import pytest

from tests.until import StillWaiting, until


def test_the_first_true_answer_is_returned() -> None:
    answers = iter(["", "", "ready"])

    assert until(lambda: next(answers), within_s=5, what="an answer") == "ready"


def test_a_refused_connection_means_not_yet() -> None:
    calls = itertools.count()

    def probe() -> bool:
        if next(calls) == 0:
            raise ConnectionRefusedError
        return True

    assert until(probe, within_s=5, what="a listener")


def test_the_deadline_names_what_did_not_come() -> None:
    with pytest.raises(StillWaiting, match="a miracle"):
        until(lambda: False, within_s=0.05, what="a miracle")


def test_any_other_error_of_the_probe_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 / 0, within_s=5, what="arithmetic")
