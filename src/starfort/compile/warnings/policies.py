"""Warns of policies and exclusions that never apply: they are hidden, for nothing, or expired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from starfort.base.actions import Ends, action_of
from starfort.bundle import expression as e
from starfort.bundle import policy as p
from starfort.compile.warnings.context import Context
from starfort.config import ConfigProblem
from starfort.config.yaml_file import Location

MAX_COMPARED: Final = 1_000
"""With how many earlier policies, the nearest ones, each policy is compared. Without a bound, a long list
would take quadratic time."""


def unreached(context: Context) -> Iterator[ConfigProblem]:
    """Policies that never decide, because an earlier one ends the list for all of their requests."""
    every = list(context.policies)
    for index, policy in enumerate(every):
        for earlier in every[max(0, index - MAX_COMPARED) : index]:
            if _hides(earlier, policy):
                before = f"{earlier.name!r} before it ends the list for all its requests"
                what = f"{policy.name!r} is never reached: {before}"
                fix = f"move it before {earlier.name!r}, or remove one of the two"
                yield context.warning(("policies", index, "name"), what, fix)
                break


def _hides(earlier: p.Policy, policy: p.Policy) -> bool:
    # A policy in `observe` mode ends nothing, and one that expires will not hide the other for ever.
    if earlier.mode is not p.Mode.ENFORCE or earlier.expires_s is not None:
        return False
    row = action_of(earlier.action.TAG)
    # A limit ends the list only when it is exceeded, so the policies behind it are reached all the same.
    if row is None or row.ends is not Ends.ALWAYS or earlier.phase is not policy.phase:
        return False
    # Whether one condition follows from another is undecidable in general; these two forms are the common
    # ones.
    is_wider = earlier.when == e.BoolExpr(value=True) or earlier.when == policy.when
    return is_wider and _holds(earlier.apis, policy.apis) and _holds(earlier.endpoints, policy.endpoints)


def _holds(wider: tuple[int, ...] | None, narrower: tuple[int, ...] | None) -> bool:
    return wider is None or (narrower is not None and set(narrower) <= set(wider))


def empty_lists(context: Context) -> Iterator[ConfigProblem]:
    """Empty lists where a missing list would mean everything."""
    # People may expect that an empty list means all, as a missing one does; it means none.
    for index, policy in enumerate(context.config.policies):
        for name in ("apis", "endpoints"):
            if getattr(policy, name) == []:
                what = f"{name} is an empty list, so {policy.name!r} is for nothing"
                yield context.warning(
                    ("policies", index, name), what, f"name some, or leave {name} out: it is then for all"
                )
    for index, one in enumerate(context.config.lists):
        if not one.addresses and one.file is None:
            what = f"the list {one.name!r} is empty"
            yield context.warning(("lists", index), what, "give addresses or file")


def expired(context: Context) -> Iterator[ConfigProblem]:
    """Policies, exclusions, patches and keys that have expired."""
    config = context.config
    keys = config.identity.api_keys.keys if config.identity.api_keys is not None else []
    exclusions, patches = config.rules.exclusions, config.rules.patches
    every: list[tuple[Location, str, datetime | None]] = []
    for n, policy in enumerate(config.policies):
        every.append((("policies", n), f"the policy {policy.name!r}", policy.expires))
    every += [(("rules", "exclusions", n), "this exclusion", one.expires) for n, one in enumerate(exclusions)]
    for n, patch in enumerate(patches):
        every.append((("rules", "patches", n), f"the patch {patch.name!r}", patch.expires))
    for n, key in enumerate(keys):
        every.append((("identity", "api_keys", "keys", n), f"the key of {key.subject!r}", key.expires))
    for location, what, expires in every:
        if expires is not None and expires <= context.now:
            said = f"{what} expired on {expires:%Y-%m-%d} and has no effect any more"
            yield context.warning((*location, "expires"), said, "give another date, or remove it")
