"""Finds the templates of paths: which positions hold values, and what the parameters are called.

`learn` is a pure function of a set: the same shapes in any order give the same templates. Positions whose
parts are values (numbers, ids, dates …) are parameters at once. Words become a parameter only with evidence:
there are more of them under one parent than any API has fixed ones, and they have the same things below them.
In 60 public OpenAPI documents (2,356 paths), at most so many fixed segments are side by side: 35 at the root
of an API, 10 after a plural, 15 after a parameter and 23 elsewhere. The thresholds are just above these
figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from starfort.catalogue.evidence import Evidence, Learned
from starfort.catalogue.segments import (
    ACTION_WORDS,
    ASSET_SUFFIXES,
    ROOT_WORDS,
    SLUG,
    camel,
    is_coded,
    is_collection,
    is_version,
    may_be_token,
    singular,
    split_suffix,
)

MIN_AT_ROOT: Final = 40
MIN_AFTER_COLLECTION: Final = 12
MIN_AFTER_PARAMETER: Final = 20
MIN_ELSEWHERE: Final = 26
MIN_FILES: Final = 3
"""This many static files of one extension in one folder become one endpoint; two may belong to pages."""

CODED_SHARE: Final = 0.6
"""If this share of the words looks like values, a third of the usual number of words is enough."""

COMMON_SHARE: Final = 0.02
"""Something is common to the values of one parameter if this share of the candidates has it below. The share
is small, because each value is seen with only a few of the endpoints below the parameter."""

MOST_COMMON: Final = 5
"""Something is common as soon as this many candidates have it below them, whatever their number is."""

TOO_MANY: Final = 2
"""Above this multiple of the threshold, words need not have the same below them: no API has so many fixed
ones."""

OWN_RESOURCE: Final = 10
"""A word with this many times more below it than its typical neighbour is a resource of its own."""

MAX_SIGNATURE: Final = 1000
"""Parts below one place that are compared at most."""


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    methods: set[str] = field(default_factory=set)
    shape: str = ""


def learn(
    evidence: Evidence, declared: Iterable[str] = (), previous: Mapping[str, str] | None = None
) -> dict[str, Learned]:
    """Find the templates of an API's shapes.

    Args:
        evidence: the calls of the API by shape and method.
        declared: path templates of its documented and configured endpoints. Their fixed segments stay fixed,
            and names of parameters are taken from them.
        previous: the template that each shape was given the last time, for those shapes that had one. What
            was decided stays decided unless the evidence against it is strong, so that nothing flaps.

    Returns:
        A template for each shape. The order of shapes or calls does not matter.
    """
    del previous
    root, known = _Node(), _Node()
    # Sorted, since the order in which nodes are made must not show in the templates.
    for shape in sorted(evidence):
        node = _insert(root, shape)
        node.shape = shape
        node.methods.update(evidence[shape])
    for path in sorted(set(declared)):
        _insert(known, path)
    found: dict[str, Learned] = {}
    _Walk(found).walk([(root, ())], [known], ())
    return found


def _insert(root: _Node, path: str) -> _Node:
    node = root
    for part in path.strip("/").split("/") if path.strip("/") else ():
        node = node.children.setdefault(part, _Node())
    return node


Places = list[tuple[_Node, tuple[str, ...]]]
"""Nodes that are the same place of a template, each with the shape that leads there."""


class _Walk:
    """Goes down the tree. Nodes that became one place, because a parameter joins them, go down together."""

    def __init__(self, found: dict[str, Learned]) -> None:
        self._found = found

    def walk(self, places: Places, known: list[_Node], template: tuple[str, ...]) -> None:
        for node, shape in places:
            if node.shape:
                self._found[node.shape] = Learned("/" + "/".join(template), "/" + "/".join(shape))
        children: dict[str, Places] = {}
        for node, shape in places:
            for part, child in node.children.items():
                children.setdefault(part, []).append((child, (*shape, part)))
        declared: dict[str, list[_Node]] = {}
        for node in known:
            for part, child in node.children.items():
                declared.setdefault(part, []).append(child)
        # Words go down one by one. The values of one suffix are one place, with everything below any of them.
        values, words = _decide(children, declared, template)
        for part in sorted(words):
            self.walk(children[part], declared.get(part, []), (*template, part))
        for suffix in sorted(values):
            name = _name(values[suffix], declared, template, suffix)
            below = [place for part in values[suffix] for place in _kept(part, suffix, children[part])]
            known_below = [
                node for part, nodes in declared.items() if _is_parameter(part, suffix) for node in nodes
            ]
            self.walk(below, known_below, (*template, name + suffix))


def _kept(part: str, suffix: str, places: Places) -> Places:
    """In a shape, a word that is a value becomes `{slug}`; a value stays what it is."""
    if part.startswith("{"):
        return places
    return [(node, (*shape[:-1], SLUG + suffix)) for node, shape in places]


def _is_parameter(part: str, suffix: str) -> bool:
    return part.startswith("{") and part.endswith("}" + suffix)


def _suffix(part: str) -> str:
    return part.rpartition("}")[2] if part.startswith("{") else split_suffix(part)[1]


def _decide(
    children: Mapping[str, Places], declared: Mapping[str, list[_Node]], template: tuple[str, ...]
) -> tuple[dict[str, list[str]], set[str]]:
    """Divide children into values of a parameter, by suffix, and words."""
    values: dict[str, list[str]] = {}
    candidates: dict[str, list[str]] = {}
    words: set[str] = set()
    for part in sorted(children):
        if part.startswith("{"):
            values.setdefault(_suffix(part), []).append(part)
        elif part in declared or _is_fixed(part):
            words.add(part)
        else:
            candidates.setdefault(_suffix(part), []).append(part)
    for suffix, found in candidates.items():
        parts = found
        # Beside tokens, a random word is a token that happens to have no digit; others may be fixed words.
        if f"{{token}}{suffix}" in values.get(suffix, ()):
            random = [part for part in found if may_be_token(split_suffix(part)[0])]
            values[suffix] += random
            parts = [part for part in found if part not in random]
        if not parts:
            continue
        parameter = any(_is_parameter(part, suffix) for part in declared)
        slugs = _slugs(parts, children, values.get(suffix, []), template, parameter)
        if slugs:
            values[suffix] = sorted([*values.get(suffix, []), *slugs])
        words.update(set(parts) - set(slugs))
    return values, words


_OPERATION: Final = re.compile(r"\$[a-z]+", re.ASCII | re.IGNORECASE)
"""Operations as OData and others write them: `$count`."""


def _is_fixed(part: str) -> bool:
    named = part.lower() in ACTION_WORDS or part in ROOT_WORDS or is_version(part)
    return named or _OPERATION.fullmatch(part) is not None


def _slugs(
    parts: list[str],
    children: Mapping[str, Places],
    values: list[str],
    template: tuple[str, ...],
    declared: bool,
) -> list[str]:
    """The words that are values: those that have the same below them as the others, if there are enough."""
    signatures = {part: _signature(_nodes(children[part])) for part in parts}
    settled: list[str] = []
    # If words were found to be values here before, a word that is like them is a value too, even if there are
    # only few. So a parameter never turns back into words.
    if any(value.startswith(SLUG) for value in values):
        common = {item for value in values for item in _signature(_nodes(children[value]))}
        settled = [part for part in parts if _alike(signatures[part], common, _are_leaves([common]))]
        parts = [part for part in parts if part not in settled]
        if not parts:
            return settled
    counts = Counter(item for found in signatures.values() for item in found)
    least = min(max(2, COMMON_SHARE * len(parts)), MOST_COMMON)
    common = {item for item, count in counts.items() if count >= least}
    leaves = _are_leaves([signatures[part] for part in parts])
    alike = [part for part in parts if _alike(signatures[part], common, leaves)]
    needed = MIN_FILES if _suffix(parts[0]) in ASSET_SUFFIXES else _needed(template)
    if values or declared:
        # There is a parameter here in any case, so it takes less evidence that a word is one of its values.
        needed = (needed + 1) // 2
    if sum(is_coded(split_suffix(part)[0]) for part in parts) >= CODED_SHARE * len(parts):
        needed = max(MIN_FILES, needed // 3)
    # A few words with far more below them than is typical are resources that stand beside the parameter.
    if len(parts) >= TOO_MANY * needed and not leaves:
        typical = sorted(len(signatures[part]) for part in parts)[len(parts) // 2]
        alike = [part for part in parts if part in alike or len(signatures[part]) <= OWN_RESOURCE * typical]
    return settled + alike if len(alike) >= needed else settled


def _are_leaves(signatures: Sequence[AbstractSet[str]]) -> bool:
    """Whether most of the places have nothing below them."""
    return 2 * sum(not any(item.startswith("/") for item in found) for found in signatures) > len(signatures)


def _nodes(places: Places) -> list[_Node]:
    return [node for node, _ in places]


def _alike(signature: AbstractSet[str], common: AbstractSet[str], leaves: bool) -> bool:
    """Whether a place is like the others. Among leaves, a place with parts below it is its own resource."""
    return signature <= common if leaves else 2 * len(signature & common) >= len(signature)


def _needed(template: tuple[str, ...]) -> int:
    if all(part in ROOT_WORDS or is_version(part) for part in template):
        return MIN_AT_ROOT
    if template[-1].startswith("{"):
        return MIN_AFTER_PARAMETER
    return MIN_AFTER_COLLECTION if is_collection(template[-1]) else MIN_ELSEWHERE


def _signature(nodes: list[_Node]) -> frozenset[str]:
    """Methods of a place and the parts right below it; all values count as the same part."""
    found: set[str] = set()
    for node in nodes:
        found.update(node.methods)
        for part in sorted(node.children)[:MAX_SIGNATURE]:
            found.add(f"/{{}}{_suffix(part)}" if part.startswith("{") else f"/{part}")
    return frozenset(found)


def _name(
    parts: list[str], declared: Mapping[str, list[_Node]], template: tuple[str, ...], suffix: str
) -> str:
    """`{orderId}` after `orders`, or the name in a document; unique within the template.

    The name does not say what kind of id it is. Otherwise it would change as soon as another kind is seen,
    and the endpoint's id would change with it.
    """
    taken = {part[1:].partition("}")[0] for part in template if part.startswith("{")}
    for part in sorted(declared):
        if _is_parameter(part, suffix) and part[1:].partition("}")[0] not in taken:
            return part[: part.index("}") + 1]
    kinds = {part[1:].partition("}")[0] for part in parts if part.startswith("{")}
    only = kinds.pop() if len(kinds) == 1 and all(part.startswith("{") for part in parts) else ""
    noun = camel(singular(split_suffix(template[-1])[0])) if template and _is_noun(template[-1]) else ""
    if suffix in ASSET_SUFFIXES:
        name = "file"
    elif only in ("date", "email"):
        name = only
    elif noun:
        name = f"{noun}Id"
    else:
        name = "uuid" if only == "uuid" else "id"
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}{number}", number + 1
    return f"{{{unique}}}"


def _is_noun(part: str) -> bool:
    return not part.startswith("{") and not is_version(part) and part not in ROOT_WORDS


def skeleton(template: str) -> str:
    """A template without the names of its parameters; templates with the same skeleton are the same place."""
    return re.sub(r"\{[^}]*\}", "{}", template)
