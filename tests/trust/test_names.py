"""Paths of targets, told apart and nothing else let through."""

import pytest

from storeloom.core.trust import names


def test_a_path_tells_whose_it_is():
    assert names.owner(names.bundle("s-1", 12)) == names.Owner(store="s-1")
    assert names.owner(names.package("acme", "acme_carts-1.2-py3-none-any.whl")) == names.Owner(vendor="acme")
    assert names.owner("packages/acme/a-1.0-1b-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl") == names.Owner(vendor="acme")


@pytest.mark.parametrize(
    "path",
    [
        *("stores/s-1/0.json", "stores/s-1/01.json", "stores/S/1.json", "stores/../1.json", "stores/s-1/1.json\n", "stores/s-1/1.jsonx"),
        *(
            "packages/acme/x.whl",
            "packages/acme/../b/a-1-py3-none-any.whl",
            "packages/a/b/a-1-py3-none-any.whl",
            "packages//a-1-py3-none-any.whl",
        ),
        *("", "/", "x", "packages/Acme/a-1-py3-none-any.whl", "stores/s-1/9999999999.json"),
    ],
)
def test_other_paths_are_nobodys(path):
    assert names.owner(path) is None


def test_files_are_served_under_their_hash():
    digest = "ab" * 32
    assert names.hashed("stores/s-1/12.json", digest) == f"stores/s-1/{digest}.12.json"
    assert names.unhashed(f"stores/s-1/{digest}.12.json") == ("stores/s-1/12.json", digest)
    assert names.unhashed(f"{digest}.x") == ("x", digest) and names.hashed("x", digest) == f"{digest}.x"
    assert names.unhashed("stores/s-1/12.json") is None and names.unhashed(f"stores/{digest.upper()}.1.json") is None


def test_metadata_files():
    assert names.file_name("timestamp") == "timestamp.json"
    assert names.file_name(names.vendor_role("acme"), 3) == "3.vendors%2Facme.json"
