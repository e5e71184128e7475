"""The episode format: what an input brings when, and what an expectation holds against."""

import pytest

from storeloom.core.kernel.errors import InputFault, StoreloomError
from storeloom.core.virtual.episode import find_episodes, run_all, run_episode
from storeloom.core.virtual.matching import matches

ECHO = """
@on("sensor.reading", "pos.sale?", "camera.frame?")
def echo(self, event):
    self.kpi.add("seen")
    boxes = [thing["box"] for thing in event.get("scene", {}).get("objects", [])]
    late = (event.received - event.time).total_seconds()
    values = {"stream": event.stream, "source": event.source, "seq": event.get("seq"), "late": late, "store": event.store, "boxes": boxes,
              "gtin": event.get("gtin"), "asset": (self.tables.assets.get("a1") or {}).get("name"), "receipt": event.get("receipt")}
    yield out("alert.raise", alert=event.id, kind="hot", severity="info", state="open", value=event.get("value"),
              text=str(event.get("value")), asset=event.get("asset"), values={k: v for k, v in values.items() if v is not None})

@every("1h")
def tick(self, due):
    yield out("task.create", task=f"{due.time:%H%M}", kind="hot", title="tick", priority=3,
              items=[{"gtin": "06901234567892"}, {"gtin": "x"}])
"""
READING = "stream: sensor.reading, data: {sensor: s, kind: temperature, unit: C"


@pytest.fixture
def play(toys, tmp_path):
    """Runs an episode of the echo, which puts out an alert for every input and a task every hour."""
    toys.add("echo", ECHO, produces='"alert.raise", "task.create"', adapters='"sensor",')
    registry = toys.registry()

    def run(text, solution="solution: echo\n"):
        path = tmp_path / "episode.yaml"
        path.write_text(solution + text, encoding="utf-8")
        return run_episode(path, registry)

    return run


def alerts(result, *fields):
    told = [event for event in result.outputs if event.stream == "alert.raise"]
    return [(f"{event.time:%H:%M:%S}", *(event.data.get(f, event.data["values"].get(f)) for f in fields)) for event in told]


def given(*entries):
    return "given:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


def test_inputs_come_when_they_say_and_in_their_order(play):
    first = f"at: 2026-03-02T10:00:00Z, {READING}, value: 1}}"
    second = f"at: 2026-03-02T10:00:00Z, {READING}, value: 2}}"
    result = play(given(first, second))
    assert alerts(result, "value") == [("10:00:00", 1), ("10:00:00", 2)] and result.ok
    assert result.figures == {"echo": {"seen": 2}}


def test_repeat_sends_copies_with_the_same_id_which_count_once(play):
    assert alerts(play(given(f"at: 2026-03-02T10:00:00Z, repeat: 3, {READING}, value: 1}}"))) == [("10:00:00",)]
    twice = play(
        given(f"at: 2026-03-02T10:00:00Z, id: A, {READING}, value: 1}}", f"at: 2026-03-02T10:00:09Z, id: A, {READING}, value: 1}}")
    )
    assert len(alerts(twice)) == 1
    other = play(
        given(f"at: 2026-03-02T10:00:00Z, id: A, {READING}, value: 1}}", f"at: 2026-03-02T10:00:09Z, id: B, {READING}, value: 1}}")
    )
    assert len(alerts(other)) == 2


def test_every_and_for_repeat_with_both_ends(play):
    assert alerts(play(given(f"at: 2026-03-02T10:00:00Z, every_s: 10, for_s: 30, {READING}, value: 1, seq: 5}}")), "seq") == [
        ("10:00:00", 5),
        ("10:00:10", 6),
        ("10:00:20", 7),
        ("10:00:30", 8),
    ]
    assert len(alerts(play(given(f"at: 2026-03-02T10:00:00Z, every_s: 0.1, for_s: 0.3, {READING}, value: 1}}")))) == 4
    assert len(alerts(play(given(f"at: 2026-03-02T10:00:00Z, every_s: 10, {READING}, value: 1}}")))) == 1


