"""Label pictures: planes to the bit, inks by label, text that cannot be set."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from storeloom.hardware_adapters.esl_gateway.render import BLACK, FONTS, RED, YELLOW, Fonts, Look, picture, plane
from storeloom.hardware_adapters.links.errors import Code, DeviceError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
needs_chinese = pytest.mark.skipif(not any(Path(one).is_file() for one in FONTS), reason="no font with Chinese is installed")
FIELDS = {"name": "Milk 1 l", "price": 990, "unit_price": 990}


def test_a_plane_is_rows_of_whole_bytes_with_the_left_pixel_in_the_highest_bit() -> None:
    page = Image.new("P", (10, 3), 0)
    page.putpixel((0, 0), BLACK)
    page.putpixel((9, 1), BLACK)
    page.putpixel((7, 2), RED)
    assert plane(page, BLACK) == bytes([0b10000000, 0b00000000, 0b00000000, 0b01000000, 0, 0])
    assert plane(page, RED) == bytes([0, 0, 0, 0, 0b00000001, 0])
    assert plane(page, YELLOW) == bytes(6)


@pytest.mark.parametrize(("colours", "inks"), [("bw", ["black"]), ("bwr", ["black", "red"]), ("bwry", ["black", "red", "yellow"])])
def test_each_ink_has_its_plane_of_the_labels_size(colours: str, inks: list[str]) -> None:
    shown = picture({**FIELDS, "struck": 1290, "promo": "-23%"}, Look(250, 122, colours, sign=""), Fonts())  # type: ignore[arg-type]
    assert list(shown.planes) == inks
    assert {len(one) for one in shown.planes.values()} == {32 * 122}  # 250 px are 31.25 bytes
    assert all(any(one) for one in shown.planes.values())
    black, *others = shown.planes.values()
    for other in others:
        assert not any(a & b for a, b in zip(black, other, strict=True))


def test_an_ordinary_price_is_black_and_an_offers_red() -> None:
    look = Look(296, 128, "bwr", sign="")
    assert not any(picture(FIELDS, look, Fonts()).planes["red"])
    assert any(picture({**FIELDS, "struck": 1290}, look, Fonts()).planes["red"])


def test_money_and_the_hash() -> None:
    assert [Look(9, 9).money(one) for one in (990, 5, -1250, "4,90")] == ["¥9.90", "¥0.05", "-¥12.50", "4,90"]
    assert Look(9, 9, digits=0, sign="₩").money(1290) == "₩1290"
    look, fonts = Look(296, 128, sign=""), Fonts()
    assert picture(FIELDS, look, fonts).hash == picture(dict(FIELDS), look, fonts).hash
    assert picture(FIELDS, look, fonts).hash != picture({**FIELDS, "price": 991}, look, fonts).hash


@needs_chinese
def test_chinese_names_are_set_and_long_ones_cut_off() -> None:
    look, fonts = Look(296, 128, "bwry"), Fonts()
    fields = {"name": "蒙牛纯牛奶全脂灭菌乳" * 6, "price": 5990, "promo": "限时特惠"}
    assert any(picture(fields, look, fonts).planes["yellow"])
    assert picture({**fields, "name": fields["name"] + "家庭装"}, look, fonts).hash == picture(fields, look, fonts).hash


def test_text_without_glyphs_is_refused_not_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storeloom.hardware_adapters.esl_gateway.render.FONTS", ())
    picture(FIELDS, Look(296, 128, sign=""), Fonts())
    with pytest.raises(DeviceError) as caught:
        picture({"name": "牛", "price": 1}, Look(296, 128, sign=""), Fonts())
    assert caught.value.code is Code.NO_SERVICE
    assert caught.value.words["en"] == "no glyph for '牛': install fonts-noto-cjk, or name a font with it in font_file"
    assert caught.value.words["zh"] == "字体缺少“牛”：请安装 fonts-noto-cjk，或在 font_file 中指定字体"


def test_a_font_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.ttf").write_bytes(b"no font")
    with pytest.raises(DeviceError, match=r"x\.ttf is no font"):
        picture(FIELDS, Look(296, 128), Fonts(str(tmp_path / "x.ttf")))


def test_a_ready_picture_is_brought_to_the_labels_inks() -> None:
    page = Image.new("RGB", (16, 8), "red")
    page.paste("black", (0, 0, 8, 8))
    out = io.BytesIO()
    page.save(out, "PNG")
    shown = picture({}, Look(16, 8, "bwr"), Fonts(), image="data:image/png;base64," + base64.b64encode(out.getvalue()).decode())
    assert shown.planes == {"black": b"\xff\x00" * 8, "red": b"\x00\xff" * 8}
    for bad in ("%%%", base64.b64encode(b"no picture").decode()):
        with pytest.raises(DeviceError, match="its image is none"):
            picture({}, Look(16, 8), Fonts(), image=bad)
