"""Turns `rules:` of `starfort.yaml` into SecLang around the rule sets.

The engine sets two variables before phase 1, so that rules know the endpoint: `TX:starfort_api`, the name of
the API, and `TX:starfort_endpoint`, `METHOD /path/{template}`. If servers could read the path as another one,
`TX:starfort_api_2` and `TX:starfort_endpoint_2`, `..._3` and so on name the other endpoints
(docs/policies.md). A setting that makes rules stricter applies if any of these endpoints matches. A setting
that makes rules laxer applies only if there is no other endpoint.
"""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from starfort.config.limits import Limits
from starfort.config.problems import ConfigError, ConfigProblem
from starfort.config.rules import RuleExclusion, Rules, RuleScope, VirtualPatch
from starfort.threats.rulesets import (
    ANOMALY_RULES,
    API_RULES,
    BASE_RULES,
    EVALUATION_RULES,
    PROFILE_RULES,
)
from starfort.threats.rulesets.installed import InstalledRuleSet, installed, rule_files, rule_set_folder
from starfort.threats.rulesets.places import look_everywhere
from starfort.threats.rulesets.profile import (
    Profile,
    adjusted,
    conditional_of,
    load_profile,
    settings_of,
    updates_of,
)
from starfort.threats.seclang.load import CompiledRules, load_rules
from starfort.threats.seclang.parse import Snippet
from starfort.threats.seclang.reference import VARIABLES
from starfort.threats.seclang.resolve import Rule
from starfort.threats.seclang.settings import MAX_BODY_BYTES

SETTINGS_ID: Final = 9_535_000
SCOPES_ID: Final = 9_535_100
EXCLUSIONS_ID: Final = 9_536_000
PATCHES_ID: Final = 9_538_000
"""The first ids of rules that are made here, see `rules/README.md`. The limits of the configuration fit."""

PROFILE: Final = "rules.profile"
"""The name that problems show instead of a file when lines of a profile are wrong."""

_SCORES: Final = {"critical": 5, "error": 4, "warning": 3, "notice": 2}
"""What a rule of each severity adds to a score. Source: crs-setup.conf of CRS, rule 900100."""


@dataclass(frozen=True, slots=True)
class ConfiguredRules:
    """The rules of a configuration.

    Attributes:
        compiled: the rules that the engine runs.
        sets: the installed rule sets among them.
        files: the rule and data files that may change; the files of this package are not among them.
    """

    compiled: CompiledRules
    sets: tuple[InstalledRuleSet, ...]
    files: tuple[Path, ...]


def compile_rules(
    rules: Rules,
    base: Path,
    folder: Path | None = None,
    *,
    media_types: Sequence[str] = (),
    limits: Limits | None = None,
) -> ConfiguredRules:
    """Load everything that `rules:` names.

    Args:
        rules: the section `rules:`.
        base: the folder of the configuration, from which relative paths count.
        folder: the folder of rule sets; the default is `rule_set_folder()`.
        media_types: the media types of request bodies in the APIs' documents, lower case, without parameters.
        limits: the widest limits of the configuration; the default is that of an empty configuration.

    Raises:
        ConfigError: every problem at once.
    """
    sets = _wanted_sets(rules, rule_set_folder() if folder is None else folder)
    profile = load_profile(rules.profile)
    sources = _sources(rules, sets, profile, base, media_types=media_types, limits=limits or Limits())
    adjust = adjusted(profile, frozenset(sets.files), sets.crs_version or "")

    def everywhere(rule: Rule) -> Rule:
        """The rule as the profile has it, and then with the places."""
        return look_everywhere(adjust(rule))

    compiled = _load(sources, (rules.profile, rules.places), everywhere if rules.places else adjust)
    changing = tuple(file for file in compiled.files if not file.is_relative_to(BASE_RULES.parent))
    return ConfiguredRules(compiled, tuple(sets.entries), changing)


