"""The report of a pilot project: one page that a board can read, without scripts or network; printed, it is the PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from storeloom.core.control.models.pilots import STEPS, Pilot
from storeloom.core.control.pilots.curves import intervals, lines
from storeloom.core.control.pilots.evaluating import estimated
from storeloom.core.control.pilots.forms import Estimate
from storeloom.core.virtual.figures import number_text
from storeloom.core.virtual.report_words import STYLE

WORDS = {
    "pilot": ("Pilot project", "试点项目"),
    "registered": ("registered", "已登记"),
    "estimated": ("estimated", "已测算"),
    "reviewed": ("reviewed", "已评审"),
    "running": ("running", "运行中"),
    "evaluated": ("evaluated", "已评估"),
    "decided": ("decided", "已决策"),
    "round": ("Round", "轮次"),
    "problem": ("Problem", "问题"),
    "goal": ("Goal", "目标"),
    "owner": ("Owner", "负责人"),
    "solutions": ("Solutions", "方案"),
    "judged_by": ("Judged by", "评判指标"),
    "estimate": ("Estimate before the pilot", "试点前测算"),
    "result": ("What the pilot did", "试点效果"),
    "effect": ("Effect a store and day", "单店日均效果"),
    "share": ("of what it would have been", "相对未试点水平"),
    "method": ("Method", "方法"),
    "did": ("difference in differences", "双重差分"),
    "synthetic": ("synthetic control", "合成控制"),
    "interval": ("95 % interval", "95% 区间"),
    "stores": ("Pilot stores", "试点门店"),
    "comparables": ("Comparable stores", "对照门店"),
    "days": ("Days", "天数"),
    "gain": ("Gain before costs", "收益（未扣成本）"),
    "cost": ("Cost", "成本"),
    "net": ("Net", "净收益"),
    "roi": ("Return on investment", "投资回报率"),
    "payback": ("Payback, months", "回收期（月）"),
    "never": ("never", "无法回收"),
    "in_pilots": ("In the pilot stores", "试点门店范围"),
    "in_all": ("In all stores of the estimate", "测算范围全部门店"),
    "checks": ("What could have refuted it", "可证伪检验"),
    "held": ("held", "通过"),
    "spoke": ("spoke against it", "未通过"),
    "expected": ("expected", "应为"),
    "drivers": ("What moved with it", "驱动因素"),
    "placebos": ("Starts that never happened", "安慰剂起点"),
    "warnings": ("Read with care", "请注意"),
    "notes": ("Observations", "观察记录"),
    "decision": ("Decision", "决策"),
    "roll_out": ("roll out to all stores", "全面推广"),
    "stop": ("stop", "终止"),
    "next_round": ("next round", "进入下一轮"),
    "course": ("Pilot stores and their synthetic twin", "试点门店与合成对照"),
    "by_week": ("Effect by week since the start", "开始以来每周效果"),
    "day": ("Day", "日期"),
    "week": ("Week since the start", "距开始的周数"),
    "told": ("as told", "实际"),
    "twin": ("synthetic twin", "合成对照"),
    "none_yet": ("There is no evaluation yet.", "尚无评估结果。"),
    "unit": ("Effects are in the figure's own unit.", "效果以指标自身单位计。"),
}


def report(pilot: Pilot, lang: str) -> str:
    """The page in `lang`, zh or en."""
    return _Page(pilot, lang).html()


class _Page:
    def __init__(self, pilot: Pilot, lang: str) -> None:
        self.pilot, self.lang = pilot, lang

    def word(self, key: str) -> str:
        return WORDS[key][self.lang == "zh"]

    def html(self) -> str:
        title = f"{self.word('pilot')}: {self.pilot.name}"
        parts = [self._head(), self._estimate(), self._result(), self._notes(), self._decision()]
        return (
            f'<!DOCTYPE html>\n<html lang="{"zh-CN" if self.lang == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
            f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
        )

    def _head(self) -> str:
        plan = self.pilot.plan
        metric = f"{plan['metric']['solution']}.{plan['metric']['name']}"
        facts = {"owner": plan.get("owner"), "solutions": ", ".join(plan["solutions"]), "judged_by": metric, "round": str(self.pilot.round)}
        steps = " → ".join(f"<b>{self.word(step)}</b>" if step == self.pilot.step else self.word(step) for step in STEPS)
        words = "".join(f"<p><b>{self.word(key)}</b><br>{escape(plan[key])}</p>" for key in ("problem", "goal") if plan.get(key))
        name = f'<p class="kicker">{self.word("pilot")}</p><h1>{escape(self.pilot.name)}</h1>'
        return f'{name}<p class="soft">{steps}</p>{self._facts(facts)}{words}'

    def _estimate(self) -> str:
        if self.pilot.estimate is None:
            return ""
        given = Estimate(**self.pilot.estimate)
        effect = {"value": given.effect, "low": given.low, "high": given.high}
        return self._card(self.word("estimate"), self._facts({"effect": self._span(effect)}) + self._worth(estimated(given)))

    def _result(self) -> str:
        found = self.pilot.evaluation
        if found is None or self.pilot.choice is None:
            return self._card(self.word("result"), f'<p class="soft">{self.word("none_yet")}</p>')
        share = "" if found["share"] is None else f" ({100 * found['share']:+.1f} % {self.word('share')})"
        facts = {
            "effect": self._span(found["effect"]) + share,
            "method": self.word(found["method"]),
            "days": str(found["days"]),
            "stores": ", ".join(self.pilot.choice["stores"]),
            "comparables": ", ".join(self.pilot.choice["comparables"]),
        }
        parts = [self._facts(facts), f'<p class="soft">{self.word("unit")}</p>', self._plots(found)]
        parts += [
            f"<h3>{self.word('in_pilots')}</h3>",
            self._worth(found["worth"]),
            f"<h3>{self.word('in_all')}</h3>",
            self._worth(found["worth_of_all"]),
        ]
        parts += [
            self._checks(found["checks"]),
            self._effects("drivers", found["drivers"], "name"),
            self._effects("placebos", found["placebos"], "at"),
        ]
        warnings = "".join(f"<li>{escape(one['zh' if self.lang == 'zh' else 'en'])}</li>" for one in found["findings"])
        parts.append(f"<h3>{self.word('warnings')}</h3><ul>{warnings}</ul>" if warnings else "")
        return self._card(self.word("result"), "".join(parts))

    def _plots(self, found: Mapping[str, Any]) -> str:
        assert self.pilot.choice is not None
        name, gaps = f"{self.pilot.plan['metric']['name']}", found["gaps"]
        parts = []
        if gaps:
            series = [(self.word("told"), [row["y"] for row in gaps]), (self.word("twin"), [row["synthetic"] for row in gaps])]
            days = [row["ds"] for row in gaps]
            parts.append(lines(self.word("course"), self.word("day"), name, days, series, self.pilot.choice["begins"]))
        if found["course"]:
            rows = [(row["period"], row["value"], row["low"], row["high"]) for row in found["course"]]
            parts.append(intervals(self.word("by_week"), self.word("week"), name, rows))
        return "".join(parts)

    def _worth(self, worth: Mapping[str, Any]) -> str:
        roi = {key: None if value is None else 100 * value for key, value in worth["roi"].items()}
        facts = {
            "gain": self._money(worth["gain"]),
            "cost": f"{worth['cost'] / 100:,.2f}",
            "net": self._money(worth["net"]),
            "roi": self._span(roi, " %"),
            "payback": self._span(worth["payback_months"], none=self.word("never")),
        }
        return self._facts(facts)

    def _checks(self, checks: Sequence[Mapping[str, Any]]) -> str:
        rows = "".join(
            f"<tr><td>{escape(one['zh' if self.lang == 'zh' else 'en'])}</td><td class=n>{self._number(one['value'])}</td>"
            f"<td>{self.word('expected')} {escape(one['expected'])}</td>"
            f"<td class={'good' if one['held'] else 'mark'}>{self.word('held' if one['held'] else 'spoke')}</td></tr>"
            for one in checks
        )
        return f"<h3>{self.word('checks')}</h3><div class=scroll><table>{rows}</table></div>" if rows else ""

    def _effects(self, title: str, effects: Sequence[Mapping[str, Any]], key: str) -> str:
        rows = "".join(
            f"<tr><td>{escape(str(one[key]))}</td><td class=n>{self._span(one)}</td>"
            f"<td class=n>p = {self._number(one['p_value'])}</td></tr>"
            for one in effects
        )
        return f"<h3>{self.word(title)}</h3><div class=scroll><table>{rows}</table></div>" if rows else ""

    def _notes(self) -> str:
        rows = "".join(f"<li><span class=soft>{escape(one['at'][:10])}</span> {escape(one['text'])}</li>" for one in self.pilot.notes)
        return self._card(self.word("notes"), f"<ul>{rows}</ul>") if rows else ""

    def _decision(self) -> str:
        said = self.pilot.decision
        if said is None:
            return ""
        return self._card(self.word("decision"), f"<p><b>{self.word(said['kind'])}</b></p><p>{escape(said['reason'])}</p>")

    def _card(self, title: str, inside: str) -> str:
        return f'<section class="card"><h2>{title}</h2>{inside}</section>'

    def _facts(self, facts: Mapping[str, str | None]) -> str:
        shown = "".join(f"<div><dt>{self.word(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items() if value)
        return f'<dl class="facts">{shown}</dl>'

    def _money(self, span: Mapping[str, float | None]) -> str:
        return self._span({key: None if value is None else value / 100 for key, value in span.items() if key in ("value", "low", "high")})

    def _span(self, span: Mapping[str, Any], unit: str = "", none: str = "–") -> str:
        value, low, high = (self._number(span[key], none) for key in ("value", "low", "high"))
        return f"{value}{unit} [{low}; {high}]"

    def _number(self, value: float | None, none: str = "–") -> str:
        return none if value is None else number_text(value)
