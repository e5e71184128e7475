"""What a user can get wrong: one clear text with file and place, exit code 1 or 2, never a traceback, nothing stored is lost."""

import json
import socket

import pytest


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nonsense"], "COMMAND cannot be 'nonsense'. Allowed: catalogue, show"),
        ([], "missing: COMMAND"),
        (["show"], "missing: ID"),
        (["catalogue", "--colour", "red"], "there is no option --colour"),
        (["catalogue", "--format", "kiosk"], "--format cannot be 'kiosk'. Allowed: supermarket"),
        (["try", "b.toml", "--solution", "toy"], "give either a bundle or --solution ID"),
        (["try", "b.toml", "--days", "two"], "--days must be >= 1, got 'two'"),
        (["try", "--solution", "toy_teller", "--start", "Monday"], "--start 'Monday' is no date like 2026-03-02"),
        (["try", "--solution", "toy_teller", "--days", "0"], "--days"),
        (["try", "--solution", "toy_teller", "--days", "-3"], "--days"),
        (["try", "--solution", "toy_teller", "--scale", "-1"], "--scale"),
        (["try", "--solution", "toy_teller", "--scale", "nan"], "--scale"),
        (["run", "b.json"], "missing: --data"),
        (["bench", "colour"], "no bench area 'colour'"),
    ],
)
def test_misuse_exits_with_2_and_says_where_to_read_on(call, shop, words, told):
    answer = call(*words)
    assert answer.code == 2 and answer.out == ""
    assert told in answer.err and "[SL-CLI-01]" in answer.err and "See: storeloom" in answer.err
    assert any("\u4e00" <= sign <= "\u9fff" for sign in call(*words, "--lang", "zh").err)
    assert call(*words, "--json").json["findings"][0]["code"] == "SL-CLI-01"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "toy_tellr"], "Did you mean 'toy_teller'?"),
        (["try", "--solution", "toy_tellr"], "Did you mean 'toy_teller'?"),
        (["catalogue", "--scenario", "enrgy"], "Did you mean 'energy'?"),
        (["check", "no_such.toml"], "File not found: no_such.toml"),
        (["compose", "no_such.toml"], "File not found: no_such.toml"),
        (["explain", "no_such.toml"], "File not found: no_such.toml"),
        (["pack", "no_such.toml"], "File not found: no_such.toml"),
        (["try", "no_such.toml"], "File not found: no_such.toml"),
        (["run", "no_such.json", "--data", "d"], "File not found: no_such.json"),
        (["episode", "run", "no_such.yaml"], "File not found: no_such.yaml"),
        (["index", "--check", "--package", "no_such_folder"], "no_such_folder"),
        (["check", "."], "Cannot read .:"),
    ],
)
def test_what_is_not_there_is_named(call, shop, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call(*words)
    assert answer.code == 1 and told in answer.said


def test_a_place_that_a_bundle_does_not_have_is_named_with_what_is_there(call, shop):
    answer = call("explain", shop, "solutions.toy_teller.config.limit")
    assert answer.code == 2 and answer.out == "" and "Did you mean 'limit_c'? Known in solutions.toy_teller.config: limit_c" in answer.err
    assert "Known: solutions" in call("explain", shop, "solution").err
    assert "solutions 中可用：toy_teller" in call("explain", shop, "solutions.other.config", "--lang", "zh").err


def test_a_control_plane_that_cannot_listen_or_has_no_chain_says_so(call, tmp_path):
    folder = tmp_path / "control"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = call("server", "run", "--folder", folder, "--listen", listen)
    assert answer.code == 1 and f"[SL-OBS-05]\n  Cannot listen on '{listen}': it is in use by another program." in answer.err
    assert "that is no HOST:PORT" in call("server", "run", "--folder", folder, "--listen", "here").err
    answer = call("audit", "verify", "--folder", folder)
    assert answer.code == 1 and f"There is no chain here: storeloom server init --chain ID --email ADDRESS --folder {folder}" in answer.err
    assert "此处没有连锁 north：" in call("audit", "verify", "--folder", folder, "--chain", "north", "--lang", "zh").err


BUNDLES = {
    "an unknown solution": ("[solutions.toy_tellr]\n", "SL-PLG-01", 2),
    "a wrong type": ("[solutions.toy_teller]\nconfig = { limit_c = 'hot' }\n", "SL-CFG-01", 3),
    "a value out of range": ("[solutions.toy_teller]\nconfig = { limit_c = 40 }\n", "SL-CFG-03", 3),
    "an extra key": ("[solutions.toy_teller]\nconfig = { limit = 4 }\n", "SL-CFG-02", 3),
    "a device that is not there": ("[solutions.toy_teller]\ndevices = { pos = ['till-9'] }\n", "SL-DEV-02", 3),
    "a kind that it does not take": ("[solutions.toy_teller]\ndevices = { camera = ['till-1'] }\n", "SL-DEV-04", 3),
    "no solution": ("", "SL-BND-04", None),
    "a solution that is no table": ("solutions = 5\n", "SL-CFG-01", 2),
    "a profile for nobody": (
        "[solutions.toy_teller]\n[profiles.night]\nwhen = { from = '18:00' }\n[profiles.night.solutions.other]\n",
        "SL-PLG-01",
        5,
    ),
    "a profile that is no table": ("[solutions.toy_teller]\n[profiles]\nnight = 5\n", "SL-CFG-01", 4),
}


@pytest.mark.parametrize("what", BUNDLES)
@pytest.mark.parametrize("command", ["check", "compose", "pack", "try"])
def test_a_bundle_with_a_mistake_is_refused_with_file_line_and_code(call, shop, bundle, command, what):
    body, code, line = BUNDLES[what]
    path = bundle(body, devices={"till-1": "pos"})
    answer = call(command, path)
    assert answer.code == 1
    assert f"[{code}]" in answer.said and path.name in answer.said
    assert line is None or f"{path}:{line}" in answer.said
    assert not list(path.parent.glob("*.bundle.json"))


def test_all_mistakes_are_told_at_once(call, shop, bundle):
    path = bundle("[solutions.toy_teller]\nconfig = { limit = 4, slow = 'x' }\n[solutions.other]\n", devices={"till-1": "camera"})
    findings = call("compose", path, "--json").json["findings"]
    assert {f["code"] for f in findings} >= {"SL-CFG-02", "SL-CFG-01", "SL-PLG-01", "SL-DEV-01"}
    assert all(f["reason"] and f["fix"] for f in findings)


def test_cyclic_wiring_is_named_with_what_could_feed_it(call, toys, bundle):
    for one, takes, gives in (("ping", "price.set", "promo.result"), ("pong", "promo.result", "price.set")):
        toys.add(one, f'@on("{takes}")\ndef f(self, event): ...\n', produces=f'"{gives}",')
    toys.registry()
    answer = call("check", bundle("[solutions.ping]\n[solutions.pong]\n", devices={"door-1": "gate"}))
    assert answer.code == 1 and "[SL-WIR-02]" in answer.out and "ping -> pong -> ping" in answer.out


TEXTS = {
    "broken.toml": (b'document = "bundle/1"\n[solutions.toy_teller\n', "SL-DOC-03", 2),
    "twice.toml": (b"name = 'a'\nname = 'b'\n", "SL-DOC-03", 2),
    "empty.toml": (b"", "SL-BND-04", None),
    "binary.toml": (b"\xff\xfe\x00\x01", "SL-DOC-02", 1),
    "list.json": (b"[1, 2]", "SL-DOC-03", 1),
    "cut.json": (b'{"document": "bundle/1", "solu', "SL-DOC-03", 1),
    "broken.yaml": (b"a: [1, 2\nb: 3\n", "SL-DOC-03", 2),
    "deep.json": (b"[" * 5000, "SL-DOC-03", None),
    "notes.txt": (b"hello", "SL-DOC-03", None),
    "other.toml": (b'document = "overlay/1"\n', "SL-DOC-04", 1),
    "odd.toml": (b"document = 5\n", "SL-DOC-04", 1),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("command", ["check", "compose", "try"])
def test_a_file_that_is_no_bundle_is_named_with_its_line(call, shop, tmp_path, name, command):
    content, code, line = TEXTS[name]
    path = tmp_path / name
    path.write_bytes(content)
    answer = call(command, path)
    if command == "check" and name == "other.toml":  # an overlay may be checked by itself
        assert answer.code == 0
        return
    assert answer.code == 1 and f"[{code}]" in answer.said and name in answer.said
    assert line is None or f"{path}:{line}" in answer.said


def packed(call, shop):
    path = shop.with_name("p.bundle.json")
    assert call("pack", shop, "-o", path).code == 0
    return path


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("how", ["changed", "cut", "emptied", "another kind", "without a lock", "another plugin"])
def test_a_packed_bundle_that_is_not_as_it_was_packed_does_not_run(call, shop, toys, tmp_path, command, how):
    path = packed(call, shop)
    text = path.read_text()
    if how == "changed":
        path.write_text(text.replace('"limit_c":4', '"limit_c":9'))
    elif how == "cut":
        path.write_text(text[: len(text) // 2])
    elif how == "emptied":
        path.write_text('{"document": "packed/1"}')
    elif how == "another kind":
        path.write_text('{"document": "store/1"}')
    elif how == "without a lock":
        from storeloom.core.kernel.lock import canonical

        body = {key: value for key, value in json.loads(text).items() if key not in ("lock", "digest")}
        import hashlib

        path.write_text(json.dumps({**body, "digest": "sha256:" + hashlib.sha256(canonical(body)).hexdigest()}))
    else:
        module = toys.root / "solutions" / "toy_teller.py"
        module.write_text(module.read_text() + "\n# changed\n")
    data = tmp_path / "data"
    words = ["check", path] if command == "check" else ["run", path, "--data", data, "--once"]
    answer = call(*words)
    assert answer.code == 1 and path.name in answer.said
    assert not data.exists(), "a store was begun for a bundle that cannot run"


EPISODES = {
    "not YAML": "solution: [\n",
    "empty": "",
    "neither solution nor bundle": "title: x\n",
    "an unknown solution": "solution: toy_tellr\nfrom: 2026-03-02T10:00:00Z\n",
    "a bundle that is not there": "bundle: gone.toml\nfrom: 2026-03-02T10:00:00Z\n",
    "given is no list": "solution: toy_teller\ngiven: 5\n",
    "no time at all": "solution: toy_teller\n",
    "a config that does not fit": "solution: toy_teller\nconfig: {limit_c: hot}\nfrom: 2026-03-02T10:00:00Z\n",
    "an unknown stream": "solution: toy_teller\nfrom: 2026-03-02T10:00:00Z\nexpect: [{stream: alert.rise}]\n",
    "an unknown table": "solution: toy_teller\nfrom: 2026-03-02T10:00:00Z\ntables: {goods: []}\n",
    "a time that is none": "solution: toy_teller\nfrom: noon\n",
    "an expected time that is none": "solution: toy_teller\nfrom: 2026-03-02T10:00:00Z\nexpect: [{stream: alert.raise, at: soon}]\n",
    "a store that is no table": "solution: toy_teller\nstore: 5\nfrom: 2026-03-02T10:00:00Z\n",
    "a zone that is none": "solution: toy_teller\nstore: {zone: Mars/Base}\nfrom: 2026-03-02T10:00:00Z\n",
    "a format that is none": "solution: toy_teller\nstore: {format: kiosk}\nfrom: 2026-03-02T10:00:00Z\n",
}


@pytest.mark.parametrize("what", EPISODES)
def test_a_file_that_is_no_episode_is_named_and_the_others_run(call, shop, episode, tmp_path, what):
    bad = tmp_path / "00_bad.yaml"
    bad.write_text(EPISODES[what], encoding="utf-8")
    answer = call("episode", "run", bad, episode)
    assert answer.code == 1 and "1 passed, 1 failed" in answer.out
    assert "[SL-" in answer.out and "00_bad.yaml" in answer.out


def test_a_folder_without_episodes_is_no_success(call, tmp_path):
    assert call("episode", "run", tmp_path).code == 1


LOGS = {"cut in half": lambda raw: raw[: len(raw) // 2], "not a database": lambda raw: b"hello" * 500, "of one byte": lambda raw: b"x"}


@pytest.mark.parametrize("how", LOGS)
def test_a_damaged_store_log_is_named_and_left_as_it_is(call, shop, tmp_path, how):
    path, data = packed(call, shop), tmp_path / "data"
    receipts = tmp_path / "till.csv"
    lines = [f"r{n},2026-03-02T10:{n % 60:02}:00,1,6901234567892,1,1.00,1.00" for n in range(50)]
    receipts.write_text("receipt,time,line,gtin,qty,price,amount\n" + "\n".join(lines), encoding="utf-8")
    assert call("run", path, "--data", data, "--pos", receipts, "--once").code == 0
    log = data / "store.db"
    damaged = LOGS[how](log.read_bytes())
    log.write_bytes(damaged)
    answer = call("run", path, "--data", data, "--pos", receipts, "--once")
    assert answer.code == 1 and "[SL-LOG-01]" in answer.err and str(log) in answer.err
    assert log.read_bytes() == damaged


def test_a_data_folder_of_another_store_is_refused(call, shop, tmp_path):
    path = packed(call, shop)
    shop.write_text(shop.read_text().replace('store = "s1"', 'store = "s2"'))
    other = tmp_path / "other.bundle.json"
    assert call("pack", shop, "-o", other).code == 0
    assert call("run", path, "--data", tmp_path / "data", "--pos", receipts(tmp_path), "--once").code == 0
    answer = call("run", other, "--data", tmp_path / "data", "--pos", receipts(tmp_path), "--once")
    assert answer.code == 1 and "[SL-LOG-04]" in answer.err and "'s1'" in answer.err and "'s2'" in answer.err


def receipts(folder, body="r1,2026-03-02T10:00:00,1,6901234567892,1,1.00,1.00\n"):
    path = folder / "receipts.csv"
    path.write_text("receipt,time,line,gtin,qty,price,amount\n" + body, encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["try", "run"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("header_only.csv", "receipt,time,line,gtin,qty,price,amount\n"),
        ("empty.csv", ""),
        ("words.csv", "receipt,time,line,gtin,qty,price,amount\nr1,noon,1,6901234567892,1,1.00,1.00\n"),
        ("till.parquet", "no parquet"),
    ],
)
def test_receipts_that_cannot_be_read_are_named(call, shop, tmp_path, command, name, content):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    words = (
        ["try", shop, "--pos", file] if command == "try" else ["run", packed(call, shop), "--data", tmp_path / "d", "--pos", file, "--once"]
    )
    answer = call(*words)
    assert answer.code == 1 and name in answer.err and "[SL-INP-01]" in answer.err


@pytest.mark.parametrize("content", ["{", "5", '{"a": 1}', '["x"]', '[{"gtin": 7}]'])
def test_a_table_file_that_is_none_is_named(call, shop, tmp_path, content):
    tables = tmp_path / "data" / "tables"
    tables.mkdir(parents=True)
    (tables / "products.json").write_text(content, encoding="utf-8")
    answer = call("run", packed(call, shop), "--data", tmp_path / "data", "--pos", receipts(tmp_path), "--once")
    assert answer.code == 1 and "products.json" in answer.err


def test_where_no_file_can_be_written_it_says_so(call, shop, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    answer = call("pack", shop, "-o", blocked / "p.json")
    assert answer.code == 1 and "[SL-DOC-05]" in answer.err and str(blocked) in answer.err
    answer = call("run", packed(call, shop), "--data", blocked / "data", "--once", "--pos", receipts(tmp_path))
    assert answer.code == 1 and "[SL-DOC-05]" in answer.err and str(blocked) in answer.err


def test_a_template_that_is_not_there_is_named_by_its_own_path(call, shop, bundle):
    path = bundle("template = 'gone.toml'\n[solutions.toy_teller]\n", devices={"till-1": "pos"})
    for command in ("check", "compose", "pack", "try"):
        answer = call(command, path)
        assert answer.code == 1 and "[SL-DOC-01]" in answer.said and str(path.parent / "gone.toml") in answer.said


def test_a_zone_that_is_none_is_told_before_anything_runs(call, shop):
    shop.write_text(shop.read_text().replace("Asia/Shanghai", "Mars/Base"))
    line = shop.read_text().splitlines().index('zone = "Mars/Base"') + 1
    for command in ("check", "compose", "try"):
        answer = call(command, shop)
        assert answer.code == 1 and "[SL-CFG-03]" in answer.said and f"{shop}:{line}" in answer.said
