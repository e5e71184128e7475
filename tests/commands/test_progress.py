"""The bar of long work: on a terminal it tells how far it is, elsewhere nothing is written."""

import io
import sys

from storeloom.core.progress import bar
from storeloom.workers.pool import open_pool
from tests.workers.pool import calls


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, screen):
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with bar("squares") as told, open_pool(progress=told) as pool:
        assert pool.map(calls.square, range(12), chunk=4) == [n * n for n in range(12)]
    return screen.getvalue()


def test_a_terminal_is_told(monkeypatch):
    text = shown(monkeypatch, Terminal())
    assert "squares" in text
    assert "12/12" in text


def test_a_file_is_not(monkeypatch):
    assert shown(monkeypatch, io.StringIO()) == ""


def test_a_map_may_name_its_own(monkeypatch):
    of_pool, own = [], []
    with open_pool(progress=of_pool.append) as pool:
        pool.map(calls.square, range(4), chunk=2, progress=own.append)
        assert (len(own), len(of_pool)) == (2, 0)
        pool.map(calls.square, range(4), chunk=4)
    assert [one.done for one in of_pool] == [4]
