"""The checks of an adapter beside its twin (`adapters.conform`) as rules, one for each kind of check."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel.errors import Finding

NO_TWIN = {"en": "it names no twin to be tried with", "zh": "没有可供测试的孪生设备"}


def twin(subject: Subject, adapter: str) -> Found:
    """It names a twin that it can be tried with."""
    entry = subject.registry.catalogue.adapters[adapter]
    return Found(() if entry.facts.get("twin") else (Finding("SL-CHK-64", {"id": adapter}, path=adapter, file=str(entry.file)),))


def _conforms(check: str) -> Callable[[Subject, str], Found]:
    """The rule that one kind of check holds: `fault` stands for every fault at every moment."""

    def look(subject: Subject, adapter: str) -> Found:
        from storeloom.core.conformance.adapters import conform
        from storeloom.core.conformance.load import LONG, SHORT

        entry = subject.registry.catalogue.adapters[adapter]
        if not entry.facts.get("twin"):
            return Found(beside=NO_TWIN)
        checks = list(conform(subject.registry, adapter, [check], LONG if subject.long else SHORT))
        figures = {name: float(value) for one in checks for name, value in one.figures.items()}
        if check == "fault":
            figures = {"checks": float(len(checks))}
        wrong = [one for one in checks if not one.ok]
        return Found(
            tuple(Finding("SL-CHK-50", {"id": adapter, "check": one.name, "got": one.got}, adapter, str(entry.file)) for one in wrong),
            figures,
        )

    return look


_ASKED: tuple[tuple[str, str, Grade, tuple[str, str, str, str]], ...] = (
    (
        "settings",
        "settings",
        Grade.BRONZE,
        (
            "It takes its twin's settings and refuses unknown ones",
            "接受孪生设备的设置并拒绝未知设置",
            "A setting that is mistyped must be told, not passed over.",
            "写错的设置必须指出，不能放过。",
        ),
    ),
    (
        "round_trip",
        "round_trip",
        Grade.BRONZE,
        (
            "All that the device tells comes in, and each command is carried out",
            "设备所报均可收到，命令均被执行",
            "This is what a driver is for.",
            "这正是驱动的用途。",
        ),
    ),
    (
        "restart",
        "restart",
        Grade.BRONZE,
        (
            "It goes on where it was after a restart",
            "重启后从原处继续",
            "Stores are restarted every day.",
            "门店每天都会重启。",
        ),
    ),
    (
        "faults",
        "fault",
        Grade.SILVER,
        (
            "It is at work again after each fault of the device, at each moment",
            "设备在任何时刻出现任何故障后都能恢复工作",
            "Lines break, devices hang and restart: nobody is there to help.",
            "线路中断、设备死机与重启时，现场无人处理。",
        ),
    ),
    (
        "nothing_left_behind",
        "nothing_left_behind",
        Grade.SILVER,
        (
            "Nothing is left when it is closed",
            "关闭后不留任何残余",
            "A thread or descriptor that is left each time ends the store's process after weeks.",
            "每次残留的线程或句柄会在数周后拖垮门店进程。",
        ),
    ),
    (
        "messages",
        "messages",
        Grade.GOLD,
        (
            "Each of many messages comes through, and it keeps nothing of them",
            "大量消息逐条送达且不驻留",
            "A busy day has more of them than a test bench.",
            "繁忙日的消息量远超试验台。",
        ),
    ),
)


def _rules() -> Iterator[Rule]:
    words = (
        "It names a virtual twin",
        "指明了虚拟孪生设备",
        "Without one nothing can be tried before the device is there.",
        "没有它，设备到位前什么都无法测试。",
    )
    yield Rule("drivers.twin", Grade.SILVER, Scope.ADAPTER, *words, twin)
    for name, check, grade, told in _ASKED:
        yield Rule(f"drivers.{name}", grade, Scope.ADAPTER, *told, _conforms(check))


RULES: tuple[Rule, ...] = tuple(_rules())
