"""Works out what rules mean together: chains, default actions, removals, updates and skips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.actions import DISRUPTIVE
from starfort.threats.seclang.macros import MacroError, parse_macro
from starfort.threats.seclang.model import (
    ActionUpdateSpec,
    DefaultActionSpec,
    EngineSpec,
    Item,
    Macro,
    MacroPart,
    MarkerSpec,
    Operator,
    RemovalSpec,
    RuleAction,
    RuleSpec,
    SourceLocation,
    TargetUpdateSpec,
    Variable,
)
from starfort.threats.seclang.patterns import compiled
from starfort.threats.seclang.settings import Settings, apply

_LOGS = frozenset({"log", "nolog", "auditlog", "noauditlog"})
# Only the first rule of a chain decides what happens when the whole chain has matched.
_STARTER_ONLY = frozenset({"id", "phase", "skip", "skipAfter"}) | DISRUPTIVE
_EFFECTS = frozenset({"ctl", "expirevar", "initcol", "setenv", "setrsc", "setsid", "setuid", "setvar"})
# These actions add up; of all others, the last one counts.
_MANY = frozenset({"ctl", "expirevar", "initcol", "setenv", "setvar", "t", "tag"})


@dataclass(frozen=True, slots=True)
class Link:
    """One `SecRule` of a chain, as it runs.

    Attributes:
        operator: None: always matches (`SecAction`).
        transformations: in order; `none` is already applied.
        effects: the actions that change something at a match, in order.
    """

    variables: tuple[Variable, ...]
    operator: Operator | None
    transformations: tuple[str, ...]
    multi_match: bool
    capture: bool
    message: Macro | None
    log_data: Macro | None
    effects: tuple[RuleAction, ...]
    location: SourceLocation


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its chain, as it runs.

    Attributes:
        disruptive: `pass`, `deny`, `drop`, `allow`, `allow_phase`, `allow_request` or `redirect`.
        redirect: the location, for `redirect`.
        skip: how many rules of the phase are skipped after a match.
        skip_to: index of the rule to go on with after a match; None: the next one.
    """

    id: int
    phase: int
    location: SourceLocation
    links: tuple[Link, ...]
    revision: str
    version: str
    severity: int | None
    maturity: int
    accuracy: int
    tags: tuple[str, ...]
    disruptive: str
    redirect: str
    status: int | None
    log: bool
    audit_log: bool
    skip: int
    skip_to: int | None

    @property
    def message(self) -> str:
        """`msg` as written, "" when there is none."""
        return macro_text(self.links[0].message or ())


@dataclass(slots=True)
class Resolved:
    """Rules in the order in which they run, and the settings of all of them."""

    rules: list[Rule] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    signatures: list[str] = field(default_factory=list)


def macro_text(macro: Macro) -> str:
    """A macro as SecLang writes it."""
    # A literal part has no variable, and a variable has no literal text.
    return "".join(
        part.text or f"%{{{part.variable}{'' if part.key is None else '.' + part.key}}}" for part in macro
    )


@dataclass(slots=True)
class _Chain:
    """Links as written, and the default actions that apply to the first of them."""

    links: list[RuleSpec]
    defaults: tuple[RuleAction, ...]
    id: int = field(init=False)
    """The id of the first link, stored because CRS' removals and updates ask for it 90,000 times."""

    def __post_init__(self) -> None:
        self.id = int(self.links[0].value("id") or 0)

    @property
    def phase(self) -> int:
        return int(self.links[0].value("phase") or 2)


