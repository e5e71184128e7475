"""What a chain's vendors published is in its catalogue and need not be installed: configured, composed, released; no code of it runs."""

import hashlib
import json
import shutil
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from storeloom.core.control.api.serve import PREFIX
from storeloom.core.control.database import connect, writing
from storeloom.core.control.design import catalogues
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.control.services import Services
from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.keys import make_key, read_signer
from storeloom.core.control.trust.signing import sign_wheels
from storeloom.core.kernel import index
from storeloom.core.trust import names
from tests.agent.wheels import packed_folder, wheel
from tests.control.design.test_libraries import STORE
from tests.control.design.test_release_wheels import ARM, enrolled, files
from tests.control.trust.made_wheel import wheel as another_wheel

RINGS = """
version = "{version}"

@on("pos.sale")
def ring(self, event):
    yield out("alert.raise", alert="a", kind="hot", severity="info", state="open", text="x")
"""
ASKS = """
from storeloom.core.kernel.contract import Problem
from storeloom.core.kernel.hooks import hookimpl

@hookimpl
def storeloom_config_problems(config, store):
    return [Problem("mode", "It is never right.", "从不正确。", "", "")]
"""
GROUP = "[storeloom.plugins]\n{name} = {name}\n"
TRAP = "\nraise SystemExit('vendor code was run')\n"
BOREA = Path(__file__).parents[3] / "examples/vendors/borea-chain/src/borea_chain"


class Publisher:
    """Vendors of chain north, with their keys; a toy's wheel ends whatever process runs its code."""

    def __init__(self, designed, plane, toy, folder):
        self.designed, self.plane, self.ask, self.toy, self.folder = designed, plane, designed.ask, toy, folder
        self._signed, self._keys = {}, {}

    def admit(self, vendor):
        repository, key = self.plane.services.trust("north"), self.folder / f"{vendor}.pem"
        file = ceremony.admit_vendor(repository, vendor, [make_key(key)])
        ceremony.sign(file, read_signer(self.folder / "offline" / "targets.pem"))
        ceremony.accept(repository, [file])
        self._keys[vendor] = read_signer(key)

    def toyshop(self, version="1.0", *, name="toyshop", build="", **more):
        """A wheel of the package `name` with the solution `far` of that version."""
        toys = self.toy(self.folder / f"{name}-{version}{build}", name)
        toys.add("far", RINGS.format(version=f"{version}.0"), tail=ASKS, **more)
        _, findings = index.write(toys.package)
        assert not findings
        toys.forget()
        module = toys.root / "solutions" / "far.py"
        module.write_text(module.read_text(encoding="utf-8") + TRAP, encoding="utf-8")
        return wheel(self.folder / "wheels", name, version, packed_folder(toys.root), entry_points=GROUP.format(name=name))

    def put(self, path, data, kind="application/octet-stream"):
        head = {"Authorization": f"Bearer {self.plane.tokens['north', 'admin']}"}
        return self.plane.client.put(PREFIX + path, data=data, content_type=kind, headers=head)

    def publish(self, *made, vendor="acme"):
        """Upload wheels and publish them, beside those before."""
        if vendor not in self._keys:
            self.admit(vendor)
        wheels = {one.name: one.read_bytes() for one in made}
        for filename, data in wheels.items():
            told = self.put(f"/vendors/{vendor}/wheels/{filename}", data)
            assert told.status_code == 200, told.json
        until = self.plane.clock[0] + timedelta(days=300)
        self._signed[vendor] = sign_wheels(self._signed.get(vendor), vendor, wheels, until, [self._keys[vendor]])
        done = self.put(f"/vendors/{vendor}/metadata", self._signed[vendor], "application/json")
        assert done.status_code == 200, done.json
        self.plane.wait(seconds=1)
        return [one["id"] for one in done.json["published"]]

    def withdraw(self, package):
        assert self.plane.as_("admin")("DELETE", f"/packages/{package}").status_code == 204

    def stored(self, made, vendor="acme"):
        """Where the bytes of a published wheel lie."""
        sha256 = hashlib.sha256(made.read_bytes()).hexdigest()
        return self.plane.services.trust("north").targets / names.hashed(names.package(vendor, made.name), sha256)

    def composed(self):
        return self.ask("GET", "/stores/a/composition").json

    def told(self):
        return [(one["code"], one["reason"]) for one in self.composed()["findings"] if one["severity"] == "error"]


