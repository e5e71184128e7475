"""Names and numbers go, the complaint stays."""

import pytest

from storeloom.workers.insight.anonymous import without_names


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("我叫王小明，电话138 0000 1111，牛奶酸了", "我叫***，电话***，牛奶酸了"),
        ("请张先生回电，订单20260501-77", "请***先生回电，订单***"),
        ("My name is Ann Lee, call +44 20 7946 0000 or ann.lee@mail.org", "My name is ***, call *** or ***"),
        ("Cashier Bob was rude, 3 bottles, 12.90", "Cashier *** was rude, 3 bottles, 12.90"),
        ("微信号 abc_1234 联系我", "*** 联系我"),
        ("I am angry", "I am angry"),
        ("我是会员，等了30分钟", "我是会员，等了30分钟"),
        ("我是李四，店长不理", "我是***，店长不理"),
    ],
)
def test_names_and_numbers(text, left):
    assert without_names(text) == left


def test_known_names_go_wherever_they_stand():
    assert (
        without_names("the boy Lin and 李娜 shouted; Linda did not", ["lin", "李娜", "x"]) == "the boy *** and *** shouted; Linda did not"
    )
