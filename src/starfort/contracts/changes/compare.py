"""Compares two contracts: operations, parameters, bodies, answers, and who may call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final

from starfort.contracts.changes.keywords import SchemaChange
from starfort.contracts.changes.model import Change, Level, Side, level_of
from starfort.contracts.changes.schemas import SchemaComparison
from starfort.contracts.model import Contract, Media, Operation, Parameter, Requirement, Response, Schema

MAX_CHANGES: Final = 20_000
"""How many changes of two contracts are kept at most."""

_UNSTABLE: Final = frozenset({"draft", "alpha"})
_STABILITY: Final = ("draft", "alpha", "beta", "stable")
"""Levels of `x-stability-level`, the least stable first; an operation without one counts as stable."""


def compare(old: Contract, new: Contract, today: date | None = None) -> tuple[Change, ...]:
    """Every change from one contract to another, those that break callers first.

    Args:
        old: the older contract.
        new: the newer contract.
        today: for sunset dates; by default the present day, UTC.

    Returns:
        At most `MAX_CHANGES`, by level, then by path and method.
    """
    comparison = _Comparison(old, new, today or datetime.now(UTC).date())
    found: list[Change] = []
    for change in comparison.changes():
        found.append(change)
        if len(found) >= MAX_CHANGES:
            break
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda one: (order[one.level], one.path, one.method, one.code, one.where),
        )
    )


def shape(path: str) -> str:
    """A path template without the names of its parameters: callers do not see them."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


