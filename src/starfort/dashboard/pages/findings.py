"""Findings: what is wrong with the APIs as they stand, and what the engine noticed in requests."""

from collections.abc import Sequence

from markupsafe import Markup

from starfort.admin import models
from starfort.base.severity import SEVERITIES
from starfort.dashboard import shapes
from starfort.dashboard.frame import PAGE_SIZE, View, grid, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.viewer import link, segment

PATH = "/findings"
MAX_CODES = 50
MAX_EVIDENCE = 6
"""Figures of a finding that its line shows; the API gives all of them."""
_ELSEWHERE = frozenset({"subject", "host"})
"""Evidence that the title says already."""


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen("severity", "api")
    severity = chosen.get("severity", "")
    severity = severity if severity in SEVERITIES else ""
    api = chosen.get("api", "")[:128]
    page = view.insight.posture(api, severity, PAGE_SIZE, view.offset)
    noticed = await view.insight.findings(view.range, MAX_CODES, 0)
    title_bar(view, "Findings")
    show_markup(_filters(view, {**chosen, "severity": severity}, api))
    show_markup(_posture(view, chosen, page))
    with grid(""):
        show_markup(_noticed(view, noticed))


def _filters(view: View, chosen: dict[str, str], api: str) -> Markup:
    counts = view.insight.posture_counts(api)
    levels = [
        ("", "Any severity", sum(counts.values())),
        *(
            (name, name, counts[name])
            for name in ("critical", "high", "medium", "low", "info")
            if counts.get(name)
        ),
    ]
    parts = [shapes.chips(PATH, chosen, "severity", levels)]
    if api:
        parts.append(
            tag(
                "nav",
                tag("a", f"api: {api}", tag("b", "✕"), class_="chip on", href=link(PATH, chosen, api="")),
                class_="chips",
            )
        )
    return tag("div", parts, class_="bar-row")


def _posture(view: View, chosen: dict[str, str], page: models.Page[models.PostureFinding]) -> Markup:
    title = "Wrong with the APIs as they stand"
    if not page.items:
        hint = "Checks look at the traffic every half minute; a week without a call that shows one ends it."
        return shapes.panel(title, shapes.empty("Nothing was found", hint))
    pager = shapes.pager(PATH, chosen, page.total, page.limit, page.offset)
    return shapes.panel(title, posture_table(view, page.items), pager)


def posture_table(view: View, rows: Sequence[models.PostureFinding]) -> Markup:
    """Findings of the bastions as a table.

    Args:
        view: who looks.
        rows: what was found.
    """
    body = [
        (
            shapes.severity(row.severity),
            tag(
                "div",
                tag("a", row.title, href=f"/catalogue/{segment(row.endpoint_id)}")
                if row.endpoint_id
                else tag("strong", row.title),
                tag("p", row.why, class_="why") if row.why else None,
                tag("small", f"{row.bastion} · {row.code.replace('_', ' ')}"),
                class_="two-lines wide",
            ),
            tag("a", row.api, href=link(PATH, api=row.api)) if row.api else "",
            _evidence(row),
            view.viewer.ago(row.first_seen),
            view.viewer.ago(row.last_seen),
        )
        for row in rows
    ]
    return shapes.table(("Severity", "What", "API", "Evidence", "First", "Last"), body, label="findings")


def _evidence(row: models.PostureFinding) -> Markup:
    shown = [
        (name, value)
        for name, value in row.evidence.items()
        if name not in _ELSEWHERE and value not in ([], "")
    ]
    return tag(
        "ul",
        (
            tag("li", tag("span", name.replace("_", " "), class_="muted"), " ", _figure(value))
            for name, value in shown[:MAX_EVIDENCE]
        ),
        class_="evidence",
    )


def _figure(value: object) -> str:
    if isinstance(value, list):
        text = ", ".join(str(part) for part in value)
    elif isinstance(value, int) and not isinstance(value, bool):
        text = shapes.number(value)
    else:
        text = str(value)
    return text[:200]


def _noticed(view: View, page: models.Page[models.Finding]) -> Markup:
    title = "Noticed in requests"
    if not page.items:
        hint = "Rules, schemas and parsers note here what they see; policies decide what is done about it."
        return shapes.panel(title, shapes.empty("Nothing was noticed within this time", hint))
    most = page.items[0].events
    rows = [
        (
            tag(
                "div",
                tag("a", code_name(row.code), href=link("/events", finding=row.code, range=view.range)),
                _latest(row.match) if row.match else None,
                class_="two-lines wide",
            ),
            shapes.badge(
                "rule" if is_rule(row.code) else row.source, "bad" if row.source == "finding" else "warn"
            ),
            shapes.bar(row.events / most, shapes.number(row.events)),
            shapes.number(row.stopped),
            shapes.number(row.endpoints),
            shapes.number(row.addresses),
            view.viewer.ago(row.last_seen),
        )
        for row in page.items
    ]
    heads = ("What", "", "Requests", "Stopped", "Endpoints", "Addresses", "Last")
    more = page.total - len(page.items)
    rest = tag("p", f"and {shapes.plural(more, 'code')} more", class_="pager muted") if more > 0 else None
    table = shapes.table(heads, rows, figures=range(2, 6), label="noticed in requests")
    return shapes.panel(title, table, rest, note="rules, schemas and parsers; each leads to its requests")


def _latest(match: models.RuleMatch) -> Markup:
    """What a rule says, and what it matched last, masked."""
    matched = join(match.variable, " ", tag("span", match.value, class_="mono")) if match.variable else None
    return join(
        tag("p", match.message, class_="why") if match.message else None,
        tag("small", matched, title=match.value) if matched else None,
    )


def is_rule(code: str) -> bool:
    """Whether a finding is the match of a rule."""
    return code.startswith("rule:")


def code_name(code: str) -> Markup:
    """The code of a finding as people read it."""
    if is_rule(code):
        return join("Rule ", tag("span", code.removeprefix("rule:"), class_="mono"))
    return tag("span", code.replace("_", " "))
