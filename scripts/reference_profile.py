"""`docs/rules-profile.md`, made from the profiles' data."""

from __future__ import annotations

from starfort.threats.rulesets.profile import Decoding, Exclusion, Setting, Where, load_profile

HEAD = """# The profile `api`, entry by entry

This page is made from `src/starfort/threats/rulesets/profiles/api.yaml` by `python scripts/reference.py`. Each entry there
also holds ordinary requests that pass because of it and attacks that are still found;
`tests/unit/threats/rulesets/test_profile.py` runs them. `starfort rules explain 9530221` tells what a rule that stands in
looks at.
"""

SHOWN = 24
"""Members of a setting that are shown; the file has them all."""


def profile_page() -> str:
    """The page."""
    profile = load_profile("api")
    parts = [HEAD, f"{profile.about}\n", "## Settings of CRS\n", *map(_setting, profile.settings)]
    parts += ["## What rules do to a value before they look at it\n", *map(_decoding, profile.decodings)]
    parts += ["## Exclusions\n", *map(_exclusion, profile.exclusions)]
    return "\n".join(parts)


def _setting(setting: Setting) -> str:
    members = setting.value if isinstance(setting.value, list) else [setting.value]
    more = f" … ({len(members)} in all)" if len(members) > SHOWN else ""
    value = ", ".join(f"`{member}`" for member in members[:SHOWN])
    rules = ", ".join(map(str, setting.rules))
    return (
        f"### `tx.{setting.name}` (rules {rules})\n\n{setting.reason}\n\n"
        f"- CRS: {setting.crs}\n- profile `api`: {value}{more}\n"
    )


def _decoding(decoding: Decoding) -> str:
    what = (
        f"`t:{decoding.replace}` becomes `t:{decoding.by}`"
        if decoding.replace
        else f"`t:{decoding.by}` is added"
    )
    return f"### Rules {', '.join(decoding.rules)}: {what}\n\n{decoding.reason}\n"


def _exclusion(exclusion: Exclusion) -> str:
    rules = ", ".join(exclusion.rules)
    lines = [
        f"### {'Rules' if len(exclusion.rules) > 1 or '-' in rules else 'Rule'} {rules}\n",
        exclusion.reason,
        "",
    ]
    targets = ", ".join(f"`{target}`" for target in exclusion.targets)
    lines.append(f"- left out: {targets or 'the whole rule'}")
    if exclusion.keep:
        lines.append(f"- looked at instead: {', '.join(f'`{target}`' for target in exclusion.keep)}")
    if exclusion.where:
        lines.append(f"- only where {_where(exclusion.where)}")
    if exclusion.instead:
        lines.append(f"- stands in: {', '.join(map(str, exclusion.instead))}")
    until = f"CRS {exclusion.until}" if exclusion.until else "no version of CRS yet"
    lines.append(f"- made needless by: {until}\n")
    return "\n".join(lines)


def _where(where: Where) -> str:
    said = {"endpoint": where.endpoint, "path": where.path, where.variable: where.matches}
    return " and ".join(
        f"{name} matches `{pattern}`" for name, pattern in said.items() if pattern is not None
    )
