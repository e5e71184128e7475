"""What a wheel brings is read from its catalogue; nothing of it is run."""

import io
import json
import zipfile
from functools import reduce

import pytest

from storeloom.core.control.trust.wheels import LARGEST, read_wheel
from storeloom.core.kernel.errors import TrustFault
from tests.control.trust.made_wheel import wheel

META = "Metadata-Version: 2.1\nName: acme-carts\nVersion: 1.0\n"


def test_the_catalogue_tells_what_a_wheel_brings():
    read = read_wheel(*wheel())
    assert (read.name, read.version, read.package, list(read.solutions)) == ("acme-carts", "1.0", "acme_carts", ["acme_cart"])
    assert read.solutions["acme_cart"]["en"] == "Cart" and read.adapters == {}


def test_a_wheel_without_plugins_is_a_library_and_says_what_it_needs():
    needs = META + "Requires-Dist: numpy >=2; python_version > '3'\nRequires-Dist: left_pad[fast]\nRequires-Python: >=3.11\n"
    for entry_points in (None, "[console_scripts]\na = b\n"):
        read = read_wheel(*wheel(METADATA=needs, entry_points=entry_points, plugins=None, catalogue=None))
        assert (read.name, read.package, read.solutions, read.adapters) == ("acme-carts", "", {}, {})
        assert (read.requires, read.python) == (("numpy >=2; python_version > '3'", "left_pad[fast]"), ">=3.11")
    assert read_wheel(*wheel(METADATA=needs)).requires == read.requires, "a wheel with plugins says it too"


@pytest.mark.parametrize(
    "given, reason",
    [
        (("x.zip", b""), "its name is not that of a wheel"),
        (("../a-1.0-py3-none-any.whl", b""), "its name is not that of a wheel"),
        (("a-1.0-py3-none-any.whl", b"no zip at all"), "File is not a zip file"),
        (("other-1.0-py3-none-any.whl", wheel()[1]), "it lacks other-1.0.dist-info/METADATA"),
        (wheel(METADATA="Name: other\nVersion: 1.0\n"), "its METADATA says other 1.0"),
        (wheel(METADATA=None), "it lacks acme_carts-1.0.dist-info/METADATA"),
        (wheel(METADATA=META + "Requires-Dist: a ==\n"), None),
        (
            wheel(METADATA=META + "Requires-Dist: a @ https://x.example/a.whl\n"),
            "it requires 'a @ https://x.example/a.whl', from an address",
        ),
        (wheel(METADATA=META + "Requires-Python: three\n"), "Requires-Python 'three': Invalid specifier: 'three'"),
        (("a_-1.0-py3-none-any.whl", b""), None),
        (wheel(entry_points="[storeloom.plugins]\n"), "no package under the entry points 'storeloom.plugins'"),
        (wheel(entry_points="[storeloom.plugins]\na = ../../etc\n"), "no package under the entry points 'storeloom.plugins'"),
        (wheel(plugins=None), "it lacks acme_carts/plugins.toml"),
        (wheel(plugins="not toml ["), None),
        (wheel(plugins=""), "it lists no solution and no adapter"),
        (wheel(plugins='[scenario.c.solutions]\nghost = "plugins/ghost.py"\n'), "'ghost' is listed, but not in its catalogue"),
        (wheel(catalogue="[]"), None),
        (wheel(catalogue=b"\xff"), None),
        (wheel(catalogue='{"solutions": {"acme_cart": {"en": "Cart"}}, "adapters": {}}'), None),
        (wheel(plugins="[scenario.carts.solutions]\nacme_cart = {enabled = true}\n"), None),
        (wheel(plugins='[scenario.carts.solutions]\nacme_cart = "plugins/other.py"\n'), "'acme_cart' is listed, but not in its catalogue"),
        (wheel(catalogue=" " * (LARGEST + 1)), f"acme_carts/schemas/catalogue.json is larger than {LARGEST} bytes"),
    ],
)
def test_what_is_no_wheel_of_ours_is_refused_with_its_reason(given, reason):
    with pytest.raises(TrustFault) as caught:
        read_wheel(*given)
    found = caught.value.findings[0]
    assert found.code == "SL-TRU-21" and found.args["reason"]["en"]
    assert reason is None or found.args["reason"]["en"] == reason


