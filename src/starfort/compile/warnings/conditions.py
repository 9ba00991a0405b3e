"""Warns of conditions that are never true, because they ask for a value that nothing sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from starfort.bundle import expression as e
from starfort.bundle.model import ANOMALIES
from starfort.compile import walk
from starfort.compile.variables import variable_name
from starfort.compile.warnings.context import Context
from starfort.config import ConfigProblem
from starfort.config.yaml_file import Location

_F: Final = e.PlainField
_UPPER: Final[dict[e.Field, str]] = {
    _F.REQUEST_METHOD: "methods",
    _F.CLIENT_COUNTRY: "countries",
    _F.CLIENT_CONTINENT: "continents",
}
"""Variables whose values are upper case, and the word for such values."""


@dataclass(frozen=True)
class _Text:
    """A condition or key, both as people wrote it and as CEL's checker left it."""

    location: Location
    text: str
    expr: e.Expr


def idle_conditions(context: Context) -> Iterator[ConfigProblem]:
    """Conditions and keys of limits that ask for a value that never exists."""
    labels = _labels(context)
    for index, (policy, compiled) in enumerate(zip(context.config.policies, context.policies, strict=True)):
        here: Location = ("policies", index)
        texts = [_Text((*here, "when"), policy.when, compiled.when)]
        texts += [
            _Text((*here, "action", *place), text, expr)
            for (place, text), expr in zip(
                policy.action.expressions(), compiled.action.expressions, strict=True
            )
        ]
        for one in texts:
            nodes = list(walk.nodes((one.expr,)))
            yield from _words(context, one, nodes, labels)
            yield from _empty(context, one, nodes)
            yield from _sources(context, one, nodes)
            yield from _signals(context, one, nodes)
            yield from _headers(context, one, nodes)


def _labels(context: Context) -> list[str]:
    config = context.config
    found = [label for api in config.apis for label in api.labels]
    found += [label for api in config.apis for one in api.endpoints for label in one.labels]
    return list(dict.fromkeys(found))


def _asked(node: e.Expr) -> tuple[e.Field, list[str]] | None:
    """The variable that a node compares with literals, and these literals; `None` for any other node."""
    # Comparisons have either order: `"GET" == request.method` is the same question.
    if isinstance(node, e.CallExpr) and len(node.arguments) == 2:  # noqa: PLR2004 (operators)
        one, other = node.arguments
        if node.function in {e.Function.EQUAL, e.Function.NOT_EQUAL}:
            for field, literal in ((one, other), (other, one)):
                if isinstance(field, e.FieldExpr) and isinstance(literal, e.StringExpr):
                    return field.field, [literal.value]
        elif node.function is e.Function.IN:
            if isinstance(one, e.StringExpr) and isinstance(other, e.FieldExpr):
                return other.field, [one.value]
            if isinstance(one, e.FieldExpr) and isinstance(other, e.ListExpr):
                return one.field, _texts(other.items)
    if isinstance(node, e.ComprehensionExpr) and isinstance(node.range, e.FieldExpr):
        return node.range.field, _compared_locals(node.predicate)
    return None


def _texts(items: Sequence[e.Expr]) -> list[str]:
    return [item.value for item in items if isinstance(item, e.StringExpr)]


def _compared_locals(predicate: e.Expr) -> list[str]:
    """Literals that the variable of a comprehension is compared with."""
    found: list[str] = []
    # Depth 0 within an inner comprehension is that one's variable, and its literals are taken for this one's.
    # Such conditions are rare, and a warning refuses nothing.
    for node in walk.nodes((predicate,)):
        if not isinstance(node, e.CallExpr) or len(node.arguments) != 2:  # noqa: PLR2004 (operators)
            continue
        one, other = node.arguments
        if node.function is e.Function.EQUAL:
            for variable, literal in ((one, other), (other, one)):
                if variable == e.LocalExpr(0) and isinstance(literal, e.StringExpr):
                    found.append(literal.value)
        elif node.function is e.Function.IN and one == e.LocalExpr(0) and isinstance(other, e.ListExpr):
            found += _texts(other.items)
    return found


