"""Area `fleet` on few stores: each figure is there, plans tell real bundles apart; and its asker takes no reply for one that it is not."""

import socket
import threading
from contextlib import contextmanager

import pytest

from storeloom.core.bench import fleet, fleet_trust
from storeloom.core.bench.fleet_load import ask, pace, request
from storeloom.core.cli import main
from storeloom.core.commands.bench import AREAS
from storeloom.core.kernel.errors import MisuseFault
from tests.control.conftest import postgres

__all__ = ["postgres"]


def test_every_figure_is_measured(monkeypatch):
    trust = [fleet.Result("trust", 1.0, "", "", "", 1)]
    monkeypatch.setattr(fleet_trust, "measure", lambda: trust)
    monkeypatch.setattr(fleet.fleet_served, "SECONDS", 0.02)
    monkeypatch.setattr(fleet.fleet_served, "WARM_S", 0.1)
    results = {one.name: one for one in fleet.measure(stores=60, few=6, rounds=2)}
    served = {f"{name}_{what}" for name in ("bare", "plain", "poll") for what in ("a_second", "cpu")}
    planned = {"plan_first", "plan", "plan_and_start", "tick", "polls_to_converge", "poll_and_report"}
    each = served | planned | {"plain_against_bare", "poll_against_bare", "server_memory", "database", "memory"}
    grows = {f"growth_{name}" for name in fleet.GROWS}
    assert set(results) == {f"{name}_{count}" for name in each for count in (6, 60)} | grows | {"trust"}
    assert all(one.value > 0 for one in results.values())
    goals = {name: one.goal for name, one in results.items() if one.goal and name.endswith("_60")}
    assert goals == {
        "plain_against_bare_60": ">= 0.7",
        "poll_against_bare_60": ">= 0.35",
        "plan_60": "<= 10",
        "plan_and_start_60": "<= 10",
        "polls_to_converge_60": "<= 3",
    }
    assert "load" in results["poll_against_bare_60"].against


@pytest.mark.thorough
def test_it_measures_on_postgresql_and_leaves_it_empty(monkeypatch, postgres):
    monkeypatch.setattr(fleet_trust, "measure", list)
    monkeypatch.setattr(fleet.fleet_served, "SECONDS", 0.02)
    monkeypatch.setattr(fleet.fleet_served, "WARM_S", 0.1)
    postgres.run("CREATE DATABASE bench")
    monkeypatch.setenv("DATABASE_URL", postgres.url("bench"))
    results = {one.name: one for one in fleet.measure(stores=60, few=6, rounds=2)}
    assert results["database_60"].against.startswith("postgresql") and results["plan_60"].met and results["polls_to_converge_60"].met
    assert postgres.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database="bench") == []
    postgres.run("CREATE TABLE somebodys (id int)", database="bench")
    with pytest.raises(MisuseFault, match="holds tables already: somebodys"):
        fleet.measure(stores=60, few=6, rounds=2, database=postgres.url("bench"))


def test_the_help_names_every_area(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--help", "--lang", "en"])
    told = " ".join(capsys.readouterr().out.split())
    named = told.partition("positional arguments: AREA ")[2].partition(", or all")[0].split(", ")
    assert sorted(named) == sorted(AREAS)


@contextmanager
def server(*pieces):
    """Answers each request with these pieces, sent apart; closes the connection when it has no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            line, _ = listener.accept()
            with line:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for reply in pieces:
                    if not line.recv(65536):
                        return
                    for piece in reply:
                        line.sendall(piece)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntold"


def test_a_reply_is_read_whole_however_it_comes():
    with server([WHOLE[:20], WHOLE[20:40], WHOLE[40:]]) as port:
        assert ask(port, request("/"), 200) == b"told"


def test_another_status_is_no_reply():
    with server([b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]) as port, pytest.raises(RuntimeError, match="answered 503, not 200"):
        pace(port, [request("/")], 200, 5.0, connections=1)


def test_a_connection_that_is_closed_is_no_reply():
    with server([WHOLE], [WHOLE]) as port, pytest.raises(OSError):
        pace(port, [request("/")], 200, 5.0, connections=1)


def test_requests_are_asked_in_turn():
    seen = []

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            line, _ = listener.accept()
            with line:
                while (got := line.recv(65536)) and len(seen) < 4:
                    seen.append(got.split()[1])
                    line.sendall(WHOLE)

        thread = threading.Thread(target=run)
        thread.start()
        with pytest.raises(OSError):
            pace(listener.getsockname()[1], [request("/a"), request("/b", X_Y="1")], 200, 5.0, connections=1)
        thread.join(10)
    assert seen == [b"/a", b"/b", b"/a", b"/b"]
    assert request("/b", X_Y="1") == b"GET /b HTTP/1.1\r\nHost: bench\r\nX-Y: 1\r\n\r\n"
