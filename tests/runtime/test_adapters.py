"""Drivers made from the catalogue: what a store lends them, and the secrets that their settings name."""

import json
from datetime import UTC, datetime

import pytest

from storeloom.core.commands.store import device_adapters
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.errors import BundleFault
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.runtime.secret_file import read_secrets

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
DRIVER = '''
"""A box with a password."""

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting


class Box(Adapter):
    zh, en = "盒子", "Box"
    purpose_zh = "测试用"
    feeds = ("pos.sale",)

    class Config(SolutionConfig):
        password: str = setting("", "Secret with the password", "密码所在的密钥名", widget="secret")
        note: str = setting("", "Note", "备注")
'''


@pytest.fixture
def registry(toys):
    toys.add("quiet", "@on('pos.sale')\ndef f(self, event): ...", adapters='"pos",')
    (toys.root / "box.py").write_text(DRIVER, encoding="utf-8")
    with open(toys.root / "plugins.toml", "a", encoding="utf-8") as listing:
        listing.write('[adapters.pos]\nbox = "box.py"\n')
    return toys.registry()


def test_a_driver_gets_the_clock_and_those_secrets_that_it_names(registry):
    context = AdapterContext(lambda: NOW, {"till-password": "s3cret", "other": "not yours"}, "zh")
    made = make_adapter(registry, "box", "till-1", {"password": "till-password", "note": "other"}, context)
    assert made.secret("till-password") == "s3cret"
    assert (made.now(), made.context.language) == (NOW, "zh")
    with pytest.raises(LookupError, match="no secret 'other'"):
        made.secret("other")
    assert "s3cret" not in repr(made.context)


def test_in_a_dry_run_a_secret_is_its_name_and_time_the_machine_s(registry):
    made = make_adapter(registry, "box", "till-1", {"password": "till-password"})
    assert made.secret("till-password") == "till-password"
    assert made.now().tzinfo is not None and made.context.clock is None


def test_a_store_without_a_device_s_secret_does_not_start(registry, bundle, tmp_path):
    file = bundle("[solutions.quiet]\n", devices={"till-1": "pos"})
    text = file.read_text(encoding="utf-8")
    with_driver = 'kind = "pos", adapter = "box", settings = { password = "till-password" }'
    file.write_text(text.replace('kind = "pos"', with_driver), encoding="utf-8")
    plan = compose(file, registry).require()
    with pytest.raises(BundleFault) as caught:
        read_secrets(tmp_path, plan, registry)
    (found,) = caught.value.findings
    assert (found.code, found.path) == ("SL-CFG-07", "store.devices.till-1.settings.password")
    assert "no secret 'till-password', which till-1 needs as password" in found.text("en")
    (tmp_path / "secrets.json").write_text(json.dumps({"till-password": "s3cret"}), encoding="utf-8")
    assert read_secrets(tmp_path, plan, registry) == {"till-password": "s3cret"}


NESTED = '''
"""Boxes with a password each."""

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting


class Login(SolutionConfig):
    password: str = setting("", "Secret with the password", "密码所在的密钥名", widget="secret")


class Boxes(Adapter):
    zh, en = "多盒", "Boxes"
    purpose_zh = "测试用"
    feeds = ("pos.sale",)

    class Config(SolutionConfig):
        token: str = setting("boxes", "Secret with the token", "令牌所在的密钥名", widget="secret")
        boxes: list[Login] = setting(list, "Boxes", "盒子")
'''


def test_secrets_are_found_within_lists_and_by_default(registry, toys, bundle, tmp_path):
    (toys.root / "boxes.py").write_text(NESTED, encoding="utf-8")
    listing = (toys.root / "plugins.toml").read_text(encoding="utf-8")
    (toys.root / "plugins.toml").write_text(listing + 'boxes = "boxes.py"\n', encoding="utf-8")
    known = toys.registry()
    settings = {"boxes": [{"password": "first"}, {}, {"password": "second"}]}
    made = make_adapter(
        known, "boxes", "till-1", settings, AdapterContext(secrets={"first": "1", "second": "2", "boxes": "3", "other": "4"})
    )
    assert made.context.secrets == {"first": "1", "second": "2", "boxes": "3"}
    file = bundle("[solutions.quiet]\n", devices={"till-1": "pos"})
    with_driver = 'kind = "pos", adapter = "boxes", settings = { boxes = [{password = "first"}, {password = "second"}] }'
    file.write_text(file.read_text(encoding="utf-8").replace('kind = "pos"', with_driver), encoding="utf-8")
    with pytest.raises(BundleFault) as caught:
        read_secrets(tmp_path, compose(file, known).require(), known)
    assert [one.path.rpartition("settings.")[2] for one in caught.value.findings] == ["token", "boxes.0.password", "boxes.1.password"]


def test_each_device_of_a_store_has_a_memory_of_its_own_in_the_data_folder(registry, bundle, tmp_path):
    file = bundle("[solutions.quiet]\n", devices={"till-1": "pos", "till-2": "pos"})
    text = file.read_text(encoding="utf-8").replace('kind = "pos"', 'kind = "pos", adapter = "box"')
    file.write_text(text, encoding="utf-8")
    plan = compose(file, registry).require()
    first = device_adapters(plan, registry, {}, tmp_path)
    first["till-1"].context.memory["cursor"] = 7
    first["till-2"].context.memory["cursor"] = 9
    (tmp_path / "devices" / "till-2.json").write_bytes(b"{")
    again = device_adapters(plan, registry, {}, tmp_path)
    assert [dict(one.context.memory) for one in again.values()] == [{"cursor": 7}, {}]
    assert [one.context.memory.trouble is None for one in again.values()] == [True, False]
