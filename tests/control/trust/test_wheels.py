"""What a wheel brings is read from its catalogue; nothing of it is run."""

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
        (wheel(catalogue=" " * (LARGEST + 1)), f"acme_carts/schemas/catalogue.json is larger than {LARGEST} bytes"),
    ],
)
def test_what_is_no_wheel_of_ours_is_refused_with_its_reason(given, reason):
    with pytest.raises(TrustFault) as caught:
        read_wheel(*given)
    found = caught.value.findings[0]
    assert found.code == "SL-TRU-21" and found.args["reason"]["en"]
    assert reason is None or found.args["reason"]["en"] == reason