def test_a_list_gives_an_element_a_repeat_and_a_shorter_one_ends_them(play):
    exact = play(given(f"at: 2026-03-02T10:00:00Z, every_s: 10, for_s: 20, {READING}, value: {{list: [1, 2, 3]}}}}"))
    assert alerts(exact, "value") == [("10:00:00", 1), ("10:00:10", 2), ("10:00:20", 3)]
    short = play(given(f"at: 2026-03-02T10:00:00Z, every_s: 10, for_s: 60, {READING}, value: {{list: [1, 2]}}}}"))
    assert alerts(short, "value") == [("10:00:00", 1), ("10:00:10", 2)]
    long = play(given(f"at: 2026-03-02T10:00:00Z, every_s: 10, for_s: 10, {READING}, value: {{list: [1, 2, 3]}}}}"))
    assert alerts(long, "value") == [("10:00:00", 1), ("10:00:10", 2)]


def test_moving_things_move_by_the_second(play):
    scene = "scene: {objects: [{id: p, class: person, box: [0.1, 0.2, 0.1, 0.3], move: [0.01, -0.02]}]}"
    entry = f"at: 2026-03-02T10:00:00Z, every_s: 2, for_s: 4, stream: camera.frame, data: {{camera: c, seq: 1, {scene}}}"
    boxes = [row[1][0] for row in alerts(play(given(entry)), "boxes")]
    assert boxes == [pytest.approx(box) for box in ([0.1, 0.2, 0.1, 0.3], [0.12, 0.16, 0.1, 0.3], [0.14, 0.12, 0.1, 0.3])]


def test_a_late_input_comes_when_it_is_received_and_keeps_its_time(play):
    late = f"at: {{time: 2026-03-02T09:00:00Z, received: 2026-03-02T10:00:05Z}}, {READING}, value: 1}}"
    result = play(given(f"at: 2026-03-02T10:00:00Z, {READING}, value: 0}}", late))
    assert alerts(result, "value", "late") == [("10:00:00", 0, 0), ("10:00:05", 1, 3605)]


def test_the_envelope_can_be_set(play):
    entry = f"at: 2026-03-02T10:00:00Z, id: X1, store: far, source: probe-9, {READING}, value: 1}}"
    assert alerts(play(given(entry)), "alert", "store", "source") == [("10:00:00", "X1", "far", "probe-9")]


def test_a_value_of_an_earlier_output_can_be_pointed_at(play):
    point = "{$from: alert.raise, where: {value: 2}, field: alert}"
    deep = "{$from: task.create, field: items.0.gtin, nth: 1}"
    entries = (
        f"at: 2026-03-02T09:59:00Z, id: A, {READING}, value: 1}}",
        f"at: 2026-03-02T09:59:01Z, id: B, {READING}, value: 2}}",
        f"at: 2026-03-02T10:00:01Z, {READING}, value: 3, asset: {point}}}",
        f"at: 2026-03-02T10:00:02Z, {READING}, value: 4, asset: {deep}}}",
        f"at: 2026-03-02T10:00:03Z, {READING}, value: 5, asset: {{$from: alert.raise, nth: 2, field: values.source}}}}",
    )
    result = play(given(*entries))
    assert [row[1] for row in alerts(result, "asset")][2:] == ["B", "06901234567892", "sensor-1"]


def test_pointing_at_what_is_not_there_is_a_difference(play):
    result = play(given(f"at: 2026-03-02T10:00:00Z, {READING}, value: 1, asset: {{$from: task.create, field: task, nth: 2}}}}"))
    assert not result.ok and "$from: only 0 task.create" in result.differences[0]


def test_tables_replace_and_change_while_the_clock_runs(play):
    text = """tables: {assets: [{asset: a1, kind: chiller, name: old}]}
tables_at: [{at: 2026-03-02T10:00:30Z, table: assets, rows: [{asset: a1, kind: chiller, name: new}]}]
"""
    result = play(text + given(f"at: 2026-03-02T10:00:00Z, every_s: 30, for_s: 60, {READING}, value: 1}}"))
    assert alerts(result, "asset") == [("10:00:00", "old"), ("10:00:30", "new"), ("10:01:00", "new")]


