"""Who took the store process with it is kept apart, until its code is another."""

from storeloom.core.kernel.compose import compose
from storeloom.core.runtime.isolation import FILE, isolated
from storeloom.core.runtime.keeper import Verdict

HANDLER = """
@on("sensor.reading")
def f(self, event):
    pass
"""


def test_it_is_remembered_over_restarts_and_forgotten_with_its_code(toys, bundle, tmp_path):
    toys.add("loops", HANDLER, adapters='"sensor",')
    toys.add("fine", HANDLER, adapters='"sensor",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.loops]\n[solutions.fine]\n"), registry).require()
    told = [Verdict("loops", "01J", "over_time", "5", "2026-03-02T10:00:00Z"), Verdict("", "", "died", "-9", "2026-03-02T10:01:00Z")]
    told.append(Verdict("gone", "01J", "died", "7", "2026-03-02T10:02:00Z"))
    assert isolated(tmp_path, [], plan, registry.catalogue) == set() and not (tmp_path / FILE).exists()
    assert isolated(tmp_path, told, plan, registry.catalogue) == {"loops"}
    assert isolated(tmp_path, [], plan, registry.catalogue) == {"loops"}
    toys.add("loops", HANDLER.replace("pass", "return None"), adapters='"sensor",')
    assert isolated(tmp_path, [], plan, toys.registry().catalogue) == set()
    (tmp_path / FILE).write_text("no json")
    assert isolated(tmp_path, told, plan, toys.registry().catalogue) == {"loops"}