class _Comparison:
    def __init__(self, old: Contract, new: Contract, today: date) -> None:
        self._old = old
        self._new = new
        self._today = today
        self._schemas = SchemaComparison(old.definitions, new.definitions)

    def changes(self) -> Iterator[Change]:
        """Every change, in no order."""
        before = {(one.method, shape(one.path)): one for one in self._old.operations}
        after = {(one.method, shape(one.path)): one for one in self._new.operations}
        paths = {path for _, path in after}
        for key, one in before.items():
            if key not in after:
                yield self._removed(one, whole_path=key[1] not in paths)
            else:
                yield from self._operation(one, after[key])
        for key, one in after.items():
            if key not in before:
                yield _change("endpoint-added", "info", one, "", "the endpoint was added")
        yield from self._schemes()

    # ------------------------------------------------------------------ operations

    def _removed(self, one: Operation, *, whole_path: bool) -> Change:
        prefix, what = ("api-path", "the path") if whole_path else ("api", "the endpoint")
        if one.stability in _UNSTABLE:
            return _change(
                f"{prefix}-removed-with-deprecation", "info", one, "", f"{what} was removed while unstable"
            )
        if not one.deprecated:
            text = f"{what} was removed and had not been deprecated"
            return _change(f"{prefix}-removed-without-deprecation", "error", one, "", text)
        if one.sunset:
            sunset = _day(one.sunset)
            if sunset is None:
                return _change(
                    "api-path-sunset-parse", "error", one, "", f"the sunset {one.sunset!r} is no date"
                )
            if sunset > self._today:
                text = f"{what} was removed before its sunset on {sunset}"
                return _change(f"{prefix}-removed-before-sunset", "error", one, "", text)
        return _change(
            f"{prefix}-removed-with-deprecation", "info", one, "", f"{what} was removed after deprecation"
        )

    def _operation(self, old: Operation, new: Operation) -> Iterator[Change]:
        yield from self._lifecycle(old, new)
        yield from self._security(old, new)
        yield from self._parameters(old, new)
        yield from self._body(old, new)
        yield from self._responses(old, new)
        for tag in sorted(set(old.tags) - set(new.tags)):
            yield _change("api-tag-removed", "info", new, "", f"the tag {tag!r} was removed")
        for tag in sorted(set(new.tags) - set(old.tags)):
            yield _change("api-tag-added", "info", new, "", f"the tag {tag!r} was added")
        if old.operation_id != new.operation_id:
            action = "added" if not old.operation_id else "removed"
            text = f"the operation id went from {old.operation_id!r} to {new.operation_id!r}"
            yield _change(f"api-operation-id-{action}", "info", new, "", text)

    def _lifecycle(self, old: Operation, new: Operation) -> Iterator[Change]:
        if new.deprecated and not old.deprecated:
            sunset = f", with sunset on {new.sunset}" if new.sunset else ""
            code = "endpoint-deprecated-with-sunset" if new.sunset else "endpoint-deprecated"
            if new.sunset and _day(new.sunset) is None:
                yield _change(
                    "api-deprecated-sunset-parse", "error", new, "", f"the sunset {new.sunset!r} is no date"
                )
            yield _change(code, "info", new, "", f"the endpoint was deprecated{sunset}")
        elif old.deprecated and not new.deprecated:
            yield _change("endpoint-reactivated", "info", new, "", "the endpoint is not deprecated any more")
        elif old.deprecated and old.sunset and not new.sunset:
            yield _change("sunset-deleted", "error", new, "", f"the sunset {old.sunset!r} was deleted")
        elif old.deprecated and new.sunset and old.sunset != new.sunset:
            before, after = _day(old.sunset), _day(new.sunset)
            if after is None:
                yield _change(
                    "api-deprecated-sunset-parse", "error", new, "", f"the sunset {new.sunset!r} is no date"
                )
            elif before is not None and after < before:
                text = f"the sunset went from {before} to the earlier {after}"
                yield _change("api-sunset-date-changed-earlier", "error", new, "", text)
        before_level, after_level = _stability(old.stability), _stability(new.stability)
        if before_level != after_level:
            decreased = after_level < before_level
            text = f"the stability went from {old.stability or 'stable'} to {new.stability or 'stable'}"
            code = "api-stability-decreased" if decreased else "api-stability-increased"
            yield _change(code, "error" if decreased else "info", new, "", text)

    # ------------------------------------------------------------------ who may call

    def _security(self, old: Operation, new: Operation) -> Iterator[Change]:
        before, after = (_alternatives(one.security) for one in (old, new))
        open_before, open_after = not before or frozenset() in before, not after or frozenset() in after
        if open_before and not open_after:
            text = f"calls without credentials are not allowed any more, only with {_listed(after)}"
            yield _change("api-security-anonymous-access-removed", "error", new, "security", text)
        elif open_after and not open_before:
            text = "calls without credentials are allowed now"
            yield _change("api-security-anonymous-access-added", "info", new, "security", text)
        if open_before and not before and not open_after:
            return  # the first alternatives are what `anonymous-access-removed` says
        for one in before:
            if one and one not in after and after:
                yield _change(
                    "api-security-removed", "error", new, "security", f"{_plus(one)} is not accepted any more"
                )
        for one in after:
            if one and one not in before:
                yield _change("api-security-added", "info", new, "security", f"{_plus(one)} is accepted now")
            elif one:
                yield from _scopes(before[one], after[one], new)

    def _schemes(self) -> Iterator[Change]:
        before, after = self._old.schemes, self._new.schemes
        for name in sorted(before.keys() | after.keys()):
            where = f"security scheme {name}"
            old, new = before.get(name), after.get(name)
            if old is None or new is None:
                action = "added" if old is None else "removed"
                yield Change(f"api-security-component-{action}", "info", "", "", where, f"it was {action}")
                continue
            for code, first, second in (
                ("type-changed", old.kind, new.kind),
                ("http-scheme-changed", old.scheme, new.scheme),
                ("api-key-in-changed", old.place, new.place),
                ("api-key-name-changed", old.name, new.name),
            ):
                if first != second and (code == "type-changed" or old.kind == new.kind):
                    text = (
                        f"{code.removesuffix('-changed').replace('-', ' ')} went from {first!r} to {second!r}"
                    )
                    yield Change(f"api-security-component-{code}", "error", "", "", where, text)
            if old.url != new.url and old.kind == new.kind:
                code = "api-security-component-openid-connect-url-changed"
                yield Change(code, "warning", "", "", where, "the address of its discovery document changed")

    # ------------------------------------------------------------------ parameters

    def _parameters(self, old: Operation, new: Operation) -> Iterator[Change]:
        before, after = _by_place(old), _by_place(new)
        for key in before.keys() | after.keys():
            if key not in after:
                yield from _parameter_removed(before[key], new)
            elif key not in before:
                yield _parameter_added(after[key], new)
            else:
                yield from self._parameter(before[key], after[key], new)

    def _parameter(self, old: Parameter, new: Parameter, operation: Operation) -> Iterator[Change]:
        where = f"{new.place} parameter {new.name}"
        if old.required != new.required:
            code, level = ("became-required", "error") if new.required else ("became-optional", "info")
            text = f"the parameter {code.replace('-', ' ')}"
            yield _change(f"request-parameter-{code}", level, operation, where, text)  # type: ignore[arg-type]
        if old.deprecated != new.deprecated:
            code = "deprecated" if new.deprecated else "reactivated"
            yield _change(f"request-parameter-{code}", "info", operation, where, f"the parameter was {code}")
        if (old.style, old.explode, old.media_type) != (new.style, new.explode, new.media_type):
            text = f"it is written in another way: {_written(old)} became {_written(new)}"
            plain = (
                _is_plain(old.schema) and _is_plain(new.schema) and not old.media_type and not new.media_type
            )
            if not (plain and {old.style, new.style} <= {"form", "simple"}):
                yield _change("request-parameter-serialization-changed", "error", operation, where, text)
        if self._is_wider(old, new):
            text = "the value may be more than before, and what was right is written as before"
            yield _change("request-parameter-type-generalized", "info", operation, where, text)
        else:
            yield from self._schema(old.schema, new.schema, "request", "parameter", operation, where)

    def _is_wider(self, old: Parameter, new: Parameter) -> bool:
        """Whether one value became a list of such values, or anything that can be written became text."""
        before, after = _kind(old.schema), _kind(new.schema)
        if before not in _SCALARS or isinstance(new.schema, bool):
            return False
        if after == "array":
            return not any(
                one.effect != "none"
                for one in self._schemas.changes(old.schema, new.schema.get("items", True))
            )
        free = not new.schema.keys() & {"format", "pattern", "enum", "const", "minLength", "maxLength"}
        return after == "string" and before != "string" and free

    # ------------------------------------------------------------------ bodies and answers

    def _body(self, old: Operation, new: Operation) -> Iterator[Change]:
        before, after = old.body, new.body
        if before is None or after is None:
            if before is not None:
                yield _change("request-body-removed", "error", new, "request body", "it was removed")
            elif after is not None:
                code, level = ("required", "error") if after.required else ("optional", "info")
                text = f"{'a required' if after.required else 'an optional'} body was added"
                yield _change(f"request-body-added-{code}", level, new, "request body", text)  # type: ignore[arg-type]
            return
        if before.required != after.required:
            code, level = ("became-required", "error") if after.required else ("became-optional", "info")
            text = f"it {code.replace('-', ' ')}"
            yield _change(f"request-body-{code}", level, new, "request body", text)  # type: ignore[arg-type]
        yield from self._content(before.content, after.content, "request", new, "request body")

    def _content(
        self, old: tuple[Media, ...], new: tuple[Media, ...], side: Side, operation: Operation, where: str
    ) -> Iterator[Change]:
        before, after = {one.type: one for one in old}, {one.type: one for one in new}
        unit = "request-body-media-type" if side == "request" else "response-media-type"
        for name in before.keys() | after.keys():
            here = f"{where} {name}"
            if name not in after:
                # Callers choose the type of an answer too, so one that goes breaks those who ask for it.
                yield _change(f"{unit}-removed", "error", operation, here, f"{name} was removed")
            elif name not in before:
                yield _change(f"{unit}-added", "info", operation, here, f"{name} was added")
            else:
                yield from self._schema(
                    before[name].schema, after[name].schema, side, "body", operation, here
                )

    def _responses(self, old: Operation, new: Operation) -> Iterator[Change]:
        before = {one.status: one for one in old.responses}
        after = {one.status: one for one in new.responses}
        for status in before.keys() | after.keys():
            success = status.startswith("2")
            kind = "success" if success else "non-success"
            where = f"response {status}"
            if status not in after:
                level: Level = "error" if success else "info"
                yield _change(f"response-{kind}-status-removed", level, new, where, f"{status} was removed")
            elif status not in before:
                yield _change(f"response-{kind}-status-added", "info", new, where, f"{status} was added")
            else:
                yield from self._response(before[status], after[status], new, where)

    def _response(self, old: Response, new: Response, operation: Operation, where: str) -> Iterator[Change]:
        before = {one.name.lower(): one for one in old.headers}
        after = {one.name.lower(): one for one in new.headers}
        for name in before.keys() | after.keys():
            here = f"{where} header {name}"
            if name not in after:
                code, level = ("required", "error") if before[name].required else ("optional", "info")
                yield _change(f"{code}-response-header-removed", level, operation, here, "it was removed")  # type: ignore[arg-type]
            elif name not in before:
                yield _change("response-header-added", "info", operation, here, "it was added")
            else:
                if before[name].required and not after[name].required:
                    yield _change(
                        "response-header-became-optional", "error", operation, here, "it became optional"
                    )
                yield from self._schema(
                    before[name].schema, after[name].schema, "response", "header", operation, here
                )
        yield from self._content(old.content, new.content, "response", operation, where)

    def _schema(  # noqa: PLR0913, PLR0917 (two schemas, and where they are used)
        self, old: Schema, new: Schema, side: Side, unit: str, operation: Operation, where: str
    ) -> Iterator[Change]:
        for change in self._schemas.changes(old, new):
            for code, level in _coded(change, side, unit):
                here = f"{where} #/{'/'.join(change.path)}" if change.path else where
                yield _change(code, level, operation, here, change.text)


