"""Texts of customers without the names and numbers in them, so that a text can outlive the right to know who wrote it.

Every figure of four digits or more (telephones, cards, orders, addresses), e-mail addresses and web accounts go, and names: those that are
known, those that follow words of introduction or a form of address, and Chinese surnames before one. What looks like no name stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

GONE = "***"
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ACCOUNT = re.compile(r"(?<!\w)@\w+|(?:微信|QQ|wechat|weixin)(?:号|id)?\s*[:：]?\s*[A-Za-z0-9_-]{4,}", re.I)
_NUMBER = re.compile(r"\+?\d(?:[ -]?\d){3,}[xX]?")
_NAME = r"[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+){0,2}"
_INTRODUCED = re.compile(rf"\b((?i:my name is|i am called|this is|regards,?|sincerely,?|i'm|i am))\s+{_NAME}")
_ADDRESSED = re.compile(rf"\b((?i:mr|mrs|ms|miss|dr|cashier|manager|called|named))\.?\s+{_NAME}")
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏"
    "钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_SELF_ZH = re.compile(rf"(我叫|我是|姓名[:：]?|本人|联系人[:：]?|名叫|叫做)[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}(?=$|[，。,.!！；;、\s\d])")
_TITLE_ZH = re.compile(rf"[{_SURNAMES}][\u4e00-\u9fff]{{0,2}}?(?=先生|女士|小姐|太太|经理|店长)")


def without_names(text: str, known: Iterable[str] = ()) -> str:
    """The text with each name and number replaced by asterisks; `known`: names that must go wherever they stand (of staff)."""
    for name in sorted({one.strip() for one in known if len(one.strip()) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", GONE, text, flags=re.I)
    text = _ACCOUNT.sub(GONE, _MAIL.sub(GONE, text))
    text = _NUMBER.sub(GONE, text)
    text = _ADDRESSED.sub(rf"\1 {GONE}", _INTRODUCED.sub(rf"\1 {GONE}", text))
    return _TITLE_ZH.sub(GONE, _SELF_ZH.sub(rf"\1{GONE}", text))