@pytest.fixture
def shop(designed, plane, another_package, tmp_path):
    before = set(sys.modules)
    yield Publisher(designed, plane, another_package, tmp_path)
    now = set(sys.modules) - before
    assert not [name for name in now if name.split(".")[0] in ("toyshop", "borea_chain")], "vendors' code was imported"


def test_what_is_published_is_picked_configured_composed_and_released(shop, designed, plane):
    assert designed.ask("GET", "/catalogue/solutions/far").status_code == 404
    made = shop.toyshop()
    shop.publish(made)
    known = designed.ask("GET", "/catalogue/solutions/far").json
    assert (known["package"], known["version"], "limit_c" in known["config"]["properties"]) == ("toyshop", "1.0.0", True)
    assert [one["id"] for one in designed.ask("GET", "/catalogue/solutions?search=玩具").json["items"]] == ["far"]
    wrong = {"solutions": {"far": {"config": {"limit": 3}}}}
    told = designed.ask("POST", "/design-checks", {"level": "template", "body": wrong}).json["findings"]
    assert [(one["code"], one["path"]) for one in told] == [("SL-CFG-02", "solutions.far.config.limit")]
    designed.template(wrong, 1)
    assert [code for code, _ in shop.told()] == ["SL-CFG-02"]
    designed.template({"solutions": {"far": {"config": {"limit_c": 3}}}}, 2)
    composed = shop.composed()
    assert composed["ok"] and composed["solutions"]["far"]["config"]["limit_c"] == 3, "its own check is for the store to make"
    values = designed.ask("GET", "/stores/a/explain?path=/solutions/far/config/mode").json["values"]
    assert [(one["value"], one["origin"]["level"]) for one in values] == [("a", "default")]
    assert designed.ask("GET", "/stores/a/quote").status_code == 200
    release = designed.release(stores=["a"])
    row = designed.ask("GET", f"/releases/{release['id']}/stores").json["items"][0]
    assert [one["target"] for one in row["packages"]] == [f"packages/acme/{made.name}"]
    lock = json.loads(designed.ask("GET", f"/releases/{release['id']}/stores/a/bundle").data)["lock"]["solutions"]["far"]
    with zipfile.ZipFile(made) as archive:
        source = hashlib.sha256(archive.read("toyshop/solutions/far.py")).hexdigest()
    assert (lock["package"], lock["version"], lock["source_sha256"]) == ("toyshop", "1.0.0", source)
    assert designed.plan(release).json["groups"][0]["added"][0]["solution"] == "far"


def test_what_was_withdrawn_is_refused_with_the_next_step(shop, designed, plane):
    (package,) = shop.publish(shop.toyshop())
    designed.template({"solutions": {"far": {}}}, 1)
    assert shop.composed()["ok"]
    shop.withdraw(package)
    reason = "'far' is in the catalogue no more: its wheel toyshop-1.0-py3-none-any.whl was withdrawn."
    assert shop.told() == [("SL-PLG-10", reason)]
    assert "publish another version" in shop.composed()["findings"][0]["fix"]
    gone = designed.ask("GET", "/catalogue/solutions/far")
    assert (gone.status_code, gone.json["findings"][0]["code"]) == (404, "SL-PLG-10")
    job = designed.job(stores=["a"])
    assert (job["state"], job["findings"][1]["finding"]["code"]) == ("failed", "SL-PLG-10")
    shop.publish(shop.toyshop("1.1"))
    assert shop.composed()["ok"]