# ------------------------------------------------------------------ codes


def _coded(change: SchemaChange, side: Side, unit: str) -> Iterator[tuple[str, Level]]:
    """Code and level of a schema's change, as it counts on one side."""
    # What is never in a request cannot break one, nor can what is never in an answer.
    absent = change.read_only if side == "request" else change.write_only
    if change.action in _PROPERTY_ACTIONS:
        code, level = _property(change, side)
    else:
        code, level = _keyword(change, side, unit)
    if absent:
        level = "info"
    elif change.in_all_of and level == "error":
        level = "warning"
    if code:
        yield code, level


_PROPERTY_ACTIONS: Final = frozenset(
    {
        "property-added", "property-removed", "property-became-required", "property-became-optional",
        "required-undescribed", "became-read-only", "became-not-read-only", "became-write-only",
        "became-not-write-only",
    }
)  # fmt: skip


def _property(change: SchemaChange, side: Side) -> tuple[str, Level]:
    word = "required" if change.required else "optional"
    hidden = "-write-only" if change.write_only and side == "response" else ""
    default = "-with-default" if change.has_default and side == "request" else ""
    lost: Level = "error" if change.required else "info"
    known: dict[tuple[str, Side], tuple[str, Level]] = {
        ("required-undescribed", "request"): ("request-property-became-required", "info"),
        ("required-undescribed", "response"): ("", "info"),
        ("property-added", "request"): (
            f"new-{word}-request-property{default if change.required else ''}",
            lost,
        ),
        ("property-added", "response"): (f"response-{word}{hidden}-property-added", "info"),
        ("property-removed", "request"): ("request-property-removed", "warning"),
        ("property-removed", "response"): (f"response-{word}{hidden}-property-removed", lost),
        ("property-became-required", "request"): (f"request-property-became-required{default}", "error"),
        ("property-became-required", "response"): ("response-property-became-required", "info"),
        ("property-became-optional", "request"): ("request-property-became-optional", "info"),
        ("property-became-optional", "response"): (f"response{hidden}-property-became-optional", "error"),
    }
    return known.get((change.action, side), (f"{side}-{word}-property-{change.action}", "info"))


