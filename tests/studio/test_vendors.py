"""Vendors: a package is checked, handed in, signed by its vendor alone and published."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.studio.vendor import checks
from tests.studio.chain_pages import asked, keys, opened, run, texts
from tests.studio.plane import Plane
from tests.studio.toy_wheel import admit, signed, toy_wheel

PAGE = "views/vendors.py"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    made = Plane(tmp_path, ())
    yield made
    made.close()


def checked(made: Path) -> str:
    """A check that is through; its id."""
    check = checks.start(made.name, made.read_bytes())
    until = time.monotonic() + 60
    while check.done is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return check.id


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", "供应商代码在独立进程中运行"), ("en", "The vendor's code runs in processes of its own")]
)
def test_without_signing_in_a_package_can_be_checked(lang: str, words: str) -> None:
    app = opened(PAGE, None, lang=lang)
    assert words in texts(app) and not keys(app) and "Published packages" not in texts(app)


def test_a_wheel_that_lies_on_the_studios_machine_is_checked(tmp_path: Path) -> None:
    made = toy_wheel(tmp_path)
    app = opened(PAGE, None)
    app.text_input(key="vendors/path").set_value(str(made))
    run(app)
    app.button(key="vendors/check_path").click()
    run(app)
    check = checks.known(asked(app, "check"))
    assert check is not None and "vendors/stop" in keys(app)
    while check.done is None:
        time.sleep(0.05)
    assert "Grade: bronze." in run(app).success[0].value and "Brings: Toy" in texts(app)
    assert "Listens to: sensor.reading." in "".join(one.value for one in app.code)


def test_a_path_that_is_none_is_told(tmp_path: Path) -> None:
    app = opened(PAGE, None, lang="zh")
    app.text_input(key="vendors/path").set_value(str(tmp_path / "none.whl"))
    run(app)
    app.button(key="vendors/check_path").click()
    assert "SL-INP-01" in run(app).error[0].value and not asked(app, "check")


def test_what_fails_is_told_with_its_words(tmp_path: Path) -> None:
    app = opened(PAGE, None, check=checked(toy_wheel(tmp_path, head="\nraise ValueError('bad day')\n")))
    assert "No grade: bronze is not reached." in app.error[0].value
    assert any("ValueError: bad day" in one.value for one in app.code)
    assert "Sign in as the vendor" in app.info[0].value


def test_a_vendor_hands_a_wheel_in_and_publishes_it_by_its_own_signature(plane: Plane, tmp_path: Path) -> None:
    key = admit(plane, tmp_path)
    made = toy_wheel(tmp_path)
    app = opened(PAGE, plane, "vendor", check=checked(made))
    app.button(key="vendors/hand_in").click()
    assert f"{made.name} is handed in" in run(app).success[1].value
    assert any("--vendor acme --key acme.pem --output NEXT.json" in one.value for one in app.code)
    publish(app, signed(made, key))
    rows = app.dataframe[-1].value.values.tolist()
    assert rows[0][:4] == ["acme", "toyshop", "1.0.0", "Toy"] and rows[0][5] == "published"
    assert any("--base LAST.json" in one.value for one in run(app).code)
    app.button(key="vendors/withdraw").click()
    assert run(app).dataframe[-1].value.values.tolist()[0][5] == "withdrawn"


def publish(app: Any, data: bytes) -> None:
    """Bring the signed metadata and publish it."""
    app.get("file_uploader")[-1].set_value(("NEXT.json", data, "application/json"))
    run(app)
    app.button(key="vendors/publish").click()
    run(app)


def test_a_signature_that_is_not_the_vendors_is_refused(plane: Plane, tmp_path: Path) -> None:
    admit(plane, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    from storeloom.core.control.trust.keys import make_key

    make_key(other / "acme.pem")
    made = toy_wheel(tmp_path)
    app = opened(PAGE, plane, "vendor", "zh", check=checked(made))
    app.button(key="vendors/hand_in").click()
    publish(run(app), signed(made, other / "acme.pem"))
    assert "SL-TRU-15" in app.error[0].value and "尚无已发布的软件包。" in texts(app)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_other_roles_read_and_hand_nothing_in(plane: Plane, tmp_path: Path, role: str) -> None:
    app = opened(PAGE, plane, role, check=checked(toy_wheel(tmp_path)))
    assert "vendors/hand_in" not in keys(app) and "No package is published yet." in texts(app)


def test_an_administrator_names_the_vendor(plane: Plane, tmp_path: Path) -> None:
    app = opened(PAGE, plane, "admin", check=checked(toy_wheel(tmp_path)))
    assert "vendors/hand_in" not in keys(app)
    app.text_input(key="vendors/vendor").set_value("acme")
    assert "vendors/hand_in" in keys(run(app))