def resolve(items: Iterable[Item], problems: list[ConfigProblem], notes: list[ConfigProblem]) -> Resolved:
    """Work out which rules run, and how.

    Args:
        items: in file order.
        problems: what is wrong is added here.
        notes: what is odd but harmless is added here.
    """
    # The items are read several times: directives, chains, updates and removals each have their own order.
    items = list(items)
    resolved = Resolved()
    for item in items:
        if isinstance(item, EngineSpec) and item.name == "SecComponentSignature":
            resolved.signatures.append(item.values[0])
        elif isinstance(item, EngineSpec):
            resolved.settings = apply(resolved.settings, item, problems)
    sequence = _chains(items, problems)
    # This comes before removals: two rules with one id are an error even if both are removed.
    _unique(sequence, problems)
    chains = [entry for entry in sequence if isinstance(entry, _Chain)]
    for item in items:
        if isinstance(item, TargetUpdateSpec):
            _update_targets(item, chains, notes)
        elif isinstance(item, ActionUpdateSpec):
            _update_actions(item, chains, problems, notes)
    # Removals come last: a removal by tag or message sees what updates made of the rules.
    removed = {
        id(chain)
        for item in items
        if isinstance(item, RemovalSpec)
        for chain in _selected(item, chains, notes)
    }
    kept = [entry for entry in sequence if id(entry) not in removed]
    resolved.rules = list(_build(kept, problems))
    return resolved


def _chains(items: Sequence[Item], problems: list[ConfigProblem]) -> list[_Chain | MarkerSpec]:
    sequence: list[_Chain | MarkerSpec] = []
    defaults: dict[int, tuple[RuleAction, ...]] = {}
    open_chain: _Chain | None = None
    for item in items:
        if isinstance(item, DefaultActionSpec):
            phase = next(int(action.argument) for action in reversed(item.actions) if action.name == "phase")
            # A later `SecDefaultAction` of a phase holds for the rules behind it, and not for those before.
            defaults[phase] = item.actions
        elif isinstance(item, RuleSpec):
            if open_chain is None:
                open_chain = _Chain([item], defaults.get(int(item.value("phase") or 2), ()))
                sequence.append(open_chain)
                _check_starter(item, problems)
            else:
                open_chain.links.append(item)
                _check_link(item, open_chain, problems)
            # Without `chain`, the next rule begins a chain of its own.
            if not item.has("chain"):
                open_chain = None
        elif isinstance(item, MarkerSpec):
            if open_chain is not None and not open_chain.links[-1].broken:
                problems.append(
                    item.location.problem("a marker stands inside of a chain", "move it behind the chain")
                )
            sequence.append(item)
    if open_chain is not None and not open_chain.links[-1].broken:
        location = open_chain.links[-1].location
        problems.append(location.problem("`chain` has no rule after it", "remove `chain`, or add the rule"))
    return sequence


def _check_starter(rule: RuleSpec, problems: list[ConfigProblem]) -> None:
    if not rule.has("id") and not rule.broken:
        problems.append(rule.location.problem("the rule has no id", "add id:NUMBER; each rule has its own"))


def _check_link(rule: RuleSpec, chain: _Chain, problems: list[ConfigProblem]) -> None:
    if any(link.broken for link in chain.links):
        # Where a chain ends cannot be told from what is left of a rule with a fault.
        return
    for action in rule.actions:
        if action.name == "phase" and int(action.argument) == chain.phase:
            continue
        if action.name in _STARTER_ONLY:
            problems.append(
                action.location.problem(
                    f"{action.name} stands in a rule that is chained to another",
                    "move it to the first rule of the chain",
                )
            )


def _unique(sequence: Sequence[_Chain | MarkerSpec], problems: list[ConfigProblem]) -> None:
    seen: dict[int, SourceLocation] = {}
    for chain in sequence:
        if not isinstance(chain, _Chain) or not chain.id:
            continue
        location = chain.links[0].location
        if (first := seen.setdefault(chain.id, location)) is not location:
            problems.append(
                location.problem(
                    f"rule {chain.id} is there already: {first.file}:{first.line}",
                    "give it another id, or load the file once",
                )
            )


def _selected(selection: RemovalSpec, chains: Sequence[_Chain], notes: list[ConfigProblem]) -> list[_Chain]:
    if selection.by == "id":
        chosen = [chain for chain in chains if any(low <= chain.id <= high for low, high in selection.ids)]
    else:
        pattern = compiled(selection.pattern)
        chosen = [
            chain
            for chain in chains
            if any(pattern.search(value) for value in chain.links[0].values(selection.by))
        ]
    if not chosen:
        what = selection.pattern or ", ".join(
            str(low) if low == high else f"{low}-{high}" for low, high in selection.ids
        )
        notes.append(
            selection.location.problem(
                f"no rule has the {selection.by} {what}", "check it, or remove the line"
            )
        )
    return chosen


