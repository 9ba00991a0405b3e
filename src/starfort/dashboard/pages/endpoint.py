"""One endpoint: how it is called, by whom, with what, and what it gives away."""

from typing import Final

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.admin.filters import EventFilter
from starfort.dashboard import charts, figures
from starfort.dashboard.frame import chart_panel, grid, show, title_bar
from starfort.dashboard.page import Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

EVENTS: Final = 12
"""Latest events that the page shows."""

MAX_FINDINGS: Final = 20
MAX_CONSUMERS: Final = 20
MAX_ALERTS: Final = 10

part = Template("endpoint.html")


async def build(view: View) -> None:
    """Fill the page."""
    insight, viewer = view.insight, view.viewer
    found = await insight.endpoints.detail(view.path.rpartition("/")[2], view.range)
    traffic = await insight.traffic(view.range, endpoint_id=found.id)
    events = await insight.events(EventFilter(range=view.range, endpoint_id=found.id), EVENTS)
    broken = await insight.contract(view.range, "", found.id, 1, 0)
    alerts = await insight.alerts(endpoint_id=found.id, limit=MAX_ALERTS)
    # Findings are in memory; everything else above asked the store.
    posture = insight.posture("", "", MAX_FINDINGS, 0, endpoint_id=found.id)
    title = part("title", endpoint=found)
    title_bar(view, title, crumbs=part("crumbs", endpoint=found), title_class="mono")
    if found.sensitive and found.authenticated is False:
        show(part("exposed", endpoint=found))
    show(_tiles(view, found, traffic))
    with grid("two-one"):
        with chart_panel("Traffic by decision"):
            ui.echart(charts.traffic(traffic.points, traffic.step_s, viewer))
        versions = insight.apis_known.versions(found.api)
        version = _version(versions, found.path)
        show(part("about", endpoint=found, viewer=viewer, versions=versions, version=version))
    if posture.items:
        with grid(""):
            show(part("risk", endpoint=found))
            show(part("findings_of", rows=posture.items, viewer=viewer))
    if alerts.items:
        with grid(""):
            show(part("changes", rows=alerts.items, viewer=viewer))
    with grid("two-one"):
        show(part("parameters", endpoint=found))
        show(part("lists", endpoint=found, statuses=_statuses(found)))
    with grid(""):
        if broken.items:
            show(part("contract", page=broken, viewer=viewer))
        show(part("schema", found=insight.schema(found.id), api=found.api))
        show(part("consumers", endpoint=found, viewer=viewer, most=MAX_CONSUMERS))
        show(part("latest", endpoint=found, found=events.items, viewer=viewer, range=view.range))


def _version(versions: list[str], path: str) -> str:
    """The version that a path is of; "" where the path does not say it."""
    return max((each for each in versions if f"{path}/".startswith(f"{each}/")), key=len, default="")


def _statuses(found: models.EndpointDetail) -> list[models.Counted]:
    """The statuses; 0 is that of calls whose answer nobody saw."""
    return [
        row.model_copy(update={"value": "not known"}) if row.value == "0" else row for row in found.statuses
    ]


def _tiles(view: View, found: models.EndpointDetail, traffic: models.Traffic) -> Markup:
    totals = traffic.totals
    errors = totals.client_errors + totals.server_errors
    return part(
        "tiles",
        endpoint=found,
        totals=totals,
        change=figures.change(totals.requests, traffic.before.requests),
        failed=errors / totals.requests if totals.requests else 0.0,
        range=view.range,
    )


PAGE = Page("/catalogue/{endpoint_id}", "Endpoint", build)