def test_the_clock_starts_at_from_and_runs_on_to_until(play):
    ticks = [f"{e.time:%H:%M}" for e in play("from: 2026-03-02T07:30:00Z\nuntil: 2026-03-02T10:00:00Z\n").outputs]
    assert ticks == ["08:00", "09:00", "10:00"]
    entry = given(f"at: 2026-03-02T09:30:00Z, {READING}, value: 1}}")
    assert [e.stream for e in play(entry).outputs] == ["alert.raise"]
    assert [e.stream for e in play("from: 2026-03-02T08:30:00Z\n" + entry).outputs] == ["task.create", "alert.raise"]


EXPECTATIONS = [
    ("expect: [{stream: alert.raise}]", True),
    ("expect: [{stream: alert.raise, times: 2}]", True),
    ("expect: [{stream: alert.raise, times: 1}]", False),
    ("expect: [{stream: task.create, times: 0}]", True),
    ("expect: [{stream: task.create}]", False),
    ("expect: [{stream: alert.raise, data: {value: 1.5}, times: 1}]", True),
    ("expect: [{stream: alert.raise, data: {value: 1.50001}}]", False),
    ("expect: [{stream: alert.raise, data: {value: {approx: 1.45, tol: 0.06}}}]", True),
    ("expect: [{stream: alert.raise, data: {value: {approx: 1.45, tol: 0.04}}}]", False),
    ("expect: [{stream: alert.raise, at: 2026-03-02T10:00:01Z, data: {value: 1.5}}]", True),
    ("expect: [{stream: alert.raise, at: 2026-03-02T10:00:02Z, data: {value: 1.5}}]", False),
    ("expect: [{stream: alert.raise, at: 2026-03-02T10:00:20Z, within_s: 20, times: 2}]", True),
    ("expect: [{stream: alert.raise, at: 2026-03-02T10:00:20Z, within_s: 19, times: 2}]", False),
    ("expect: [{stream: alert.raise, at: '2026-03-02T18:00:00+08:00', within_s: 0, times: 1}]", True),
    ("expect: [{stream: alert.raise, source: echo, times: 2}]", True),
    ("expect: [{stream: alert.raise, source: other}]", False),
    ("never: [{stream: alert.raise, data: {value: 3}}]", True),
    ("never: [{stream: alert.raise, data: {value: 2}}]", False),
    ("never: [{stream: alert.raise, at: 2026-03-02T10:00:30Z}]", True),
    ("kpis: {seen: 2}", True),
    ("kpis: {seen: 3}", False),
    ("kpis: {echo.seen: 2}", True),
    ("kpis: {echo: {seen: 2}}", True),
    ("kpis: {seen: {approx: 2.1, tol: 0.2}}", True),
    ("kpis: {seen: null}", False),
    ("kpis: {unheard: 2}", False),
    ("kpis: {unheard: null}", False),
]


@pytest.mark.parametrize(("expected", "holds"), [("null", True), ("0", True), ("1", False)])
def test_a_figure_with_nothing_to_measure_is_null_and_meets_0(toys, tmp_path, expected, holds):
    tail = 'Toy.kpis = {**Toy.kpis, "warmest": kpi("C", "Warmest", "最高")}'
    toys.add("echo", ECHO, produces='"alert.raise", "task.create"', adapters='"sensor",', tail=tail)
    path = tmp_path / "episode.yaml"
    inputs = given(f"at: 2026-03-02T10:00:00Z, {READING}, value: 1.5}}")
    path.write_text(f"solution: echo\n{inputs}kpis: {{warmest: {expected}}}\n", encoding="utf-8")
    assert run_episode(path, toys.registry()).ok is holds


