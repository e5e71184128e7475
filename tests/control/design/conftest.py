"""A chain with a signed repository and stores on a template, whose releases are made at once."""

import pytest

from storeloom.core.control.trust.ceremony import found_alone
from tests.control.conftest import profile

DEVICES = {"cam-1": {"kind": "camera"}, "esl-1": {"kind": "esl_gateway"}, "lamp-1": {"kind": "lighting"}, "till-1": {"kind": "pos"}}
BASIC = {"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 300}}}}


class Designed:
    """Asks as an integrator of chain north; `release` makes one and waits for it."""

    def __init__(self, plane):
        self.plane, self.ask = plane, plane.as_("integrator")

    def stores(self, *names, **more):
        for name in names:
            given = {"id": name, "name": name, "profile": profile(name, **{"devices": DEVICES, **more})}
            assert self.ask("POST", "/stores", given).status_code == 201
            assert self.ask("POST", f"/stores/{name}/design", {"template": "basic"}).status_code == 201

    def template(self, body, version):
        assert self.ask("PUT", "/designs/basic", {"name": "Basic", "body": body}, If_Match=f'"{version}"').status_code == 200
        return self.ask("POST", "/designs/basic/moves", {"to": version + 1}).json

    def own(self, store, own, version):
        assert self.ask("PUT", f"/stores/{store}/design", {"own": own}, If_Match=f'"{version}"').status_code == 200

    def job(self, **choice):
        told = self.ask("POST", "/releases", {"name": "spring", **({"choice": choice} if choice else {})})
        assert told.status_code == 202, told.json
        self.plane.services.releaser.wake()
        self.plane.services.releaser.join(60)
        return self.ask("GET", f"/release-jobs/{told.json['id']}").json

    def release(self, **choice):
        job = self.job(**choice)
        assert job["state"] == "done", job
        return self.ask("GET", f"/releases/{job['release']}").json

    def plan(self, release, **choice):
        return self.ask("POST", "/plans", {"release": release["id"], **({"choice": choice} if choice else {})})


@pytest.fixture
def designed(plane, tmp_path):
    found_alone(plane.services.trust("north"), tmp_path / "offline", bits=2)
    made = Designed(plane)
    new = {"id": "basic", "level": "template", "name": "Basic", "body": BASIC}
    assert made.ask("POST", "/designs", new).status_code == 201
    made.stores("a", "b", "c")
    return made
