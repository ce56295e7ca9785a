"""Token buckets in memory, and whose bucket a request takes from."""

import ipaddress
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from levibotd.admin.limits import Clients, MemoryBuckets
from levibotd.config import demo_config
from levibotd.errors import ConfigError
from levibotd.kernel.clock import LoopClock
from levibotd.ports.buckets import Rate
from tests.admin.site import serving

real_time = pytest.mark.real_time


class Hand(LoopClock):
    """A clock that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class Bench:
    def __init__(self, *, per_s: float, burst: float, clients_max: int = 100) -> None:
        self.clock = Hand()
        self.buckets = MemoryBuckets(Rate(per_s=per_s, burst=burst, clients_max=clients_max), clock=self.clock)

    def taken(self, client: str, *, times: int, now: float) -> int:
        self.clock.now_s = now
        return sum(self.buckets.spend(client) == 0.0 for _ in range(times))


def test_a_client_may_burst_and_then_goes_at_the_rate() -> None:
    bench = Bench(per_s=2, burst=5)

    assert bench.taken("a", times=10, now=0.0) == 5
    assert bench.taken("a", times=10, now=1.0) == 2
    assert bench.taken("b", times=1, now=1.0) == 1


def test_it_is_told_when_to_come_back() -> None:
    bench = Bench(per_s=0.1, burst=1)
    assert [bench.buckets.spend("a"), bench.buckets.spend("a")] == [0.0, 10.0]
    assert bench.taken("a", times=1, now=10.0) == 1


def test_a_costly_request_uses_up_the_burst() -> None:
    bench = Bench(per_s=1, burst=20)
    bench.buckets.spend("a", tokens=19)
    assert bench.taken("a", times=5, now=0.0) == 1


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bench = Bench(per_s=1, burst=1)
    assert bench.taken("a", times=1, now=100.0) == 1
    assert bench.taken("a", times=3, now=1.0) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 10)), max_size=60))
def test_never_more_clients_than_allowed_and_never_more_than_the_burst(asked: list[tuple[str, float]]) -> None:
    bench = Bench(per_s=1, burst=3, clients_max=4)
    now = 0.0
    for client, gap in asked:
        now += gap
        assert bench.taken(client, times=5, now=now) <= 3
        assert len(bench.buckets) <= 4


def test_one_network_of_ipv6_is_one_client() -> None:
    clients = Clients()
    assert clients.name("2001:db8:1:2::1") == clients.name("2001:db8:1:2:ffff::9")
    assert clients.name("2001:db8:1:2::1") != clients.name("2001:db8:1:3::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("1.2.3.4", None, "1.2.3.4"),
        (None, "9.9.9.9", "unknown"),
        ("1.2.3.4", "9.9.9.9", "1.2.3.4"),  # No proxy of ours: what it writes is its own invention.
        ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9", "9.9.9.9"),  # Only the right-most stranger was seen by us.
        ("10.0.0.1", "9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("::ffff:10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.1"),
        ("10.0.0.1", "junk", "10.0.0.1"),
        ("10.0.0.1", "9.9.9.9, junk", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::/64"),
        ("10.0.0.1", "," * 10_000, "10.0.0.1"),
    ],
)
def test_whose_request_it_is(peer: str | None, forwarded: str | None, expected: str) -> None:
    assert Clients(("10.0.0.0/8",)).name(peer, forwarded=forwarded) == expected


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert Clients().name("127.0.0.1", forwarded="9.9.9.9") == "127.0.0.1"


def test_a_proxy_must_be_a_network() -> None:
    with pytest.raises(ConfigError, match=r"http\.trusted_proxies"):
        Clients(("proxy",))


PROXY = "10.0.0.1"
STRANGER = "203.0.113.7"
MANY = 10_000


def passed(names: Iterable[str]) -> int:
    """How many of these requests, all at one instant, are let through."""
    bench = Bench(per_s=1, burst=10, clients_max=4096)
    return sum(bench.taken(name, times=1, now=0.0) for name in names)


def address(number: int) -> str:
    return str(ipaddress.IPv4Address(0x0B000000 + number * 7919))


@pytest.mark.fault("G4")
@pytest.mark.parametrize("peer", ["stranger", "proxy"])
def test_ten_thousand_forwarded_addresses_that_a_stranger_made_up_are_one_client(peer: str) -> None:
    clients = Clients(("10.0.0.0/8",))
    if peer == "stranger":
        names = (clients.name(STRANGER, forwarded=address(number)) for number in range(MANY))
    else:  # The proxy adds whom it saw behind whatever was there.
        names = (clients.name(PROXY, forwarded=f"{address(number)}, {STRANGER}") for number in range(MANY))
    assert passed(names) == 10


@pytest.mark.fault("G4")
@pytest.mark.parametrize("way", ["direct", "proxy", "proxies in a row"])
def test_ten_thousand_addresses_of_one_ipv6_network_are_one_client(way: str) -> None:
    clients, network = Clients(("10.0.0.0/8",)), int(ipaddress.IPv6Address("2001:db8:1:2::"))
    found = (str(ipaddress.IPv6Address(network + (number * 0x9E3779B97F4A7C15) % 2**64)) for number in range(MANY))
    if way == "direct":
        names = (clients.name(one) for one in found)
    else:
        behind = "" if way == "proxy" else ", 10.0.0.9"
        names = (clients.name(PROXY, forwarded=f"{one}{behind}") for one in found)
    assert passed(names) == 10


@pytest.mark.fault("G4")
def test_an_address_that_is_written_in_many_ways_is_one_client() -> None:
    clients = Clients(("10.0.0.0/8",))
    ways = ("::ffff:203.0.113.7", "::FFFF:CB00:7107", STRANGER)
    assert {clients.name(one) for one in ways} == {STRANGER}
    assert {clients.name(PROXY, forwarded=f"[{one}]" if ":" in one else one) for one in ways} == {STRANGER}
    assert clients.name("fe80::1%eth0") == clients.name("fe80::1%eth1")


@real_time
@pytest.mark.fault("G4")
@pytest.mark.parametrize("trusted", [(), ("127.0.0.0/8",)])
async def test_over_a_real_socket_made_up_headers_buy_nothing(trusted: tuple[str, ...]) -> None:
    config = demo_config(environ={"HOME": "/nonexistent"})
    config = msgspec.structs.replace(config, http=msgspec.structs.replace(config.http, trusted_proxies=trusted))
    async with serving(config=config, rate=Rate(per_s=0.01, burst=10)) as site:
        url, codes = f"http://127.0.0.1:{site.port}/status", []
        for number in range(60):
            # Two headers: a proxy may add its own line below the one that it was sent.
            sent = [("X-Forwarded-For", address(number)), ("X-Forwarded-For", STRANGER)]
            async with site.session.get(url, headers=CIMultiDict(sent)) as answer:
                codes.append(answer.status)
    assert (codes.count(200), codes.count(429)) == (10, 50)
