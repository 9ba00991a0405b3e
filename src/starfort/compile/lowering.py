"""Turns CEL's checked syntax tree into the bundle's expressions."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from starfort.bundle import expression as e
from starfort.compile.cel_messages import CelProblem, name_start, place
from starfort.compile.regex import regex_problem
from starfort.compile.variables import HEADER_FIELDS

MAX_DEPTH: Final = 64
"""Deepest nesting of one expression; `crates/engine/src/policy/expression.rs` refuses more."""

Proto: TypeAlias = Any
"""A protobuf message of the checked tree (`cel.expr`): the library has no types for them."""

_F: Final = e.Function
_CALLS: Final = {
    "!_": _F.NOT, "-_": _F.NEGATE, "_==_": _F.EQUAL, "_!=_": _F.NOT_EQUAL, "_<_": _F.LESS,
    "_<=_": _F.LESS_OR_EQUAL, "_>_": _F.GREATER, "_>=_": _F.GREATER_OR_EQUAL, "_+_": _F.ADD,
    "_-_": _F.SUBTRACT, "_*_": _F.MULTIPLY, "_/_": _F.DIVIDE, "_%_": _F.MODULO, "@in": _F.IN,
    "size": _F.SIZE, "startsWith": _F.STARTS_WITH, "endsWith": _F.ENDS_WITH, "contains": _F.CONTAINS,
    "matches": _F.MATCHES, "int": _F.TO_INT, "double": _F.TO_DOUBLE, "string": _F.TO_STRING,
    "lowerAscii": _F.LOWER_ASCII, "in_list": _F.IN_LIST, "in_cidr": _F.IN_CIDR,
}  # fmt: skip
_CONSTANTS: Final[dict[str, Callable[[Proto], e.Expr]]] = {
    "bool_value": e.BoolExpr, "int64_value": e.IntExpr, "uint64_value": e.UintExpr,
    "double_value": e.DoubleExpr, "string_value": e.StringExpr,
}  # fmt: skip
_SHAPES: Final[dict[str, Callable[..., e.Expr]]] = {
    "_&&_": e.AndExpr,
    "_||_": e.OrExpr,
    "_?_:_": e.ConditionalExpr,
}


def lower(
    checked: Proto, text: str, fields: dict[str, e.Field], lists: Sequence[str]
) -> tuple[e.Expr, list[CelProblem]]:
    """The bundle's form of a checked expression, and a problem for each part that the engine cannot evaluate.

    Args:
        checked: `cel.expr.CheckedExpr`.
        text: the expression, for positions.
        fields: the bundle's field by variable name.
        lists: names of address lists, in the bundle's order.
    """
    lowering = _Lowering(checked, text, fields, lists)
    return lowering.node(checked.expr, (), 0), lowering.problems


class _Lowering:
    """One walk over one tree."""

    def __init__(self, checked: Proto, text: str, fields: dict[str, e.Field], lists: Sequence[str]) -> None:
        self.checked, self.text, self.fields, self.lists = checked, text, fields, lists
        self.problems: list[CelProblem] = []

    def problem(self, node: Proto, what: str, fix: str = "") -> e.Expr:
        """Note a problem at a node. It returns null for the node, so that the walk finds other problems."""
        offset = self.checked.source_info.positions.get(node.id, 0)
        # CEL gives the position of a call's parenthesis; people look for the name before it.
        if self.text[offset : offset + 1] == "(" and node.WhichOneof("expr_kind") != "const_expr":
            offset = name_start(self.text, offset)
        self.problems.append(CelProblem(*place(self.text, offset), what, fix))
        return e.NullExpr()

    def node(self, node: Proto, scope: tuple[str, ...], depth: int) -> e.Expr:
        """Lower a node; `scope` has the variables of enclosing macros, innermost first."""
        if depth > MAX_DEPTH:
            return self.problem(node, "the expression is nested too deeply", "split it into several policies")
        kinds = {
            "const_expr": self.constant, "ident_expr": self.name, "select_expr": self.select,
            "call_expr": self.call, "list_expr": self.list, "comprehension_expr": self.comprehension,
        }  # fmt: skip
        lowered = kinds.get(node.WhichOneof("expr_kind"))
        if lowered is None:
            return self.problem(node, "maps and messages cannot be written in policies", "use lists")
        return lowered(node, scope, depth + 1)

    def kind(self, node: Proto) -> Proto:
        """The checked type of a node."""
        return self.checked.type_map[node.id]

    def constant(self, node: Proto, _scope: tuple[str, ...], _depth: int) -> e.Expr:
        """A literal."""
        # Bytes, timestamps and durations have no place in the engine's values, and no variable has their
        # types.
        kind = node.const_expr.WhichOneof("constant_kind")
        if kind == "null_value":
            return e.NullExpr()
        if kind in _CONSTANTS:
            return _CONSTANTS[kind](getattr(node.const_expr, kind))
        return self.problem(node, "bytes, timestamps and durations cannot be written in policies")

    def name(self, node: Proto, scope: tuple[str, ...], _depth: int) -> e.Expr:
        """A variable, either of a macro or of the request."""
        name = node.ident_expr.name
        # A macro's variable hides the request's variable of the same name, as in CEL itself.
        if name in scope:
            return e.LocalExpr(scope.index(name))
        if name in self.fields:
            return e.FieldExpr(self.fields[name])
        return self.problem(node, f"{name!r} is a type, types are no values in policies")

    def select(self, node: Proto, scope: tuple[str, ...], depth: int) -> e.Expr:
        """`map.key` and `has(map.key)`."""
        operand = self.node(node.select_expr.operand, scope, depth)
        key = e.StringExpr(node.select_expr.field)
        self.check_key(node, operand, key)
        return (e.HasKeyExpr if node.select_expr.test_only else e.IndexExpr)(operand, key)

    def list(self, node: Proto, scope: tuple[str, ...], depth: int) -> e.Expr:
        """`[a, b]`."""
        if node.list_expr.elements and self.kind(node).list_type.elem_type.HasField("dyn"):
            # CEL calls a list of mixed items dynamic; the engine compares values of one type only.
            return self.problem(node, "the items of a list must have one type")
        return e.ListExpr(tuple(self.node(item, scope, depth) for item in node.list_expr.elements))

    def check_key(self, node: Proto, operand: e.Expr, key: e.Expr) -> None:
        """Report a header name that is not lower case, because it never matches."""
        if not isinstance(operand, e.FieldExpr) or not isinstance(key, e.StringExpr):
            return
        if operand.field in HEADER_FIELDS and key.value != key.value.lower():
            fix = f"write {key.value.lower()!r}"
            self.problem(node, f"header names are lower case, {key.value!r} never matches", fix)

    def call(self, node: Proto, scope: tuple[str, ...], depth: int) -> e.Expr:
        """An operator or function."""
        call = node.call_expr
        nodes = [call.target, *call.args] if call.HasField("target") else [*call.args]
        arguments = tuple(self.node(item, scope, depth) for item in nodes)
        # These have nodes of their own, because they do not evaluate all of their arguments.
        if call.function in _SHAPES:
            return _SHAPES[call.function](*arguments)
        if call.function == "_[_]":
            self.check_key(nodes[1], *arguments)
            return e.IndexExpr(*arguments)
        if call.function not in _CALLS:
            return self.problem(node, f"{call.function}() cannot be used in policies")
        function = _CALLS[call.function]
        if function in {_F.MATCHES, _F.IN_LIST, _F.IN_CIDR}:
            return self.with_literal(function, nodes, arguments)
        if any(self.kind(item).HasField("map_type") for item in nodes) and function is not _F.SIZE:
            return self.of_map(node, function, nodes, arguments)
        return e.CallExpr(function, arguments)

    def of_map(
        self, node: Proto, function: e.Function, nodes: Sequence[Proto], arguments: Sequence[e.Expr]
    ) -> e.Expr:
        """Operators on maps: only `key in map`."""
        if function is not _F.IN:
            return self.problem(node, "maps cannot be compared", "compare the values of their keys")
        key, operand = arguments
        self.check_key(nodes[0], operand, key)
        return e.HasKeyExpr(operand, key)

    def with_literal(  # noqa: PLR0911 (a problem each)
        self, function: e.Function, nodes: Sequence[Proto], arguments: Sequence[e.Expr]
    ) -> e.Expr:
        """Functions whose second argument is checked now: a pattern, a network, the name of a list."""
        subject, literal = arguments
        if not isinstance(literal, e.StringExpr):
            what = f"the second argument of {function.value}() must be a text in quotes"
            return self.problem(nodes[1], what)
        value = literal.value
        if function is _F.MATCHES:
            if why := regex_problem(value):
                return self.problem(nodes[1], f"the regular expression is wrong: {why}")
        elif function is _F.IN_CIDR:
            try:
                found = ipaddress.ip_interface(value)
            except ValueError:
                fix = "write an address and its length, such as 10.0.0.0/8 or 2001:db8::/32"
                return self.problem(nodes[1], f"{value!r} is no network", fix)
            if found.ip != found.network.network_address:
                what = f"{value!r} is an address and the length of a network at once"
                fix = f"write {found.network} for the network, or {found.ip} for the one address"
                return self.problem(nodes[1], what, fix)
        elif value not in self.lists:
            close = difflib.get_close_matches(value, self.lists, 1)
            fix = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(self.lists) or 'none'}"
            return self.problem(nodes[1], f"there is no list {value!r}", fix)
        else:
            # The engine asks a list by its number: no text is compared while a request waits.
            return e.CallExpr(function, (subject, e.IntExpr(list(self.lists).index(value))))
        return e.CallExpr(function, (subject, literal))

    def comprehension(self, node: Proto, scope: tuple[str, ...], depth: int) -> e.Expr:
        """`exists`, `all` and `exists_one`, which CEL's parser has expanded to folds."""
        fold = node.comprehension_expr
        step = fold.loop_step.call_expr
        start = fold.accu_init.const_expr.WhichOneof("constant_kind")
        # cel-spec, "Macros": each expands to a fold with a start value and a step of one known form.
        shapes = {
            ("bool_value", "_||_"): (e.Quantifier.EXISTS, 1),
            ("bool_value", "_&&_"): (e.Quantifier.ALL, 1),
            ("int64_value", "_?_:_"): (e.Quantifier.EXISTS_ONE, 0),
        }
        if (start, step.function) not in shapes:
            # These macros make lists whose length a client chooses, and policies only need true or false.
            macro = "filter" if step.function == "_?_:_" else "map"
            fix = "use exists(), all() or exists_one()"
            return self.problem(node, f"{macro}() cannot be used in policies", fix)
        quantifier, position = shapes[start, step.function]
        # The engine finds variables by depth and not by name; the innermost is 0.
        inner = (fold.iter_var, *scope)
        predicate = self.node(step.args[position], inner, depth)
        return e.ComprehensionExpr(quantifier, self.node(fold.iter_range, scope, depth), predicate)
