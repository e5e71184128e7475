"""Store profiles: the wizard, where they are kept, many from a table, their places; in a folder and in a chain."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from storeloom.core.control.client import FleetFault
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual.formats import default_profile
from storeloom.studio.stores.devices import free_id, search
from storeloom.studio.stores.keeping import FOLDER, ChainStores, FolderStores, store_findings
from storeloom.studio.stores.sheet import COLUMNS, read_sheet, template
from storeloom.studio.stores.work import Work, rows_of
from tests.studio import chain_pages
from tests.studio.pages import draft, opened, run, texts
from tests.studio.plane import Plane

pytest.importorskip("streamlit", reason="the extra studio is absent")
PAGE = "views/stores.py"
GOOD = {"store": "s-1", "format": "supermarket", "zone": "Asia/Shanghai", "hours": {"open": "08:00", "close": "22:00"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of profiles; no control plane is named."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "stores"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("STORELOOM_SERVER", raising=False)
    return tmp_path / "stores"


@pytest.fixture(scope="module")
def known() -> Any:
    return Registry().catalogue


def begun(lang: str = "en", step: str = "basics") -> Any:
    """The wizard of a new store."""
    app = opened(PAGE, lang)
    app.button(key="new/begin").click()
    run(app)
    app.query_params["step"] = step
    return run(app)


def work(app: Any) -> dict[str, Any]:
    """The profile in work as it is kept."""
    from storeloom.studio.draft_file import DraftFile

    home = DraftFile.known(app.session_state["work"])
    assert home is not None
    return home.read(home.head())[1]


def sheet(*lines: str) -> bytes:
    return "\n".join(lines).encode()


# the page of all stores


@pytest.mark.parametrize(("lang", "words"), [("zh", "还没有门店"), ("en", "There is no store yet")])
def test_without_stores_the_page_says_how_to_begin(lang: str, words: str) -> None:
    app = opened(PAGE, lang)
    assert words in app.info[0].value and app.button(key="new/begin")


@pytest.mark.parametrize(("lang", "format_word"), [("zh", "超市"), ("en", "Supermarket")])
def test_stores_stand_in_a_table_and_are_searched(folder: Path, lang: str, format_word: str) -> None:
    keeper = FolderStores(folder)
    keeper.save({**GOOD, "name": "West Lake", "hours": {**GOOD["hours"], "sun": False}}, None, {}, None)  # type: ignore[dict-item]
    keeper.save({**GOOD, "store": "s-2", "format": "mall"}, None, {}, None)
    app = opened(PAGE, lang)
    table = app.dataframe[0].value
    assert table.iloc[0].tolist()[:4] == ["s-1", "West Lake", format_word, "08:00–22:00 *"]
    app.text_input(key="find").set_value("lake")
    assert len(run(app).dataframe[0].value) == 1


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_shown(folder: Path) -> None:
    FolderStores(folder).save(GOOD, None, {}, None)
    (folder / "bad.toml").write_text("store = [", encoding="utf-8")
    app = opened(PAGE, "en")
    assert any("SL-DOC-03" in error.value for error in app.error) and len(app.dataframe[0].value) == 1


@pytest.mark.parametrize(("lang", "none"), [("zh", "尚无门店填写位置"), ("en", "No store has a place")])
def test_the_map_shows_those_with_a_place_and_counts_the_others(folder: Path, lang: str, none: str) -> None:
    keeper = FolderStores(folder)
    keeper.save(GOOD, None, {}, None)
    assert none in opened(PAGE, lang, view="map").info[0].value
    keeper.save({**GOOD, "store": "s-2", "geo": {"lat": 30.25, "lon": 120.1}}, None, {}, None)
    app = opened(PAGE, lang, view="map")
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 1
    assert ("1 个门店没有填写位置" if lang == "zh" else "Without a place: 1") in texts(app)


# the wizard


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("step", ["basics", "hours", "floor", "devices", "check"])
def test_each_step_is_shown_in_both_languages(lang: str, step: str) -> None:
    assert begun(lang, step).title[0].value == "store-001"


def test_a_store_is_made_saved_opened_and_changed(folder: Path) -> None:
    app = begun()
    app.text_input(key="profile/store").set_value("cn-hz-9")
    run(app)
    app.text_input(key="profile/name").set_value("西湖店")
    run(app)
    app.query_params["step"] = "check"
    run(app)
    app.button(key="work/save").click()
    assert "Saved: cn-hz-9" in texts(run(app))
    saved = tomllib.loads((folder / "cn-hz-9.toml").read_text(encoding="utf-8"))
    assert (saved["document"], saved["name"], saved["hours"]) == ("store/1", "西湖店", {"open": "08:00", "close": "22:00"})
    app.button(key="work/leave").click()
    run(app)
    app.selectbox(key="open/store").set_value("cn-hz-9")
    assert run(app).title[0].value == "西湖店" and app.text_input(key="profile@2/store").disabled
    app.text_input(key="profile@2/name").set_value("东湖店")
    run(app)
    app.query_params["step"] = "check"
    run(app)
    app.button(key="work/save").click()
    run(app)
    assert tomllib.loads((folder / "cn-hz-9.toml").read_text(encoding="utf-8"))["name"] == "东湖店"


def test_a_wrong_value_has_its_finding_beside_it_and_bars_saving() -> None:
    app = begun("zh")
    app.text_input(key="profile/store").set_value("Bad Id")
    run(app)
    assert any("小写字母" in error.value for error in app.error)
    app.query_params["step"] = "check"
    run(app)
    assert app.button(key="work/save").disabled and any("SL-CFG-03" in error.value for error in app.error)


def test_edits_outlive_a_reload_and_are_undone() -> None:
    app = begun()
    app.text_input(key="profile/name").set_value("Lake")
    run(app)
    again = opened(PAGE, "en", work=app.session_state["work"])
    assert again.text_input(key="profile/name").value == "Lake"
    again.button(key="work/undo").click()
    assert not run(again).text_input(key="profile/name").value
    again.button(key="work/redo").click()
    assert run(again).text_input(key="profile/name").value == "Lake"


def test_hours_by_weekday_and_date() -> None:
    app = begun("en", "hours")
    app.selectbox(key="hours/usual/open").set_value("07:30")
    run(app)
    app.selectbox(key="hours/sun/way").set_value("closed")
    run(app)
    app.selectbox(key="hours/sat/way").set_value("own")
    run(app)
    app.selectbox(key="hours/sat/close").set_value("24:00")
    run(app)
    app.date_input(key="hours/new_date").set_value("2026-12-31")
    run(app)
    app.button(key="hours/add_date").click()
    run(app)
    app.selectbox(key="hours/date/2026-12-31").set_value("own")
    run(app)
    hours = work(app)["profile"]["hours"]
    assert (hours["open"], hours["sun"], hours["sat"]) == ("07:30", False, {"open": "07:30", "close": "24:00"})
    assert hours["dates"] == {"2026-12-31": {"open": "09:00", "close": "21:00"}}
    app.button(key="hours/date/2026-12-31/drop").click()
    run(app)
    app.selectbox(key="hours/sun/way").set_value("usual")
    run(app)
    assert {"dates", "sun"} & set(work(app)["profile"]["hours"]) == set()


def test_devices_are_added_with_their_drivers_settings_and_deleted() -> None:
    app = begun("en", "devices")
    app.selectbox(key="devices/kind").set_value("sensor")
    run(app)
    app.button(key="devices/add").click()
    run(app)
    app.selectbox(key="device/sensor-1/adapter").set_value("modbus_sensor")
    run(app)
    assert work(app)["profile"]["devices"] == {"sensor-1": {"kind": "sensor", "adapter": "modbus_sensor"}}
    assert any("devices" in (button.key or "") or "device/sensor-1/settings" in (button.key or "") for button in app.button)
    app.text_input(key="devices/id").set_value("sensor-1")
    run(app)
    app.button(key="devices/add").click()
    assert any("sensor-1 already" in warning.value for warning in run(app).warning)
    app.button(key="device/sensor-1/drop").click()
    assert work(run(app))["profile"]["devices"] == {}
    app.button(key="devices/usual").click()
    assert work(run(app))["profile"]["devices"] == default_profile("supermarket")["devices"]


def test_what_a_search_found_is_taken_over() -> None:
    app = begun("en", "devices")
    row = {"adapter": "camera", "settings": {"url": "rtsp://10.0.0.9/1"}, "name": "Door"}
    app.session_state["stores/found"] = ([row], "")
    run(app)
    app.button(key="discover/take/0").click()
    assert work(run(app))["profile"]["devices"]["camera-1"] == {"kind": "camera", "adapter": "camera", "settings": row["settings"]}
    assert app.button(key="discover/take/0").disabled


def test_a_search_finds_a_device_that_is_there() -> None:
    twins = pytest.importorskip("storeloom.hardware_adapters.sensor.modbus_sensor_twin", reason="the extra devices is absent")
    twin = twins.ModbusSensorTwin()
    twin.start()
    port = twin.port
    try:
        rows, reason = search("modbus_sensor", f"127.0.0.1:{port} 1-1", "en")
    finally:
        twin.close()
    assert reason == "" and rows == [{"adapter": "modbus_sensor", "settings": {"address": f"tcp://127.0.0.1:{port}", "unit_id": 1}}]


def test_a_search_tells_what_it_needs_in_the_readers_words() -> None:
    rows, reason = search("modbus_sensor", "nowhere at all", "zh")
    assert rows == [] and "搜索范围" in reason


def test_zones_become_rows_in_metres(folder: Path) -> None:
    square = {"zone": "z-1", "kind": "sales", "polygon": [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]}
    found = rows_of(Work(None, 0, {}, zones=(square,), width_m=40, depth_m=20))  # type: ignore[arg-type]
    assert found == [{"zone": "z-1", "kind": "sales", "floor": 1, "polygon": [[0, 0], [20, 0], [20, 10], [0, 10]], "area_m2": 200.0}]
    kept = FolderStores(folder).save(GOOD, None, {}, found)
    assert kept.zones == found and orjson.loads((folder / "s-1.zones.json").read_bytes()) == found


def test_zones_that_are_kept_are_drawn_again_where_they_were(folder: Path) -> None:
    rows = [
        {"zone": "z-1", "kind": "sales", "floor": 1, "polygon": [[0.0, 0.0], [20.0, 0.0], [20.0, 10.0], [0.0, 10.0]], "area_m2": 200.0},
        {"zone": "z-p", "kind": "parking", "floor": 0, "polygon": [[-40.0, -5.0], [-2.0, -5.0], [-2.0, 25.0]], "area_m2": 570.0},
    ]
    FolderStores(folder).save(GOOD, None, {}, rows)
    app = opened(PAGE, "en")
    app.selectbox(key="open/store").set_value("s-1")
    kept = work(run(app))
    assert (kept["left_m"], kept["top_m"], kept["width_m"], kept["depth_m"]) == (-40.0, -5.0, 60.0, 30.0)
    kept.pop("version")
    found = rows_of(Work(None, 0, **{**kept, "zones": tuple(kept["zones"])}))  # type: ignore[arg-type]
    assert found == rows


def test_the_draft_is_for_the_store_from_then_on() -> None:
    app = begun("en", "check")
    app.button(key="work/use").click()
    run(app)
    assert draft(app).data["store"]["store"] == "store-001"


# what is kept


def test_a_store_that_somebody_else_changed_is_not_overwritten(folder: Path) -> None:
    keeper = FolderStores(folder)
    first = keeper.save(GOOD, None, {}, None)
    keeper.save({**GOOD, "name": "theirs"}, first.version, {}, None)
    for version, code in ((first.version, "SL-API-13"), (None, "SL-API-12")):
        with pytest.raises(StoreloomError) as fault:
            keeper.save({**GOOD, "name": "mine"}, version, {}, None)
        assert [one.code for one in fault.value.findings] == [code]
    assert keeper.one("s-1").profile["name"] == "theirs"  # type: ignore[union-attr]
    assert keeper.one("../s-1") is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreloomError) as fault:
        FolderStores(tmp_path / "file").save(GOOD, None, {}, None)
    assert fault.value.findings[0].code == "SL-INP-01"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hours": {"open": "08:00"}}, "hours"),
        ({"hours": {}}, "hours"),
        ({"zone": "Mars/One"}, "zone"),
        ({"store": "UPPER"}, "store"),
        ({"devices": {"d": {"kind": "teapot"}}}, "devices.d.kind"),
        ({"devices": {"d": {"kind": "camera", "adapter": "nothing"}}}, "devices.d.adapter"),
    ],
)
def test_a_profile_is_checked_as_a_whole(known: Any, change: dict[str, Any], place: str) -> None:
    assert store_findings(GOOD, known) == []
    assert place in {finding.path for finding in store_findings({**GOOD, **change}, known)}


def test_a_new_device_gets_the_next_number() -> None:
    assert free_id({"camera-1": {}, "camera-3": {}}, "camera") == "camera-2" and free_id({}, "esl_gateway") == "esl-gateway-1"


# many from a table


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_template_reads_back_as_a_right_store(known: Any, lang: str) -> None:
    content = template(lang, chain=True)
    (line,) = read_sheet(content, known, ()).lines
    assert line.findings == () and line.profile["geo"] == {"lat": 30.25, "lon": 120.13}
    assert line.profile["hours"]["dates"] == {"2026-12-31": {"open": "08:00", "close": "18:00"}}
    assert len(line.profile["devices"]) == 9 and line.beside == {"region": None, "tags": [], "ring": 1}
    head = content.decode("utf-8-sig").splitlines()[0].split(",")
    assert head == [words[lang == "zh"] for words in COLUMNS.values()]


def test_every_finding_is_told_with_row_and_column_at_once(known: Any) -> None:
    head = "门店编号,业态,时区,纬度,开门,关门,周一,设备,边缘主机核数,ring"
    found = read_sheet(
        sheet(head, "A1,超级,Mars/X,abc,8点,22:00,乱,camera 4;foo 2,0,12", "", "a2,超市,Asia/Shanghai,,08:00,,,,,"), known, ()
    )
    first, second = found.lines
    assert {column for column, _ in first.findings} == {
        "store",
        "format",
        "zone",
        "lat",
        "lon",
        "open",
        "mon",
        "devices",
        "cores",
        "memory_mb",
        "ring",
    }
    assert (first.number, second.number) == (2, 4) and [column for column, _ in second.findings] == ["close"]
    said = dict(first.findings)["open"].text("zh")
    assert "8点" in said and "HH:MM" in said


def test_an_id_twice_or_taken_is_a_finding_unless_it_may_be_replaced(known: Any) -> None:
    rows = sheet("Store id,Format,Time zone,Opens,Closes", *["s-1,mall,Asia/Shanghai,09:00,21:00"] * 2)
    assert [len(line.findings) for line in read_sheet(rows, known, ()).lines] == [0, 1]
    assert [len(line.findings) for line in read_sheet(rows, known, ("s-1",)).lines] == [1, 1]
    assert [len(line.findings) for line in read_sheet(rows, known, ("s-1",), replace=True).lines] == [0, 1]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "SL-INP-01"),
        (b"\xff\xfe\x00\x81\x20", "SL-INP-01"),
        (b"Name\nx", "SL-CFG-04"),
        (b"Store id,Nmae\nx,y", "SL-CFG-02"),
        (b"Store id,Store id\nx,y", "SL-API-12"),
    ],
)
def test_a_file_that_is_no_such_table_is_told(known: Any, content: bytes, code: str) -> None:
    found = read_sheet(content, known, ())
    assert [one.code for one in found.findings] == [code] and found.lines == ()


@pytest.mark.parametrize("coding", ["utf-8-sig", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_tables_of_spreadsheet_programs_are_read(known: Any, coding: str, mark: str) -> None:
    text = (
        mark.join(["门店编号", "业态", "时区", "开门", "关门", "名称"])
        + "\r\n"
        + mark.join(["s-1", "便利店", "Asia/Shanghai", "07:00", "23:00", "小满"])
    )
    (line,) = read_sheet(text.encode(coding), known, ()).lines
    assert line.findings == () and (line.profile["format"], line.profile["name"]) == ("convenience", "小满")


def imported(lang: str, *rows: str, **query: str) -> Any:
    """The import view with a file chosen."""
    app = opened(PAGE, lang, view="import", **query)
    app.get("file_uploader")[0].set_value(("stores.csv", sheet("Store id,Format,Time zone,Opens,Closes", *rows), "text/csv"))
    return run(app)


RIGHT = "s-{n},mall,Asia/Shanghai,09:00,21:00"


def test_nothing_is_taken_while_a_row_is_wrong_unless_the_reader_says_so(folder: Path) -> None:
    app = imported("en", RIGHT.format(n=1), "s-2,mall,Mars/X,9,21:00")
    assert app.button(key="import/take").disabled
    wrong = app.dataframe[0].value
    assert sorted(wrong["Column"]) == ["Opens", "Time zone"] and set(wrong["Row"]) == {3}
    app.checkbox(key="import/partly").set_value(True)
    run(app)
    app.button(key="import/take").click()
    assert any("Imported: 1" in one.value for one in run(app).success)
    assert [file.name for file in folder.glob("*.toml")] == ["s-1.toml"]


def test_a_right_table_is_previewed_and_taken(folder: Path) -> None:
    app = imported("zh", *(RIGHT.format(n=n) for n in range(3)))
    assert app.dataframe[0].value["状态"].tolist() == ["正常"] * 3
    app.button(key="import/take").click()
    assert any("已导入 3 个门店" in one.value for one in run(app).success) and len(list(folder.glob("*.toml"))) == 3


# in a chain


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"))
    yield made
    made.close()


@pytest.fixture
def chain(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Plane:
    monkeypatch.setenv("STORELOOM_SERVER", plane.url)
    return plane


def test_nobody_signed_in_is_asked_to(chain: Plane) -> None:
    app = chain_pages.opened(PAGE, chain, None)
    assert any(box.key == "signin/password" for box in app.text_input) and not app.dataframe


@pytest.mark.parametrize(("role", "writes"), [("integrator", True), ("viewer", False)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_chains_stores_are_shown_and_changed_by_those_who_may(chain: Plane, role: str, writes: bool, lang: str) -> None:
    app = chain_pages.opened(PAGE, chain, role, lang)
    assert {"a", "b", "c"} <= set(app.dataframe[0].value.iloc[:, 0])
    assert any(button.key == "new/begin" for button in app.button) is writes
    app.selectbox(key="open/store").set_value("a")
    run(app)
    app.query_params["step"] = "check"
    run(app)
    assert app.button(key="work/save").disabled is not writes


def test_a_store_of_the_chain_is_saved_with_its_ring_and_region(chain: Plane) -> None:
    app = chain_pages.opened(PAGE, chain, "integrator")
    app.selectbox(key="open/store").set_value("c")
    run(app)
    app.text_input(key="profile/name").set_value("Lake")
    run(app)
    app.query_params["step"] = "check"
    run(app)
    app.number_input(key="beside/ring").set_value(5)
    run(app)
    app.button(key="work/save").click()
    run(app)
    stands = chain.ask("viewer").get("/stores/c").body
    assert (stands["profile"]["name"], stands["ring"], stands["region"]) == ("Lake", 5, "west")
    app.text_input(key="beside/region").set_value("no-such-region")
    run(app)
    app.button(key="work/save").click()
    assert any("SL-API-05" in error.value for error in run(app).error)


def test_stores_of_a_table_come_into_the_chain(chain: Plane) -> None:
    keeper = ChainStores(chain.ask("integrator"), "north")
    saved = keeper.save({**GOOD, "store": "new-1"}, None, {"region": "east", "ring": 2, "tags": ["x"]}, None)
    assert (saved.version, saved.beside["ring"]) == ("1", 2) and keeper.one("new-1") is not None
    with pytest.raises(FleetFault):
        keeper.save({**GOOD, "store": "new-1"}, None, {}, None)


# from the folder into a chain


def test_the_folders_stores_go_into_the_chain_and_what_it_refuses_is_told(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FolderStores(folder)
    for name, zone in (("s-1", "Asia/Shanghai"), ("s-2", "Asia/Shanghai"), ("a", "Asia/Shanghai")):
        kept.save({**GOOD, "store": name, "zone": zone}, None, {}, None)
    kept.save({**GOOD, "store": "s-3", "format": "kiosk"}, None, {}, None)
    plane = Plane(tmp_path)
    try:
        monkeypatch.setenv("STORELOOM_SERVER", plane.url)
        app = chain_pages.opened(PAGE, plane)
        app.button(key="move/take").click()
        said = texts(run(app))
        assert "Imported: 2" in said and "Not taken: s-3" in said and "SL-CFG-03" in said
        assert {one["id"] for one in plane.ask("viewer").pages("/stores")} == {"a", "b", "c", "s-1", "s-2"}
        assert (folder / "s-1.toml").is_file()
        assert "move/take" in chain_pages.keys(run(app)) and "s-1" not in texts(app).split("s-3")[0][-40:]
        assert "move/take" not in chain_pages.keys(chain_pages.opened(PAGE, plane, "viewer"))
    finally:
        plane.close()
