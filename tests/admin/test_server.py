"""The socket, and the actor that serves on it."""

import asyncio
import socket
import subprocess
import sys

import pytest

from levibotd.admin.server import PortInUse, listen, port_of
from levibotd.errors import ConfigError, Unavailable
from tests.admin.site import serving


def test_a_port_in_use_is_named_and_passes_by_itself() -> None:
    taken = listen("127.0.0.1:0")
    try:
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port_of(taken)}") as refused:
            listen(f"127.0.0.1:{port_of(taken)}")
    finally:
        taken.close()
    assert isinstance(refused.value, Unavailable)  # Exit 75: the next start may find it free.


@pytest.mark.parametrize(
    "bind", ["203.0.113.7:8000", "no.such.host.invalid:8000", "127.0.0.1:70000", "[2001:db8::1]:1"]
)
def test_an_address_that_is_not_ours_is_for_the_operator_to_change(bind: str) -> None:
    with pytest.raises(ConfigError, match=r"\$\.http\.bind"):
        listen(bind)


def test_localhost_needs_no_name_service() -> None:
    with listen("localhost:0") as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_bind_listens_there_alone() -> None:
    try:
        listener = listen("[::1]:0")
    except ConfigError:
        pytest.skip("no IPv6 loopback here")
    with listener:
        assert listener.getsockname()[0] == "::1"


@pytest.mark.real_time
async def test_whenever_a_client_comes_during_a_restart_it_is_served_on_the_same_port() -> None:
    async with serving() as site:
        for turns in range(40):
            incarnation = site.system.status("http").incarnation
            assert site.system.restart("http")
            for _ in range(turns):
                await asyncio.sleep(0)
            # Served by the old one, or after a wait in the queue of the socket by the new one.
            assert (await site.get("/livez", Connection="close")).status == 200
            while site.system.status("http").incarnation == incarnation:
                assert (await site.get("/livez", Connection="close")).status == 200


@pytest.mark.real_time
async def test_after_a_stop_nobody_answers() -> None:
    async with serving() as site:
        report = await site.system.stop()
        assert report.unstopped == ()
        assert report.killed == ()


def test_wiring_the_interface_does_not_import_aiohttp() -> None:
    code = "import sys, levibotd.admin.server; print('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