@pytest.mark.parametrize(("text", "holds"), EXPECTATIONS)
def test_what_an_expectation_holds_against(play, text, holds):
    inputs = (f"at: 2026-03-02T10:00:00Z, {READING}, value: 1.5}}", f"at: 2026-03-02T10:00:40Z, {READING}, value: 2}}")
    result = play(given(*inputs) + text + "\n")
    assert result.ok is holds, result.differences


@pytest.mark.parametrize(
    ("expected", "got", "fits"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": 1}, {"b": 1}, False),
        ([1, 2], [1, 2, 3], True),
        ([1, 2], [1], False),
        ([2], [1, 2], False),
        (1000000, 1000000.9, True),
        (1000000, 1000002, False),
        (0, 0.0, True),
        (1, True, False),
        (None, None, True),
        (None, 0, False),
        ("2026-03-02T10:00:00Z", "2026-03-02T18:00:00+08:00", True),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00.000Z", True),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:01Z", False),
        ({"gtin": "6901234567892"}, {"gtin": "06901234567892"}, True),
        ({"lines": [{"gtin": "06901234567892"}]}, {"lines": [{"gtin": "6901234567892"}]}, True),
        ({"sku": "6901234567892"}, {"sku": "06901234567892"}, False),
        ({"approx": 3.42, "tol": 0.01}, 3.425, True),
        ({"approx": 3.42}, 3.43, False),
        ({"approx": 3.42, "tol": 0.01}, "3.42", False),
    ],
)
def test_how_values_are_compared(expected, got, fits):
    assert matches(expected, got) is fits


@pytest.mark.parametrize(
    ("text", "line", "code", "told"),
    [
        ("colour: red\n", 2, "SL-CFG-02", "'colour'"),
        ("give: []\n", 2, "SL-CFG-02", "Did you mean 'given'?"),
        ("given:\n  - {at: 2026-03-02T10:00:00Z, stream: pos.sale}\n  - {at: x, stream: pos.sale, evry_s: 1}\n", 4, "SL-CFG-02", "every_s"),
        ("from: 2026-03-02T10:00:00Z\nexpect:\n  - stream: alert.raise\n    time: 1\n", 5, "SL-CFG-02", "Did you mean 'times'?"),
        ("given:\n  - {at: 2026-03-02T10:00:00Z}\n", 3, "SL-CFG-04", "'stream'"),
        ("given:\n  - {stream: pos.sale}\n", 3, "SL-CFG-04", "'at'"),
        ("given:\n  - {at: noon, stream: pos.sale}\n", 3, "SL-EPI-01", "'noon' is no time"),
        ("given:\n  - {at: 2026-03-02T10:00:00Z, stream: pos.sail}\n", 3, "SL-EPI-01", "Did you mean 'pos.sale'?"),
        ("given:\n  - {at: 2026-03-02T10:00:00Z, stream: pos.sale, every_s: 0}\n", 3, "SL-CFG-03", "0 < value"),
        ("tables:\n  goods: []\nfrom: 2026-03-02T10:00:00Z\n", 3, "SL-EPI-01", "no table 'goods'"),
        ("title: nothing else\n", 1, "SL-EPI-01", "neither inputs nor `from`"),
    ],
)
def test_what_does_not_fit_the_format_is_refused_with_its_line(play, text, line, code, told):
    with pytest.raises(InputFault) as caught:
        play(text)
    finding = caught.value.findings[0]
    assert (finding.code, finding.line) == (code, line)
    assert told in finding.text() and finding.file.endswith("episode.yaml")


def test_a_config_that_does_not_fit_is_refused_with_its_line(play):
    with pytest.raises(StoreloomError) as caught:
        play("config:\n  limit_c: hot\nfrom: 2026-03-02T10:00:00Z\n")
    assert (caught.value.findings[0].code, caught.value.findings[0].line) == ("SL-CFG-01", 3)


