"""Token buckets in memory, and whose bucket a request takes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.admin.limits import Clients, MemoryBuckets
from levibotd.errors import ConfigError
from levibotd.kernel.clock import LoopClock
from levibotd.ports.buckets import Rate


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