def with_member(name):
    """A wheel with one more file."""
    filename, data = wheel()
    body = io.BytesIO(data)
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr(name, "x")
    return filename, body.getvalue()


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "acme_carts/../../evil", "acme_carts\\..\\evil"])
def test_a_wheel_with_a_file_that_lies_outside_of_it_is_refused(name):
    with pytest.raises(TrustFault, match="lies outside of its folder"):
        read_wheel(*with_member(name))


def with_schema(text, place="schemas/solutions/acme_cart.json", **facts):
    """A wheel whose solution's config has that schema."""
    filename, data = wheel()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as archive:
        for one in old.namelist():
            content = old.read(one)
            if one.endswith("catalogue.json"):
                index = json.loads(content)
                index["solutions"]["acme_cart"] |= {"schema": place, **facts}
                content = json.dumps(index)
            archive.writestr(one, text if one.endswith("/acme_cart.json") else content)
    return filename, made.getvalue()


def schema(**more):
    return json.dumps({"type": "object", "properties": {}, **more})


LOOP = {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"$ref": "#/$defs/A"}}
DEEP = reduce(lambda part, _: {"items": part}, range(50), {})


@pytest.mark.parametrize(
    "given, reason",
    [
        (with_schema(schema(), place="../../../../etc/passwd"), "lies outside of its folder"),
        (with_schema(schema(), place="/etc/passwd"), "lies outside of its folder"),
        (with_schema(schema(), place="schemas/none.json"), "it lacks acme_carts/schemas/none.json"),
        (with_schema(schema(), load="heavy"), "solutions.acme_cart.load"),
        (with_schema(schema(), formats="all"), "solutions.acme_cart.formats"),
        (with_schema("[]"), "is no schema of a config"),
        (with_schema("{"), None),
        (with_schema(schema(**{"$schema": "https://x.example/own"})), "is no schema of a config"),
        (with_schema(schema(properties={"a": {"$ref": "file:///etc/hostname"}})), "leads to file:///etc/hostname"),
        (with_schema(schema(properties={"a": {"anyOf": [{"$ref": "https://x.example/s"}]}})), "leads to https://x.example/s"),
        (with_schema(schema(properties={"a": {"$ref": "#"}})), "leads to #"),
        (with_schema(schema(properties={"a": {"$id": "https://x.example/"}})), "leads to https://x.example/"),
        (with_schema(schema(properties={"a": {"type": "nonsense"}})), "schemas/solutions/acme_cart.json: "),
        (with_schema(schema(properties={"a": True})), "has a key without a form"),
        (with_schema(schema(properties={"a": {"x-effect": "never"}})), "has a key without a form"),
        (with_schema(schema(**{"$defs": LOOP})), "begins with itself"),
        (with_schema(schema(properties={"a": DEEP})), "is deeper than 40 parts"),
        (with_schema("[" * 2000 + "]" * 2000), None),
        (with_schema(" " * (LARGEST + 1)), f"is larger than {LARGEST} bytes"),
    ],
)
def test_what_a_catalogue_cannot_rely_on_is_refused(given, reason):
    with pytest.raises(TrustFault) as caught:
        read_wheel(*given)
    found = caught.value.findings[0]
    assert found.code == "SL-TRU-21" and (reason is None or reason in found.args["reason"]["en"])


def test_the_static_part_is_the_files_that_a_catalogue_is_made_of():
    part = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Part"}}}  # within itself, as a tree is, is no endless beginning
    read = read_wheel(*with_schema(schema(properties={"root": {"$ref": "#/$defs/Part"}}, **{"$defs": {"Part": part}})))
    files = ["plugins.toml", "plugins/acme_cart.py", "schemas/catalogue.json", "schemas/solutions/acme_cart.json"]
    assert sorted(read.static) == files and all(isinstance(data, bytes) for data in read.static.values())
