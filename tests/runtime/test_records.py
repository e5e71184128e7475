"""What a store writes of its own doings: one JSON object a line, whatever is logged."""

import io
import json
import logging
import os
import stat
import threading
import timeit

import pytest

from storeloom.core.runtime.records import LONGEST_TEXT, MASK, Masker, during, write_logs

LOG = logging.getLogger("storeloom.solution.shelf_gap")


@pytest.fixture
def page():
    """Where the lines go; `lines()` reads them."""

    class Page(io.StringIO):
        def lines(self):
            text = self.getvalue()
            assert text == "" or text.endswith("\n")
            return [json.loads(line) for line in text.split("\n")[:-1]]

    return Page()


def test_a_line_says_when_how_grave_who_and_what(page):
    with write_logs(page):
        logging.getLogger("storeloom.runtime").warning("gap on %s", "A-12")
    (line,) = page.lines()
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "logger": "storeloom.runtime", "message": "gap on A-12"}


def test_inside_a_handler_the_line_names_instance_event_and_stream(page):
    with write_logs(page):
        with during("shelf_gap", "01JN", "vision.shelf", 1204):
            LOG.info("inside")
            with during("esl", "01JP"):
                LOG.info("inner")
            LOG.info("back")
        LOG.info("outside")
    told = [{k: v for k, v in line.items() if k in ("instance", "event", "stream", "seq", "message")} for line in page.lines()]
    here = {"instance": "shelf_gap", "event": "01JN", "stream": "vision.shelf", "seq": 1204}
    inner = {"instance": "esl", "event": "01JP"}
    outside = {"instance": "shelf_gap"}  # a solution's own logger tells whose it is
    assert told == [{"message": m, **more} for m, more in (("inside", here), ("inner", inner), ("back", here), ("outside", outside))]


def test_a_handler_that_raises_leaves_the_context_behind(page):
    with write_logs(page):
        with pytest.raises(ValueError), during("shelf_gap", "01JN"):
            raise ValueError
        LOG.info("after")
    assert "event" not in page.lines()[0]


def test_what_one_thread_handles_is_not_told_of_another(page):
    with write_logs(page), during("shelf_gap", "01JN"):
        thread = threading.Thread(target=LOG.info, args=("from elsewhere",))
        thread.start()
        thread.join()
    assert "event" not in page.lines()[0]


@pytest.mark.parametrize(
    "text",
    [
        'two\nlines\r\n{"level": "critical", "message": "forged"}',
        "\x1b[2J\x1b]0;title\x07",
        "\u2028\u2029\x85\x9b31m",
        "\u202egnp.exe\u2066",
        "a lone \ud800 surrogate",
        "\x00\x7f",
        '"quotes" and \\ backslashes',
        "缺货 🛒",
    ],
    ids=["lines", "terminal", "separators", "direction", "surrogate", "control", "quotes", "words"],
)
def test_no_text_breaks_a_line_or_steers_a_terminal(page, text, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a test report could not carry all of these texts
    with write_logs(page):
        LOG.info("%s", text)
    written = page.getvalue()
    assert len(written.splitlines()) == 1 and written[:-1].isprintable()
    written.encode()
    assert page.lines()[0]["message"] == text


class Spiteful:
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("message", "args", "told"),
    [
        ("%d pieces", ("many",), "%d pieces [arguments that do not fit: TypeError]"),
        ("%s and %s", ("one",), "%s and %s [arguments that do not fit: TypeError]"),
        ("100 %", ("x",), "100 % [arguments that do not fit: ValueError]"),
        ("%s", (Spiteful(),), "%s [arguments that do not fit: RuntimeError]"),
        (Spiteful(), (), "Spiteful [arguments that do not fit: RuntimeError]"),
    ],
)
def test_arguments_that_do_not_fit_are_said_and_raise_nothing(page, capsys, monkeypatch, message, args, told):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the test runner's own cannot take them
    with write_logs(page):
        LOG.info(message, *args)
    assert page.lines()[0]["message"] == told
    assert capsys.readouterr().err == ""


