"""What a solution shows by its episodes: they hold, again after a restart half-way and again when run twice, no allowed setting breaks a
handler, and nothing that it declares is without effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from storeloom.core.conformance.labs import Lab, lab_of
from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.schemas import show
from storeloom.core.kernel.sources import open_document
from storeloom.core.virtual import differing

LEAST_EPISODES = 2


def _finding(lab: Lab, code: str, file: str | None = None, **args: Any) -> Finding:
    return Finding(code, {"id": lab.entry.id, **args}, file=file or str(lab.entry.file))


# --- bronze: what it does ---


def episodes(subject: Subject, solution: str) -> Found:
    """There are two episodes and one that stays silent; each has a title and is of this solution."""
    lab = lab_of(subject, solution)
    documents = {case.file: case.document.data for case in lab.cases}
    found = []
    if len(lab.files) < LEAST_EPISODES:
        found.append(_finding(lab, "SL-CHK-30", count=len(lab.files), wanted=LEAST_EPISODES))
    if lab.files and not any(_silent(data) for data in documents.values()):
        found.append(_finding(lab, "SL-CHK-31"))
    for file, data in documents.items():
        if data.get("solution", solution) != solution:
            other = data["solution"]
            found.append(_finding(lab, "SL-CHK-32", file, lack={"en": f"is of the solution {other}", "zh": f"属于方案 {other}"}))
        if not str(data.get("title", "")).strip():
            found.append(_finding(lab, "SL-CHK-32", file, lack={"en": "has no title", "zh": "没有标题"}))
    return Found(tuple(found), {"episodes": len(lab.files)})


def _silent(data: dict[str, Any]) -> bool:
    return bool(data.get("never")) or not data.get("expect") or any(entry.get("times") == 0 for entry in data["expect"])


def holds(subject: Subject, solution: str) -> Found:
    """Every episode brings what it says."""
    lab = lab_of(subject, solution)
    found = [_finding(lab, "SL-CHK-33", case.file, reason=words) for case in lab.cases for words in case.differing]
    for file, faults in lab.faults.items():
        found += [_finding(lab, "SL-CHK-33", file, reason=differing.within(fault)) for fault in faults]
    return Found(tuple(found))


def replays(subject: Subject, solution: str) -> Found:
    """An episode that is run twice brings the same twice: outputs with their ids, figures, what is refused.

    The second run is the one with a restart half-way, which brings the same where all is well; where it does not, one as it stands.
    """
    lab = lab_of(subject, solution)
    return Found(tuple(_finding(lab, "SL-CHK-35", case.file, reason=words) for case in lab.cases if (words := lab.twice(case))))


def restarts(subject: Subject, solution: str) -> Found:
    """An episode brings the same with its state read back from JSON at every step and its store stopped and started half-way.

    One that differs from run to run as it stands is left to `replays`.
    """
    lab = lab_of(subject, solution)
    found = [_finding(lab, "SL-CHK-34", case.file, reason=words) for case in lab.cases if not lab.twice(case) and (words := lab.cut(case))]
    return Found(tuple(found))


def values(subject: Subject, solution: str) -> Found:
    """No handler raises under a config that the schema allows."""
    lab = lab_of(subject, solution)
    raised = [(key, *one) for key in lab.properties for one in lab.shown(key).raised]
    found = [
        _finding(lab, "SL-CHK-37", file, key=key, value=show(value), reason=differing.within(fault)) for key, file, value, fault in raised
    ]
    return Found(tuple(found))


# --- silver: nothing without effect ---


def keys(subject: Subject, solution: str) -> Found:
    """Every config key changes some episode's outcome."""
    lab = lab_of(subject, solution)
    if not lab.properties:
        return Found(beside={"en": "there is nothing to set", "zh": "没有配置项"})
    dead = [key for key in lab.properties if not lab.shown(key).differs]
    return Found((_finding(lab, "SL-CHK-36", keys=dead),) if dead else ())


