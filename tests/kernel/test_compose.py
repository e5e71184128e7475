"""Composing: every finding at once, each with code, file and line; a plan only without errors."""

from pathlib import Path

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.errors import BundleFault, DocumentFault

HOT = """
@on("sensor.reading")
def hot(self, event):
    if event["value"] > self.config.limit_c:
        self.kpi.add("seen")
        return out("alert.raise", alert="a", kind="hot", severity="high", state="open", text="hot")
"""


@pytest.fixture
def hot(toys):
    toys.add("hot_toy", HOT, adapters='"sensor",')
    return toys


def codes(composition):
    return [finding.code for finding in composition.findings]


def test_a_sound_bundle_has_a_plan_with_defaults_and_devices(hot, bundle):
    composition = compose(bundle("[solutions.hot_toy]\nconfig = { limit_c = 7 }\n"), hot.registry())
    (one,) = composition.require().instances
    assert dict(one.config) == {"limit_c": 7, "slow": 1, "mode": "a"}
    assert [device.id for device in one.devices["sensor"]] == ["probe-1"]
    assert ("device:sensor", "sensor.reading", "hot_toy", True) in composition.edges


def test_all_findings_at_once_with_file_and_line(hot, bundle):
    path = bundle(
        """
        [solutions.hot_toy.config]
        limt_c = 4
        slow = "x"
        mode = "c"
        [solutions.hot_tay]
        """,
        devices={"till": "pos"},
    )
    composition = compose(path, hot.registry())
    found = {(f.code, f.line, f.path) for f in composition.errors}
    assert found == {
        ("SL-CFG-02", 4, "solutions.hot_toy.config.limt_c"),
        ("SL-CFG-01", 5, "solutions.hot_toy.config.slow"),
        ("SL-CFG-03", 6, "solutions.hot_toy.config.mode"),
        ("SL-PLG-01", 7, "solutions.hot_tay"),
        ("SL-DEV-01", 3, "solutions.hot_toy"),
        ("SL-WIR-01", 3, "solutions.hot_toy"),
    }
    assert all(f.file == str(path) for f in composition.errors)
    with pytest.raises(BundleFault):
        composition.require()


def test_an_unknown_key_reads_as_the_house_style_says(hot, bundle):
    path = bundle("[solutions.hot_toy.config]\nlimt_c = 4\n")
    (finding,) = compose(path, hot.registry()).errors
    assert finding.render("en") == (
        f"{path}:3  solutions.hot_toy.config.limt_c   [SL-CFG-02]\n"
        "  Unknown key 'limt_c' (4). Did you mean 'limit_c'?  Known: limit_c, mode, slow.\n"
        "  Rename or delete the key."
    )
    assert "是否想写“limit_c”" in finding.render("zh")


def test_a_missing_stream_names_what_could_provide_it(toys, bundle):
    toys.add("wants_forecast", '@on("forecast.demand")\ndef f(self, event): ...\n')
    toys.add("gives_forecast", '@on("sensor.reading")\ndef f(self, event): ...\n', produces='"forecast.demand",')
    composition = compose(bundle("[solutions.wants_forecast]\n"), toys.registry())
    (finding,) = composition.errors
    assert finding.code == "SL-WIR-01" and "gives_forecast" in finding.text() and finding.patch is not None
    whole = compose(bundle("[solutions.wants_forecast]\n[solutions.gives_forecast]\n"), toys.registry())
    assert whole.plan is not None


def test_what_is_made_for_the_stores_format_is_proposed_first(toys, bundle):
    toys.add("wants_prices", '@on("competitor.price")\ndef f(self, event): ...\n')
    handler = '@on("sensor.reading")\ndef f(self, event): ...\n'
    toys.add("a_malls_prices", handler, produces='"competitor.price",')
    file = toys.root / "solutions" / "a_malls_prices.py"
    file.write_text(file.read_text(encoding="utf-8").replace('("supermarket",)', '("mall",)'), encoding="utf-8")
    toys.add("gives_prices", handler, produces='"competitor.price",')
    (finding,) = compose(bundle("[solutions.wants_prices]\n"), toys.registry()).errors
    assert finding.patch == {"solutions": {"gives_prices": {}}}
    assert finding.text().index("gives_prices") < finding.text().index("a_malls_prices")


RING_A = '@on("forecast.demand")\ndef f(self, event): return out("order.propose", event.data)\n'
RING_B = '@on("order.propose")\ndef f(self, event): return out("forecast.demand", event.data)\n'


