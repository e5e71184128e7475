"""Promotions made ready once, so that a basket looks only at the rules that can touch it: a chain has hundreds, a basket ten lines."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo

from .rules import Line, Row, Rule, promotion_rule


class RuleIndex:
    """Rules of the table `promotions` by the product or category that they name. Bounds given as days are days in `zone`.

    ValueError on a malformed row.
    """

    def __init__(self, rows: Iterable[Row], zone: tzinfo = UTC) -> None:
        self._rules: list[Rule] = []
        self._everywhere: list[Rule] = []
        self._by_item: dict[str, list[Rule]] = defaultdict(list)
        self._by_category: dict[str, list[Rule]] = defaultdict(list)
        for row in rows:
            rule = promotion_rule(row, zone)
            if rule is not None:
                self._rules.append(rule)
                self._file(rule)

    def _file(self, rule: Rule) -> None:
        """A gift may be offered to any basket; a category's rule in a group decides, met or not, in which order the group is taken."""
        if rule.method == "gift" or (not rule.keys and (rule.category is None or rule.group is not None)):
            self._everywhere.append(rule)
        elif rule.keys:
            for key in dict.fromkeys(rule.keys):
                self._by_item[key].append(rule)
        elif rule.category is not None:
            self._by_category[rule.category].append(rule)

    def touching(self, lines: Iterable[Line]) -> Iterator[Rule]:
        """The rules that may change what these lines cost, each once, valid or not at any time."""
        lines = list(lines)
        keys = dict.fromkeys(line.key for line in lines)
        categories = dict.fromkeys(sorted({category for line in lines for category in line.categories}))
        yield from self._everywhere
        yield from dict.fromkeys(rule for key in keys for rule in self._by_item.get(key, ()))
        for category in categories:
            yield from self._by_category.get(category, ())

    def item_rules(self) -> list[Rule]:
        """The rules of step 1, on single products."""
        return [rule for rule in self._rules if rule.is_item_rule and not rule.stack]