_FULL_TYPES: Final[dict[tuple[str, str, str], str]] = {
    ("type", "narrows", "request"): "type-changed",
    ("format", "narrows", "request"): "type-changed",
    ("type", "narrows", "response"): "type-specialized",
    ("format", "narrows", "response"): "type-specialized",
    ("type", "widens", "request"): "type-generalized",
    ("format", "widens", "request"): "type-generalized",
    ("type", "widens", "response"): "type-generalized",
    ("format", "widens", "response"): "type-changed",
}


_BODY_LEVELS: Final[dict[str, Level]] = {
    "schema-became-false": "error",
    "schema-became-not-false": "info",
}
"""For a body that nothing fits there is no answer, so that callers lose or gain one."""


def _keyword(change: SchemaChange, side: Side, unit: str) -> tuple[str, Level]:
    action, level = change.action, level_of(change.effect, side)
    if action in {"type", "format"}:
        action = _FULL_TYPES.get((action, change.effect, side), "type-changed")
    prefix = f"{side}-{unit}"
    if change.path and (unit == "body" or set(change.path) != {"*"}):
        prefix = f"{side}-property" if unit == "body" else f"{side}-{unit}-property"
    elif side == "response" and unit == "body" and "enum" in action:
        prefix = "response-mediatype"
    if prefix == "response-body" and action in _BODY_LEVELS:
        level = _BODY_LEVELS[action]
    return f"{prefix}-{action}", level