def test_a_ring_that_nothing_outside_feeds_is_an_error(toys, bundle):
    toys.add("ring_a", RING_A, produces='"order.propose",')
    toys.add("ring_b", RING_B, produces='"forecast.demand",')
    composition = compose(bundle("[solutions.ring_a]\n[solutions.ring_b]\n"), toys.registry())
    (finding,) = composition.errors
    assert finding.code == "SL-WIR-02"
    assert finding.text().startswith("Cyclic wiring: ring_a -> ring_b -> ring_a; none of them can start")


def test_a_fed_ring_is_a_note(toys, bundle):
    toys.add("ring_a", RING_A, produces='"order.propose",')
    toys.add("ring_b", RING_B, produces='"forecast.demand",')
    toys.add("source", '@on("sensor.reading")\ndef f(self, event): ...\n', produces='"forecast.demand",')
    composition = compose(bundle("[solutions.ring_a]\n[solutions.ring_b]\n[solutions.source]\n"), toys.registry())
    assert composition.plan is not None and codes(composition) == ["SL-WIR-03"]


LABELS = '@on("price.set?")\ndef f(self, event): ...\n@every("1d", at="close")\ndef g(self, due): ...\n'


def test_two_that_command_one_device_need_an_order(toys, bundle):
    for name in ("labels_a", "labels_b"):
        toys.add(name, LABELS, produces='"label.update",', adapters='"esl_gateway",')
    registry = toys.registry()
    both = "[solutions.labels_a]\n[solutions.labels_b]\n"
    composition = compose(bundle(both, devices={"esl-1": "esl_gateway"}), registry)
    (finding,) = composition.errors
    assert finding.code == "SL-WIR-04" and "esl-1" in finding.text()
    ordered = '[arbitrate]\n"label.update" = ["labels_a", "labels_b"]\n'
    assert compose(bundle(both + ordered, devices={"esl-1": "esl_gateway"}), registry).plan is not None
    apart = '[solutions.labels_a.devices]\nesl_gateway = ["esl-1"]\n[solutions.labels_b.devices]\nesl_gateway = ["esl-2"]\n'
    devices = {"esl-1": "esl_gateway", "esl-2": "esl_gateway"}
    assert compose(bundle(apart, devices=devices), registry).plan is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('[solutions.hot_toy.devices]\nsensor = ["probe-9"]\n', "SL-DEV-02"),
        ('[solutions.hot_toy.devices]\nsensor = ["till-1"]\n', "SL-DEV-03"),
        ('[solutions.hot_toy.devices]\npos = ["till-1"]\n', "SL-DEV-04"),
        ('[solutions.hot_toy.from]\n"sensor.reading" = ["nobody"]\n', "SL-WIR-06"),
        (
            "[solutions.hot_toy]\n[profiles.night]\nwhen = { from = '22:00' }\n[profiles.night.solutions.hot_toy.config]\nslow = 2\n",
            "SL-CFG-06",
        ),
        (
            "[solutions.hot_toy]\n[profiles.night]\nwhen = { from = '22:00' }\n[profiles.night.solutions.nobody.config]\nslow = 2\n",
            "SL-PLG-01",
        ),
        ('[solutions.hot_toy]\nsolutoin = "x"\n', "SL-CFG-02"),
    ],
)
def test_each_fault_of_a_bundle_has_its_code(hot, bundle, body, code):
    composition = compose(bundle(body, devices={"probe-1": "sensor", "till-1": "pos"}), hot.registry())
    assert code in {f.code for f in composition.errors}
    assert all(f.file and f.line for f in composition.errors)


def test_a_device_given_as_text_is_one_fault_and_not_one_a_letter(hot, bundle):
    body = '[solutions.hot_toy.devices]\nsensor = "probe-1"\n'
    composition = compose(bundle(body, devices={"probe-1": "sensor"}), hot.registry())
    assert [f.code for f in composition.errors] == ["SL-CFG-01"]


def test_a_format_that_does_not_fit_and_a_host_too_small(hot, bundle):
    path = bundle("[solutions.hot_toy]\n")
    text = path.read_text().replace('"supermarket"', '"mall"').replace("cores = 4", "cores = 0.05")
    path.write_text(text)
    assert {f.code for f in compose(path, hot.registry()).errors} == {"SL-FMT-01", "SL-CAP-01"}


