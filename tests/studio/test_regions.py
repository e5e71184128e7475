"""Settings that are drawn: the form around the editor, the value between Python and browser, and the pictures."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.index import write
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.studio import pictures
from storeloom.studio.draft import new_draft
from storeloom.studio.pictures import Camera, Picture, PictureError, taken, uploaded
from storeloom.studio.regions import camera_key, fresh_row, is_region, row_fields, spliced

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")
DATA = ROOT.parent / "shared" / "data"
ITEMS = {
    "properties": {
        "view": {"type": "string", "x-widget": "device"},
        "polygon": {"type": "array"},
        "level": {"type": "integer", "minimum": 1, "title": "Level", "x-zh": "层"},
        "kind": {"enum": ["a", "b"], "default": "b", "title": "Kind"},
        "name": {"type": "string"},
        "parts": {"type": "array"},
    },
    "required": ["view", "polygon", "level", "parts"],
}
VENDOR = '''
"""Watches places."""

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, setting


class Place(SolutionConfig):
    camera: str
    polygon: list[tuple[float, float]]


class Watch(Solution):
    zh, en = "看点", "Watch"
    purpose_zh = "测试用"
    formats = ("supermarket",)
    produces = ("alert.raise",)
    kpis = {"seen": kpi("count", "Seen", "次数")}

    class Config(SolutionConfig):
        places: list[Place] = setting(list, "Places", "位置", widget="WIDGET")

    @on("pos.sale")
    def sold(self, event):
        return None
'''


def test_rows_of_one_camera_are_replaced_in_their_places() -> None:
    a, b, c, new = ({"camera": camera, "n": n} for n, camera in enumerate("xyxx"))
    assert spliced([a, b, c], "camera", "x", [c]) == [c, b]
    assert spliced([a, b, c], "camera", "x", [a, c, new]) == [a, b, c, new]
    assert spliced([b], "camera", "x", [new]) == [b, new]
    assert spliced([a, b], "camera", "x", []) == [b]
    assert spliced([], "camera", "x", [new]) == [new]


def test_a_rows_camera_is_what_is_marked_as_a_device() -> None:
    assert camera_key(ITEMS["properties"]) == "view"  # type: ignore[arg-type]
    assert camera_key({"camera": {"type": "string"}}) == "camera"
    assert camera_key({"polygon": {}}) is None


def test_the_plain_further_keys_of_a_row_are_asked_for() -> None:
    fields = row_fields(ITEMS["properties"], "polygons", "view")  # type: ignore[arg-type]
    assert [(field.key, field.type, field.options, field.default) for field in fields] == [
        ("level", "number", (), None),
        ("kind", "choice", ("a", "b"), "b"),
    ]


def test_a_new_row_has_what_it_must_have() -> None:
    assert fresh_row(ITEMS, "polygons", {"view": "cam-1"}) == {"view": "cam-1", "level": 1, "parts": []}
    assert fresh_row({"type": "array"}, "polygons", {}) is None


@pytest.mark.parametrize(
    ("widget", "value", "drawn"),
    [("polygon", None, True), ("polygon", [[0, 0], [1, 1]], True), ("polygon", "[[0, 0]]", False), ("cron", [], False), (None, [], False)],
)
def test_a_setting_is_drawn_when_its_widget_says_so_and_its_value_can_be(widget: str | None, value: Any, drawn: bool) -> None:
    assert is_region({"type": "array", "x-widget": widget}, value) is drawn


class Browser:
    """In place of the component: says what a browser would have sent, and keeps what it was told."""

    def __init__(self) -> None:
        self.sent: Any = None
        self.told: dict[str, Any] = {}

    def __call__(self, *, key: str, data: dict[str, Any], default: Any, on_drawn_change: Any) -> Any:
        self.told = {"key": key, **data}
        return SimpleNamespace(drawn=self.sent)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser()
    monkeypatch.setattr("storeloom.studio.components.region_editor._mounted", lambda: made)
    return made


def page() -> None:
    import streamlit as st

    from storeloom.studio.components.region_editor import region_editor

    def keep(drawn: list[object]) -> None:
        if st.session_state.get("ends"):
            st.session_state["ends"] = False
            st.rerun()
        st.session_state["value"] = drawn

    region_editor(None, st.session_state["value"], keep, kind="polygon", lang="en", key="a__b")


def test_the_value_follows_the_browser_and_a_change_from_outside_overrules_it(browser: Browser) -> None:
    given, drawn = [[0.1, 0.1], [0.33333, 0.1], [0.1, 0.9]], [[0.2, 0.2], [0.8, 0.2], [0.5, 0.9]]
    app = testing.AppTest.from_function(page)
    app.session_state["value"] = given
    assert app.run().session_state["value"] is given  # untouched: not even rounded
    first = browser.told["edition"]
    browser.sent = {"edition": first, "shapes": [{"points": drawn, "rest": None, "floor": None}]}
    assert app.run().session_state["value"] == drawn
    assert app.run().session_state["value"] == drawn and browser.told["edition"] == first
    outside = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    app.session_state["value"] = outside
    assert app.run().session_state["value"] == outside
    assert browser.told["edition"] == first + 1 and browser.told["shapes"][0]["points"] == outside
    browser.sent = {"edition": first + 1, "shapes": []}
    assert app.run().session_state["value"] == []


def test_a_run_that_ends_before_a_drawing_is_kept_loses_nothing(browser: Browser) -> None:
    """A second stroke ends the run of the first one wherever it stands."""
    app = testing.AppTest.from_function(page)
    app.session_state["value"] = []
    app.run()
    drawn = [[0.2, 0.2], [0.8, 0.2], [0.5, 0.9]]
    browser.sent = {"edition": browser.told["edition"], "shapes": [{"points": drawn, "rest": None, "floor": None}]}
    app.session_state["ends"] = True
    assert app.run().session_state["value"] == drawn
    assert browser.told["edition"] == browser.sent["edition"]


def test_a_key_with_two_underscores_does_not_break_streamlits_naming(browser: Browser) -> None:
    app = testing.AppTest.from_function(page)
    app.session_state["value"] = []
    app.run()
    assert not app.exception and "__" not in browser.told["key"]


def compose(*solutions: str, lang: str = "en", devices: dict[str, Any] | None = None) -> Any:
    bundle = new_draft("B", "supermarket", None)
    for solution in solutions:
        bundle.add(solution)
    bundle.data["store"]["devices"] = devices or {"cam-1": {"kind": "camera"}, "cam-2": {"kind": "camera"}, "till-1": {"kind": "pos"}}
    app = testing.AppTest.from_file(str(ROOT / "studio" / "views" / "compose.py"), default_timeout=60)
    app.session_state["lang"], app.session_state["draft"] = lang, bundle
    app.run()
    assert not app.exception, app.exception
    return app


@pytest.mark.parametrize(("lang", "label"), [("en", "Picture to draw on"), ("zh", "绘制用画面")])
def test_counting_lines_are_drawn_for_the_bound_cameras(lang: str, label: str) -> None:
    app = compose("entrance_traffic", lang=lang)
    cameras = next(one for one in app.selectbox if one.key.endswith("/lines/camera"))
    assert cameras.options == ["cam-1", "cam-2"]
    assert label in [one.label for one in app.expander]


def test_a_drawn_line_becomes_config_with_its_camera_and_a_wrong_one_is_told(browser: Browser) -> None:
    app = compose("entrance_traffic", lang="zh")
    assert browser.told["fresh"] == {"camera": "cam-1"} and browser.told["form"] == "line"
    assert [field["key"] for field in browser.told["fields"]] == ["kind"]
    line = {"points": [[0.1, 0.5], [0.9, 0.5]], "rest": {"camera": "cam-1", "kind": "passer"}, "floor": None}
    browser.sent = {"edition": browser.told["edition"], "shapes": [line]}
    app.run()
    wanted = {"camera": "cam-1", "kind": "passer", "from": [0.1, 0.5], "to": [0.9, 0.5]}
    assert app.session_state["draft"].data["solutions"]["entrance_traffic"]["config"]["lines"] == [wanted]
    browser.sent = {"edition": browser.told["edition"], "shapes": [{**line, "points": [[0.1, 0.5], [0.1, 0.5]]}]}
    app.run()
    assert "第 1 个：线没有长度，请拉开两端。" in [one.value for one in app.error]


def test_the_value_can_be_typed_and_is_then_drawn(browser: Browser) -> None:
    app = compose("entrance_traffic")
    text = next(one for one in app.text_area if "/lines/text/" in one.key)
    text.set_value('[{"camera": "cam-2", "from": [0, 0.5], "to": [1, 0.5]}]')
    app.run()
    config = app.session_state["draft"].data["solutions"]["entrance_traffic"]["config"]
    assert config["lines"] == [{"camera": "cam-2", "from": [0, 0.5], "to": [1, 0.5]}]
    assert browser.told["shapes"] == []  # cam-1 is the one that is shown
    next(one for one in app.selectbox if one.key.endswith("/lines/camera")).set_value("cam-2")
    app.run()
    assert [shape["points"] for shape in browser.told["shapes"]] == [[[0, 0.5], [1, 0.5]]]
    next(one for one in app.text_area if "/lines/text/" in one.key).set_value('[{"camera": "cam-2"}]')
    app.run()
    assert any("a row without from" in one.value for one in app.error)
    assert app.session_state["draft"].data["solutions"]["entrance_traffic"]["config"] == config


def test_another_bundle_does_not_show_this_ones_pictures(browser: Browser) -> None:
    app = compose("entrance_traffic")
    app.session_state["pictures"] = {"cam-1": Picture(b"\xff\xd8 a picture", 0)}
    app.run()
    assert browser.told["picture"].startswith("data:image/jpeg;base64,")
    app.session_state["start/open"], app.session_state["start/way"] = True, "template"
    app.run().button(key="begin").click()
    app.run()
    assert "pictures" not in app.session_state


def test_a_vendors_setting_is_drawn_too(toys: Any, browser: Browser) -> None:
    toys.add("watch", "", source=VENDOR.replace("WIDGET", "polygons"))
    registry = toys.registry()
    schema = schemas.load(registry.catalogue.solution("watch").schema_file)

    def form() -> None:
        import streamlit as st

        from storeloom.studio.forms.model import Form
        from storeloom.studio.forms.render import config_form
        from storeloom.studio.pictures import Camera

        form = Form(st.session_state["schema"], {"places": []}, None, (), "config", {})
        config_form(form, "form", lambda new: None, cameras=[Camera("cam-9")])

    app = testing.AppTest.from_function(form)
    app.session_state["lang"], app.session_state["schema"] = "en", schema
    app.run()
    assert not app.exception
    assert (browser.told["form"], browser.told["fresh"]) == ("polygon", {"camera": "cam-9"})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (VENDOR.replace("WIDGET", "lines"), "the rows of 'places' lack 'from'"),
        (VENDOR.replace("list[Place]", "str").replace("WIDGET", "polygon"), "the widget 'polygon' of 'places' needs a list"),
    ],
)
def test_a_widget_that_does_not_fit_its_setting_is_refused_when_the_plugin_is_indexed(toys: Any, source: str, reason: str) -> None:
    toys.add("watch", "", source=source.replace("setting(list,", "setting('',") if "places: str" in source else source)
    _, findings = write(toys.package)
    assert [finding.code for finding in findings] == ["SL-PLG-03"] and reason in findings[0].text()


class Driver(Adapter):
    """A camera that shows what the test says: arrays, an error to raise, or None to wait until it is closed."""

    zh, en = "试", "Trial"

    def __init__(self, *shown: Any) -> None:
        super().__init__("cam", None)
        self.shown, self.closed = shown, threading.Event()

    def facts(self) -> Iterator[Fact]:
        for seq, one in enumerate(self.shown):
            if one is None:
                self.closed.wait(30)
                return
            if isinstance(one, Exception):
                raise one
            yield Fact(datetime(2026, 1, 1, tzinfo=UTC), "camera.frame", "cam", {"camera": "cam", "seq": seq, "pixels": one})

    def close(self) -> None:
        self.closed.set()


def take(monkeypatch: pytest.MonkeyPatch, driver: Driver) -> Any:
    """What is kept of a driver's frames, before anything is blurred."""
    monkeypatch.setattr(pictures, "make_adapter", lambda *_: driver)
    monkeypatch.setattr(pictures, "blurred", lambda image: image)
    return taken(Camera("cam", "trial"), Registry(), wait_s=0.3 if any(one is None for one in driver.shown) else 30)


