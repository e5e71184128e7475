"""Readers that announce themselves are found, beside zeroconf's own announcer."""

from __future__ import annotations

import socket

import pytest

from storeloom.hardware_adapters.rfid.llrp_reader import LlrpReader

zeroconf = pytest.importorskip("zeroconf", reason="zeroconf is absent")
PLACE = "127.0.0.1"


def test_a_reader_that_announces_itself_is_found_once_and_other_services_are_not() -> None:
    try:
        announcer = zeroconf.Zeroconf(interfaces=[PLACE])
    except OSError:
        pytest.skip("no multicast on the loopback here")
    with announcer:
        for kind, port, says in (("_llrp._tcp", 5084, {"model": "R700"}), ("_http._tcp", 80, {})):
            about = zeroconf.ServiceInfo(
                f"{kind}.local.", f"reader-1.{kind}.local.", port, addresses=[socket.inet_aton(PLACE)], properties=says, server="r1.local."
            )
            announcer.register_service(about)
        found = list(LlrpReader.discover(PLACE, 3.0))
    assert [(one.settings, one.facts) for one in found] == [({"address": "127.0.0.1:5084"}, {"name": "reader-1", "model": "R700"})]


@pytest.mark.parametrize("where", ["somewhere", "203.0.113.9"])
def test_a_place_that_is_none_of_this_hosts_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match="this host"):
        list(LlrpReader.discover(where, 0.1))