def test_no_store_no_solutions(toys, tmp_path: Path):
    path = tmp_path / "empty.toml"
    path.write_text('document = "bundle/1"\n')
    assert {f.code for f in compose(path, toys_registry()).errors} == {"SL-BND-03", "SL-BND-04"}


def toys_registry():
    from storeloom.core.kernel.registry import Registry

    return Registry()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("gone.toml", None, "SL-DOC-01"),
        ("broken.toml", "a = [1,\n", "SL-DOC-03"),
        ("bytes.toml", b"\xff\xfe\x00", "SL-DOC-02"),
        ("twice.toml", "a = 1\na = 2\n", "SL-DOC-03"),
        ("other.toml", 'document = "store/1"\n', "SL-DOC-04"),
    ],
)
def test_a_file_that_is_no_bundle_raises_one_clear_fault(tmp_path: Path, name, content, code):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DocumentFault) as caught:
        compose(path, toys_registry())
    (finding,) = caught.value.findings
    assert finding.code == code and finding.file == str(path)


def test_layers_and_their_origins(hot, tmp_path: Path):
    from storeloom.core.kernel.sources import read_sources

    (tmp_path / "t.toml").write_text('document = "template/1"\n[solutions.hot_toy.config]\nlimit_c = 6\nmode = "b"\n')
    (tmp_path / "o.toml").write_text('document = "overlay/1"\n[solutions.hot_toy.config]\nlimit_c = 8\n')
    hours = 'hours = { open = "08:00", close = "22:00" }'
    profile = f'store = "s1"\nformat = "supermarket"\nzone = "UTC"\n{hours}\n[devices]\np = {{ kind = "sensor" }}\n'
    (tmp_path / "s.toml").write_text(profile)
    own = tmp_path / "b.toml"
    own.write_text('template = "t.toml"\noverlays = ["o.toml"]\nstore = "s.toml"\n[solutions.hot_toy.config]\nslow = 3\n')
    registry = hot.registry()
    sources = read_sources(own, registry.catalogue)
    rows = {
        row.path[-1]: (row.value, row.origin.layer, row.origin.line) for row in sources.layered.explain("solutions", "hot_toy", "config")
    }
    assert rows == {"limit_c": (8, "overlay o", 3), "mode": ("b", "template t", 4), "slow": (3, "store s1", 5)}
    assert compose(own, registry).plan is not None


def test_a_cross_field_problem_stands_at_its_key(toys, bundle):
    tail = """
    from storeloom.core.kernel.contract import Problem
    from storeloom.core.kernel.hooks import hookimpl

    @hookimpl
    def storeloom_config_problems(config, store):
        if config["limit_c"] > 10 and config["mode"] == "a":
            return [Problem("limit_c", "Too warm for mode a.", "模式 a 下过高。", "Use mode b.", "请用模式 b。")]
        return []
    """
    toys.add("hot_toy", HOT, adapters='"sensor",', tail=tail)
    path = bundle("[solutions.hot_toy.config]\nlimit_c = 12\n")
    (finding,) = compose(path, toys.registry()).errors
    assert (finding.code, finding.line, finding.text("zh")) == ("SL-CFG-05", 3, "模式 a 下过高。")


def test_the_runtime_table_has_defaults_and_is_checked_stream_by_stream(hot, bundle):
    composition = compose(bundle("[solutions.hot_toy]\n"), hot.registry())
    assert composition.require().runtime == {"lateness_d": 30, "keep_days": 35, "keep_mb": 4096, "queues": {}}
    path = bundle(
        """
        [solutions.hot_toy]
        [runtime]
        keep_days = 7
        keep_mb = 10
        [runtime.queues."camera.frame"]
        policy = "drop_newest"
        [runtime.queues."camera.frames"]
        limit = 8
        [runtime.queues."pos.sale"]
        policy = "sample"
        """
    )
    errors = compose(path, hot.registry()).errors
    assert [(f.code, f.line, f.path) for f in errors] == [
        ("SL-CFG-09", 5, "runtime.keep_days"),
        ("SL-CFG-03", 6, "runtime.keep_mb"),
        ("SL-CFG-03", 8, "runtime.queues.camera.frame.policy"),
        ("SL-PLG-01", 9, "runtime.queues.camera.frames"),
        ("SL-CFG-08", 11, "runtime.queues.pos.sale"),
    ]
    by_code = {finding.code: finding for finding in errors}
    assert "Did you mean 'camera.frame'?" in by_code["SL-PLG-01"].text() and "数据流" in by_code["SL-PLG-01"].text("zh")
    assert by_code["SL-CFG-09"].text().startswith("keep_days = 7 is shorter than lateness_d = 30")


