"""Keys, scopes, and how keys are written down."""

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