def _words(
    context: Context, one: _Text, nodes: Sequence[e.Expr], labels: Sequence[str]
) -> Iterator[ConfigProblem]:
    """Words that a variable can never have as its value."""
    classes = context.config.sensitive.classes
    vocabularies: dict[e.Field, tuple[Sequence[str], str, str]] = {
        _F.ENDPOINT_LABELS: (labels, "no API and no endpoint has the label", "give one `labels: [{}]`"),
        _F.REQUEST_ANOMALIES: (ANOMALIES, "there is no anomaly", "docs/reference/inspection.md lists them"),
        _F.SENSITIVE_REQUEST: (classes, "sensitive.classes does not have", "add it there"),
        _F.SENSITIVE_RESPONSE: (classes, "sensitive.classes does not have", "add it there"),
    }  # fmt: skip
    for asked in filter(None, map(_asked, nodes)):
        field, words = asked
        if field in _UPPER:
            for word in words:
                if word != word.upper():
                    what = f"{_UPPER[field]} are upper case, so {word!r} never matches"
                    yield _at(context, one, word, what, f"write {word.upper()!r}")
        if field is _F.FINDINGS:
            for word in words:
                # Only this mistake is looked for: there is no list of all findings to compare with.
                if word in ANOMALIES:
                    what = f"{word!r} is an anomaly, no finding"
                    yield _at(context, one, word, what, f'write "{word}" in request.anomalies')
        if field not in vocabularies:
            continue
        known, what, fix = vocabularies[field]
        for word in words:
            if word not in known:
                hint = context.did_you_mean(word, known, fix.format(word))
                yield _at(context, one, word, f"{what} {word!r}", hint)


def _empty(context: Context, one: _Text, nodes: Sequence[e.Expr]) -> Iterator[ConfigProblem]:
    for node in nodes:
        if (
            isinstance(node, e.CallExpr)
            and node.function is e.Function.IN
            and node.arguments[1] == e.ListExpr(())
        ):
            yield _at(
                context, one, "[]", "nothing is in an empty list, so this never holds", "name what it holds"
            )


def _sources(context: Context, one: _Text, nodes: Sequence[e.Expr]) -> Iterator[ConfigProblem]:
    """Variables that never have a value in this configuration."""
    config = context.config
    no_country, no_asn = config.geo.country is None, config.geo.asn is None
    no_tls = all(listener.tls is None for listener in config.listeners)
    no_identity = not config.identity.jwt and config.identity.api_keys is None and not config.identity.mtls
    missing = {
        _F.CLIENT_COUNTRY: (no_country, "geo.country"),
        _F.CLIENT_CONTINENT: (no_country, "geo.country"),
        _F.CLIENT_ASN: (no_asn, "geo.asn"),
        _F.CLIENT_AS_ORGANIZATION: (no_asn, "geo.asn"),
        _F.CLIENT_JA4: (no_tls, "tls on a listener"),
        _F.IDENTITY_SCOPES: (no_identity, "a provider in identity"),
        _F.SENSITIVE_REQUEST: (not config.sensitive.classes, "a class in sensitive.classes"),
        _F.SENSITIVE_RESPONSE: (not config.sensitive.classes, "a class in sensitive.classes"),
    }
    used = dict.fromkeys(node.field for node in nodes if isinstance(node, e.FieldExpr))
    for field in used:
        if isinstance(field, e.PlainField) and missing.get(field, (False, ""))[0]:
            name = variable_name(field)
            what = f"{name} never has a value here: it needs {missing[field][1]}"
            yield _at(context, one, name, what, "set it, or ask for something else")


def _signals(context: Context, one: _Text, nodes: Sequence[e.Expr]) -> Iterator[ConfigProblem]:
    used = dict.fromkeys(
        context.compiled.bundle.signal_kinds[node.field.kind]
        for node in nodes
        if isinstance(node, e.FieldExpr) and isinstance(node.field, e.SignalScore | e.SignalActive)
    )
    for kind in used:
        if kind not in context.running_kinds:
            what = f"no detector that runs raises the signal {kind!r}"
            fix = "take its detector out of detectors.disabled"
            yield _at(context, one, f"signals.{kind}", what, fix)


def _headers(context: Context, one: _Text, nodes: Sequence[e.Expr]) -> Iterator[ConfigProblem]:
    """Headers that are dropped before a policy is asked."""
    if context.config.connections.headers_with_underscores == "allow":
        return
    for node in nodes:
        if isinstance(node, e.IndexExpr):
            where, key = node.collection, node.key
        elif isinstance(node, e.HasKeyExpr):
            where, key = node.map, node.key
        else:
            continue
        if where == e.FieldExpr(_F.REQUEST_HEADERS) and isinstance(key, e.StringExpr) and "_" in key.value:
            what = f"the header {key.value!r} never comes: names with underscores are dropped"
            fix = "set connections.headers_with_underscores: allow, or rename the header"
            yield _at(context, one, key.value, what, fix)


def _at(context: Context, one: _Text, part: str, what: str, fix: str) -> ConfigProblem:
    """A warning at the first position of `part` in a text."""
    # In quotes first: the part may also be the beginning of a variable's name.
    quoted = max(one.text.find(f"{quote}{part}{quote}") for quote in "\"'")
    offset = quoted + 1 if quoted >= 0 else max(one.text.find(part), 0)
    line = one.text.count("\n", 0, offset) + 1
    column = offset - (one.text.rfind("\n", 0, offset) + 1) + 1
    source = context.loaded.source
    return ConfigProblem(source.file, *source.text_position(one.location, line, column), what, fix)
