"""`storeloom plugin sign` and `plugin publish` against a control plane: what a vendor signs is published once, whatever breaks off."""

import http.client
import json
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.cli import main
from storeloom.core.control import client as asking
from storeloom.core.control.trust.keys import read_signer
from storeloom.core.control.trust.signing import sign_wheels
from tests.control.trust.made_wheel import wheel
from tests.studio.plane import Plane
from tests.studio.toy_wheel import admit


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plane")
    made = Plane(folder, stores=())
    admit(made, folder)
    made.folder = folder
    yield made
    made.close()


@pytest.fixture
def call(plane, tmp_path, monkeypatch, capsys):
    """`storeloom plugin` as the vendor calls it in its own folder, with the token that `fleet login` keeps."""
    monkeypatch.chdir(tmp_path)
    for name in ("STORELOOM_SERVER", "STORELOOM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    kept = tmp_path / "fleet.toml"
    kept.write_text(f'server = "{plane.url}"\ntoken = "{plane.tokens["vendor"]}"\n')
    kept.chmod(0o600)

    def run(action, *words, lang="en", known=True):
        key = ("--vendor", "acme", "--key", plane.folder / "acme.pem", "--output", "next.json") if action == "sign" else ()
        where = ("--settings", kept if known else tmp_path / "nothing.toml")
        code = main([str(word) for word in ("plugin", action, *words, *key, *where, "--lang", lang)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


@pytest.fixture
def made(tmp_path):
    """Writes wheels into the vendor's folder; their names."""

    def write(*wheels):
        for name, data in wheels:
            (tmp_path / name).write_bytes(data)
        return [name for name, _ in wheels]

    return write


def published(plane):
    return {one["filename"]: one["sha256"] for one in plane.ask("vendor").pages("/packages", {})}


def codes(said):
    return [line.split("[")[1].split("]")[0] for line in said.splitlines() if "[SL-" in line]


def test_a_vendor_signs_and_publishes_again_and_again(plane, call, made, tmp_path, monkeypatch):
    first, library = made(wheel(), wheel("acme_base", entry_points=None, plugins=None, catalogue=None))
    code, out, err = call("sign", first, library)
    assert code == 0, err
    assert f"It is your first: {plane.url} has none of acme." in out and f"  {first}: solutions acme_cart (Cart)\n" in out
    assert f"  {library}: a library, no plugins\n" in out and "vendors/acme version 1, 2 wheels, good until" in out
    assert call("publish", first, library, "--metadata", "next.json", known=False)[0] == 1, "no control plane is known"

    sent, once = [], asking.FleetClient._once

    def cut(self, method, path, data, headers):
        """The line breaks whenever the library, or metadata, is under way."""
        sent.append(path.rpartition("/")[2]) if method == "PUT" else None
        if method == "PUT" and not path.endswith(first):
            raise http.client.RemoteDisconnected("cut")
        return once(self, method, path, data, headers)

    with monkeypatch.context() as broken:
        broken.setattr(asking.FleetClient, "_once", cut)
        broken.setattr(asking.FleetClient, "_pause", lambda *_: None)
        code, _, err = call("publish", first, library, "--metadata", "next.json")
        assert (code, codes(err)) == (1, ["SL-FLT-04"]) and published(plane) == {}
        assert sent == [first] + asking.TRIES * [library], "bytes are sent again"
    code, out, err = call("publish", first, library, "--metadata", "next.json")
    assert code == 0, err
    assert f"Sending {library}" in out and f"Sending {first}" not in out, "what lies there already is not sent anew"
    assert f"Published at {plane.url}: acme version 1, 2 new wheels." in out
    assert set(published(plane)) == {first, library}
    code, out, _ = call("publish", first, library, "--metadata", "next.json", lang="zh")
    assert code == 0 and "未作更改" in out and f"  {first}：方案 acme_cart（购物车）" in out

    (newer,) = made(wheel(version="1.1"))
    code, out, _ = call("sign", newer)
    assert code == 0 and f"It follows version 1, from {plane.url}." in out and "version 2, 3 wheels" in out
    told = call("publish", newer, "--metadata", "next.json", "--json")[1]
    assert [one["filename"] for one in json.loads(told)["published"]] == [newer]
    withdrawn = next(one["id"] for one in plane.ask("vendor").pages("/packages", {}) if one["filename"] == first)
    plane.ask("vendor").delete(f"/packages/{withdrawn}")
    assert call("sign", "--days", "400")[0] == 0, "the same wheels, for longer"
    code, out, err = call("publish", "--metadata", "next.json", lang="en")
    assert code == 0 and "acme version 3, 0 new wheels" in out and codes(err) == ["SL-PUB-09"]


def test_all_that_keeps_it_from_being_published_is_told_at_once(plane, call, made, tmp_path):
    """Nothing is sent before all of it holds."""
    version = plane.services.trust("north").state().version("vendors/acme")
    one, other, ghost = made(wheel("acme_one"), wheel("acme_other"), wheel("acme_ghost"))
    signer = read_signer(plane.folder / "acme.pem")
    signed = {name: (tmp_path / name).read_bytes() for name in (other, ghost)}
    data = sign_wheels(None, "acme", signed, datetime.now(UTC) - timedelta(days=1), [signer])
    (tmp_path / "bad.json").write_bytes(data.replace(b'"version": 1', b'"version": 9'))
    made((other, wheel("acme_other", solution="acme_van")[1]))
    code, out, err = call("publish", one, other, "--metadata", "bad.json")
    assert code == 1 and not out
    assert codes(err) == ["SL-PUB-03", "SL-PUB-04", "SL-PUB-05", "SL-PUB-06", "SL-PUB-07"]
    assert f"version 9; {plane.url} has version {version}" in err
    assert plane.ask("vendor").get("/vendors/acme/wheels").body == {"waiting": []}


def test_what_cannot_be_signed_is_told(plane, call, made, tmp_path):
    (fine,) = made(wheel("acme_fine"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / fine).write_bytes(wheel("acme_fine", solution="acme_van")[1])
    (tmp_path / "bad-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    code, _, err = call("sign", fine, f"sub/{fine}", "bad-1.0-py3-none-any.whl", "gone.whl")
    assert code == 1 and codes(err) == ["SL-PUB-01", "SL-TRU-21", "SL-DOC-01"]
    assert codes(call("sign", known=False)[2]) == ["SL-PUB-02"]
    assert call("sign", fine, known=False)[0] == 0
    changed = call("sign", f"sub/{fine}", "--base", "next.json", known=False)
    assert codes(changed[2]) == ["SL-TRU-19"], "what was signed never changes"
    assert codes(call("publish", fine, "--metadata", "next.json", "--vendor", "Acme GmbH")[2]) == ["SL-PUB-10"]
    assert codes(call("publish", fine, "--metadata", "next.json", "--vendor", "bolt")[2]) == ["SL-TRU-20"]
    (tmp_path / "none.json").write_text('{"signed": {"targets": {}}}')
    assert codes(call("publish", fine, "--metadata", "none.json")[2]) == ["SL-PUB-08"]
    assert call("publish", fine)[0] == 2, "--metadata is missing"
