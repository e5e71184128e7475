"""What holds a roster back, and what to relax where none keeps all rules, in words; rules of the law are named as law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from storeloom.workers.optimise.plans import Note
from storeloom.workers.optimise.roster_model import Key
from storeloom.workers.optimise.roster_problem import Duty, Problem, Slot
from storeloom.workers.optimise.roster_rules import blocked, shared_h

LAW_EN, LAW_ZH = " (law)", "（法定）"
NAMED = 8
WHY = {
    "overlap": ("{who}: has a shift that overlaps", "{who}：已有重叠班次"),
    "day": ("{who}: works another shift that day", "{who}：当天已有其他班次"),
    "rest": ("{who}: rest between shifts", "{who}：班次间休息不足"),
    "row": ("{who}: days in a row", "{who}：连续工作天数已满"),
    "contract": ("{who}: most hours of the contract", "{who}：合同工时已满"),
    "overtime": ("{who}: no overtime left", "{who}：加班额度已用完"),
    "cost": ("{who}: dearer than the gap", "{who}：成本高于缺岗"),
}
RULES = {
    "lock": ("{0} must work at {1} as {2}", "{0} 必须在 {1} 担任 {2}"),
    "least": ("at least so many as {0} from {1}", "{1} 起 {0} 的最少人数"),
    "least_hours": ("promised hours of {0} in {1}", "{0} 在 {1} 的合同保底工时"),
    "most_hours": ("most hours of {0} in {1}", "{0} 在 {1} 的合同最高工时"),
    "day": ("one shift a day for {0}", "{0} 每天只排一班"),
    "rest": ("rest between shifts of {0}", "{0} 的班次间休息"),
    "row": ("days in a row of {0}", "{0} 的连续工作天数"),
    "overtime": ("overtime of {0}", "{0} 的加班上限"),
}
LOOSER = {
    "lock": ("Do not ask {0} to work at {1} as {2}.", "不再要求 {0} 在 {1} 担任 {2}。"),
    "least": ("Let {0} from {1} fall {3} short of its least number.", "允许 {1} 起 {0} 比最少人数少 {3} 人。"),
    "least_hours": ("Let {0} fall {3} min short of the promised hours in {1}.", "允许 {0} 在 {1} 比保底工时少 {3} 分钟。"),
    "most_hours": ("Let {0} exceed the contract's hours in {1}.", "允许 {0} 在 {1} 超过合同工时。"),
    "day": ("Let {0} work two shifts on a day.", "允许 {0} 一天排两班。"),
    "rest": ("Shorten the rest of {0} between shifts.", "缩短 {0} 的班次间休息。"),
    "row": ("Let {0} work more days in a row.", "允许 {0} 连续工作更多天。"),
    "overtime": ("Allow {0} more overtime.", "允许 {0} 更多加班。"),
}


def relax(problem: Problem, keys: Sequence[Key], amounts: Mapping[Key, int]) -> tuple[Note, ...]:
    """The rules to relax, each with how far where that is a number."""
    notes = []
    for kind, name in keys:
        by = amounts.get((kind, name))
        en, zh = (words.format(*_parts(problem, name), by) for words in LOOSER[kind])
        notes.append(Note(f"{kind}:{name}", en, zh, by))
    return tuple(notes)


def conflict(problem: Problem, keys: Sequence[Key]) -> tuple[Note, ...]:
    """Rules that cannot be kept together, though each is needed for that."""
    notes = []
    for kind, name in keys:
        en, zh = (words.format(*_parts(problem, name)) for words in RULES[kind])
        of_law = (LAW_EN, LAW_ZH) if kind in problem.rules.law else ("", "")
        notes.append(Note(f"{kind}:{name}", f"Cannot be kept with the others: {en}{of_law[0]}.", f"与其余规则冲突：{zh}{of_law[1]}。"))
    return tuple(notes)


def _parts(problem: Problem, name: str) -> tuple[str, str, str]:
    """Three fields of a rule's name, times as a clock shows them."""
    fields = [*name.split("|"), "", ""][:3]
    if "T" in fields[1]:
        fields[1] = f"{problem.clock(datetime.fromisoformat(fields[1])):%Y-%m-%d %H:%M}"
    return fields[0], fields[1], fields[2]


def binding(problem: Problem, duties: Sequence[Duty], slots: Iterable[Slot]) -> tuple[Note, ...]:
    """Each stretch that lacks staff, with what keeps everybody who might fill it; wishes not kept; people held at their promised hours."""
    notes, taken = [], [*problem.standing, *duties]
    for slot in slots:
        if slot.under_h > 0:
            en, zh = _gap(problem, taken, slot)
            notes.append(Note(f"cover:{slot.role}|{slot.start.isoformat()}", en, zh, slot.under_h))
    for wish in problem.wishes:
        own = [wish.kept(duty.shift) for duty in duties if duty.person == wish.person]
        if not (all(own) if wish.off else any(own)):
            when = f"{problem.clock(wish.start):%Y-%m-%d %H:%M}"
            en, zh = f"The wish of {wish.person} for {when} is not kept.", f"未满足 {wish.person} 对 {when} 的意愿。"
            notes.append(Note(f"wish:{wish.person}|{wish.start.isoformat()}", en, zh))
    for who, person in sorted(problem.people.items()):
        for week in sorted({duty.shift.week for duty in duties if duty.person == who}):
            minutes = sum(duty.shift.paid_min for duty in taken if duty.person == who and duty.shift.week == week)
            name = f"{who}|{week[0]}-W{week[1]:02d}"
            if person.least_week_min and minutes == person.least_week_min:
                en, zh = f"{who} works just the promised hours.", f"{who} 仅达到保底工时。"
                notes.append(Note(f"least_hours:{name}", en, zh))
            elif minutes == person.most_week_min:
                notes.append(Note(f"most_hours:{name}", f"{who} has no contract hours left.", f"{who} 的合同工时已用完。"))
    return tuple(notes)


def _gap(problem: Problem, taken: Sequence[Duty], slot: Slot) -> tuple[str, str]:
    """Why nobody fills a stretch, a reason a person: the one that comes nearest to letting a shift be taken."""
    rank, law = {name: n for n, name in enumerate(WHY)}, problem.rules.law
    working = {duty.person for duty in taken if shared_h(duty, slot) > 0}
    why: dict[str, str] = {}
    for duty in problem.choices:
        if duty.person not in working and shared_h(duty, slot) > 0:
            found = blocked(problem, [other for other in taken if other.person == duty.person], duty) or "cost"
            why[duty.person] = max(why.get(duty.person, "overlap"), found, key=rank.__getitem__)
    words, more = [], len(why) - NAMED
    ends = [(LAW_EN, "nobody else may work there then"), (LAW_ZH, "其余人员无资格或不可用")]
    if more > 0:
        ends = [(LAW_EN, f"and {more} more"), (LAW_ZH, f"等另外 {more} 人")]
    for language, (mark, rest) in enumerate(ends):
        named = [WHY[rule][language].format(who=who) + (mark if rule in law else "") for who, rule in sorted(why.items())[:NAMED]]
        words.append(("; ", "；")[language].join([*named, rest]))
    missing = max(0.0, slot.need - slot.staff)
    span = f"{problem.clock(slot.start):%m-%d %H:%M}-{problem.clock(slot.end):%H:%M}"
    return f"{slot.role} {span} lacks {missing:g}: {words[0]}.", f"{slot.role} {span} 缺 {missing:g} 人：{words[1]}。"