def test_of_two_versions_the_newest_counts_whichever_came_last(shop, designed):
    (newer,) = shop.publish(shop.toyshop("1.10"))
    shop.publish(shop.toyshop("1.9"))
    shop.publish(shop.toyshop("2.0rc1"))
    designed.template({"solutions": {"far": {}}}, 1)

    def released():
        row = designed.ask("GET", f"/releases/{designed.release(stores=['a'])['id']}/stores").json["items"][0]
        version = shop.composed()["solutions"]["far"]["version"]
        return version, [one["target"].rpartition("/")[2].split("-")[1] for one in row["packages"]]

    assert released() == ("1.10.0", ["1.10"])
    shop.withdraw(newer)
    assert released() == ("1.9.0", ["1.9"])


def test_another_chain_does_not_see_it_nor_another_vendor(shop, plane):
    shop.publish(shop.toyshop(), vendor="bolt")
    assert plane.as_("viewer")("GET", "/catalogue/solutions/far").status_code == 200
    for stranger in (plane.as_("viewer", "south"), plane.as_("vendor")):
        assert stranger("GET", "/catalogue/solutions/far").status_code == 404
        assert stranger("GET", "/catalogue/solutions?search=玩具").json["items"] == []
    made = shop.folder / another_wheel()[0]
    made.write_bytes(another_wheel()[1])
    shop.publish(made)
    assert plane.as_("vendor")("GET", "/catalogue/solutions/acme_cart").json["package"] == "acme_carts"


def test_a_driver_is_known_and_its_settings_are_checked(shop, designed):
    made = wheel(shop.folder, "borea_chain", "1.0", packed_folder(BOREA), entry_points=GROUP.format(name="borea_chain"))
    (package,) = shop.publish(made)
    designed.stores("d", devices={"till-1": {"kind": "pos"}, "s-1": {"kind": "scale", "adapter": "borea_chain", "settings": {"adress": 1}}})
    designed.own("d", {"solutions": {"esl_price_sync": {"enabled": False}}}, 1)

    def told():
        found = designed.ask("GET", "/stores/d/composition").json["findings"]
        return [one["code"] for one in found if one["path"].startswith("store.devices.s-1")]

    assert designed.ask("GET", "/catalogue/adapters/borea_chain").json["kind"] == "scale"
    assert "SL-CFG-02" in told()
    shop.withdraw(package)
    assert told() == ["SL-PLG-10"]


def test_an_installed_package_of_the_name_counts(shop, designed, plane, toys):
    toys.add("far", RINGS.format(version="0.5.0"))
    plane.services.registry = toys.registry()
    shop.publish(shop.toyshop("2.0"))
    assert designed.ask("GET", "/catalogue/solutions/far").json["version"] == "0.5.0"
    toys.forget()


def test_of_two_vendors_with_one_package_name_the_first_counts(shop, designed, plane):
    shop.publish(shop.toyshop(), vendor="bolt")
    squatting = shop.toyshop("9.0", build="-other")
    with zipfile.ZipFile(squatting) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    renamed = shop.folder / "tinyshop-9.0-py3-none-any.whl"
    with zipfile.ZipFile(renamed, "w") as archive:
        for name, data in content.items():
            archive.writestr(name.replace("toyshop-9.0", "tinyshop-9.0"), data.replace(b"Name: toyshop", b"Name: tinyshop"))
    shop.publish(renamed)
    assert designed.ask("GET", "/catalogue/solutions/far").json["version"] == "1.0.0"
    with writing(plane.services.engine) as session:
        found = plane.services.catalogues.of(session, "north").catalogue.findings
    assert ["tinyshop-9.0-py3-none-any.whl" in one.text() and "toyshop brought" in one.text() for one in found] == [True]


