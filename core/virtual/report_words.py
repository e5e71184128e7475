"""The words of the trial report, English and Chinese, and its style sheet."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "report": ("Trial report", "试运行报告"),
    "store": ("Store", "门店"),
    "period": ("Store days", "营业日"),
    "days": ("{n} days", "共 {n} 天"),
    "day": ("1 day", "共 1 天"),
    "facts": ("Facts taken in", "输入事件"),
    "speed": ("Computed in", "计算用时"),
    "speed_value": ("{s} s ({x} times real time)", "{s} 秒（实时的 {x} 倍）"),
    "summary": ("What each solution did", "各方案结果一览"),
    "solution": ("Solution", "方案"),
    "figures": ("Figures", "指标"),
    "actions": ("Actions", "动作"),
    "other": ("Data passed on", "输出的数据"),
    "alerts": ("Alerts", "告警"),
    "failures": ("Failures", "故障"),
    "events": ("events taken in", "个输入事件"),
    "by_day": ("By day", "逐日指标"),
    "timeline": ("Output by hour", "每小时输出"),
    "hour": ("store time", "门店时间"),
    "per_hour": ("count per hour", "每小时次数"),
    "more_series": ("other streams", "其他输出"),
    "messages": ("Alerts and tasks", "告警与任务"),
    "time": ("Time", "时间"),
    "kind": ("What", "类型"),
    "text": ("Message", "内容"),
    "about": ("About", "对象"),
    "level": ("Urgency", "级别"),
    "more": ("and {n} more, {total} in all", "另有 {n} 条，共 {total} 条"),
    "none": ("It put out nothing in this trial.", "本次试运行中没有输出。"),
    "whole": ("The store's day", "门店全天情况"),
    "trade": ("Receipts and shoppers by hour", "每小时小票与客流"),
    "receipts_n": ("Receipts ({n})", "小票（{n} 张）"),
    "visitors_n": ("Parties of shoppers who came in ({n})", "进店客群（{n} 批）"),
    "truth": ("Answers beside the truth", "结果与真实情况对照"),
    "truth_note": (
        "The virtual store knows what really happened; the solutions do not. What they said is set beside it.",
        "虚拟门店掌握真实情况，而各方案并不知情；下表把方案的结论与真实情况对照。",
    ),
    "question": ("Compared", "对照项"),
    "answer": ("Solution says", "方案结论"),
    "so": ("Truth", "真实值"),
    "share": ("Answer / truth", "结论 / 真实"),
    "cleared": ("cleared", "已解除"),
    "no_failures": ("No solution failed.", "没有方案发生故障。"),
    "alert.raise": ("Alerts", "告警"),
    "task.create": ("Tasks for staff", "员工任务"),
    "message.send": ("Messages sent", "发送消息"),
    "high": ("high", "高"),
    "critical": ("critical", "严重"),
    "warn": ("warning", "警告"),
    "info": ("note", "提示"),
    "priority": ("priority {n}", "优先级 {n}"),
}

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#566070;--line:#d5dae1;
 --bar:#2563a8;--mark:#b3400e;--good:#17693b}
@media (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b212a;--ink:#e8ecf1;--soft:#a8b2c0;--line:#39424f;
 --bar:#6aa9ec;--mark:#f0935f;--good:#6fcf97}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px}h2{font-size:1.2rem;margin:0 0 4px}h3{font-size:1rem;margin:20px 0 6px}
.kicker{color:var(--soft);margin:0;font-size:.9rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px;margin:16px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:16px 0 0}
.facts div{border-left:3px solid var(--bar);padding-left:10px}
.facts dt{color:var(--soft);font-size:.85rem}.facts dd{margin:0;font-weight:600}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{text-align:left;color:var(--soft);font-weight:600;white-space:nowrap}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td{border-bottom:0}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td ul{list-style:none;margin:0;padding:0}td b{font-variant-numeric:tabular-nums;white-space:nowrap}
code{font-size:.85em;color:var(--soft)}a{color:var(--bar)}
.two{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1.35fr);gap:8px 32px;align-items:start;margin-top:12px}
svg{width:100%;height:auto;display:block;max-width:640px}
.mark{color:var(--mark);font-weight:600}.soft{color:var(--soft)}.good{color:var(--good)}
.when{white-space:nowrap}
@media (max-width:720px){
 .facts{grid-template-columns:1fr 1fr}
 main{padding:16px 10px 32px}.card{padding:14px}.two{grid-template-columns:minmax(0,1fr)}
 .stack thead{display:none}.stack tr{display:block;padding:10px 0;border-bottom:1px solid var(--line)}
 .stack tr:last-child{border-bottom:0}.stack td{display:block;border:0;padding:2px 0;text-align:left}
 .brief td.when,.brief td.kind{display:inline-block;margin-right:8px;font-weight:600}
 .stack td[data-name]::before{content:attr(data-name) ": ";color:var(--soft);font-size:.85rem}.stack td:empty{display:none}
}
@media print{body{background:#fff}.card{break-inside:avoid}}
""".strip()


def word(key: str, lang: str, **values: object) -> str:
    """A word of the report in the reader's language, filled."""
    return WORDS[key][lang == "zh"].format(**values)