# ------------------------------------------------------------------ helpers


def _change(code: str, level: Level, operation: Operation, where: str, text: str) -> Change:
    return Change(code, level, operation.method, operation.path, where, text)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        return None


def _stability(level: str) -> int:
    return _STABILITY.index(level) if level in _STABILITY else len(_STABILITY) - 1


def _alternatives(security: tuple[Requirement, ...] | None) -> Mapping[frozenset[str], Requirement]:
    return {frozenset(one): one for one in security or ()}


def _scopes(old: Requirement, new: Requirement, operation: Operation) -> Iterator[Change]:
    for name in new:
        for scope in sorted(set(new[name]) - set(old[name])):
            text = f"{name} needs the scope {scope!r} now"
            yield _change("api-security-scope-added", "error", operation, "security", text)
        for scope in sorted(set(old[name]) - set(new[name])):
            text = f"{name} does not need the scope {scope!r} any more"
            yield _change("api-security-scope-removed", "info", operation, "security", text)


def _plus(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))


def _listed(alternatives: Iterable[frozenset[str]]) -> str:
    return " or ".join(sorted(_plus(one) for one in alternatives if one))


def _by_place(operation: Operation) -> dict[tuple[str, str], Parameter]:
    """Parameters by place and name; those of paths by their position, because callers do not see the name."""
    order = re.findall(r"\{([^{}]*)\}", operation.path)
    found: dict[tuple[str, str], Parameter] = {}
    for one in operation.parameters:
        name = one.name.lower() if one.place == "header" else one.name
        if one.place == "path" and name in order:
            name = f"#{order.index(name)}"
        found[one.place, name] = one
    return found


def _parameter_removed(one: Parameter, operation: Operation) -> Iterator[Change]:
    where = f"{one.place} parameter {one.name}"
    if one.place == "path":
        return  # the path is the same, so only its description went
    if one.deprecated:
        text = "the deprecated parameter was removed"
        yield _change("request-parameter-removed-with-deprecation", "info", operation, where, text)
    else:
        yield _change("request-parameter-removed", "warning", operation, where, "the parameter was removed")


def _parameter_added(one: Parameter, operation: Operation) -> Change:
    where = f"{one.place} parameter {one.name}"
    if one.place == "path":
        return _change("new-request-path-parameter", "info", operation, where, "the parameter was described")
    if one.required:
        text = "a required parameter was added"
        return _change("new-required-request-parameter", "error", operation, where, text)
    text = "an optional parameter was added"
    return _change("new-optional-request-parameter", "info", operation, where, text)


def _written(one: Parameter) -> str:
    return one.media_type or f"style {one.style}, explode {str(one.explode).lower()}"


_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


def _kind(schema: Schema) -> str:
    """The type of a schema other than null; "" when it is not one."""
    found = schema.get("type") if isinstance(schema, Mapping) else None
    types = [one for one in (found if isinstance(found, list) else [found]) if one not in {None, "null"}]
    return str(types[0]) if len(types) == 1 else ""


def _is_plain(schema: Schema) -> bool:
    """Whether a value is neither a list nor an object, so that most styles write it in one way."""
    return _kind(schema) in _SCALARS