def test_a_wheel_that_is_broken_where_it_lies_takes_nothing_else_down(shop, designed):
    made = shop.toyshop()
    shop.publish(made)
    carts = shop.folder / another_wheel()[0]
    carts.write_bytes(another_wheel()[1])
    shop.publish(carts, vendor="bolt")
    data = shop.stored(made).read_bytes()
    designed.template({"solutions": {"far": {}}}, 1)
    head = "The published wheel toyshop-1.0-py3-none-any.whl brings nothing to the catalogue: "
    shop.stored(made).unlink()
    assert shop.told() == [("SL-PLG-11", head + "its file cannot be read (No such file or directory).")]
    shop.stored(made).write_bytes(data)
    assert shop.composed()["ok"], "what could not be read is tried again"
    shop.publish(shop.toyshop("1.1"))
    newer = shop.folder / "wheels" / "toyshop-1.1-py3-none-any.whl"
    shop.stored(newer).write_bytes(data)
    assert shop.told() == [("SL-PLG-11", head.replace("1.0", "1.1") + "it is not what was published.")]
    assert designed.ask("GET", "/catalogue/solutions/acme_cart").status_code == 200
    assert designed.ask("GET", "/catalogue/solutions/esl_price_sync").status_code == 200


def test_a_wheel_whose_index_is_broken_is_refused_when_it_is_uploaded(shop):
    shop.admit("acme")
    filename, data = another_wheel(catalogue='{"version": 1, "solutions": {"acme_cart": {}}, "adapters": {}}')
    told = shop.put(f"/vendors/acme/wheels/{filename}", data)
    assert (told.status_code, told.json["findings"][0]["code"]) == (422, "SL-TRU-21")
    assert "solutions.acme_cart" in told.json["findings"][0]["reason"]


def test_it_is_read_once_and_anew_in_every_server_when_something_is_published_or_withdrawn(shop, designed, plane, tables_url, monkeypatch):
    other = Services(connect(tables_url), plane.services.folder, plane.services.now)
    reads = []
    read = catalogues.read_catalogue
    monkeypatch.setattr(catalogues, "read_catalogue", lambda *words, **more: reads.append(1) or read(*words, **more))

    def version(services):
        with writing(services.engine) as session:
            entry = services.catalogues.of(session, "north").catalogue.solutions.get("far")
            return None if entry is None else entry["version"]

    assert (version(other), version(plane.services), reads) == (None, None, [])
    (first,) = shop.publish(shop.toyshop())
    assert [version(services) for services in (other, plane.services) * 3] == ["1.0.0"] * 6 and len(reads) == 2
    shop.publish(shop.toyshop("1.1"))
    assert [version(services) for services in (other, plane.services)] == ["1.1.0"] * 2 and len(reads) == 4
    designed.template({"solutions": {"far": {}}}, 1)
    designed.release()
    assert len(reads) == 4, "a release of many stores reads nothing anew"
    with writing(plane.services.engine) as session:
        row = session.get_one(VendorPackage, ("north", first))
        row.withdrawn = plane.clock[0]
        session.add(row)
    assert [version(services) for services in (other, plane.services)] == ["1.1.0"] * 2 and len(reads) == 6
    unpacked = plane.services.folder / catalogues.FOLDER / catalogues.FORM
    assert len([one for one in unpacked.iterdir() if not one.name.startswith(".")]) == 2 == len(list(unpacked.iterdir()))
    shutil.rmtree(plane.services.folder / catalogues.FOLDER)
    assert shop.composed()["ok"], "what was unpacked is no more than a copy"
    other.engine.dispose()


def test_each_store_is_given_the_wheel_of_that_version_that_fits_its_machine(shop, designed, plane):
    made = shop.toyshop()
    fitting = [made.with_name(f"toyshop-1.0-py3-none-manylinux_2_17_{machine}.whl") for machine in ("x86_64", "aarch64")]
    for one in fitting:
        shutil.copyfile(made, one)
    shop.publish(*fitting)
    enrolled(plane, a=STORE, b=ARM)
    designed.template({"solutions": {"far": {}}}, 1)
    told = files(designed, designed.release(stores=["a", "b"]))
    assert told == {"a": [fitting[0].name], "b": [fitting[1].name]}