def _sources(  # noqa: PLR0913 (what a set of rules is made of)
    rules: Rules, sets: _Sets, profile: Profile, base: Path, *, media_types: Sequence[str], limits: Limits
) -> tuple[Path | Snippet, ...]:
    """All sources, in the order in which they are read: a rule sees what earlier rules have set."""
    return (
        BASE_RULES,
        *sets.setups,
        Snippet("limits:", "\n".join(directives(limits))),
        Snippet("rules: (settings)", "\n".join([*settings(rules), *settings_of(profile, media_types)])),
        *_globbed(rules.before, base),
        *_own_rules(rules),
        Snippet(
            "rules: (exclusions, patches)",
            "\n".join([*exclusions(rules.exclusions), *patches(rules.patches)]),
        ),
        # Exclusions that depend on a request must come before the rules that they concern. Changes of rules
        # can only follow the rules.
        *sets.profiled(profile, conditional_of),
        *(sets.files or [EVALUATION_RULES]),
        *sets.profiled(profile, updates_of),
        *_globbed(rules.files, base),
    )


@dataclass(frozen=True, slots=True)
class _Sets:
    """The wanted rule sets: the entry and the set-up of each, and the rule files of all."""

    entries: list[InstalledRuleSet]
    setups: list[Path]
    files: list[Path]

    @property
    def crs_version(self) -> str | None:
        """The version of CRS; None where it is not one of the sets."""
        return next((entry.version for entry in self.entries if entry.name == "crs"), None)

    def profiled(self, profile: Profile, part: Callable[[Profile, str], Iterator[str]]) -> list[Snippet]:
        """What a profile says about CRS, if CRS is one of the sets."""
        if self.crs_version is None:
            return []
        return [Snippet(PROFILE, "\n".join(part(profile, self.crs_version)))]


def _wanted_sets(rules: Rules, folder: Path) -> _Sets:
    """The rule sets that `rules:` names; if it names none, CRS when it is installed."""
    wanted = rules.sets
    if wanted is None:
        wanted = [name for name in ("crs",) if name in installed(folder)]
    sets = _Sets([], [], [])
    for name in wanted:
        entry, setup, files = rule_files(folder, name)
        sets.entries.append(entry)
        sets.setups.append(setup)
        sets.files.extend(files)
    return sets


def _own_rules(rules: Rules) -> Iterator[Path]:
    """The files of Starfort's own rules, which come before those of any set."""
    if rules.api_rules:
        yield from (API_RULES, ANOMALY_RULES)
    if rules.profile in PROFILE_RULES:
        yield PROFILE_RULES[rules.profile]


_Choice = tuple[str, bool]
"""The profile, and whether rules look at more places. Both decide how rules are adjusted."""

_last: list[tuple[tuple[Path | Snippet, ...], _Choice, tuple[tuple[int, int], ...], CompiledRules]] = []
"""The last compilation, for reloads that change something else: sources, choice, stamps and result."""


def _load(
    sources: tuple[Path | Snippet, ...], choice: _Choice, adjust: Callable[[Rule], Rule]
) -> CompiledRules:
    """`load_rules`, or its last result when neither sources nor files have changed since."""
    # A reload that changes a policy should not read and compile 700 rules.
    for known, known_choice, stamps, compiled in _last:
        if known == sources and known_choice == choice and stamps == _stamps(compiled.files):
            return compiled
    # The time is taken before reading: files that change later are newer than it.
    started_ns = time.time_ns()
    compiled = load_rules(sources, adjust)
    # A profile may name rules that this version of CRS does not have, which concerns no user.
    compiled = replace(compiled, notes=tuple(note for note in compiled.notes if note.file != Path(PROFILE)))
    stamps = _stamps(compiled.files)
    # A file that changed while it was read may have been read before the change, so nothing is kept.
    if all(changed_ns < started_ns for changed_ns, _ in stamps):
        _last[:] = [(sources, choice, stamps, compiled)]
    return compiled


def _stamps(files: Iterable[Path]) -> tuple[tuple[int, int], ...]:
    """Time of change and size of files and of their folders. A folder changes when a file is added."""
    stamps = []
    for path in {*files, *(file.parent for file in files)}:
        try:
            found = path.stat()
        except OSError:
            # A file that is missing has a stamp too, so that its return is noticed.
            stamps.append((0, -1))
        else:
            stamps.append((found.st_mtime_ns, found.st_size))
    return tuple(sorted(stamps))


