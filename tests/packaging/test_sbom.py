"""A bill of materials names every part of its lock, what asks for it, what lies inside, and the models of storeloom's own wheel."""

import hashlib

from storeloom.core import __version__
from tests.packaging.parts import ROOT, locked, rules, weights
from tests.packaging.sbom import bill


def test_the_bill_of_the_control_plane_is_whole():
    found = bill("server")  # `make sbom` holds each against CycloneDX's own schema
    own, parts = found["metadata"]["component"], found["components"]
    packages = {(one["name"], one["version"]): one for one in parts if one["type"] == "library"}
    assert (own["name"], own["version"]) == ("storeloom", __version__)
    assert packages.keys() == {(part.name, part.version) for part in locked("server")}
    assert all(one["licenses"][0]["expression"] == rules()["licences"][name] for (name, _), one in packages.items())
    assert {one["name"] for one in parts if one["type"] == "machine-learning-model"} == {one.name for one in weights()}
    inside = [one["name"] for (name, _), part in packages.items() if name == "psycopg-binary" for one in part["components"]]
    assert "libpq" in inside and len(inside) == len(rules()["inside"]["psycopg-binary"])

    named = {one["bom-ref"]: one["name"] for one in parts} | {own["bom-ref"]: own["name"]}
    asked = {named[one["ref"]]: {named[other] for other in one.get("dependsOn", ())} for one in found["dependencies"]}
    assert "werkzeug" in asked["flask"] and "flask" in asked["storeloom"] and "werkzeug" not in asked["storeloom"]
    assert {name for name, _ in packages} == set().union(*asked.values()), "nothing is there that nobody asks for"


def test_the_models_in_a_bill_are_the_files_that_ship():
    assert {one.name for one in weights()} >= {"nanodet", "items/background"}
    wrong = [one.name for one in weights() if hashlib.sha256((ROOT / one.file).read_bytes()).hexdigest() != one.sha256]
    assert wrong == []