def test_the_runtime_table_reaches_the_plan(hot, bundle):
    body = "[solutions.hot_toy]\n[runtime]\nlateness_d = 2\n[runtime.queues.'camera.frame']\nlimit = 8\n"
    runtime = compose(bundle(body), hot.registry()).require().runtime
    assert runtime == {"lateness_d": 2, "keep_days": 35, "keep_mb": 4096, "queues": {"camera.frame": {"limit": 8}}}


def test_a_setting_that_is_no_cron_text_is_found(toys, bundle):
    source = (
        '"""A toy with a timetable."""\n'
        "from storeloom.core.kernel.contract import Solution, SolutionConfig, every, setting\n"
        "class Toy(Solution):\n"
        '    zh, en, purpose_zh, formats, produces = "玩具", "Toy", "测试", ("supermarket",), ("alert.raise",)\n'
        "    class Config(SolutionConfig):\n"
        '        when: str = setting("0 6 * * 1-5", "When", "何时", widget="cron")\n'
        '    @every(cron="config.when")\n'
        "    def f(self, due): ...\n"
    )
    toys.add("timed", "", source=source)
    registry = toys.registry()
    assert compose(bundle("[solutions.timed]\n"), registry).errors == ()
    (finding,) = compose(bundle('[solutions.timed.config]\nwhen = "0 6 * * 8"\n'), registry).errors
    assert (finding.code, finding.path, finding.line) == ("SL-CFG-03", "solutions.timed.config.when", 3)
    assert "'0 6 * * 8' is no cron text: bad day-of-week" in finding.text() and "cron" in finding.text("zh")


def test_the_way_up_is_checked_address_secret_and_streams(hot, bundle):
    body = "[solutions.hot_toy]\n[runtime.uplink]\nurl = '{}'\ntoken = 'hq'\nstreams = ['{}']\n"
    composition = compose(bundle(body.format("http://hq.example", "pos.sales")), hot.registry())
    assert {(one.code, one.line, one.path) for one in composition.findings} == {
        ("SL-CFG-03", 4, "runtime.uplink.url"),
        ("SL-PLG-01", 6, "runtime.uplink.streams"),
    }
    for url in ("https://hq.example/loom", "https://hq.example:8443", "http://127.0.0.1:8000", "http://localhost"):
        plan = compose(bundle(body.format(url, "pos.sale")), hot.registry()).require()
        assert plan.runtime["uplink"] == {"url": url, "token": "hq", "streams": ["pos.sale"]}
    for url in ("https://", "https://hq@evil.example", "http://127.0.0.1.evil.example", "ftp://hq.example", "https://hq.example?a=1"):
        findings = compose(bundle(body.format(url, "pos.sale")), hot.registry()).findings
        assert [one.code for one in findings] == ["SL-CFG-03"], url


COUNTER = '''"""A toy that counts at lines."""
from typing import Any
from pydantic import BaseModel, Field
from storeloom.core.kernel.contract import Solution, SolutionConfig, on, setting
class Line(BaseModel):
    camera: str = Field(title="Camera", json_schema_extra={"x-zh": "摄像机", "x-widget": "device"})
class Toy(Solution):
    zh, en, purpose_zh, formats, produces = "玩具", "Toy", "测试", ("supermarket",), ("alert.raise",)
    class Config(SolutionConfig):
        lines: list[Line] = setting(list, "Lines", "计数线")
        clocks: list[str] = setting(list, "Clocks", "时钟", widget="device")
        notes: dict[str, Any] = setting(dict, "Notes", "备注")
    @on("sensor.reading?")
    def f(self, event): ...
'''


def test_a_setting_that_names_a_device_the_store_lacks_is_told_with_its_line(toys, bundle):
    toys.add("counter", "", source=COUNTER)
    body = '[solutions.counter.config]\nclocks = ["clock-1"]\nnotes = { a = [1] }\nlines = [{ camera = "cam-1" }, { camera = "cam1" }]\n'
    composition = compose(bundle(body, devices={"cam-1": "camera", "clock-1": "terminal"}), toys.registry())
    (finding,) = [one for one in composition.findings if one.severity != "info"]
    assert (finding.code, finding.severity, finding.path) == ("SL-DEV-05", "warning", "solutions.counter.config.lines[1].camera")
    assert finding.line and "Did you mean 'cam-1'?" in finding.text() and composition.plan is not None