def _update_targets(item: TargetUpdateSpec, chains: Sequence[_Chain], notes: list[ConfigProblem]) -> None:
    for chain in _selected(item.selection, chains, notes):
        starter = chain.links[0]
        kept = tuple(variable for variable in starter.variables if variable not in item.replaced)
        # An update that replaces targets does nothing to a rule that has none of them.
        if item.replaced and len(kept) == len(starter.variables):
            continue
        wanted = tuple(one for variable in item.variables for one in _with_names(variable))
        added = tuple(variable for variable in wanted if variable not in kept)
        chain.links[0] = replace(starter, variables=kept + added)


_NAMES_TOO = {
    "ARGS": ("ARGS_GET", "ARGS_POST", "ARGS_NAMES", "ARGS_GET_NAMES", "ARGS_POST_NAMES"),
    "ARGS_GET": ("ARGS_GET_NAMES",),
    "ARGS_POST": ("ARGS_POST_NAMES",),
    "REQUEST_COOKIES": ("REQUEST_COOKIES_NAMES",),
    "REQUEST_HEADERS": ("REQUEST_HEADERS_NAMES",),
}


def _with_names(variable: Variable) -> tuple[Variable, ...]:
    """The targets that an update excludes from a rule: the values that a pattern selects, and their names.

    ModSecurity 3 compares such a pattern with the names of all that the rule looks at, `ARGS_NAMES` too. A
    single member (`!ARGS:x`) is taken out of the collection that is named, and of no other.
    """
    if not variable.exclude or variable.selector is None or variable.selector.kind != "regex":
        return (variable,)
    return (variable, *(replace(variable, name=name) for name in _NAMES_TOO.get(variable.name, ())))


def _update_actions(
    item: ActionUpdateSpec,
    chains: Sequence[_Chain],
    problems: list[ConfigProblem],
    notes: list[ConfigProblem],
) -> None:
    for chain in _selected(item.selection, chains, notes):
        if item.link >= len(chain.links):
            problems.append(
                item.selection.location.problem(
                    f"rule {chain.id} has {len(chain.links)} links", "count from 0"
                )
            )
            continue
        old = chain.links[item.link]
        # Actions that may stand several times are added; the others take the place of what was there.
        new = {action.name for action in item.actions}
        replaced = (
            (new - _MANY) | (DISRUPTIVE if new & DISRUPTIVE else set()) | (_LOGS if new & _LOGS else set())
        )
        kept = tuple(action for action in old.actions if action.name not in replaced)
        chain.links[item.link] = replace(old, actions=kept + item.actions)
        if item.link:
            _check_link(replace(old, actions=item.actions), chain, problems)


def _build(sequence: Sequence[_Chain | MarkerSpec], problems: list[ConfigProblem]) -> Iterable[Rule]:
    # Two passes are needed, because a rule may skip to a marker that follows it.
    index = 0
    markers: dict[str, list[int]] = {}
    for entry in sequence:
        if isinstance(entry, MarkerSpec):
            markers.setdefault(entry.name, []).append(index)
        else:
            index += 1
    position = 0
    for entry in sequence:
        if isinstance(entry, _Chain):
            position += 1
            yield _rule(entry, position, markers, problems)


def _rule(chain: _Chain, position: int, markers: dict[str, list[int]], problems: list[ConfigProblem]) -> Rule:
    starter = chain.links[0]
    disruptive = _disruptive(chain)
    log, audit_log = _logging(chain)
    severity = starter.value("severity")
    status = _status(chain)
    return Rule(
        id=chain.id,
        phase=chain.phase,
        location=starter.location,
        links=tuple(
            _link(link, chain.defaults, problems, last=link is chain.links[-1]) for link in chain.links
        ),
        revision=starter.value("rev") or "",
        version=starter.value("ver") or "",
        severity=None if severity is None else int(severity),
        maturity=int(starter.value("maturity") or 0),
        accuracy=int(starter.value("accuracy") or 0),
        tags=tuple(
            dict.fromkeys(
                [action.argument for action in chain.defaults if action.name == "tag"]
                + [tag for link in chain.links for tag in link.values("tag")]
            )
        ),
        disruptive=f"allow_{disruptive.argument}"
        if disruptive.name == "allow" and disruptive.argument
        else disruptive.name,
        redirect=disruptive.argument if disruptive.name == "redirect" else "",
        status=None if status is None else int(status),
        log=log,
        audit_log=audit_log,
        skip=int(starter.value("skip") or 0),
        skip_to=_skip_to(starter, position, markers, problems),
    )


