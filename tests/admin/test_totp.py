"""The second factor, against the published vectors and against who guesses."""

import pytest

from levibotd.admin.problems import SecondFactorMissing
from levibotd.admin.totp import LOCKED_S, STEP_S, WRONG_MAX, Totp, code_of, parse_secret
from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock

SECRET = b"12345678901234567890"  # Of RFC 4226 and RFC 6238.


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    assert code_of(SECRET, at // STEP_S, digits=8) == code
    assert code_of(SECRET, at // STEP_S) == code[2:]


@pytest.mark.parametrize(("counter", "code"), list(enumerate(("755224", "287082", "359152", "969429", "338314"))))
def test_codes_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert code_of(SECRET, counter) == code


def now_of(clock: Clock, *, steps: int = 0) -> str:
    return code_of(SECRET, int(clock.time() // STEP_S) + steps)


@pytest.mark.fault("G6")
@pytest.mark.parametrize(("steps", "passes"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_off_by_one_step_and_no_more(clock: Clock, steps: int, passes: bool) -> None:
    totp = Totp(SECRET, clock=clock)
    if passes:
        assert totp.check(now_of(clock, steps=steps)) == int(clock.time() // STEP_S) + steps
    else:
        with pytest.raises(SecondFactorMissing, match="wrong code"):
            totp.check(now_of(clock, steps=steps))


@pytest.mark.fault("G6")
async def test_a_code_counts_once_also_in_the_next_step_and_after_a_restart(clock: Clock) -> None:
    totp = Totp(SECRET, clock=clock)
    code = now_of(clock)
    step = totp.check(code)
    for later in (totp, Totp(SECRET, clock=clock, confirmed=lambda: [step])):
        with pytest.raises(SecondFactorMissing, match="used before"):
            later.check(code)
    await clock.sleep(STEP_S)
    with pytest.raises(SecondFactorMissing, match="used before"):
        totp.check(code)
    totp.check(now_of(clock))


@pytest.mark.fault("G6")
async def test_guessing_locks_the_right_code_too_and_longer_each_time(clock: Clock) -> None:
    totp = Totp(SECRET, clock=clock)
    for lock_s in (LOCKED_S, 2 * LOCKED_S, 4 * LOCKED_S):
        for _ in range(WRONG_MAX):
            with pytest.raises(SecondFactorMissing, match="wrong code"):
                totp.check("x")
        await clock.sleep(lock_s - 1)
        with pytest.raises(SecondFactorMissing, match="locked") as locked:
            totp.check(now_of(clock))
        assert 0 < int(locked.value.headers["Retry-After"]) <= 2
        await clock.sleep(2)
    totp.check(now_of(clock))


async def test_a_right_code_forgives_the_wrong_ones_before_it(clock: Clock) -> None:
    totp = Totp(SECRET, clock=clock)
    for _ in range(3):
        for _ in range(WRONG_MAX - 1):
            with pytest.raises(SecondFactorMissing, match="wrong code"):
                totp.check("000000x")
        totp.check(now_of(clock))
        await clock.sleep(STEP_S)


@pytest.mark.parametrize("code", [None, "", "12345", "1234567", "９４２８７０", "\udcff\udcff", "-94287"])
async def test_what_is_no_code_is_refused_by_name(clock: Clock, code: str | None) -> None:
    with pytest.raises(SecondFactorMissing) as refused:
        Totp(SECRET, clock=clock).check(code)
    assert (refused.value.code, refused.value.status) == ("TOTP", 403)


async def test_without_a_credential_nobody_passes(clock: Clock) -> None:
    with pytest.raises(SecondFactorMissing, match="no credential"):
        Totp(None, clock=clock).check(code_of(b"", 0))


def test_the_credential_is_read_as_authenticators_show_it() -> None:
    assert parse_secret(None) is None
    assert parse_secret("gezd gnbv gy3t qojq gezd gnbv gy3t qojq") == SECRET
    assert parse_secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGI======\n") == SECRET + b"2"


@pytest.mark.parametrize("written", ["short", "0189018901890189", "AAAA", "ÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄ"])
def test_what_is_no_secret_is_refused_without_showing_it(written: str) -> None:
    with pytest.raises(ConfigError, match="credential totp") as refused:
        parse_secret(written)
    assert written not in str(refused.value)