def _globbed(patterns: Iterable[str], base: Path) -> Iterator[Path]:
    for pattern in patterns:
        found = sorted(glob.glob(str(base / pattern)))  # noqa: PTH207 - absolute patterns too
        if not found:
            problem = ConfigProblem(
                base / pattern, 0, 0, "no such rule file", "see `rules:` in starfort.yaml"
            )
            raise ConfigError([problem])
        yield from (Path(name) for name in found)


class _Placed(Protocol):
    """A setting that applies to one API, one endpoint, or both, or everywhere."""

    @property
    def api(self) -> str | None: ...
    @property
    def endpoint(self) -> str | None: ...


def directives(limits: Limits) -> Iterator[str]:
    """The limits of SecLang, as wide as those of the configuration, which the engine applies by endpoint."""
    yield f"SecArgumentsLimit {max(limits.query_parameters, limits.cookies, limits.body_parameters)}"
    for name, size in (("Request", limits.request_body), ("Response", limits.response_body)):
        yield f"Sec{name}BodyLimit {min(max(size, limits.decompressed), MAX_BODY_BYTES)}"
    yield f"SecRequestBodyJsonDepthLimit {max(limits.depth, 10)}"


def settings(rules: Rules) -> Iterator[str]:
    """The paranoia level and the thresholds, for everything and for single APIs and endpoints."""
    values = {f"{name}_anomaly_score": score for name, score in _SCORES.items()} | {
        "blocking_paranoia_level": rules.paranoia,
        "inbound_anomaly_score_threshold": rules.inbound_threshold,
        "outbound_anomaly_score_threshold": rules.outbound_threshold,
    }
    yield _action(SETTINGS_ID, [f"setvar:tx.{name}={value}" for name, value in values.items()])
    for number, scope in enumerate(rules.scopes):
        yield _guarded(SCOPES_ID + number, scope, _scope_actions(scope), stricter=_is_stricter(scope, rules))
    # Rules compare with this level even if no rule set sets it. CRS uses the blocking level by default.
    yield (
        f'SecRule &TX:detection_paranoia_level "@eq 0" "id:{SETTINGS_ID + 1},phase:1,pass,nolog,t:none,'
        "setvar:'tx.detection_paranoia_level=%{tx.blocking_paranoia_level}'\""
    )


def _scope_actions(scope: RuleScope) -> list[str]:
    values = {
        "blocking_paranoia_level": scope.paranoia,
        "inbound_anomaly_score_threshold": scope.inbound_threshold,
        "outbound_anomaly_score_threshold": scope.outbound_threshold,
    }
    actions = [f"setvar:tx.{name}={value}" for name, value in values.items() if value is not None]
    return [*actions, "ctl:ruleEngine=Off"] if scope.off else actions


def _is_stricter(scope: RuleScope, rules: Rules) -> bool:
    """Whether a scope is at least as strict as the settings for everything."""
    paranoia = rules.paranoia if scope.paranoia is None else scope.paranoia
    inbound = rules.inbound_threshold if scope.inbound_threshold is None else scope.inbound_threshold
    outbound = rules.outbound_threshold if scope.outbound_threshold is None else scope.outbound_threshold
    return (
        not scope.off
        and paranoia >= rules.paranoia
        and inbound <= rules.inbound_threshold
        and outbound <= rules.outbound_threshold
    )


def exclusions(listed: Iterable[RuleExclusion]) -> Iterator[str]:
    """Each exclusion, as a rule that removes other rules or targets while its conditions hold."""
    for number, exclusion in enumerate(listed):
        kind, which = ("Tag", exclusion.tag) if exclusion.rule is None else ("Id", str(exclusion.rule))
        targets = targets_of(exclusion.parameter)
        actions = (
            [f"ctl:ruleRemoveTargetBy{kind}={which};{target}" for target in targets]
            if targets
            else [f"ctl:ruleRemoveBy{kind}={which}"]
        )
        yield _guarded(EXCLUSIONS_ID + number, exclusion, actions, exclusion.expires)


def targets_of(parameter: str | None) -> list[str]:
    """The SecLang targets of a parameter: its value and its name, or the target itself if it is one.

    A target begins with a variable in upper case: `user` is a parameter, `USER:x` a target.
    """
    if parameter is None:
        return []
    if parameter.partition(":")[0] in VARIABLES:
        return [parameter]
    return [f"ARGS:{parameter}", f"ARGS_NAMES:{parameter}"]