def streams(subject: Subject, solution: str) -> Found:
    """Every consumed stream counts in some episode, every produced one comes in some."""
    lab = lab_of(subject, solution)
    given, made = _union(case.streams for case in lab.cases), _union(case.made for case in lab.cases)
    consumed = [name.rstrip("?") for name in lab.entry["consumes"]]
    absent = [name for name in consumed if name not in given]
    idle = [name for name in consumed if name in given and not lab.needs(name)]
    found = []
    for names, en, zh in ((absent, "is in no episode", "没有出现在任何样例中"), (idle, "changes no outcome", "对结果没有影响")):
        if names:
            found.append(_finding(lab, "SL-CHK-38", streams=names, lack={"en": en, "zh": zh}))
    missing = [name for name in lab.entry["produces"] if name not in made]
    if missing:
        found.append(_finding(lab, "SL-CHK-39", what={"en": "the output", "zh": "输出"}, names=missing))
    return Found(tuple(found))


def kinds(subject: Subject, solution: str) -> Found:
    """Every kind of alert, task and report comes in some episode, and every figure moves in one."""
    lab = lab_of(subject, solution)
    came, moved = _union(case.kinds for case in lab.cases), _union(case.moved for case in lab.cases)
    absent = [kind for kind in lab.entry["kinds"] if kind not in came]
    still = [name for name in lab.entry["kpis"] if name not in moved]
    found = []
    for names, en, zh in ((absent, "the kind", "类别"), (still, "the figure", "指标")):
        if names:
            found.append(_finding(lab, "SL-CHK-39", what={"en": en, "zh": zh}, names=names))
    return Found(tuple(found))


def _union(parts: Iterator[Any] | Any) -> set[str]:
    return set().union(*parts)


def sample(subject: Subject, solution: str) -> Found:
    """The sample that the catalogue shows is an episode, and something comes of it."""
    lab = lab_of(subject, solution)
    file = subject.registry.sample_episode(solution)
    if file is None or not file.is_file() or not open_document(file).data.get("expect"):
        return Found((_finding(lab, "SL-CHK-40", str(file) if file else None),))
    return Found()


RULES: tuple[Rule, ...] = (
    Rule("behaviour.episodes", Grade.BRONZE, Scope.SOLUTION, "There are two episodes, and one that stays silent",
         "至少两个样例，且有一个应保持静默", "What it does not do is half of what it does.", "不该做什么与该做什么同样重要。", episodes),
    Rule("behaviour.holds", Grade.BRONZE, Scope.SOLUTION, "Every episode brings what it says", "所有样例均符合预期",
         "An episode is the solution's promise, worked out by hand.", "样例是方案的承诺，由人工推算得出。", holds),
    Rule("behaviour.replays", Grade.BRONZE, Scope.SOLUTION, "An episode that is run twice brings the same twice",
         "同一样例运行两次结果相同",
         "After a crash the log is worked through again; what comes out must be known as said already.",
         "故障后会重放日志；重放的输出须能识别为已输出过。", replays),
    Rule("behaviour.restarts", Grade.BRONZE, Scope.SOLUTION, "A restart half-way changes nothing", "中途重启不改变结果",
         "A store loses its power, and a solution is swapped while it runs.", "门店会断电，方案会在运行中更换。", restarts),
    Rule("behaviour.values", Grade.BRONZE, Scope.SOLUTION, "No config that the schema allows makes a handler raise",
         "模式允许的配置不会使处理函数出错", "The studio offers every value that the schema allows.", "工作台提供模式允许的任意值。",
         values),
    Rule("behaviour.keys", Grade.SILVER, Scope.SOLUTION, "Every config key changes some episode's outcome",
         "每个配置项都会改变某个样例的结果",
         "A setting without effect is a promise that is not kept.", "不起作用的设置是落空的承诺。", keys),
    Rule("behaviour.streams", Grade.SILVER, Scope.SOLUTION, "Every consumed stream counts, every produced one comes",
         "每个输入流均起作用，每个输出流均出现", "A bundle is wired by what is declared; what does not count asks for devices in vain.",
         "方案包按声明接线；不起作用的声明会要求多余的设备。", streams),
    Rule("behaviour.kinds", Grade.SILVER, Scope.SOLUTION, "Every kind of alert and every figure comes in some episode",
         "每个告警类别与指标均在样例中出现", "Who reads an alert or a figure looks up what brings it about.",
         "看到告警或指标的人会查其来由。", kinds),
    Rule("behaviour.sample", Grade.SILVER, Scope.SOLUTION, "The first episode is the sample, and brings something about",
         "首个样例可作示例，且有输出", "The studio shows it at work before it is bought.", "工作台在采购前以此演示。", sample),
)  # fmt: skip
