"""Refusals as the API tells them: problem details (RFC 9457), with the findings that every other part of storeloom gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from storeloom.core.kernel.errors import Finding, StoreloomError

MEDIA = "application/problem+json"
TITLES = {
    400: ("Bad request", "请求有误"),
    401: ("Not authenticated", "未通过身份验证"),
    403: ("Not allowed", "没有权限"),
    404: ("Not found", "不存在"),
    405: ("Method not allowed", "不支持的方法"),
    406: ("Not acceptable", "无法提供所要求的格式"),
    409: ("Conflict", "状态冲突"),
    410: ("Gone", "已失效"),
    411: ("Length required", "须注明长度"),
    412: ("Changed meanwhile", "已被他人修改"),
    413: ("Too large", "内容过大"),
    415: ("Unsupported media type", "不支持的内容类型"),
    416: ("No such stretch of bytes", "请求的字节范围无效"),
    422: ("Does not hold together", "内容不成立"),
    428: ("Version required", "须注明版本"),
    429: ("Too many requests", "请求过于频繁"),
    500: ("Internal error", "内部错误"),
    503: ("Not available", "暂不可用"),
}


class FindingOut(BaseModel):
    """One finding of a problem."""

    code: str
    severity: str
    path: str
    reason: str
    fix: str
    file: str | None = None
    line: int | None = None
    patch: Any = None


class Problem(BaseModel):
    """Problem details (RFC 9457). `type` names the first finding's code."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    findings: list[FindingOut] = Field(default_factory=list)


class ApiFault(StoreloomError):
    """A request that is not carried out; `status` is HTTP's, `headers` go with the answer, `more` stands beside the findings."""

    def __init__(
        self,
        status: int,
        findings: Finding | Iterable[Finding],
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(findings)
        self.status, self.headers, self.more = status, dict(headers or {}), dict(more or {})


def problem(status: int, findings: Iterable[Finding], lang: str, instance: str) -> dict[str, Any]:
    """The body of a refusal."""
    told = [finding.as_dict(lang) for finding in findings]
    title, title_zh = TITLES.get(status, TITLES[400 if status < 500 else 500])
    return {
        "type": f"urn:storeloom:{told[0]['code']}",
        "title": title_zh if lang == "zh" else title,
        "status": status,
        "detail": told[0]["reason"],
        "instance": instance,
        "findings": told,
    }


def form_findings(error: ValidationError, part: str) -> list[Finding]:
    """What is wrong with a body or a query, every finding with its place. What was sent is not repeated: it may hold a secret."""
    return [
        Finding("SL-API-03", {"reason": fault["msg"]}, ".".join([part, *(str(key) for key in fault["loc"])]))
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def missing(what: str, what_zh: str, name: str) -> ApiFault:
    """What is asked for is not there, or not for who asks: the two look alike."""
    return ApiFault(404, Finding("SL-API-05", {"what": {"en": what, "zh": what_zh}, "name": name}))