def test_the_first_good_frame_is_taken_and_the_driver_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    np = pytest.importorskip("numpy")
    flat, good = np.full((4, 4, 3), 7, np.uint8), np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    driver = Driver(flat, good, flat)
    assert take(monkeypatch, driver) is good and driver.closed.wait(10)
    assert take(monkeypatch, Driver(flat)) is flat
    assert take(monkeypatch, Driver(flat, OSError("gone"))) is flat


@pytest.mark.parametrize(("shown", "word"), [((None,), "no_frame"), ((), "no_frame"), ((RuntimeError("lens"),), "driver_broke")])
def test_a_camera_that_gives_nothing_is_told(monkeypatch: pytest.MonkeyPatch, shown: tuple[Any, ...], word: str) -> None:
    driver = Driver(*shown)
    with pytest.raises(PictureError) as told:
        take(monkeypatch, driver)
    assert told.value.word == word and driver.closed.wait(10)


def test_a_camera_without_a_driver_is_told() -> None:
    with pytest.raises(PictureError) as told:
        taken(Camera("cam-1"), Registry())
    assert (told.value.word, told.value.values_said) == ("no_driver", {"camera": "cam-1"})


def test_a_file_that_is_no_picture_is_told() -> None:
    pytest.importorskip("cv2")
    for coded in (b"", b"no picture at all"):
        with pytest.raises(PictureError) as told:
            uploaded(coded)
        assert told.value.word == "bad_picture"


def test_people_in_a_recording_are_blurred_before_it_is_shown() -> None:
    cv2, np = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    footage = DATA / "video" / "store-aisle-detection.gif"
    if not footage.is_file():
        pytest.skip("the recording is absent")
    picture = taken(Camera("cam", "video_file", {"path": str(footage)}), Registry(), wait_s=60)
    assert picture.people >= 2
    shown = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    _, frame = cv2.VideoCapture(str(footage)).read()
    assert shown.shape == frame.shape
    changed = np.abs(shown.astype(int) - frame).max(axis=2) > 60
    assert 0.02 < changed.mean() < 0.6
    again = uploaded(cv2.imencode(".png", frame)[1].tobytes())
    assert again.people == picture.people
