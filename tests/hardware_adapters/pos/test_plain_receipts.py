"""The plain layout: fields by their names, exact money, returns, and every refusal with its line."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.hardware_adapters.pos.receipts_file import ReceiptsFile

Make = Callable[..., ReceiptsFile]
HEAD = "receipt,time,line,gtin,qty,weight_g,price,discount,amount,method,member,cashier,till\n"
GOOD = """r2,2026-03-02 18:05:00,1,6901234567892,2,,9.90,1.00,18.80,qr,m1,c7,t3
r2,2026-03-02 18:05:00,2,2000040000008,1,452,12.00,,5.42,qr,m1,c7,t3
r1,2026-03-02T17:00:00,1,6901234567892,-1,,9.90,-0.50,-9.4,cash,,c7,t3
"""


@pytest.fixture
def told(receipts: Make, tmp_path: Path) -> Callable[..., Finding]:
    """The finding that a CSV of this text brings before any receipt is handed in."""

    def read(text: str, **config: Any) -> Finding:
        file = tmp_path / "till.csv"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputFault) as caught:
            next(receipts(file, zone="Asia/Shanghai", **config).facts())
        (finding,) = caught.value.findings
        assert finding.file == str(file)
        return finding

    return read


def test_lines_become_receipts(receipts: Make, tmp_path: Path) -> None:
    file = tmp_path / "till.csv"
    file.write_text("\ufeff" + HEAD + GOOD, encoding="utf-8")
    back, sale = receipts(file, zone="Asia/Shanghai", currency="CNY").facts()
    assert (sale.received, sale.stream, sale.source) == (datetime(2026, 3, 2, 10, 5, tzinfo=UTC), "pos.sale", "pos-1")
    assert sale.data == {
        "receipt": "r2",
        "kind": "sale",
        "till": "t3",
        "channel": "till",
        "lines": [
            {"line": 1, "gtin": "6901234567892", "qty": 2, "price": 990, "discount": 100, "amount": 1880},
            {"line": 2, "gtin": "2000040000008", "qty": 1, "weight_g": 452, "price": 1200, "amount": 542},
        ],
        "payments": [{"method": "qr", "amount": 2422}],
        "total": 2422,
        "discount": 100,
        "member": "m1",
        "cashier": "c7",
        "business_day": "2026-03-02",
        "currency": "CNY",
    }
    assert (back.data["kind"], back.data["total"], back.data["lines"][0]["qty"]) == ("return", -940, -1)
    assert back.data["lines"][0]["discount"] == -50 and "member" not in back.data
    assert [schemas.first_error(schemas.stream_file("pos.sale"), fact.data) for fact in (back, sale)] == [None, None]


def test_mapped_columns_minor_units_and_what_is_derived(receipts: Make, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text("Bon;Zeit;EAN;Menge;Preis\n7;2026-03-29T03:30:00+02:00;4006381333931;3;199\n", encoding="utf-8")
    names = {"receipt": "Bon", "time": "Zeit", "gtin": "EAN", "qty": "Menge", "price": "Preis"}
    (fact,) = receipts(file, columns=names, separator=";", minor_units=True, till="t9", channel="self_checkout", method="cash").facts()
    assert fact.received == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert fact.data["lines"] == [{"line": 1, "gtin": "4006381333931", "qty": 3, "price": 199, "amount": 597}]
    assert (fact.data["till"], fact.data["channel"], fact.data["payments"]) == ("t9", "self_checkout", [{"method": "cash", "amount": 597}])
    assert "currency" not in fact.data


@pytest.mark.parametrize(
    ("qty", "weight", "price", "amount"),
    [("1", "", "0.29", 29), ("1", "455", "0.99", 45), ("1", "500", "0.99", 50), ("-1", "-500", "0.99", -50), ("1.5", "", "0.03", 5)],
)
def test_an_amount_from_its_price_is_rounded_half_up(
    receipts: Make, tmp_path: Path, qty: str, weight: str, price: str, amount: int
) -> None:
    file = tmp_path / "till.csv"
    file.write_text(f"receipt,time,gtin,qty,weight_g,price\nr,2026-03-02T10:00:00Z,1,{qty},{weight},{price}\n")
    (fact,) = receipts(file).facts()
    assert fact.data["total"] == amount


@pytest.mark.parametrize(("currency", "cell", "minor"), [("JPY", "120", 120), ("KWD", "1.005", 1005), ("USD", "0.290", 29)])
def test_the_minor_unit_is_the_currencys(receipts: Make, tmp_path: Path, currency: str, cell: str, minor: int) -> None:
    file = tmp_path / "till.csv"
    file.write_text(f"receipt,time,gtin,qty,amount\nr,2026-03-02T10:00:00Z,1,1,{cell}\n")
    (fact,) = receipts(file, currency=currency).facts()
    assert (fact.data["total"], fact.data["lines"][0]["price"]) == (minor, minor)


def test_parquet_and_csv_files_of_a_folder_come_in_order_of_time(receipts: Make, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(
        "receipt,time,gtin,qty,amount\nlate,2026-03-02T12:00:00Z,1,1,1.00\nearly,2026-03-02T10:00:00Z,1,1,1.00\n"
    )
    columns = {"receipt": ["middle"], "time": [datetime(2026, 3, 2, 6)], "gtin": [6901234567892], "qty": [2], "amount": [1.5]}
    pl.DataFrame(columns).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "note.txt").write_text("not looked at")
    facts = list(receipts(tmp_path, zone="America/New_York").facts())
    assert [fact.data["receipt"] for fact in facts] == ["early", "middle", "late"]
    assert facts[1].data["lines"][0] == {"line": 1, "gtin": "6901234567892", "qty": 2, "price": 75, "amount": 150}
    assert receipts(tmp_path).tables() == {}


def test_a_receipt_keeps_when_it_was_started(receipts: Make, tmp_path: Path) -> None:
    file = tmp_path / "till.csv"
    file.write_text("receipt,time,gtin,qty,amount\nr,2026-03-02T10:02:30Z,1,1,1\nr,2026-03-02T10:00:00Z,1,1,1\n")
    (fact,) = receipts(file).facts()
    assert (fact.received.isoformat(), fact.data["started"]) == ("2026-03-02T10:02:30+00:00", "2026-03-02T10:00:00Z")


@pytest.mark.parametrize(
    ("was", "now", "line", "words"),
    [
        (",2,,9.90", ",two,,9.90", 2, "column 'qty' has \"two\"; a number is needed"),
        (",2,,9.90", ",nan,,9.90", 2, "column 'qty' has \"nan\"; a number is needed"),
        (",2,,9.90", ",2000000,,9.90", 2, "column 'qty' has \"2000000\"; no more than 100000 either way is taken in"),
        (",12.00,", ",12.005,", 3, "column 'price' has \"12.005\"; an amount with at most 2 decimals is needed"),
        (",12.00,", ",$12,", 3, "column 'price' has \"$12\"; an amount with at most 2 decimals is needed"),
        (",12.00,", ",-12.00,", 3, "column 'price' has \"-12.00\"; a price is 0 or more"),
        (",5.42,", ",99999999,", 3, "column 'amount' has \"99999999\"; no more than 1e+06 either way is taken in"),
        (",5.42,", ",-5.42,", 3, "column 'amount' has \"-5.42\"; its sign contradicts the quantity's; a return has both negative"),
        (",1,452,", ",1,45.2,", 3, "column 'weight_g' has \"45.2\"; a whole number is needed"),
        ("2000040000008", "2.00004E+12", 3, "column 'gtin' has \"2.00004E+12\"; 1 to 14 digits are needed"),
        ("2026-03-02T17:00:00", "02/03/2026", 4, "column 'time' has \"02/03/2026\"; a time such as 2026-03-02 18:05:00 that exists"),
        ("2026-03-02T17:00:00", "2926-03-02T17:00:00", 4, "column 'time' has \"2926-03-02T17:00:00\"; a time such as"),
        ("2026-03-02T17:00:00", "0001-01-01T00:00:00", 4, "column 'time' has \"0001-01-01T00:00:00\"; a time such as"),
        ("2026-03-02T17:00:00", "", 4, "column 'time' has null; a value is needed"),
        ("cash", "barter", 4, "column 'method' has \"barter\"; one of cash, card, qr,"),
        ("r2,2026-03-02 18:05:00,2,", "r2,2026-03-02 18:05:00,1,", 3, "line 1 of receipt r2 stands twice"),
        ("5.42,qr,m1", "5.42,qr,m2", 3, "receipt r2 has more than one member"),
        ("r2,2026-03-02 18:05:00,2,", "r2,2026-03-04 18:05:00,2,", 3, "receipt r2 lasts more than a day"),
        (",c7,t3\nr1", ",c7,t3,extra\nr1", 3, "found more fields than defined"),
        (
            "r1,2026-03-02T17:00:00,1,6901234567892,-1,,9.90,-0.50,-9.4,cash,,c7,t3",
            "r1,2026-03-02T17:00:00,1,69012",
            4,
            "column 'qty' has null",
        ),
    ],
)
def test_a_bad_line_is_told(told: Callable[..., Finding], was: str, now: str, line: int, words: str) -> None:
    assert was in GOOD
    finding = told(HEAD + GOOD.replace(was, now, 1))
    assert words in finding.text("en")
    assert (finding.code, finding.line) == ("SL-INP-01", line)


def test_a_line_is_counted_over_blank_and_folded_ones(told: Callable[..., Finding]) -> None:
    text = 'receipt,time,gtin,qty,amount,promo\nr,2026-03-02T10:00:00Z,1,1,1.00,"two\nlines"\n\nq,2026-03-02T10:00:00Z,1,one,1.00,\n'
    assert told(text).line == 5


def test_the_words_of_a_finding_in_both_languages(told: Callable[..., Finding], tmp_path: Path) -> None:
    finding = told("receipt,time,gtin,qty,amount\nr,2026-03-02T10:00:00Z,1,0,1.00\n")
    place = tmp_path / "till.csv"
    assert finding.render("en") == (
        f"{place}:2   [SL-INP-01]\n"
        f"  Cannot take in {place}: column 'amount' has \"1.00\"; there is an amount for a quantity of 0.\n"
        "  Mend that line."
    )
    assert finding.render("zh") == (
        f'{place}:2   [SL-INP-01]\n  无法读入 {place}：列“amount”的值为 "1.00"；数量为 0 却有金额。\n  请更换或修复该文件。'
    )


def test_a_time_that_the_clocks_skip_is_told(receipts: Make, tmp_path: Path) -> None:
    file = tmp_path / "till.csv"
    file.write_text("receipt,time,gtin,qty,amount\nr,2017-03-12 02:30:00,1,1,1.00\n")
    with pytest.raises(InputFault, match="exists in America/New_York"):
        next(receipts(file).facts())
    file.write_text("receipt,time,gtin,qty,amount\nr,2017-11-05 01:30:00,1,1,1.00\n")
    assert next(receipts(file).facts()).received == datetime(2017, 11, 5, 5, 30, tzinfo=UTC)


def test_missing_columns_are_told_with_those_there_are(told: Callable[..., Finding]) -> None:
    finding = told("receipt,gtin,price\nr,1,1.00\n")
    assert "it lacks the columns time, qty; it has receipt, gtin, price" in finding.text("en")
    assert finding.line == 1
    assert "it lacks the columns amount;" in told("receipt,time,gtin,qty\n").text("en")
    assert "it has two columns 'gtin'" in told("receipt,gtin,gtin\n").text("en")
    assert "it lacks the columns receipt, time, gtin, qty; it has a, b" in told("a,b\n1,2\n").text("en")


def test_a_receipt_in_two_files_is_told(receipts: Make, tmp_path: Path) -> None:
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text("receipt,time,gtin,qty,amount\nr,2026-03-02T10:00:00Z,1,1,1.00\n")
    with pytest.raises(InputFault, match=r"2\.csv: receipt r stands in another file too"):
        next(receipts(tmp_path).facts())


def test_nothing_to_read_is_told(receipts: Make, tmp_path: Path) -> None:
    def reason(path: Path | str) -> str:
        with pytest.raises(InputFault) as caught:
            next(ReceiptsFile("pos-1", ReceiptsFile.Config(path=str(path))).facts())
        return caught.value.findings[0].text("en")

    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").touch()
    (tmp_path / "bad.csv").write_bytes(b"receipt,time\n\xff\xfe,2\n")
    (tmp_path / "list.xlsx").write_text("no")
    assert "there is no such file or folder" in reason(tmp_path / "none")
    assert "the folder holds no CSV or Parquet file" in reason(tmp_path / "empty")
    assert "the file is empty (0 bytes)" in reason(tmp_path / "empty.csv")
    assert "'.xlsx' is no kind of file read here" in reason(tmp_path / "list.xlsx")
    assert "bad.csv" in reason(tmp_path / "bad.csv")
    assert "no path is set" in reason("")


def test_a_header_alone_has_no_receipts(receipts: Make, tmp_path: Path) -> None:
    (tmp_path / "till.csv").write_text("receipt,time,gtin,qty,amount\n")
    with pytest.raises(InputFault, match="no receipt line"):
        next(receipts(tmp_path).facts())


def test_an_unknown_zone_is_told(receipts: Make, tmp_path: Path) -> None:
    (tmp_path / "till.csv").write_text("receipt,time,gtin,qty,amount\n")
    with pytest.raises(InputFault, match=r'config.zone +\[SL-CFG-03\]\s+Value "Mars/Base" is outside'):
        next(receipts(tmp_path, zone="Mars/Base").facts())


def test_without_polars_the_extra_is_named(receipts: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputFault) as caught:
        next(receipts(tmp_path).facts())
    (finding,) = caught.value.findings
    assert finding.render("en") == "[SL-INP-03]\n  receipts_file needs the extra 'data'.\n  Install it: pip install 'storeloom[data]'."
    assert finding.render("zh") == "[SL-INP-03]\n  receipts_file 需要扩展组件“data”。\n  请安装：pip install 'storeloom[data]'。"
