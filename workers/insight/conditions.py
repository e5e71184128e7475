"""Conditions on a row of fields, as a marketer writes them: `last_purchase_days >= 30 and tier in ['gold', 'silver'] or vip`.

Comparisons (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, also chained), `and`, `or`, `not`, brackets, sums and products of numbers,
texts in quotes, lists, `true`, `false`, `none`. A word that is no field stands for itself: as a text beside a field (`tier == gold`), alone
for a tag (`vip` holds where `vip` is among the field `tags`). What is unknown (None) is equal to nothing but `none`, and no order holds of
it. `=`, `&&`, `||` and AND, OR, NOT, IN are read as well; of a dotted name the last part counts (`member.tier`). Nothing else can be
written, so a condition from a config runs no code.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

Fields = Mapping[str, Any]
MOST_SIGNS = 2000
WORDS = {"true": True, "false": False, "none": None, "null": None}
ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
QUOTED = re.compile(r"('[^']*'|\"[^\"]*\")")
SPELT = ((re.compile(r"(?<![<>=!])=(?!=)"), "=="), (re.compile(r"&&"), " and "), (re.compile(r"\|\|"), " or "))
SHOUTED = re.compile(r"\b(AND|OR|NOT|IN)\b")
PLAIN: tuple[type[ast.AST], ...] = (
    *(ast.BoolOp, ast.And, ast.Or, ast.Name, ast.Attribute, ast.Load, ast.List, ast.Tuple, ast.Compare, ast.Not, ast.USub),
    *(ast.Eq, ast.NotEq, ast.In, ast.NotIn),
    *tuple(ORDERS),
    *tuple(SUMS),
)


def holds(condition: str, fields: Fields) -> bool:
    """Whether a condition holds of a row. ValueError when it cannot be read."""
    return _truth(_parsed(condition), fields)


def fault(condition: str, known: Collection[str]) -> str | None:
    """What is wrong with a condition over these fields, in English; None when nothing is.

    Each comparison must name a field that is known: a misspelt one would be taken for a text and never hold.
    """
    try:
        tree = _parsed(condition)
    except ValueError as error:
        return str(error)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and not any(name in known for name in _names(node)):
            return f"'{ast.unparse(node)}' names no field; known: {', '.join(sorted(known))}"
    return None


@lru_cache(maxsize=256)
def _parsed(condition: str) -> ast.expr:
    if len(condition) > MOST_SIGNS:
        raise ValueError(f"it is longer than {MOST_SIGNS} signs")
    try:
        tree = ast.parse(_spelt(condition).strip(), mode="eval").body
    except (SyntaxError, RecursionError) as error:
        raise ValueError(f"'{condition}' cannot be read as a condition") from error
    for node in ast.walk(tree):
        _check(node)
    return tree


def _spelt(condition: str) -> str:
    """Other spellings of operators, outside of quotes."""
    parts = QUOTED.split(condition)
    for place in range(0, len(parts), 2):
        for pattern, plain in SPELT:
            parts[place] = pattern.sub(plain, parts[place])
        parts[place] = SHOUTED.sub(lambda found: found[0].lower(), parts[place])
    return "".join(parts)


def _check(node: ast.AST) -> None:
    """ValueError for all that a condition has no use for."""
    fits = isinstance(node, PLAIN)
    fits = fits or (isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)))
    fits = fits or (isinstance(node, ast.BinOp) and type(node.op) in SUMS)
    fits = fits or (isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float, type(None))))
    if not fits:
        raise ValueError(f"'{type(node).__name__}' has no place in a condition")


def _names(node: ast.AST) -> Iterator[str]:
    return (_name(part) for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute)))


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _truth(node: ast.expr, fields: Fields) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = (_truth(part, fields) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _truth(node.operand, fields)
    if isinstance(node, ast.Compare):
        values = [_value(part, fields) for part in (node.left, *node.comparators)]
        return all(_compare(op, a, b) for op, a, b in zip(node.ops, values, values[1:], strict=False))
    if isinstance(node, ast.Name) and node.id not in fields and node.id.lower() not in WORDS:
        return node.id in (fields.get("tags") or ())
    return bool(_value(node, fields))


def _compare(op: ast.cmpop, a: Any, b: Any) -> bool:
    if isinstance(op, ast.Eq):
        return bool(a == b)
    if isinstance(op, ast.NotEq):
        return bool(a != b)
    if isinstance(op, (ast.In, ast.NotIn)):
        held = isinstance(b, (list, tuple, set, frozenset)) or (isinstance(b, str) and isinstance(a, str))
        return (held and a is not None and a in b) is isinstance(op, ast.In)
    alike = all(isinstance(one, (int, float)) for one in (a, b)) or all(isinstance(one, str) for one in (a, b))
    return alike and bool(ORDERS[type(op)](a, b))


def _value(node: ast.expr, fields: Fields) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = _name(node)
        return fields[name] if name in fields else WORDS.get(name.lower(), name)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(part, fields) for part in node.elts]
    if isinstance(node, ast.BinOp):
        a, b = _value(node.left, fields), _value(node.right, fields)
        if not all(isinstance(one, (int, float)) for one in (a, b)) or (isinstance(node.op, (ast.Div, ast.Mod)) and b == 0):
            return None
        return SUMS[type(node.op)](a, b)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand, fields)
        return -number if isinstance(number, (int, float)) else None
    return _truth(node, fields)
