"""Findings: what is wrong with the APIs as they stand, and what the engine noticed in requests."""

from typing import Final

from starfort.base.severity import SEVERITIES
from starfort.dashboard.frame import grid, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import PAGE_SIZE, View

PATH: Final = "/findings"
MAX_CODES: Final = 50
"""Codes of findings in requests that the page lists."""

MAX_CONTRACT: Final = 20
"""Endpoints with calls that break a contract that the page lists."""

MAX_API: Final = 128
"""Characters of an API's name that the address may ask for: the most that the REST API takes."""

part = Template("findings.html")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen_with_range("severity", "api")
    severity = chosen.get("severity", "")
    # What the address says may be anything; a severity that does not exist would hide every finding.
    severity = severity if severity in SEVERITIES else ""
    api = chosen.get("api", "")[:MAX_API]
    page = view.insight.posture(api, severity, PAGE_SIZE, view.offset)
    noticed = await view.insight.findings(view.range, MAX_CODES, 0)
    broken = await view.insight.contract(view.range, api, "", MAX_CONTRACT, 0)
    counts = view.insight.posture_counts(api)
    levels = [("", "Any severity", sum(counts.values()))]
    levels += [(name, name, counts[name]) for name in reversed(SEVERITIES) if counts.get(name)]
    title_bar(view, "Findings")
    show(part("filters", path=PATH, chosen={**chosen, "severity": severity}, levels=levels, api=api))
    show(part("posture", page=page, viewer=view.viewer, path=PATH, chosen=chosen))
    with grid(""):
        show(part("contract", page=broken, viewer=view.viewer))
        show(part("noticed", page=noticed, viewer=view.viewer, range=view.range))


PAGE = Page(
    PATH,
    "Findings",
    build,
    menu=Menu(40, "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 6 6M10 7v4m0 2v.5"),
)
