"""Which names are ours, and which pages may call."""

import pytest

from levibotd.admin.origins import Origins
from levibotd.admin.problems import ForeignHost, ForeignOrigin
from levibotd.errors import ConfigError

OWN = Origins(host="192.168.7.5", port=8000, cors_origins=("https://Desk.example",))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000", "[::1]:8000", "192.168.7.5:8000", "desk.example"]
)
def test_our_names_are_served(host: str) -> None:
    assert OWN.check_host(host) is None


@pytest.mark.parametrize(
    "host",
    [None, "", "localhost", "localhost:8001", "evil.example:8000", "127.0.0.1.evil.example:8000", "evil.example",
     "127.0.0.1:8000@evil.example", "127.0.0.1:8000 ", "localhost:8000:8000", "0.0.0.0:8000", "desk.example:8000"],
)  # fmt: skip
def test_a_rebound_name_is_not(host: str | None) -> None:
    with pytest.raises(ForeignHost):
        OWN.check_host(host)


def test_an_ipv6_bind_is_written_in_brackets() -> None:
    assert Origins(host="fd00::5", port=9).check_host("[fd00::5]:9") is None


def test_port_80_may_be_left_out() -> None:
    assert Origins(host="127.0.0.1", port=80).check_host("localhost") is None


def test_no_origin_and_our_own_need_no_leave() -> None:
    assert OWN.check_origin(None, host="localhost:8000") is None
    assert OWN.check_origin("http://localhost:8000", host="localhost:8000") is None


@pytest.mark.parametrize("origin", ["https://desk.example", "http://127.0.0.1:8000"])
def test_an_allowed_origin_is_named_in_the_answer(origin: str) -> None:
    assert OWN.check_origin(origin, host="localhost:8000") == origin


@pytest.mark.parametrize(
    "origin", ["null", "", "*", "http://desk.example", "https://desk.example.evil", "http://localhost:9", "file://"]
)
def test_every_other_page_is_refused(origin: str) -> None:
    with pytest.raises(ForeignOrigin):
        OWN.check_origin(origin, host="localhost:8000")


@pytest.mark.parametrize(
    "origin", ["*", "desk.example", "ftp://desk.example", "https://desk.example/path", "https://", "http://[x"]
)
def test_what_is_no_origin_cannot_be_allowed(origin: str) -> None:
    with pytest.raises(ConfigError, match=r"http\.cors_origins"):
        Origins(host="127.0.0.1", port=1, cors_origins=(origin,))