def patches(listed: Iterable[VirtualPatch]) -> Iterator[str]:
    """Each virtual patch, as a chain: the endpoint is right, the pattern matches, the patch has not expired.

    A match adds the whole threshold to the score, so that policies that act on scores act on it.
    """
    for number, patch in enumerate(listed):
        # Without a parameter, a patch does not say where the hole is, so it looks at everything in the body.
        targets = "|".join(targets_of(patch.parameter)) or "ARGS|ARGS_NAMES|REQUEST_BODY|XML:/*"
        # A quote would end the argument of the rule.
        pattern = patch.pattern.replace('"', '\\"')
        links = [
            *_where(patch, stricter=True),
            (f'{targets} "@rx {pattern}"', ["t:none", "t:urlDecodeUni"]),
            *_until(patch.expires),
        ]
        # The score is set at the last link, so that only a match of the whole chain scores.
        test, own = links[-1]
        score = "setvar:'tx.inbound_anomaly_score_pl1=+%{tx.inbound_anomaly_score_threshold}'"
        links[-1] = (test, [*own, score])
        actions = [
            f"id:{PATCHES_ID + number}",
            "phase:2",
            "pass",
            "log",
            "t:none",
            f"msg:'Virtual patch {patch.name}'",
            "severity:CRITICAL",
            "tag:'starfort'",
            "tag:'virtual-patch'",
        ]
        yield _chain(links, actions)


def _where(placed: _Placed, *, stricter: bool) -> list[tuple[str, list[str]]]:
    """Links that match at one API, one endpoint, or both; no links when a setting applies everywhere.

    Args:
        placed: the API and the endpoint.
        stricter: whether the setting is stricter than elsewhere, so that any reading of the path suffices.
    """
    links: list[tuple[str, list[str]]] = []
    if placed.api is not None:
        links.append((f'{_every("api", stricter=stricter)} "@streq {placed.api}"', ["t:none"]))
    if placed.endpoint is not None:
        method, _, path = placed.endpoint.partition(" ")
        # This is a pattern, because `*` stands for any method.
        pattern = ("[A-Z]+" if method == "*" else method) + " " + re.escape(path)
        quoted = pattern.replace('"', '\\"')
        links.append((f'{_every("endpoint", stricter=stricter)} "@rx ^{quoted}$"', ["t:none"]))
    # If two servers could read the path in two ways, nothing is exempted.
    if links and not stricter:
        links.append(('&TX:starfort_endpoint_2 "@eq 0"', ["t:none"]))
    return links


def _every(kind: str, *, stricter: bool) -> str:
    """The target that names the API or endpoint, in the reading that counts or in all readings."""
    return f"TX:/^starfort_{kind}/" if stricter else f"TX:starfort_{kind}"


def _until(expires: datetime | None) -> list[tuple[str, list[str]]]:
    """The link that matches until a time; no link without a time."""
    return [] if expires is None else [(f'TIME_EPOCH "@lt {int(expires.timestamp())}"', ["t:none"])]


def _guarded(
    number: int,
    placed: _Placed,
    actions: list[str],
    expires: datetime | None = None,
    *,
    stricter: bool = False,
) -> str:
    """A rule of phase 1 with these actions, for one API or endpoint, and until a time."""
    links = [*_where(placed, stricter=stricter), *_until(expires)]
    if not links:
        return _action(number, actions)
    targets, own = links[-1]
    links[-1] = (targets, own + actions)
    return _chain(links, [f"id:{number}", "phase:1", "pass", "nolog", "t:none"])


def _action(number: int, actions: list[str]) -> str:
    return f'SecAction "{",".join([f"id:{number}", "phase:1", "pass", "nolog", "t:none", *actions])}"'


def _chain(links: list[tuple[str, list[str]]], starter: list[str]) -> str:
    lines = []
    for index, (test, own) in enumerate(links):
        first = starter if index == 0 else []
        more = ["chain"] if index < len(links) - 1 else []
        lines.append(f'SecRule {test} "{",".join([*first, *own, *more])}"')
    return "\n".join(lines)
