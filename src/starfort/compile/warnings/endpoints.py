"""Warns of endpoints that neither a document nor traffic has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starfort.compile.apis import base_paths, is_under
from starfort.compile.templates import TemplateSet, shape
from starfort.compile.warnings.context import LIKELY_TYPO, Context, named_endpoints
from starfort.config import ConfigProblem
from starfort.config.apis import Api
from starfort.config.yaml_file import Location

LONG_ENOUGH: Final = timedelta(days=1)
"""How long traffic must have been seen before the lack of a call means something."""

_ALWAYS: Final = frozenset({"*", "HEAD", "OPTIONS"})
"""`*`, and the methods that servers answer although nobody documents them (RFC 9110, 9.3.2 and 9.3.7)."""


@dataclass(frozen=True)
class _Named:
    """An endpoint that a part of the configuration names."""

    location: Location
    match: str
    by: str


def unknown_endpoints(context: Context) -> Iterator[ConfigProblem]:
    """Endpoints that the configuration names and that do not exist, or not in the API that is meant."""
    known = {api.name: _Known(context, api) for api in context.config.apis}
    twice: dict[tuple[str, str], int] = {}
    for location, match, names, by in named_endpoints(context.config):
        path = match.split(" ", 1)[1]
        apis = [api for api in context.config.apis if names is None or api.name in names]
        under = [api for api in apis if any(is_under(path, base) for base in base_paths(api))]
        if not under and apis and location[0] != "policies":  # in a policy it is an error, which refuses it
            yield _outside(context, location, path, apis)
            continue
        reached = [api for api in under if not _taken(context, api, path)]
        if under and not reached:
            other = next(taken for api in under if (taken := _taken(context, api, path)))
            fix = f"move it to the API {other.name!r}, whose base path is the longer one"
            yield context.warning(location, f"{path} belongs to the API {other.name!r}", fix)
            continue
        if reached:
            named = _Named(location, match, by)
            yield from _nowhere(context, named, [known[api.name] for api in reached])
        if location[0] == "apis" and len(apis) == 1:
            yield from _twice(context, location, apis[0], match, twice)


def _outside(context: Context, location: Location, path: str, apis: list[Api]) -> ConfigProblem:
    bases = ", ".join(dict.fromkeys(base for api in apis for base in base_paths(api)))
    who = f"the API {apis[0].name!r}" if len(apis) == 1 else "any API"
    fix = f"paths count from the root: begin with {bases}"
    return context.warning(location, f"{path} is outside of {who}, so it never applies", fix)


def _taken(context: Context, api: Api, path: str) -> Api | None:
    """The other API that gets every call of this path, because its base path is longer."""
    # Only if it has all of the hosts too: on a host that it lacks, the calls still belong to `api`.

    def reach(one: Api) -> int:
        return max((len(base) for base in base_paths(one) if is_under(path, base)), default=-1)

    own = reach(api)
    return next(
        (
            other
            for other in context.config.apis
            if other is not api and reach(other) > own and set(api.hosts) <= set(other.hosts)
        ),
        None,
    )


def _twice(
    context: Context, location: Location, api: Api, match: str, seen: dict[tuple[str, str], int]
) -> Iterator[ConfigProblem]:
    method, path = match.split(" ", 1)
    key = (api.name, f"{method} {shape(path)}")
    line = context.loaded.source.position(location)[0]
    if key in seen:
        what = f"{match} is the endpoint of line {seen[key]} again; the last limits and login fields count"
        yield context.warning(location, what, "say all of it in one place")
    seen.setdefault(key, line)


class _Known:
    """What documents and traffic say about one API."""

    def __init__(self, context: Context, api: Api) -> None:
        self.api = api
        self.documented = context.compiled.operations.get(api.name)
        seen = [one for one in context.seen if one.api == api.name]
        self.matches = [f"{method} {path}" for method, path in self.documented or ()]
        self.matches += [f"{one.method} {one.path}" for one in seen]
        begun = [one.since for one in seen if one.since is not None]
        self.is_seen = bool(seen)
        self.is_long_seen = bool(begun) and context.now - min(begun) >= LONG_ENOUGH
        self._templates, self._paths = TemplateSet(), TemplateSet()
        for index, match in enumerate(self.matches):
            method, path = match.split(" ", 1)
            self._templates.add(path, method, index)
            self._paths.add(path, "*", index)

    def has(self, method: str, path: str) -> bool:
        """Whether the endpoint is known, or a known one covers it."""
        if method in _ALWAYS:
            return self._paths.covering(path, "*") is not None
        return self._templates.covering(path, method) is not None

    def methods(self, path: str) -> list[str]:
        """The known methods of a path."""
        pairs = (match.split(" ", 1) for match in self.matches)
        return sorted({method for method, known in pairs if shape(known) == shape(path)})


def _nowhere(context: Context, named: _Named, known: list[_Known]) -> Iterator[ConfigProblem]:
    method, path = named.match.split(" ", 1)
    if any(one.has(method, path) for one in known):
        return
    if not all(one.documented is not None or one.is_seen for one in known):
        return  # without a document and without traffic, the endpoints of an API are not known
    # A document may be incomplete and traffic may be to come, so the words say "may" unless both are known.
    candidates = list(dict.fromkeys(each for one in known for each in one.matches))
    if methods := sorted({each for one in known for each in one.methods(path)}):
        said = f"{path} is known with {', '.join(methods)} only, so {named.by} for {method} never applies"
        yield context.warning(named.location, said, f"did you mean '{methods[0]} {path}'?")
        return
    if all(one.documented is not None for one in known):
        names = " and ".join(repr(one.api.name) for one in known)
        what = "the document nor the traffic" if len(known) == 1 else "the documents nor the traffic"
        said = f"neither {what} of {names} has {named.match}, so {named.by} may never apply"
        fix = context.did_you_mean(
            named.match, candidates, "mend the path, or add the operation to the document"
        )
        yield context.warning(named.location, said, fix)
        return
    close = context.closest(named.match, candidates, LIKELY_TYPO)
    if close or all(one.documented is not None or one.is_long_seen for one in known):
        said = f"no call of {named.match} was ever seen, so {named.by} may never apply"
        fix = f"did you mean {close!r}?" if close else "mend the path, or remove it"
        yield context.warning(named.location, said, fix)