def _status(chain: _Chain) -> str | None:
    """The last `status` of the chain, else the default action's; a redirection takes none from there."""
    own = next((status for link in reversed(chain.links) if (status := link.value("status"))), None)
    disruptive = _disruptive(chain)
    if own or (disruptive.name == "redirect" and disruptive not in chain.defaults):
        return own
    return next((action.argument for action in reversed(chain.defaults) if action.name == "status"), None)


def _disruptive(chain: _Chain) -> RuleAction:
    """The last disruptive action. `block` becomes the default action; without any action it is `pass`."""
    # A rule without a disruptive action asks for nothing, which is `pass`.
    default = next(
        (action for action in reversed(chain.defaults) if action.name in DISRUPTIVE),
        RuleAction("pass", "", chain.links[0].location),
    )
    own = next((action for action in reversed(chain.links[0].actions) if action.name in DISRUPTIVE), default)
    return default if own.name == "block" else own


def _logging(chain: _Chain) -> tuple[bool, bool]:
    """Whether a match is logged, and audited. Each of the four actions changes what those before it said."""
    log = audit_log = True
    for action in (*chain.defaults, *chain.links[0].actions):
        if action.name in {"log", "nolog"}:
            log = audit_log = action.name == "log"
        elif action.name in {"auditlog", "noauditlog"}:
            audit_log = action.name == "auditlog"
    return log, audit_log


def _skip_to(
    starter: RuleSpec, position: int, markers: dict[str, list[int]], problems: list[ConfigProblem]
) -> int | None:
    name = starter.value("skipAfter")
    if name is None:
        return None
    # Rules skip only forwards, because a rule must not run twice for a request.
    target = next((index for index in markers.get(name, ()) if index >= position), None)
    if target is None:
        location = next(action.location for action in starter.actions if action.name == "skipAfter")
        problems.append(
            location.problem(f"no marker {name} follows", f'add SecMarker "{name}" behind the rule')
        )
    return target


def _link(
    spec: RuleSpec, defaults: tuple[RuleAction, ...], problems: list[ConfigProblem], *, last: bool
) -> Link:
    inherited = {action.name for action in defaults}
    return Link(
        variables=spec.variables,
        operator=spec.operator,
        transformations=_transformations(spec, defaults),
        multi_match=spec.has("multiMatch") or "multiMatch" in inherited,
        capture=spec.has("capture") or "capture" in inherited,
        message=_macro(spec, "msg", problems),
        log_data=_macro(spec, "logdata", problems),
        # Default actions change something only when the whole chain has matched.
        effects=tuple(
            action
            for action in ((*defaults, *spec.actions) if last else spec.actions)
            if action.name in _EFFECTS
        ),
        location=spec.location,
    )


def _transformations(spec: RuleSpec, defaults: tuple[RuleAction, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for action in (*defaults, *spec.actions):
        if action.name == "t":
            # `t:none` forgets what the default action asked for.
            names = [] if action.argument == "none" else [*names, action.argument]
    return tuple(names)


def _macro(spec: RuleSpec, name: str, problems: list[ConfigProblem]) -> Macro | None:
    action = next((action for action in reversed(spec.actions) if action.name == name), None)
    return None if action is None else checked_macro(action.argument, action.location, problems)


def checked_macro(text: str, location: SourceLocation, problems: list[ConfigProblem]) -> Macro:
    """A text's parts; where a macro in it is wrong, a problem is added and the text is taken literally."""
    try:
        return parse_macro(text)
    except MacroError as error:
        problems.append(location.problem(str(error), error.fix))
        return (MacroPart(text=text),)