def test_a_traceback_stays_in_its_line_and_a_flood_is_cut(page):
    with write_logs(page):
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            LOG.exception("failed")
        LOG.info("x" * (LONGEST_TEXT + 5))
    failed, flood = page.lines()
    assert failed["error"].startswith("Traceback") and failed["error"].endswith("ValueError: first\nsecond")
    assert flood["message"] == "x" * LONGEST_TEXT + " [5 characters cut]"


def test_secrets_are_masked_in_messages_tracebacks_urls_and_once_they_are_known(page):
    with write_logs(page, masker=Masker(["s3cr&t", "s3cr&t-longer", ""])) as masker:
        LOG.info("token s3cr&t, long s3cr&t-longer, url ?key=s3cr%26t")
        try:
            raise ValueError("refused s3cr&t")
        except ValueError:
            LOG.exception("s3cr&t")
        LOG.info("later-known")
        masker.know(["later-known", 'with "quotes"'])
        LOG.info('later-known {"k": "with \\"quotes\\""}')
        LOG.info("x" * (LONGEST_TEXT - 3) + "s3cr&t")
    first, second, third, fourth, fifth = page.lines()
    assert first["message"] == f"token {MASK}, long {MASK}, url ?key={MASK}"
    assert second["message"] == MASK and second["error"].endswith(f"ValueError: refused {MASK}")
    assert third["message"] == "later-known" and fourth["message"] == f'{MASK} {{"k": "{MASK}"}}'
    assert fifth["message"] == "x" * (LONGEST_TEXT - 3) + MASK, "masked before it is cut, so that no part is left"


def test_own_loggers_write_from_info_on_others_from_warning_on_and_all_is_as_before_afterwards(page):
    before = logging.getLogger().level, logging.getLogger("storeloom").level, list(logging.getLogger().handlers)
    with write_logs(page):
        logging.getLogger("vendor").info("chatter")
        logging.getLogger("vendor").warning("odd")
        LOG.debug("detail")
        LOG.info("fact")
    LOG.warning("after the end")
    assert [line["message"] for line in page.lines()] == ["odd", "fact"]
    assert (logging.getLogger().level, logging.getLogger("storeloom").level, list(logging.getLogger().handlers)) == before


def test_the_file_is_private_and_never_grows_past_its_bound(tmp_path):
    file = tmp_path / "store.jsonl"
    with write_logs(file, max_bytes=20_000, kept=2):
        for number in range(1000):
            LOG.info("line %d 中文", number)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["store.jsonl", "store.jsonl.1", "store.jsonl.2"]
    assert all(path.stat().st_size <= 20_000 and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    newest = [json.loads(line)["message"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert newest[-1] == "line 999 中文"


def test_a_full_disk_loses_lines_not_the_store_and_says_so_later(capsys):
    class Disk(io.StringIO):
        full = True

        def write(self, text):
            if self.full:
                raise OSError(28, os.strerror(28))
            return super().write(text)

    disk = Disk()
    with write_logs(disk):
        LOG.info("one")
        LOG.info("two")
        disk.full = False
        LOG.info("three")
    told = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [(line["level"], line["message"]) for line in told] == [("warning", "2 lines could not be written"), ("info", "three")]
    assert capsys.readouterr().err == ""


def test_a_fault_that_ends_the_process_or_a_thread_is_in_the_log(page, capsys):
    with pytest.raises(ValueError, match="no room"), write_logs(page):
        thread = threading.Thread(target=[].pop, name="till-1")
        thread.start()
        thread.join()
        raise ValueError("no room")
    by_thread, by_process = page.lines()
    assert by_thread["message"] == "till-1 ends on a fault" and by_thread["error"].endswith("IndexError: pop from empty list")
    assert by_process["level"] == "critical" and by_process["error"].endswith("ValueError: no room")
    assert threading.excepthook.__module__ != "storeloom.core.runtime.records" and capsys.readouterr().err == ""


def test_the_context_costs_little():
    def handle():
        with during("shelf_gap", "01JN", "vision.shelf", 1204):
            pass

    assert min(timeit.repeat(handle, number=2000, repeat=5)) / 2000 < 10e-6
