"""Keys, scopes, and how keys are written down."""

import sys
import time
from collections.abc import Callable
from types import FrameType

import pytest

from levibotd.admin.auth import ANYBODY, LOCAL, Keyring, Scope, digest_of, parse_keys
from levibotd.admin.problems import ScopeMissing, Unauthenticated
from levibotd.errors import ConfigError


def line(key_id: str, scope: str, key: str) -> str:
    return f"{key_id}:{scope}:{digest_of(key).hex()}"


KEYRING = parse_keys("\n".join(line(scope, scope, f"key-{scope}") for scope in ("read", "control", "trade")))


def test_without_keys_everybody_may_do_everything() -> None:
    assert Keyring().caller(None, needs=Scope.TRADE) is LOCAL


@pytest.mark.parametrize("needs", [Scope.READ, Scope.CONTROL, Scope.TRADE])
@pytest.mark.parametrize("has", ["read", "control", "trade"])
def test_a_scope_includes_those_before_it_and_no_other(has: str, needs: Scope) -> None:
    if Scope[has.upper()] >= needs:
        assert KEYRING.caller(f"key-{has}", needs=needs).name == has
    else:
        with pytest.raises(ScopeMissing, match=f"needs scope {needs.name.lower()}"):
            KEYRING.caller(f"key-{has}", needs=needs)


@pytest.mark.parametrize("presented", [None, "", "key-rea", "key-readd", "KEY-READ", "\udcff", "é", "x" * 10_000])
def test_who_has_no_known_key_is_nobody(presented: str | None) -> None:
    with pytest.raises(Unauthenticated):
        KEYRING.caller(presented, needs=Scope.READ)
    assert KEYRING.caller(presented, needs=Scope.PUBLIC) is ANYBODY


def test_a_stored_hash_is_no_key() -> None:
    with pytest.raises(Unauthenticated):
        KEYRING.caller(digest_of("key-read").hex(), needs=Scope.READ)


def test_comments_and_empty_lines_are_allowed() -> None:
    assert parse_keys(f"# panel\n\n  {line('panel', 'read', 'k')}  \n").caller("k", needs=Scope.READ).name == "panel"


def test_no_credential_means_no_keys() -> None:
    assert not parse_keys(None)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "# nothing",
        "panel",
        "panel:read",
        "panel:read:abcd",
        "panel:read:" + "g" * 64,
        f"panel:admin:{'00' * 32}",
        f"panel:public:{'00' * 32}",
        f":read:{'00' * 32}",
        f"a b:read:{'00' * 32}",
        f"{'x' * 33}:read:{'00' * 32}",
        f"a:read:{'00' * 32}\na:trade:{'11' * 32}",
        "\n".join(f"k{n}:read:{'00' * 32}" for n in range(65)),
    ],
)
def test_what_is_no_list_of_keys_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ConfigError, match="api_keys") as refused:
        parse_keys(secret)
    assert "00000000" not in str(refused.value)


# Timing. A key is hashed before it is compared, all keys are, in constant time: how far a guess is right shows nowhere.

RING = parse_keys("\n".join(line(f"k{number}", "read", f"{number:02}" * 22) for number in range(20)))
WRONG = "zz" * 22


def comparisons(presented: str) -> list[str]:
    """What of the C library compares while a key is looked for; equality of strings shows as none of it."""
    seen: list[str] = []

    def watch(frame: FrameType, event: str, arg: object) -> None:
        if event == "c_call" and "compare" in getattr(arg, "__name__", ""):
            seen.append(str(getattr(arg, "__name__", "")))

    sys.setprofile(watch)
    try:
        RING.caller(presented, needs=Scope.PUBLIC)
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.fault("G3")
@pytest.mark.parametrize("presented", ["00" * 22, "19" * 22, WRONG, "00" * 21 + "zz", "0", ""])
def test_every_key_is_compared_in_constant_time_whichever_it_is(presented: str) -> None:
    assert comparisons(presented) == ["compare_digest"] * 20


@pytest.mark.fault("G3")
def test_what_is_compared_is_of_one_length_whatever_was_presented() -> None:
    assert {len(digest_of(key)) for key in ("", "0", WRONG, "x" * 65_000, "ключ", "\udcff")} == {32}
    for written in ("a:read:00", f"a:read:{'0' * 66}", f"a:read:{'0' * 62}"):
        with pytest.raises(ConfigError):
            parse_keys(written)


def trimmed_mean(times: list[int]) -> float:
    """Without the slowest tenth: the machine's other business."""
    kept = sorted(times)[: len(times) * 9 // 10]
    return sum(kept) / len(kept)


def separation(look: Callable[[str], object], *, rounds: int) -> float:
    """How far apart the mean times of a guess that is nearly right and one that is not are, as share of both."""
    near, far = ("07" * 21) + "0z", WRONG
    times: dict[str, list[int]] = {near: [], far: []}
    for number in range(rounds):
        for guess in (near, far) if number % 2 else (far, near):
            since = time.perf_counter_ns()
            look(guess)
            times[guess].append(time.perf_counter_ns() - since)
    means = [trimmed_mean(one) for one in times.values()]
    return abs(means[0] - means[1]) / max(means)


@pytest.mark.fault("G3")
def test_a_hundred_thousand_guesses_do_not_tell_a_near_one_from_a_far_one() -> None:
    def look(guess: str) -> None:
        RING.caller(guess, needs=Scope.PUBLIC)

    # A machine may be busy with something else; an oracle answers each time.
    assert min(separation(look, rounds=12_500) for _ in range(4)) < 0.02


def test_and_the_same_measurement_does_tell_where_somebody_compares_letter_by_letter() -> None:
    kept = "07" * 22

    def look(guess: str) -> bool:
        return all(a == b for a, b in zip(kept, guess, strict=False))

    assert separation(look, rounds=2_000) > 0.1