def test_an_input_of_a_wrong_type_is_refused_and_listed(play):
    result = play(given(f"at: 2026-03-02T10:00:00Z, {READING}, value: warm}}", f"at: 2026-03-02T10:00:01Z, {READING}, value: 1}}"))
    assert alerts(result, "value") == [("10:00:01", 1)] and result.ok
    (refused,) = result.refused
    assert "sensor.reading" in refused and "value" in refused


def test_an_input_that_lacks_a_field_is_taken_if_the_solution_can_do_without(play):
    result = play(given("at: 2026-03-02T10:00:00Z, stream: sensor.reading, data: {value: 3}"))
    assert alerts(result, "value") == [("10:00:00", 3)] and result.ok and result.refused == []


def test_all_that_differs_is_told_in_both_languages(play):
    pointer = "$from: task.create, nth: 2, field: task, where: {kind: count}"
    text = given(
        f"at: 2026-03-02T10:00:00Z, {READING}, value: 1}}",
        "at: 2026-03-02T10:00:01Z, stream: sensor.reading, data: {value: ten}",
        f"at: 2026-03-02T10:00:02Z, {READING}, value: {{{pointer}}}}}",
    )
    text += "expect: [{stream: alert.raise, at: 2026-03-02T10:00:00Z, times: 2, data: {values: {value: 7}}}, {stream: task.create}]\n"
    text += "never: [{stream: alert.raise}]\nkpis: {seen: 9, unseen: 1}\n"
    result = play(text)
    zh, en = result.as_dict("zh"), result.as_dict()
    assert en["differences"] == result.differences and en["refused"] == result.refused and len(zh["refused"]) == len(en["refused"])
    assert [line.split("{")[0].rstrip() for line in result.differences] == [
        "$from: only 0 task.create like",
        "expected 2 times, got 0: alert.raise at 2026-03-02T10:00:00Z",
        "expected at least once, got 0: task.create",
        "never expected: alert.raise",
        "figure seen: expected 9, got 1.0",
        "there is no figure unseen of echo",
    ]
    assert [line.split("{")[0].rstrip() for line in zh["differences"]] == [
        "$from：至此只有 0 个符合",
        "期望 2 次，实得 0 次：alert.raise（2026-03-02T10:00:00Z）",
        "期望至少一次，实得 0 次：task.create",
        "不应出现：alert.raise",
        "指标 seen：期望 9，实得 1.0",
        "echo 没有指标 unseen",
    ]
    assert "\n    实得于 2026-03-02T10:00:00Z: {" in zh["differences"][1] and "\n    got at " in en["differences"][1]


def test_a_bundle_may_be_tried(play, bundle):
    path = bundle("[solutions.echo]\n[solutions.second]\nsolution = 'echo'\n")
    text = given(f"at: 2026-03-02T10:00:00Z, source: probe-1, {READING}, value: 1}}") + "kpis: {echo.seen: 1, second: {seen: 1}}\n"
    text += "expect: [{stream: alert.raise, source: second, times: 1}, {stream: alert.raise, times: 2}]\n"
    result = play(text, solution=f"bundle: {path.name}\n")
    assert result.ok, result.differences
    with pytest.raises(InputFault):
        play(text, solution=f"bundle: {path.name}\nsolution: echo\n")


def test_folders_are_searched_and_a_bad_file_is_a_result(toys, tmp_path):
    toys.add("echo", ECHO, produces='"alert.raise", "task.create"')
    registry = toys.registry()
    folder = tmp_path / "episodes" / "deep"
    folder.mkdir(parents=True)
    (folder / "01_good.yml").write_text("solution: echo\nfrom: 2026-03-02T10:00:00Z\n")
    (folder / "00_bad.yaml").write_text("solution: [\n")
    (folder / "notes.txt").write_text("no episode")
    assert [path.name for path in find_episodes([tmp_path / "episodes"])] == ["00_bad.yaml", "01_good.yml"]
    bad, good = run_all([tmp_path / "episodes"], registry)
    assert not bad.ok and "00_bad.yaml:1" in bad.differences[0] and good.ok
