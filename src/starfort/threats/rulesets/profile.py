"""Reads profiles: settings and exclusions of CRS for one kind of traffic, with reasons and examples.

`profiles/NAME.yaml` is the data; `docs/rules-profile.md` and the tests are made from it. A profile changes no
file of CRS. Rules that it removes for all requests are removed when rules are compiled, so that requests pay
nothing for it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from starfort.threats.seclang.resolve import Link, Rule

_FOLDER: Final = Path(__file__).parent / "profiles"

Range = Annotated[str, Field(pattern=r"^\d{6}(-\d{6})?$")]
"""A rule's id, or the first and the last of a range."""

MAX_MEDIA_TYPES: Final = 1_000
"""The most media types of documents. Every request with a body is compared with them."""

PROFILE_SETTINGS_ID: Final = 9_535_010
PROFILE_RULES_ID: Final = 9_530_400
"""The first ids of rules that are made here, see `rules/README.md`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Setting(_Part):
    """A variable by which CRS is set up.

    Attributes:
        name: of the variable, without `TX:`.
        value: what the profile sets it to; a list is joined as CRS expects it.
        crs: what CRS takes when nothing is said, for people.
        rules: ids of the rules that look at it.
        reason: why the profile changes it.
    """

    name: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    value: str | list[str]
    style: Literal["words", "bars", "slashes", "extensions"] = "words"
    crs: str
    rules: list[int]
    reason: str

    def text(self, more: Iterable[str] = ()) -> str:
        """The value as CRS reads it.

        Args:
            more: members beside those of the profile.
        """
        if isinstance(self.value, str):
            return self.value
        form = {"words": "{}", "bars": "|{}|", "slashes": "/{}/", "extensions": "{}/"}[self.style]
        return " ".join(form.format(member) for member in dict.fromkeys([*self.value, *more]))


class Where(_Part):
    """A condition on the request; all that are given must hold.

    Attributes:
        endpoint: regular expression of the catalogue's `METHOD /path/{template}`, which is "" outside of it.
        path: regular expression of the request's path.
        variable: SecLang target whose value `matches` is compared with.
        matches: regular expression.
    """

    endpoint: str | None = None
    path: str | None = None
    variable: str | None = None
    matches: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Where:
        if (self.variable is None) != (self.matches is None):
            raise ValueError("variable and matches belong together")
        if self.endpoint is self.path is self.matches is None:
            raise ValueError("give endpoint, path, or variable and matches")
        return self


class Decoding(_Part):
    """A transformation that rules of CRS use, changed.

    Attributes:
        rules: ids and ranges.
        replace: the transformation that is taken out; None: `by` comes behind the last one.
        by: the transformation that comes in.
        reason: what ordinary traffic the rules take for an attack without the change.
        ordinary: requests that pass because of it.
        attacks: requests that are still found.
    """

    rules: list[Range]
    replace: str | None = None
    by: str
    reason: str
    ordinary: list[dict[str, Any]]
    attacks: list[dict[str, Any]]


class Exclusion(_Part):
    """Where rules of CRS are wrong about ordinary traffic of this kind.

    Attributes:
        rules: ids and ranges.
        targets: SecLang targets that the rules stop looking at; empty: the rules are taken out.
        keep: targets that are looked at instead.
        where: only requests for which this holds; None: all.
        instead: own rules that keep the dangerous part.
        reason: what ordinary traffic the rules take for an attack, and why they may be wrong there.
        until: the first version of CRS that does not need this; None: none known.
        ordinary: requests that pass because of it.
        attacks: requests that are still found.
    """

    rules: list[Range]
    targets: list[str] = []
    keep: list[str] = []
    where: Where | None = None
    instead: list[int] = []
    reason: str
    until: str | None = None
    ordinary: list[dict[str, Any]]
    attacks: list[dict[str, Any]]


class Profile(_Part):
    """A kind of traffic.

    Attributes:
        about: which, for people.
        settings: of CRS.
        decodings: what rules of CRS do to a value before they look at it.
        exclusions: from CRS.
    """

    about: str
    settings: list[Setting] = []
    decodings: list[Decoding] = []
    exclusions: list[Exclusion] = []


@functools.cache
def load_profile(name: str) -> Profile:
    """The profile of a name, `api` or `web`."""
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    # PyYAML may be built with libyaml, whose loader needs a fifth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Profile.model_validate(yaml.load(text, loader))  # noqa: S506 (both are safe)


def settings_of(profile: Profile, media_types: Sequence[str] = ()) -> Iterator[str]:
    """The settings as SecLang, to be read before CRS.

    Args:
        profile: which.
        media_types: what the APIs' documents name for request bodies, lower case, without parameters.
    """
    more = {"allowed_request_content_type": media_types[:MAX_MEDIA_TYPES]}
    for number, setting in enumerate(profile.settings):
        value = setting.text(more.get(setting.name, ()))
        yield (
            f'SecAction "id:{PROFILE_SETTINGS_ID + number},phase:1,pass,nolog,t:none,'
            f"setvar:'tx.{setting.name}={value}'\""
        )


def conditional_of(profile: Profile, version: str) -> Iterator[str]:
    """The exclusions that depend on the request, to be read before the rules that they are about.

    Args:
        profile: which.
        version: of the installed CRS.
    """
    for number, exclusion in enumerate(profile.exclusions):
        if exclusion.where is None or not _needed(exclusion, version):
            continue
        actions = [
            f"ctl:ruleRemoveTargetById={rule};{target}"
            for rule in exclusion.rules
            for target in exclusion.targets
        ] or [f"ctl:ruleRemoveById={rule}" for rule in exclusion.rules]
        where = exclusion.where
        of_argument = where.variable is not None and where.variable.startswith("ARGS")
        conditions = [
            ("TX:starfort_endpoint", where.endpoint),
            # The exclusion applies only if no server could read the path as that of another endpoint.
            ("&TX:starfort_endpoint_2", where.endpoint and "^0$"),
            ("REQUEST_FILENAME", where.path),
            # A second argument of the same name may be something else, so there must be only one.
            (f"&{where.variable}", "^1$" if of_argument else None),
            (where.variable, where.matches),
        ]
        links = [
            f'{target} "@rx {_quoted(pattern)}"' for target, pattern in conditions if pattern is not None
        ]
        # Arguments of bodies are known only in phase 2.
        phase = 1 if where.variable is None else 2
        starter = f"id:{PROFILE_RULES_ID + number},phase:{phase},pass,nolog,"
        for at, link in enumerate(links):
            effects = ",".join(["t:none", *(actions if at == len(links) - 1 else ["chain"])])
            yield f'SecRule {link} "{starter if at == 0 else ""}{effects}"'


def updates_of(profile: Profile, version: str) -> Iterator[str]:
    """The other exclusions, which are worked out when rules are compiled.

    Args:
        profile: which.
        version: of the installed CRS.
    """
    for exclusion in profile.exclusions:
        if exclusion.where is not None or not _needed(exclusion, version):
            continue
        for rule in exclusion.rules:
            if not exclusion.targets:
                yield f"SecRuleRemoveById {rule}"
            for target in exclusion.keep:
                yield f'SecRuleUpdateTargetById {rule} "{_quoted(target)}"'
            for target in exclusion.targets:
                # Whole variables are taken out by `adjusted`: `!ARGS` would leave ARGS in place and exclude
                # all of it at each request.
                if ":" in target:
                    yield f'SecRuleUpdateTargetById {rule} "!{_quoted(target)}"'


def adjusted(profile: Profile, files: Collection[Path], version: str) -> Callable[[Rule], Rule]:
    """What changes rules in ways that SecLang has no words for: targets left out, other transformations.

    Args:
        profile: which.
        files: of CRS; rules in other files are left alone.
        version: of the installed CRS.
    """
    exclusions = [one for one in profile.exclusions if one.where is None and _needed(one, version)]

    def adjust(rule: Rule) -> Rule:
        # A profile is about CRS. A user's own rule may have an id in its range, and is left alone.
        if rule.location.file not in files:
            return rule
        dropped = {
            target
            for exclusion in exclusions
            if any(within(rule.id, ids) for ids in exclusion.rules)
            for target in exclusion.targets
        }
        changes = [
            change for change in profile.decodings if any(within(rule.id, ids) for ids in change.rules)
        ]
        # The other links of a chain look at what the first one found, so their targets are kept.
        first, *rest = (_transformed(link, changes) for link in rule.links)
        for change in changes:
            if change.replace is None:
                first = replace(first, transformations=(*first.transformations, change.by))
        kept = tuple(
            variable
            for variable in first.variables
            if variable.exclude or variable.selector is not None or variable.name not in dropped
        )
        return replace(rule, links=(replace(first, variables=kept), *rest))

    return adjust


def _transformed(link: Link, changes: Iterable[Decoding]) -> Link:
    others = {change.replace: change.by for change in changes if change.replace is not None}
    return replace(link, transformations=tuple(others.get(name, name) for name in link.transformations))


def within(rule: int, ids: str) -> bool:
    """Whether a rule is the one, or one of those, that `ids` names."""
    first, last = _range(ids)
    return first <= rule <= last


@functools.cache
def _range(ids: str) -> tuple[int, int]:
    """First and last of what `Range` allows; a profile has some dozens of them."""
    first, _, last = ids.partition("-")
    return int(first), int(last or first)


def _needed(exclusion: Exclusion, version: str) -> bool:
    return exclusion.until is None or _order(version) < _order(exclusion.until)


def _order(version: str) -> tuple[int, ...]:
    # Compared as numbers, because 4.9 comes before 4.10. A release candidate counts as its release.
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _quoted(text: str) -> str:
    # A quote would end the argument of the rule.
    return text.replace('"', '\\"')
